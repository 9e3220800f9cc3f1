//! The update controller: reports the outcome of a change, from the status of its target, and keeps
//! the newest ones.

mod changes;
pub mod plan;
mod prune;
pub mod record;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Controller, watcher};
use tracing::Instrument;

use super::cluster::authority;
use super::context::Context;
use super::error::Error;
use crd::update::{Update, UpdateState, UpdateStatus};
use crd::{EKSClusterConfig, Phase, keys, names};
use plan::Target;
use provider::ClusterId;

/// Interval of looking at a target; all of it is cached.
const SOON: Duration = Duration::from_millis(300);

/// Type of an update to another version.
const VERSION: &str = "VersionUpdate";

/// Runs the controller until the process is told to stop.
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

/// One look at an update.
async fn reconcile(update: Arc<Update>, ctx: Arc<Context>) -> Result<Action, Error> {
    let name = format!("{}/{}", update.namespace().unwrap_or_default(), update.name_any());
    let span = tracing::info_span!("reconcile", kind = "Update", resource = %name);
    super::counted(&ctx, "update", update.metadata.uid.as_ref(), reconcile_inner(&update, &ctx)).instrument(span).await
}

async fn reconcile_inner(update: &Update, ctx: &Context) -> Result<Action, Error> {
    if update.state() != UpdateState::InProgress || update.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let manager = keys::UPDATE_MANAGER;
    let Some(status) = plan::plan(update, target(update, ctx).as_ref()) else {
        let status = UpdateStatus::default();
        super::status::write(&ctx.client, &ctx.metrics, manager, update, update.status.as_ref(), &status).await?;
        return Ok(Action::requeue(SOON));
    };
    if super::status::write(&ctx.client, &ctx.metrics, manager, update, update.status.as_ref(), &status).await? {
        let why = status.errors.first().map(|e| e.message.as_str()).unwrap_or_default();
        tracing::info!(kind = update.spec.type_, state = ?status.state, why, "update ended");
        prune::after(ctx, update).await;
    }
    Ok(Action::await_change())
}

/// The target of an update, as far as it matters here.
fn target(update: &Update, ctx: &Context) -> Option<Target> {
    let namespace = update.namespace().unwrap_or_default();
    let id = ClusterId { namespace, name: update.spec.cluster_name.clone() };
    let (spec, made) = (&update.spec, update.metadata.creation_timestamp.as_ref());
    if let Some(name) = &spec.nodegroup_name {
        let group = ctx.nodegroups_of(&id).into_iter().find(|g| names::nodegroup_name(g) == *name)?;
        // One that was made later under the same name was never changed by this.
        if group.metadata.creation_timestamp > update.metadata.creation_timestamp {
            return None;
        }
        let status = group.status.as_ref().filter(|s| spec.type_ != VERSION || s.phase != Some(Phase::Stopped));
        let conditions = status.map_or(&[][..], |s| s.conditions.as_slice());
        let target = Target::new(status.and_then(|s| s.observed_generation), conditions);
        return Some(target.with_version(group.spec.version.clone()));
    }
    if let Some(name) = &spec.addon_name {
        return ctx.stores.members.find("Addon", &id, name, made).as_ref().map(Target::from_member);
    }
    if let Some(name) = &spec.capability_name {
        return ctx.stores.members.find("Capability", &id, name, made).as_ref().map(Target::from_member);
    }
    if let Some(authority) = &spec.certificate_authority_id {
        let found = ctx.stores.members.find("CertificateAuthority", &id, authority, made);
        let found = found.as_ref().map(Target::from_member);
        // It never has more than its first generation; the next one is its deletion.
        return found.or_else(|| if spec.generation > 1 { deleted(&id, ctx) } else { coming(update) });
    }
    let cluster: Arc<EKSClusterConfig> = ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace))?;
    // Who is stopped hasn't another version yet, although nothing is wrong.
    let status = cluster.status.as_ref().filter(|s| spec.type_ != VERSION || s.phase != Some(Phase::Stopped));
    let conditions = status.map_or(&[][..], |s| s.conditions.as_slice());
    let target = Target::new(status.and_then(|s| s.observed_generation), conditions);
    Some(target.with_version(cluster.spec.kubernetes_version.clone()))
}

/// An update may be seen before its new target.
fn coming(update: &Update) -> Option<Target> {
    let made = update.metadata.creation_timestamp.as_ref()?;
    (Timestamp::now().duration_since(made.0) < SignedDuration::from_secs(5)).then(Target::default)
}

/// State of the deletion of a certificate authority: done when its cluster trusts none without a resource.
fn deleted(id: &ClusterId, ctx: &Context) -> Option<Target> {
    let cluster: Arc<EKSClusterConfig> = ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace))?;
    if !authority::trusts_only_known(&cluster, ctx) {
        return Some(Target::default());
    }
    Some(Target::new(Some(i64::MAX), &cluster.status.as_ref()?.conditions))
}

/// When to look again after an error.
fn on_error(update: Arc<Update>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = super::failed(&ctx, "update", &update.uid().unwrap_or_default(), update.metadata.generation, error);
    tracing::warn!(resource = %update.name_any(), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
