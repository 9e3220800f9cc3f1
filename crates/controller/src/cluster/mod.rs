//! The cluster controller: observe, plan one action, apply it, report.

pub mod access;
pub mod accounts;
pub mod apply;
pub mod argocd;
pub mod authority;
pub mod aws_auth;
mod capabilities;
pub mod control_plane;
pub mod control_plane_config;
pub mod endpoint_access;
pub mod grant;
pub mod groups;
pub mod hibernation;
pub mod idle;
pub mod import;
pub mod import_source;
pub mod inline_nodegroups;
mod next;
pub mod node_roles;
pub mod observe;
pub mod orphaned_nodes;
pub mod own_entries;
mod owned_access;
pub mod plan;
pub mod seen_roles;
pub mod server_keys;
pub mod status;
pub mod validate;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::Instrument;

use super::context::Context;
use super::error::Error;
use super::report::Seen;
use super::update::{self, changes};
use crd::{EKSClusterConfig, EKSClusterConfigStatus, Phase, keys};
use next::ClusterAction;

/// Runs the controller until the process is told to stop.
pub async fn run(
    stream: impl Stream<Item = Result<EKSClusterConfig, watcher::Error>> + Send + 'static,
    store: Store<EKSClusterConfig>,
    woken: [UnboundedReceiver<ObjectRef<EKSClusterConfig>>; 2],
    ctx: Arc<Context>,
) {
    super::controller(stream, store, woken, &ctx).run(reconcile, on_error, ctx).for_each(|_| async {}).await;
}

/// One reconcile of a cluster.
async fn reconcile(cluster: Arc<EKSClusterConfig>, ctx: Arc<Context>) -> Result<Action, Error> {
    let span = tracing::info_span!("reconcile", kind = "EKSClusterConfig", resource = %validate::id(&cluster));
    super::counted(&ctx, "cluster", cluster.metadata.uid.as_ref(), Box::pin(reconcile_inner(&cluster, &ctx)))
        .instrument(span)
        .await
}

async fn reconcile_inner(cluster: &EKSClusterConfig, ctx: &Arc<Context>) -> Result<Action, Error> {
    let mut seen = observe::observe(cluster, ctx);
    adopt(cluster, &seen, ctx);
    tell_nodegroups(cluster, ctx);
    note_change(cluster, ctx);
    // Before the status says that the cluster is there, so that whoever waits for that finds them.
    let entries = if seen.conflict.is_none() { own_entries::keep(cluster, ctx).await } else { Ok(()) };
    let mut decision = plan::plan(cluster, &seen);
    let silent = matches!(decision.next, ClusterAction::Finish | ClusterAction::LookAgain);
    tracing::debug!(next = ?std::mem::discriminant(&decision.next), "planned");
    let next = std::mem::replace(&mut decision.next, ClusterAction::Nothing);
    let writes_access = matches!(next, ClusterAction::WriteAccess);
    let applied = apply::apply(cluster, next, ctx).await;
    seen.access_written |= writes_access && applied.is_ok();
    if let Some(health) = applied.as_ref().err().and_then(Error::health) {
        decision.health = health;
        // What couldn't be begun doesn't change a cluster that answers.
        if decision.phase == Phase::Updating && next::was_active(cluster) && seen.child.ready {
            decision.phase = Phase::Active;
        }
    }
    if !silent {
        report(cluster, &status::status(cluster, &seen, &decision), ctx).await?;
    }
    applied?;
    entries?;
    let again =
        decision.again.into_iter().chain((!aws_auth::keep(cluster, &seen, ctx).await).then_some(aws_auth::AGAIN));
    Ok(again.min().map_or_else(Action::await_change, Action::requeue))
}

/// Wakes the node groups once the cache has the cluster's new phase. Right after the write it may still be old.
fn tell_nodegroups(cluster: &EKSClusterConfig, ctx: &Context) {
    let phase = cluster.status.as_ref().and_then(|status| status.phase);
    let mut told = ctx.told.lock();
    // Where this process sees the cluster for the first time, its node groups are about to be looked at anyway.
    let before = told.insert(cluster.uid().unwrap_or_default(), phase);
    if before.is_some_and(|before| before != phase) {
        ctx.wake.nodegroups_of(&validate::id(cluster));
    }
}

/// Records a change of an Active cluster as an update, as EKS does.
fn note_change(cluster: &EKSClusterConfig, ctx: &Arc<Context>) {
    let (uid, generation) = (cluster.uid().unwrap_or_default(), cluster.metadata.generation.unwrap_or_default());
    if cluster.metadata.deletion_timestamp.is_some() {
        return ctx.specs.forget(&uid);
    }
    let change =
        ctx.specs.advanced(&uid, generation, &cluster.spec).and_then(|(old, new)| changes::of_cluster(&old, &new));
    if let Some(change) = change.filter(|_| next::was_active(cluster)) {
        update::record(ctx, cluster, cluster, None, change);
    }
}

/// Follows the API server of a cluster older than this process, and looks its address up again after a move.
fn adopt(cluster: &EKSClusterConfig, seen: &observe::Observed, ctx: &Context) {
    let (Ok(plan), Ok(world)) = (&seen.plan, &seen.world) else { return };
    if plan.import.is_some() && cluster.metadata.deletion_timestamp.is_none() && seen.conflict.is_none() {
        return apply::follow(cluster, plan, ctx);
    }
    if cluster.metadata.deletion_timestamp.is_some()
        || world.servers.is_empty()
        || !next::was_active(cluster)
        || next::must_stop(cluster, seen)
    {
        return;
    }
    apply::follow(cluster, plan, ctx);
    let now = world.address.as_deref();
    let known = seen.child.access.as_ref().and_then(|a| a.internal.as_ref()).map(|(a, _)| a.as_str());
    if now.is_some() && known.is_some() && now != known {
        ctx.children.changed(&plan.id);
    }
}

async fn report(cluster: &EKSClusterConfig, status: &EKSClusterConfigStatus, ctx: &Context) -> Result<(), Error> {
    let old = cluster.status.as_ref();
    let manager = keys::CLUSTER_MANAGER;
    if super::status::write(&ctx.client, &ctx.metrics, manager, cluster, old, status).await? {
        let before = Seen { phase: old.and_then(|s| s.phase), conditions: old.map_or(&[], |s| &s.conditions) };
        let after = Seen { phase: status.phase, conditions: &status.conditions };
        ctx.reports.transition(cluster, before, after).await;
    }
    Ok(())
}

/// When to look again after an error.
fn on_error(cluster: Arc<EKSClusterConfig>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = super::failed(&ctx, "cluster", &cluster.uid().unwrap_or_default(), cluster.metadata.generation, error);
    tracing::warn!(resource = %validate::id(&cluster), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
