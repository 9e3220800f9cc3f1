//! All clusters, and each change of one, as server-sent events.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use kube::ResourceExt;
use serde::Serialize;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::view::{self, Line};
use crd::names::nodegroup_name;
use crd::{EKSClusterConfig, Nodegroup};
use eks::beside::Beside;
use eks::error::ApiError;
use eks::sigv4::{Caller, Standing};

/// One is told at once, those within this time of the last news together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Between two looks at whether whoever asked still has a good key.
const CHECK: Duration = Duration::from_secs(5);
/// Between two signs of life.
const ALIVE: Duration = Duration::from_secs(15);

/// What one page has been told.
struct Told {
    beside: Arc<Beside>,
    caller: Caller,
    standing: Standing,
    changes: Receiver<u64>,
    /// By key, which state of each was told.
    clusters: HashMap<String, u64>,
    last: Option<Instant>,
}

/// The first event has all clusters, each later one those that are different, and the keys of those that are gone. One with neither
/// says that something else changed, which only who looks at one cluster wants to know. It ends with the key that the request was signed with.
pub async fn stream(
    State(beside): State<Arc<Beside>>,
    request: Request,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, ApiError> {
    let caller = beside.caller(&request)?;
    let standing = beside.standing(&request);
    let changes = beside.api.store.changes();
    let told = Told { beside, caller, standing, changes, clusters: HashMap::new(), last: None };
    Ok(Sse::new(stream::unfold(told, next)).keep_alive(KeepAlive::new().interval(ALIVE)))
}

async fn next(mut told: Told) -> Option<(Result<Event, axum::Error>, Told)> {
    if let Some(last) = told.last {
        // The only error is that nothing is watched any more: the process ends.
        loop {
            match tokio::time::timeout(CHECK, told.changes.changed()).await {
                Ok(changed) => break changed.ok()?,
                Err(_) if told.standing.holds(SystemTime::now()) => {}
                Err(_) => return None,
            }
        }
        tokio::time::sleep_until(last + TOGETHER).await;
    }
    if !told.standing.holds(SystemTime::now()) {
        return None;
    }
    told.last = Some(Instant::now());
    told.changes.mark_unchanged();
    Some((told.look(), told))
}

#[derive(Serialize)]
struct News<'a> {
    changed: Vec<Line<'a, String>>,
    gone: Vec<String>,
}

impl Told {
    /// What is different from what was told.
    fn look(&mut self) -> Result<Event, axum::Error> {
        let store = &self.beside.api.store;
        // Of all clusters at once: looking through all groups for each of many would take its time.
        let mut groups: HashMap<String, Vec<Arc<Nodegroup>>> = HashMap::new();
        for group in store.list::<Nodegroup>() {
            let of = format!("{}/{}", group.namespace().unwrap_or_default(), group.spec.cluster_name);
            groups.entry(of).or_default().push(group);
        }
        let mut now = HashMap::new();
        let mut changed = Vec::new();
        for cluster in store.list::<EKSClusterConfig>() {
            if !view::may_see(&self.caller, &cluster) {
                continue;
            }
            let key = view::key(&cluster);
            let mut own = groups.remove(&key).unwrap_or_default();
            own.sort_by_cached_key(|group| nodegroup_name(group));
            let seen = seen(&cluster, &own);
            if self.clusters.get(&key) != Some(&seen) {
                changed.push((cluster, own));
            }
            now.insert(key, seen);
        }
        let gone: Vec<String> = self.clusters.keys().filter(|key| !now.contains_key(*key)).cloned().collect();
        self.clusters = now;
        let lines = changed.iter().map(|(cluster, groups)| view::line(cluster, groups, nodegroup_name)).collect();
        Event::default().event("clusters").json_data(News { changed: lines, gone })
    }
}

/// Tells one state of a cluster and its groups from another.
fn seen(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    cluster.metadata.resource_version.hash(&mut hasher);
    for group in groups {
        (&group.metadata.uid, &group.metadata.resource_version).hash(&mut hasher);
    }
    hasher.finish()
}
