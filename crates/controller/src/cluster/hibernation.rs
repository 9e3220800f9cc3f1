//! Stops clusters that nobody uses (`spec.hibernateAfter`) and starts them at the next change.
//!
//! Traffic on the public endpoint is use. Workloads, nodes and this operator don't count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{idle, validate};
use crate::context::Context;
use crate::error::Error;
use crd::cluster::PowerState;
use crd::conditions::{Health, READY, Reason};
use crd::phase::Phase;
use crd::{EKSClusterConfig, Nodegroup, keys, names};

/// Interval of measuring use.
const TICK: Duration = Duration::from_secs(5);

/// Digest that changes with everything that wakes a cluster: its spec, its node groups, the annotation.
pub fn mark(cluster: &EKSClusterConfig, nodegroups: &[Arc<Nodegroup>]) -> String {
    let mut groups: Vec<String> = nodegroups
        .iter()
        .map(|group| format!("{}:{}", group.name_any(), group.metadata.generation.unwrap_or_default()))
        .collect();
    groups.sort();
    let generation = cluster.metadata.generation.unwrap_or_default().to_string();
    let woken = cluster.annotations().get(keys::ANNOTATION_WAKE).map(String::as_str).unwrap_or_default();
    names::short_digest(&[&generation, woken, &groups.join(",")])
}

/// Since when the cluster sleeps, to the second.
pub fn since(cluster: &EKSClusterConfig, now: &Time) -> String {
    let known = cluster.status.as_ref().and_then(|status| status.hibernated_since.clone());
    known.unwrap_or_else(|| now.0.strftime("%FT%TZ").to_string())
}

/// Message of a stopped cluster: since when, why, and how to start it.
pub fn at_rest(cluster: &EKSClusterConfig, sleeps: bool, now: &Time) -> Health {
    let name = cluster.name_any();
    if !sleeps || cluster.spec.state == Some(PowerState::Stopped) {
        let text = "stopped, as spec.state asks, with all data kept; set spec.state to Running to start it";
        return Health::Noted(Reason::Stopped, text.into());
    }
    let text = format!(
        "asleep since {}: nobody used it for {}; wake it with: k3eks wake {name}",
        since(cluster, now),
        cluster.spec.hibernate_after.as_deref().unwrap_or("so long"),
    );
    Health::Noted(Reason::Sleeping, text)
}

/// Whether the cluster sleeps, or is to fall asleep now.
pub fn sleeps(
    cluster: &EKSClusterConfig,
    nodegroups: &[Arc<Nodegroup>],
    idle: Option<Duration>,
    is_busy: bool,
) -> bool {
    let Some(limit) = idle::after(cluster) else { return false };
    let slept = cluster.status.as_ref().and_then(|status| status.hibernated.as_deref());
    slept == Some(mark(cluster, nodegroups).as_str()) || (!is_busy && idle.is_some_and(|idle| idle >= limit))
}

/// Whether nothing of the group is being made or changed.
pub fn is_idle(group: &Nodegroup) -> bool {
    let Some(status) = &group.status else { return false };
    let ready = status.conditions.iter().find(|c| c.type_ == READY);
    let at_work = [Reason::Queued, Reason::Creating, Reason::Updating].map(Reason::as_str);
    status.observed_generation == group.metadata.generation
        && ready.is_some_and(|c| !at_work.contains(&c.reason.as_str()))
}

/// Wakes the cluster for a change of something that it has. `change`, which is asked for if the cluster sleeps, tells this
/// change from others: each wakes it once.
///
/// # Errors
/// [`Error::Kubernetes`].
pub async fn wake(
    cluster: &EKSClusterConfig,
    change: impl FnOnce() -> Option<String> + Send,
    ctx: &Context,
) -> Result<(), Error> {
    if cluster.status.as_ref().is_none_or(|status| status.hibernated.is_none()) {
        return Ok(());
    }
    let last = cluster.annotations().get(keys::ANNOTATION_WAKE);
    let Some(change) = change().filter(|change| last != Some(change)) else { return Ok(()) };
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    tracing::info!(%name, "waking the cluster for a change of what it has");
    let body = json!({"metadata": {"annotations": {keys::ANNOTATION_WAKE: change}}});
    let api = Api::<EKSClusterConfig>::namespaced(ctx.client.clone(), &namespace);
    match api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&body)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        done => done.map(drop).map_err(Error::kubernetes(format!("waking EKSClusterConfig {namespace}/{name}"))),
    }
}

/// Measures the use of clusters until `shutdown`.
pub fn start(ctx: &Arc<Context>, shutdown: CancellationToken) {
    tokio::spawn(shutdown.run_until_cancelled_owned(watch(ctx.clone())));
}

async fn watch(ctx: Arc<Context>) {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tick.tick().await;
        for cluster in ctx.clusters.state() {
            let id = validate::id(&cluster);
            let Some(limit) = idle::after(&cluster) else {
                ctx.caches.idle.forget(&id);
                continue;
            };
            let active = cluster.status.as_ref().and_then(|status| status.phase) == Some(Phase::Active);
            let provider = ctx.providers.of(&cluster).filter(|p| active && p.capabilities().use_counter);
            let used = match provider {
                Some(provider) => provider.used(&id).await,
                None => Ok(None),
            };
            let mark = mark(&cluster, &ctx.nodegroups_of(&id));
            match used {
                Ok(Some(packets)) => ctx.caches.idle.note(&id, packets, mark.clone(), Instant::now()),
                Ok(None) => ctx.caches.idle.forget(&id),
                Err(error) => {
                    tracing::debug!(cluster = %id, %error, "looking at how much the cluster is used");
                    ctx.caches.idle.forget(&id);
                }
            }
            if ctx.caches.idle.of(&id, &mark, Instant::now()).is_some_and(|idle| idle >= limit) {
                tracing::info!(cluster = %id, after = cluster.spec.hibernate_after, "nobody uses the cluster; stopping it until the next change");
                ctx.wake.cluster(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(after: &str, hibernated: Option<&str>) -> EKSClusterConfig {
        let object = json!({
            "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "a", "generation": 3},
            "spec": {"hibernateAfter": after}, "status": {"hibernated": hibernated},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn it_falls_asleep_when_it_was_idle_long_enough_and_nothing_is_under_way() {
        let idle = |seconds| Some(Duration::from_secs(seconds));
        let cluster = cluster("60s", None);
        assert!(!sleeps(&cluster, &[], idle(59), false) && sleeps(&cluster, &[], idle(60), false));
        assert!(!sleeps(&cluster, &[], idle(60), true) && !sleeps(&cluster, &[], None, false));
    }

    #[test]
    fn a_cluster_at_rest_says_since_when_and_how_it_comes_back() {
        let now = Time(k8s_openapi::jiff::Timestamp::from_second(0).unwrap());
        let fallen = at_rest(&cluster("30m", None), true, &now);
        let Health::Noted(Reason::Sleeping, said) = &fallen else { panic!("{fallen:?}") };
        for word in ["asleep since 1970-01-01T00:00:00Z", "nobody used it for 30m", "k3eks wake a"] {
            assert!(said.contains(word), "{said}");
        }
        let mut later = cluster("30m", None);
        later.status.as_mut().unwrap().hibernated_since = Some("1969-12-31T00:00:00Z".into());
        assert!(matches!(at_rest(&later, true, &now), Health::Noted(_, said) if said.contains("since 1969-12-31")));
        later.spec.state = Some(PowerState::Stopped);
        assert!(
            matches!(at_rest(&later, true, &now), Health::Noted(Reason::Stopped, said) if said.contains("Running"))
        );
    }

    #[test]
    fn every_change_wakes_it() {
        let first = mark(&cluster("60s", None), &[]);
        let asleep = cluster("60s", Some(&first));
        assert!(sleeps(&asleep, &[], None, false));
        let mut changed = asleep.clone();
        changed.metadata.generation = Some(4);
        assert!(!sleeps(&changed, &[], None, false));
        let mut woken = asleep.clone();
        woken.metadata.annotations = Some([(keys::ANNOTATION_WAKE.to_owned(), "now".to_owned())].into());
        assert!(!sleeps(&woken, &[], None, false));
        let group = json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": "g", "generation": 1}, "spec": {"clusterName": "a"}});
        assert!(!sleeps(&asleep, &[Arc::new(serde_json::from_value(group).unwrap())], None, false));
    }
}
