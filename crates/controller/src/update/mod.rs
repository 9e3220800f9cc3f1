//! The update controller: reports the outcome of a change, from the status of its target, and keeps the newest ones.
//! Observe, plan, report.

mod changes;
pub mod observe;
pub mod plan;
mod prune;
pub mod record;
mod report;
mod target;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::Store;
use kube::runtime::{Controller, watcher};
use tracing::Instrument;

use super::context::Context;
use super::error::Error;
use crd::update::{Update, UpdateState};

/// Runs the controller until shutdown.
pub async fn run(
    stream: impl Stream<Item = Result<Update, watcher::Error>> + Send + 'static,
    store: Store<Update>,
    ctx: Arc<Context>,
) {
    let stop = ctx.shutdown.clone();
    let pruned = Box::pin(ctx.shutdown.run_until_cancelled(prune::all(&ctx)));
    let controlled = Controller::for_stream(stream, store)
        .graceful_shutdown_on(async move { stop.cancelled().await })
        .run(reconcile, on_error, ctx.clone())
        .for_each(|_| async {});
    tokio::join!(pruned, controlled);
}

/// One reconcile of an update.
async fn reconcile(update: Arc<Update>, ctx: Arc<Context>) -> Result<Action, Error> {
    let name = format!("{}/{}", update.namespace().unwrap_or_default(), update.name_any());
    let span = tracing::info_span!("reconcile", kind = "Update", resource = %name);
    super::counted(&ctx, "update", update.metadata.uid.as_ref(), reconcile_inner(&update, &ctx)).instrument(span).await
}

/// An update applies nothing: it says what becomes of a change that others carry out.
async fn reconcile_inner(update: &Update, ctx: &Context) -> Result<Action, Error> {
    if update.state() != UpdateState::InProgress || update.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let seen = observe::observe(update, ctx);
    let plan = plan::plan(update, &seen);
    report::report(update, &plan, ctx).await
}

/// When to look again after an error.
fn on_error(update: Arc<Update>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = super::failed(&ctx, "update", &update.uid().unwrap_or_default(), update.metadata.generation, error);
    tracing::warn!(resource = %update.name_any(), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
