//! All clusters, and each change of one, as server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::view;
use crate::crd::names::nodegroup_name;
use crate::crd::{EKSClusterConfig, Nodegroup};
use crate::eks::beside::Beside;
use crate::eks::error::ApiError;
use crate::eks::sigv4::Caller;

/// Changes within this time are told together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Between two signs of life.
const ALIVE: Duration = Duration::from_secs(15);

/// What one page has been told.
struct Told {
    beside: Arc<Beside>,
    caller: Caller,
    changes: Receiver<u64>,
    clusters: HashMap<String, Value>,
    begun: bool,
}

/// The first event has all clusters, each later one those that are different, and the keys of those that are gone. One with neither
/// says that something else changed, which only who looks at one cluster wants to know.
pub async fn stream(
    State(beside): State<Arc<Beside>>,
    request: Request,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let caller = beside.caller(&request)?;
    let changes = beside.api.store.changes();
    let told = Told { beside, caller, changes, clusters: HashMap::new(), begun: false };
    Ok(Sse::new(stream::unfold(told, next)).keep_alive(KeepAlive::new().interval(ALIVE)))
}

async fn next(mut told: Told) -> Option<(Result<Event, Infallible>, Told)> {
    if told.begun {
        // The only error is that nothing is watched any more: the process ends.
        told.changes.changed().await.ok()?;
        tokio::time::sleep(TOGETHER).await;
    }
    told.begun = true;
    told.changes.mark_unchanged();
    let news = told.look();
    Some((Ok(Event::default().event("clusters").data(news.to_string())), told))
}

impl Told {
    /// What is different from what was told.
    fn look(&mut self) -> Value {
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
            let summary = view::summary(&cluster, &own);
            if self.clusters.get(&key) != Some(&summary) {
                changed.push(summary.clone());
            }
            now.insert(key, summary);
        }
        let gone: Vec<String> = self.clusters.keys().filter(|key| !now.contains_key(*key)).cloned().collect();
        self.clusters = now;
        json!({"changed": changed, "gone": gone})
    }
}
