//! Containers with this installation's label but no resource: reported at once, removed after a grace time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use crd::EKSClusterConfig;
use provider::{ClusterId, ClusterProvider};

/// Between two looks.
const TICK: Duration = Duration::from_secs(5);

/// What one provider has of clusters without a resource.
struct Orphans {
    provider: Arc<dyn ClusterProvider>,
    since: HashMap<ClusterId, Instant>,
}

/// Looks for orphans until `shutdown`, where providers run real clusters.
pub fn start(ctx: &Arc<Context>, shutdown: CancellationToken) {
    let real = ctx.providers.on().filter(|provider| provider.capabilities().api_server);
    let all: Vec<Orphans> =
        real.map(|provider| Orphans { provider: provider.clone(), since: HashMap::new() }).collect();
    if !all.is_empty() {
        tokio::spawn(shutdown.run_until_cancelled_owned(watch(ctx.clone(), all)));
    }
}

/// Looks for orphans in the watched namespaces.
async fn watch(ctx: Arc<Context>, mut all: Vec<Orphans>) {
    let mut tick = tokio::time::interval(TICK);
    // Without the list of resources everything would look like an orphan.
    ctx.all_listed().await;
    loop {
        tick.tick().await;
        let found: Vec<Option<Vec<ClusterId>>> = all.iter_mut().map(|one| one.look(&ctx)).collect();
        let count = found.iter().map(|found| found.as_ref().map(Vec::len)).sum::<Option<usize>>();
        // The number is unknown while a provider is unavailable.
        if let Some(count) = count {
            ctx.metrics.orphans.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        for (one, orphans) in all.iter_mut().zip(found) {
            for id in due(&mut one.since, orphans.unwrap_or_default(), Instant::now(), ctx.settings.orphan_grace) {
                // One may have come back a moment ago, or be there and not be readable by this version.
                if is_orphan(&ctx, &id) && is_gone(&ctx, &id).await {
                    remove(one.provider.as_ref(), &id).await;
                }
            }
        }
    }
}

impl Orphans {
    /// Looks for them; `None` while that isn't known. Then each has its whole grace time again.
    fn look(&mut self, ctx: &Context) -> Option<Vec<ClusterId>> {
        let Ok(known) = self.provider.clusters() else {
            self.since.clear();
            return None;
        };
        Some(known.into_iter().filter(|id| is_orphan(ctx, id)).collect())
    }
}

fn is_orphan(ctx: &Context, id: &ClusterId) -> bool {
    let watched = ctx.settings.watch_namespace.as_ref().is_none_or(|n| *n == id.namespace);
    watched && ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace)).is_none()
}

/// Whether the resource doesn't exist, by an answer of the API server.
async fn is_gone(ctx: &Context, id: &ClusterId) -> bool {
    let api = Api::<EKSClusterConfig>::namespaced(ctx.client.clone(), &id.namespace);
    match api.get_metadata_opt(&id.name).await {
        Ok(found) => found.is_none(),
        Err(error) => {
            tracing::warn!(resource = %id, %error, "checking whether a cluster has a resource");
            false
        }
    }
}

/// The orphans whose grace time is over. `since` says when each of them was first seen; a new one is reported.
fn due(
    since: &mut HashMap<ClusterId, Instant>,
    orphans: Vec<ClusterId>,
    now: Instant,
    grace: Duration,
) -> Vec<ClusterId> {
    since.retain(|id, _| orphans.contains(id));
    for id in &orphans {
        since.entry(id.clone()).or_insert_with(|| {
            tracing::warn!(
                resource = %id,
                grace_seconds = grace.as_secs(),
                "containers of a cluster without a resource; they are removed after the grace time unless an EKSClusterConfig of this name is made"
            );
            now
        });
    }
    orphans.into_iter().filter(|id| since.get(id).is_some_and(|begun| now.duration_since(*begun) >= grace)).collect()
}

async fn remove(provider: &dyn ClusterProvider, id: &ClusterId) {
    match provider.delete_cluster(id).await {
        Ok(()) => tracing::warn!(resource = %id, "removed the containers of a cluster without a resource"),
        Err(error) => tracing::warn!(resource = %id, %error, "removing the containers of a cluster without a resource"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orphan_has_a_grace_time_that_begins_anew_when_it_was_none_in_between() {
        let id = |name: &str| ClusterId { namespace: "default".into(), name: name.into() };
        let (start, grace) = (Instant::now(), Duration::from_secs(10));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut since = HashMap::new();
        assert!(due(&mut since, vec![id("a")], at(0), grace).is_empty());
        assert!(due(&mut since, vec![id("a"), id("b")], at(9), grace).is_empty());
        assert_eq!(due(&mut since, vec![id("a"), id("b")], at(10), grace), [id("a")]);
        assert!(due(&mut since, vec![id("a")], at(11), grace) == [id("a")], "it is tried again until it is gone");
        assert!(due(&mut since, vec![], at(12), grace).is_empty());
        assert!(due(&mut since, vec![id("a"), id("b")], at(25), grace).is_empty());
    }
}
