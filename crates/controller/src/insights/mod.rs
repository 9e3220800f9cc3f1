//! The insights controller: looks at a child cluster and says what there is to know before it is upgraded.
//! Observe, plan, report.

mod checks;
mod facts;
mod health;
mod observe;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::ResourceExt;
use kube::runtime::Controller;
use kube::runtime::controller::Action;
use tracing::Instrument;

use super::context::Context;
use super::error::Error;
use super::watch;
use crd::{ClusterInsights, keys};

/// Runs the controller until shutdown.
pub async fn run(ctx: Arc<Context>) {
    let shutdown = ctx.shutdown.clone();
    let source = watch::source::<ClusterInsights>(&ctx.client, ctx.settings.watch_namespace.as_deref());
    Controller::for_stream(source.stream, source.store)
        .graceful_shutdown_on(async move { shutdown.cancelled().await })
        .run(reconcile, on_error, ctx)
        .for_each(|_| async {})
        .await;
}

async fn reconcile(insights: Arc<ClusterInsights>, ctx: Arc<Context>) -> Result<Action, Error> {
    let name = format!("{}/{}", insights.namespace().unwrap_or_default(), insights.name_any());
    let span = tracing::info_span!("reconcile", kind = "ClusterInsights", resource = %name);
    super::counted(&ctx, "insights", insights.metadata.uid.as_ref(), reconcile_inner(&insights, &ctx))
        .instrument(span)
        .await
}

/// Insights apply nothing: they say what there is to know.
async fn reconcile_inner(insights: &ClusterInsights, ctx: &Context) -> Result<Action, Error> {
    if insights.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let seen = observe::observe(insights, ctx).await;
    let plan = plan::plan(insights, &seen);
    let (old, manager) = (insights.status.as_ref(), keys::MEMBER_MANAGER);
    super::status::write(&ctx.client, &ctx.metrics, manager, insights, old, &plan.status).await?;
    Ok(Action::requeue(plan.again))
}

fn on_error(insights: Arc<ClusterInsights>, error: &Error, ctx: Arc<Context>) -> Action {
    let uid = insights.uid().unwrap_or_default();
    let wait = super::failed(&ctx, "insights", &uid, insights.metadata.generation, error);
    tracing::warn!(resource = %insights.name_any(), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
