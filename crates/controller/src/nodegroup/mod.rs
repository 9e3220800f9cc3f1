//! The node group controller: observe, plan one action, apply it, report.

pub mod apply;
pub mod drain;
pub mod instance_types;
pub mod labels_taints;
pub mod observe;
pub mod plan;
pub mod status;
pub mod validate;
pub mod zones;

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
use crd::{Nodegroup, NodegroupStatus, keys, names};

/// Runs the controller until the process is told to stop.
pub async fn run(
    stream: impl Stream<Item = Result<Nodegroup, watcher::Error>> + Send + 'static,
    store: Store<Nodegroup>,
    woken: UnboundedReceiver<ObjectRef<Nodegroup>>,
    ctx: Arc<Context>,
) {
    super::controller(stream, store, [woken], &ctx).run(reconcile, on_error, ctx).for_each(|_| async {}).await;
}

/// One reconcile of a node group.
async fn reconcile(group: Arc<Nodegroup>, ctx: Arc<Context>) -> Result<Action, Error> {
    let name = format!("{}/{}", group.namespace().unwrap_or_default(), group.name_any());
    let span = tracing::info_span!("reconcile", kind = "Nodegroup", resource = %name);
    super::counted(&ctx, "nodegroup", group.metadata.uid.as_ref(), reconcile_inner(&group, &ctx)).instrument(span).await
}

async fn reconcile_inner(group: &Nodegroup, ctx: &Arc<Context>) -> Result<Action, Error> {
    let seen = observe::observe(group, ctx);
    note_change(group, &seen, ctx);
    let decision = plan::plan(group, &seen);
    let silent = matches!(decision.next, plan::NodegroupAction::Finish | plan::NodegroupAction::LookAgain);
    let status = status::status(group, &seen, &decision);
    let again = decision.again;
    let applied = apply::apply(group, &seen, decision.next, ctx).await;
    if !silent {
        report(group, &status, ctx).await?;
    }
    applied?;
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

/// Records a change of an Active node group as an update, as EKS does.
fn note_change(group: &Nodegroup, seen: &observe::Observed, ctx: &Arc<Context>) {
    let (uid, generation) = (group.uid().unwrap_or_default(), group.metadata.generation.unwrap_or_default());
    if group.metadata.deletion_timestamp.is_some() {
        return ctx.specs.forget(&uid);
    }
    let change =
        ctx.specs.advanced(&uid, generation, &group.spec).and_then(|(old, new)| changes::of_nodegroup(&old, &new));
    let was_active = group.status.as_ref().is_some_and(|s| s.active_since.is_some());
    if let (Some(change), Some(cluster), true) = (change, &seen.cluster, was_active) {
        update::record(ctx, cluster, group, Some(names::nodegroup_name(group)), change);
    }
}

async fn report(group: &Nodegroup, status: &NodegroupStatus, ctx: &Context) -> Result<(), Error> {
    let old = group.status.as_ref();
    if super::status::write(&ctx.client, &ctx.metrics, keys::NODEGROUP_MANAGER, group, old, status).await? {
        let before = Seen { phase: old.and_then(|s| s.phase), conditions: old.map_or(&[], |s| &s.conditions) };
        let after = Seen { phase: status.phase, conditions: &status.conditions };
        ctx.reports.transition(group, before, after).await;
    }
    // Also where nothing was written: this reconcile may be the one that the write before led to, with the cache true by now.
    ctx.wake.cluster(&validate::cluster_id(group));
    Ok(())
}

/// When to look again after an error.
fn on_error(group: Arc<Nodegroup>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = super::failed(&ctx, "nodegroup", &group.uid().unwrap_or_default(), group.metadata.generation, error);
    tracing::warn!(resource = %group.name_any(), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
