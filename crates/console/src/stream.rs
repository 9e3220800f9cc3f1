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
use aws::error::ApiError;
use aws::sigv4::{Caller, KeyValidity};
use crd::names::{Identity, nodegroup_name};
use crd::{EKSClusterConfig, Nodegroup};
use eks::extra_routes::AppState;

/// One is told at once, those within this time of the last news together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Clusters that the first news have: whoever waits sees these while the others are still gathered, sent and read.
const FIRST: usize = 100;
/// Between two looks at whether whoever asked still has a good key.
const CHECK: Duration = Duration::from_secs(5);
/// Between two signs of life.
const ALIVE: Duration = Duration::from_secs(15);

/// What one page has been told.
struct StreamState {
    app: Arc<AppState>,
    caller: Caller,
    key_validity: KeyValidity,
    changes: Receiver<u64>,
    /// By key, which state of each was told.
    clusters: HashMap<String, u64>,
    /// How many it is told of next.
    left: usize,
    last: Option<Instant>,
}

/// The first event has all clusters; of many it has the first ones by name, and says how many `more` the second one has. Each later
/// one has those that are different, and the keys of those that are gone. One with neither says that something else changed, which only
/// who looks at one cluster wants to know. It ends with the key that the request was signed with.
pub async fn stream(
    State(app): State<Arc<AppState>>,
    request: Request,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, ApiError> {
    let caller = app.caller(&request)?;
    let key_validity = app.key_validity(&request);
    let changes = app.api.store.changes();
    let told = StreamState { app, caller, key_validity, changes, clusters: HashMap::new(), left: 0, last: None };
    Ok(Sse::new(stream::unfold(told, next)).keep_alive(KeepAlive::new().interval(ALIVE)))
}

async fn next(mut told: StreamState) -> Option<(Result<Event, axum::Error>, StreamState)> {
    if let Some(last) = told.last.filter(|_| told.left == 0) {
        // The only error is that nothing is watched any more: the process ends.
        loop {
            match tokio::time::timeout(CHECK, told.changes.changed()).await {
                Ok(changed) => break changed.ok()?,
                Err(_) if told.key_validity.is_valid(SystemTime::now()) => {}
                Err(_) => return None,
            }
        }
        tokio::time::sleep_until(last + TOGETHER).await;
    }
    if !told.key_validity.is_valid(SystemTime::now()) {
        return None;
    }
    told.changes.mark_unchanged();
    let news = told.look();
    told.last = Some(Instant::now());
    Some((news, told))
}

#[derive(Serialize)]
struct News<'a> {
    changed: Vec<Line<'a, String>>,
    gone: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<usize>,
}

impl StreamState {
    /// What is different from what was told.
    fn look(&mut self) -> Result<Event, axum::Error> {
        let store = &self.app.api.store;
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
        // What isn't told yet differs from what was told, and so it is next.
        let later = if self.last.is_none() { after_first(&mut changed) } else { Vec::new() };
        for (cluster, _) in &later {
            now.remove(&view::key(cluster));
        }
        self.left = later.len();
        let gone: Vec<String> = self.clusters.keys().filter(|key| !now.contains_key(*key)).cloned().collect();
        self.clusters = now;
        let lines = changed.iter().map(|(cluster, groups)| view::line(cluster, groups, nodegroup_name)).collect();
        Event::default().event("clusters").json_data(News {
            changed: lines,
            gone,
            more: Some(self.left).filter(|left| *left > 0),
        })
    }
}

/// Leaves of many clusters those that the page shows first, and gives the others.
fn after_first<G>(clusters: &mut Vec<(Arc<EKSClusterConfig>, G)>) -> Vec<(Arc<EKSClusterConfig>, G)> {
    if clusters.len() <= FIRST {
        return Vec::new();
    }
    clusters.sort_by_cached_key(|(cluster, _)| place(&Identity::of(cluster).name));
    clusters.split_off(FIRST)
}

/// A part of a name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(String),
}

/// Where the page's order has a name: letters of any case are one, and numbers count by their size.
fn place(name: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for letter in name.to_lowercase().chars() {
        let digit = letter.to_digit(10).map(u64::from);
        match (parts.last_mut(), digit) {
            (Some(Part::Number(number)), Some(digit)) => *number = number.saturating_mul(10).saturating_add(digit),
            (Some(Part::Text(text)), None) => text.push(letter),
            (_, Some(digit)) => parts.push(Part::Number(digit)),
            (_, None) => parts.push(Part::Text(letter.into())),
        }
    }
    parts
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

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(names: impl Iterator<Item = String>) -> Vec<(Arc<EKSClusterConfig>, ())> {
        names.map(|name| (Arc::new(EKSClusterConfig::new(&name, crd::EKSClusterConfigSpec::default())), ())).collect()
    }

    fn names(clusters: &[(Arc<EKSClusterConfig>, ())]) -> Vec<String> {
        clusters.iter().map(|(cluster, ())| cluster.name_any()).collect()
    }

    #[test]
    fn of_many_the_first_of_the_page_s_order_come_first() {
        let named = |number: usize| format!("many-{number}");
        let mut many = clusters((0..250).rev().map(named));
        let later = after_first(&mut many);
        assert_eq!(names(&many), (0..FIRST).map(named).collect::<Vec<_>>());
        assert_eq!(names(&later), (FIRST..250).map(named).collect::<Vec<_>>());
        let mut few = clusters(["b", "a"].map(str::to_owned).into_iter());
        assert!(after_first(&mut few).is_empty());
        assert_eq!(names(&few), ["b", "a"]);
    }

    #[test]
    fn names_are_in_order_by_their_numbers_and_whatever_their_case() {
        let mut all = ["b10", "B9", "a-2", "a-10", "2", "10", ""];
        all.sort_by_cached_key(|name| place(name));
        assert_eq!(all, ["", "2", "10", "a-2", "a-10", "B9", "b10"]);
    }
}
