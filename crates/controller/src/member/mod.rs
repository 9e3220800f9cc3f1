//! One controller for all kinds that belong to a cluster and have no machines: it sets the owner, checks the resource
//! in the cluster, and reports its state.

mod access_entry;
mod addon;
mod certificate_authority;
pub mod finalizer;
mod health;
mod identity_provider;
pub mod plan;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::Controller;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tracing::Instrument;

use super::cluster::{hibernation, unfinished, validate};
use super::context::Context;
use super::error::Error;
use super::watch::{self, Source};
use crd::member::{has_finalizer, is_left_behind, is_owned_by};
use crd::{
    AccessEntry, Addon, Capability, CertificateAuthority, EKSClusterConfig, FargateProfile, IdentityProviderConfig,
    PodIdentityAssociation, keys,
};
use provider::ClusterId;

pub use addon::release as addon_release;
pub use health::Kind;

/// Runs the controllers of all these kinds until the process is told to stop.
pub async fn all(ctx: &Arc<Context>, authorities: Source<CertificateAuthority>) {
    tokio::join!(
        run(source::<FargateProfile>(ctx), ctx.clone()),
        run(source::<PodIdentityAssociation>(ctx), ctx.clone()),
        run(source::<AccessEntry>(ctx), ctx.clone()),
        run(source::<IdentityProviderConfig>(ctx), ctx.clone()),
        run(source::<Addon>(ctx), ctx.clone()),
        run(source::<Capability>(ctx), ctx.clone()),
        run(authorities, ctx.clone()),
    );
}

fn source<K: Kind>(ctx: &Context) -> Source<K> {
    watch::source(&ctx.client, ctx.settings.watch_namespace.as_deref())
}

async fn run<K: Kind>(source: Source<K>, ctx: Arc<Context>) {
    let shutdown = ctx.shutdown.clone();
    ctx.stores.members.add(source.store.clone());
    let (clusters, touched) = (ctx.wake.clone(), source.stream);
    let stream = touched.inspect(move |event| {
        if let Ok(member) = event
            && K::WAKES_CLUSTER
        {
            clusters.cluster(&cluster_of(member));
        }
    });
    Controller::for_stream(stream, source.store)
        .with_config(Config::default().concurrency(4))
        .graceful_shutdown_on(async move { shutdown.cancelled().await })
        .run(reconcile::<K>, on_error::<K>, ctx)
        .for_each(|_| async {})
        .await;
}

async fn reconcile<K: Kind>(member: Arc<K>, ctx: Arc<Context>) -> Result<Action, Error> {
    let name = format!("{}/{}", member.namespace().unwrap_or_default(), member.name_any());
    let span = tracing::info_span!("reconcile", kind = %K::kind(&()), resource = %name);
    super::counted(&ctx, "member", member.meta().uid.as_ref(), reconcile_inner(&*member, &ctx)).instrument(span).await
}

/// The cluster resource that the member belongs to.
fn cluster_of(member: &impl Kind) -> ClusterId {
    ClusterId { namespace: member.namespace().unwrap_or_default(), name: member.cluster().to_owned() }
}

async fn reconcile_inner<K: Kind>(member: &K, ctx: &Context) -> Result<Action, Error> {
    let id = cluster_of(member);
    let cluster = ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace));
    if member.meta().deletion_timestamp.is_some() {
        if !has_finalizer(member) {
            return Ok(Action::await_change());
        }
        let Some(unfinished) = member.remove(cluster.as_deref(), ctx).await? else {
            finalizer::release(member, ctx).await?;
            return Ok(Action::await_change());
        };
        if let Some(cluster) = &cluster {
            wake(cluster, ctx).await?;
        }
        return report(member, &plan::removal(member, unfinished), ctx).await;
    }
    if let Some(cluster) = &cluster {
        set_owner(member, cluster, ctx).await?;
    }
    let decision = match plan::require_active_cluster(member, cluster.as_deref()) {
        Ok(cluster) => {
            if member.leaves_something(cluster, ctx) {
                // What goes with its cluster is neither held nor changed any more.
                if cluster.metadata.deletion_timestamp.is_some() {
                    return Ok(Action::await_change());
                }
                wake(cluster, ctx).await?;
                // Before anything is installed.
                if !has_finalizer(member) {
                    super::status::finalizer(&ctx.client, member, true).await?;
                    return Ok(Action::await_change());
                }
            }
            plan::plan(member, member.assess(cluster, ctx).await?, &Time(Timestamp::now()))
        }
        Err(waiting) => waiting,
    };
    report(member, &decision, ctx).await
}

/// Wakes a cluster that sleeps for what is still to be done of its addons.
async fn wake(cluster: &EKSClusterConfig, ctx: &Context) -> Result<(), Error> {
    let changes = || {
        let mut addons = ctx.stores.members.with_deleted::<Addon>(&validate::id(cluster));
        addons.retain(|addon| addon.leaves_something(cluster, ctx));
        unfinished::changes(&addons)
    };
    hibernation::wake(cluster, changes, ctx).await
}

/// Writes the status, and tells of what is new.
async fn report<K: Kind>(member: &K, decision: &plan::Decision, ctx: &Context) -> Result<Action, Error> {
    let status = plan::status(member, decision, &Time(Timestamp::now()));
    let old = member.member_status();
    if super::status::write(&ctx.client, &ctx.metrics, keys::MEMBER_MANAGER, member, old, &status).await? {
        tracing::info!(phase = ?status.phase, "{}", plan::message(&status));
        if let Some((reason, note)) = plan::news(old, &status) {
            ctx.reports.event(member, true, reason, note).await;
        }
    }
    Ok(Action::requeue(decision.again))
}

/// Makes the cluster its owner, so that it goes with the cluster.
async fn set_owner<K: Kind>(member: &K, cluster: &EKSClusterConfig, ctx: &Context) -> Result<(), Error> {
    let Some(owner) = cluster.owner_ref(&()) else { return Ok(()) };
    let tied = is_owned_by(member, Some(&owner.uid));
    // What a cluster of the same name left behind goes with that one.
    if tied || is_left_behind(member, cluster) {
        return Ok(());
    }
    let mut owners = member.owner_references().to_vec();
    owners.push(owner);
    let body = json!({"metadata": {"ownerReferences": owners, "resourceVersion": member.resource_version()}});
    let (namespace, name) = (member.namespace().unwrap_or_default(), member.name_any());
    let api = Api::<K>::namespaced(ctx.client.clone(), &namespace);
    match api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&body)).await {
        Ok(_) => Ok(()),
        // Gone, or changed meanwhile, which leads to another reconcile.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(e) => Err(Error::kubernetes(format!("tying {} {namespace}/{name} to its cluster", K::kind(&())))(e)),
    }
}

fn on_error<K: Kind>(member: Arc<K>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = super::failed(&ctx, "member", &member.uid().unwrap_or_default(), member.meta().generation, error);
    tracing::warn!(kind = %K::kind(&()), resource = %member.name_any(), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}
