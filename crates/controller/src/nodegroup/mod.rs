//! The node group controller: observe, plan, apply, report.

pub mod apply;
pub mod drain;
pub mod instance_types;
pub mod labels_taints;
pub mod observe;
pub mod plan;
mod report;
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
use super::triggers;
use super::update::record;
use crd::Nodegroup;

/// Runs the controller until shutdown.
pub async fn run(
    stream: impl Stream<Item = Result<Nodegroup, watcher::Error>> + Send + 'static,
    store: Store<Nodegroup>,
    woken: UnboundedReceiver<ObjectRef<Nodegroup>>,
    ctx: Arc<Context>,
) {
    let stream =
        stream.inspect(triggers::nodegroup_to_cluster(ctx.wake.clone())).inspect(record::nodegroups(ctx.clone()));
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
    let plan = plan::plan(group, &seen);
    let applied = apply::apply(group, &seen, &plan, ctx).await;
    report::report(group, &seen, &plan, applied, ctx).await
}

/// When to look again after an error.
fn on_error(group: Arc<Nodegroup>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = super::failed(&ctx, "nodegroup", &group.uid().unwrap_or_default(), group.metadata.generation, error);
    tracing::warn!(resource = %group.name_any(), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
