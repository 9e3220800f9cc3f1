//! The cluster controller: observe, plan, apply, report.

pub mod access;
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
mod report;
pub mod server_keys;
pub mod status;
pub mod unfinished;
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
use super::triggers;
use super::update::record;
use crd::EKSClusterConfig;

/// Runs the controller until the process is told to stop.
pub async fn run(
    stream: impl Stream<Item = Result<EKSClusterConfig, watcher::Error>> + Send + 'static,
    store: Store<EKSClusterConfig>,
    woken: [UnboundedReceiver<ObjectRef<EKSClusterConfig>>; 2],
    ctx: Arc<Context>,
) {
    let stream = stream
        .inspect(triggers::phase_to_nodegroups(store.clone(), ctx.wake.clone()))
        .inspect(record::clusters(ctx.clone()));
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
    let seen = observe::observe(cluster, ctx);
    let plan = plan::plan(cluster, &seen);
    let applied = apply::apply(cluster, &plan, ctx).await;
    report::report(cluster, seen, plan, applied, ctx).await
}

/// When to look again after an error.
fn on_error(cluster: Arc<EKSClusterConfig>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = super::failed(&ctx, "cluster", &cluster.uid().unwrap_or_default(), cluster.metadata.generation, error);
    tracing::warn!(resource = %validate::id(&cluster), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
