//! Carries out the actions of a cluster's plan.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};

use super::inline_nodegroups::Change;
use super::next::{ClusterAction, Plan, was_active};
use super::{
    access, argocd, authority, aws_auth, control_plane, control_plane_config, import_source, own_entries, server_keys,
    validate,
};
use crate::child_clusters::AccessSource;
use crate::context::Context;
use crate::decision::Applied;
use crate::error::Error;
use crate::jobs::Work;
use crate::member;
use crate::registries::Wanted;
use crate::status::finalizer;
use crd::{EKSClusterConfig, Nodegroup, keys};
use provider::{self, ClusterId, ClusterObservation, ClusterProvider, DesiredCluster, Import, Progress};

/// Carries out the upkeep, then the next action. Long work is only started here.
pub async fn apply(cluster: &EKSClusterConfig, plan: &Plan, ctx: &Arc<Context>) -> Applied {
    let mut upkeep = Ok(());
    for action in &plan.upkeep {
        upkeep = upkeep.and(act(cluster, action.clone(), ctx).await);
    }
    Applied { upkeep, next: act(cluster, plan.next.clone(), ctx).await }
}

async fn act(cluster: &EKSClusterConfig, action: ClusterAction, ctx: &Arc<Context>) -> Result<(), Error> {
    let id = validate::id(cluster);
    match action {
        ClusterAction::Nothing | ClusterAction::LookAgain => {}
        ClusterAction::AddFinalizer => drop(finalizer(&ctx.client, cluster, true).await?),
        ClusterAction::Finish => finish(cluster, ctx).await?,
        ClusterAction::Release(plan) => release(cluster, plan, ctx).await?,
        ClusterAction::DeleteNodegroups(names) => delete_nodegroups(cluster, &names, ctx).await?,
        ClusterAction::Cancel => ctx.jobs.cancel(&cluster.uid().unwrap_or_default()),
        ClusterAction::StartDelete => delete(cluster, ctx),
        ClusterAction::StartCreate(mut plan) => {
            sign(cluster, &mut plan, true, ctx).await?;
            create(cluster, plan, ctx);
        }
        ClusterAction::StartStart(plan) => start_all(cluster, plan, ctx).await?,
        ClusterAction::StartStop => stop(cluster, ctx),
        ClusterAction::StartUpgrade(mut plan) => {
            sign(cluster, &mut plan, !was_active(cluster), ctx).await?;
            upgrade(cluster, plan, ctx);
        }
        ClusterAction::SyncNodegroups(changes) => sync(cluster, changes, ctx).await?,
        ClusterAction::Configure(plan, wish) => configure(cluster, plan, wish, ctx).await?,
        ClusterAction::DeleteNodeObjects(names) => ctx.children.delete_nodes(&id, &names).await?,
        ClusterAction::TaintServers(changes) => control_plane::taint_servers(cluster, &changes, ctx).await,
        ClusterAction::ClearServers(servers) => control_plane::clear_servers(cluster, &servers, ctx).await,
        ClusterAction::AdoptAuthority(plan) => authority::apply::adopt(cluster, &plan, ctx).await?,
        ClusterAction::Certify(plan, wanted) => authority::apply::certify(cluster, plan, &wanted, ctx).await?,
        ClusterAction::Follow(plan) => follow(cluster, &plan, ctx),
        ClusterAction::FindAgain(id) => ctx.children.changed(&id),
        ClusterAction::KeepEntries(step) => own_entries::apply(cluster, step, ctx).await?,
        ClusterAction::MapRoles(roles) => aws_auth::start(cluster, roles, ctx),
        ClusterAction::WriteAccess => {
            if let Some(access) = ctx.children.view(&id).access {
                access::write(cluster, &access, ctx).await?;
            }
        }
    }
    Ok(())
}

fn create(cluster: &EKSClusterConfig, plan: DesiredCluster, ctx: &Arc<Context>) {
    // Another server will answer, with credentials of its own.
    ctx.children.forget(&plan.id);
    follow(cluster, &plan, ctx);
    start(cluster, Work::Create, ctx, move |provider, progress| async move {
        provider.create_cluster(&plan, &progress).await
    });
}

async fn start_all(cluster: &EKSClusterConfig, mut plan: DesiredCluster, ctx: &Arc<Context>) -> Result<(), Error> {
    if plan.servers > 1 {
        // One of several that is gone is made anew.
        let all = |world: ClusterObservation| world.servers.len() >= plan.servers;
        let whole = ctx.providers.of(cluster).is_some_and(|p| p.observe_cluster(&plan).is_ok_and(all));
        match sign(cluster, &mut plan, !was_active(cluster), ctx).await {
            // Those that are there have their keys.
            Err(Error::Certificate { .. }) if whole => {}
            signed => signed?,
        }
    }
    start(cluster, Work::Start, ctx, move |provider, progress| async move {
        provider.start_cluster(&plan, &progress).await
    });
    Ok(())
}

fn delete(cluster: &EKSClusterConfig, ctx: &Arc<Context>) {
    let id = validate::id(cluster);
    ctx.children.forget(&id);
    start(cluster, Work::Delete, ctx, move |provider, _| async move { provider.delete_cluster(&id).await });
}

fn stop(cluster: &EKSClusterConfig, ctx: &Arc<Context>) {
    let id = validate::id(cluster);
    ctx.children.forget(&id);
    ctx.caches.idle.forget(&id);
    start(cluster, Work::Stop, ctx, move |provider, _| async move { provider.stop_cluster(&id).await });
}

/// Releases an imported cluster.
async fn release(cluster: &EKSClusterConfig, plan: Option<DesiredCluster>, ctx: &Context) -> Result<(), Error> {
    if let (Some(plan), Some(provider)) = (plan, ctx.providers.of(cluster))
        && provider.capabilities().import
        && let Err(error) = provider.release_cluster(&plan).await
    {
        // It isn't ours: that something of it can't be put back must not hold the resource.
        tracing::warn!(cluster = %plan.id, %error, "releasing an imported cluster");
    }
    finish(cluster, ctx).await
}

/// Nothing is left of the cluster. Its resource may go, unless a node group exists that the watch hasn't reported.
async fn finish(cluster: &EKSClusterConfig, ctx: &Context) -> Result<(), Error> {
    let (id, key) = (validate::id(cluster), cluster.uid().unwrap_or_default());
    let late = late_nodegroups(cluster, ctx).await?;
    if !late.is_empty() {
        delete_nodegroups(cluster, &late, ctx).await?;
        ctx.wake.cluster(&id);
        return Ok(());
    }
    if let Err(error) = argocd::remove(cluster, ctx).await {
        // Argo CD may be gone: that must not hold the resource.
        tracing::warn!(cluster = %id, %error, "telling Argo CD that the cluster is gone");
    }
    member::finalizer::release_all(&id, ctx).await?;
    ctx.caches.roles.forget(&key);
    ctx.caches.idle.forget(&id);
    ctx.children.forget(&id);
    ctx.jobs.forget(&key);
    finalizer(&ctx.client, cluster, false).await.map(drop)
}

/// Adds the servers' keys to the plan, if the cluster has keys. Servers without data may get `new` keys.
async fn sign(cluster: &EKSClusterConfig, plan: &mut DesiredCluster, new: bool, ctx: &Context) -> Result<(), Error> {
    if let Some(control_plane) = &mut plan.control_plane {
        control_plane.keys = Some(server_keys::keys(cluster, new, ctx).await?);
    }
    Ok(())
}

fn upgrade(cluster: &EKSClusterConfig, plan: DesiredCluster, ctx: &Arc<Context>) {
    let (owner, resource) = (ctx.clone(), cluster.clone());
    start(cluster, Work::Upgrade, ctx, move |provider, progress| async move {
        let ended = provider.upgrade_cluster(&plan, &progress).await;
        if ended.is_ok()
            && let Err(error) = server_keys::shows(&resource, &owner).await
        {
            tracing::warn!(cluster = %plan.id, %error, "the identity service doesn't know yet that the servers authenticate");
        }
        // Another server answers now, with another version and perhaps another address.
        owner.children.answers_again(&plan.id).await;
        ended
    });
}

/// Gives the servers what they are to do, and starts a restart if they wouldn't notice the change.
async fn configure(
    cluster: &EKSClusterConfig,
    mut plan: DesiredCluster,
    wish: Option<String>,
    ctx: &Arc<Context>,
) -> Result<(), Error> {
    let Some(provider) = ctx.providers.of(cluster) else { return Ok(()) };
    let digest = control_plane_config::digest(&plan);
    if let Some(wish) = &wish {
        server_keys::renew(cluster, wish, ctx).await?;
    }
    sign(cluster, &mut plan, !was_active(cluster), ctx).await?;
    let configured = async |ctx: &Context, cluster: &EKSClusterConfig, id: &ClusterId| {
        ctx.children.configured(id, digest);
        // Where this fails the next look begins anew, with the key that there is.
        if let Some(wish) = wish
            && let Err(error) = server_keys::done(cluster, &wish, ctx).await
        {
            tracing::warn!(cluster = %id, %error, "the keys were changed, but recording that failed");
        }
        ctx.wake.all_of(id);
    };
    if !provider.configure_cluster(&plan).await? {
        configured(ctx, cluster, &plan.id).await;
        return Ok(());
    }
    let (owner, resource) = (ctx.clone(), cluster.clone());
    start(cluster, Work::Configure, ctx, move |provider, progress| async move {
        provider.restart_cluster(&plan, &progress).await?;
        owner.children.answers_again(&plan.id).await;
        configured(&owner, &resource, &plan.id).await;
        Ok(())
    });
    Ok(())
}

/// Follows the API server of a cluster that has one.
fn follow(cluster: &EKSClusterConfig, plan: &DesiredCluster, ctx: &Context) {
    let registries = Wanted::of(cluster, &ctx.settings.registries);
    if let Some(Import::Secret(secret)) = &plan.import {
        let since = import_source::since(cluster);
        return ctx.children.follow(plan, registries, || AccessSource::Secret(secret.clone(), since));
    }
    if let Some(provider) = ctx.providers.of(cluster)
        && provider.capabilities().api_server
    {
        ctx.children.follow(plan, registries, || AccessSource::Provider(provider.clone()));
    }
}

/// Starts long work for the cluster. Its outcome feeds the metrics and the back-off.
pub fn start<F, Fut>(cluster: &EKSClusterConfig, work: Work, ctx: &Arc<Context>, job: F)
where
    F: FnOnce(Arc<dyn ClusterProvider>, Progress) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), provider::Error>> + Send + 'static,
{
    let Some(provider) = ctx.providers.of(cluster).cloned() else { return };
    let (id, wake) = (validate::id(cluster), ctx.wake.clone());
    ctx.jobs.start(&cluster.metadata, work, move || wake.cluster(&id), move |progress| job(provider, progress));
}

/// Node groups so new that the watch hasn't reported them. They would wait for a cluster that is gone.
async fn late_nodegroups(cluster: &EKSClusterConfig, ctx: &Context) -> Result<Vec<String>, Error> {
    let id = validate::id(cluster);
    let doing = format!("looking for node groups of cluster {id}");
    ctx.stores.nodegroups_now.of(&ctx.client, &id).await.map_err(Error::kubernetes(doing))
}

async fn delete_nodegroups(cluster: &EKSClusterConfig, names: &[String], ctx: &Context) -> Result<(), Error> {
    let api = Api::<Nodegroup>::namespaced(ctx.client.clone(), &cluster.namespace().unwrap_or_default());
    futures::stream::iter(names.iter().map(Ok))
        .try_for_each_concurrent(8, |name| {
            let api = api.clone();
            async move {
                match api.delete(name, &DeleteParams::default()).await {
                    Ok(_) => Ok(()),
                    Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                    Err(e) => Err(Error::kubernetes(format!("deleting node group {name}"))(e)),
                }
            }
        })
        .await
}

async fn sync(cluster: &EKSClusterConfig, changes: Vec<Change>, ctx: &Context) -> Result<(), Error> {
    let namespace = cluster.namespace().unwrap_or_default();
    let api = Api::<Nodegroup>::namespaced(ctx.client.clone(), &namespace);
    let mut applies = Vec::new();
    let mut deletes = Vec::new();
    for change in changes {
        match change {
            Change::Apply { name, mut object } => {
                object["metadata"]["ownerReferences"] = serde_json::json!([cluster.controller_owner_ref(&())]);
                applies.push((name, object));
            }
            Change::Delete(name) => deletes.push(name),
        }
    }
    delete_nodegroups(cluster, &deletes, ctx).await?;
    futures::stream::iter(applies)
        .map(Ok)
        .try_for_each_concurrent(8, |(name, object)| {
            let api = api.clone();
            async move {
                api.patch(&name, &PatchParams::apply(keys::CLUSTER_MANAGER).force(), &Patch::Apply(&object))
                    .await
                    .map_err(Error::kubernetes(format!("applying the entry of node group {name}")))?;
                Ok(())
            }
        })
        .await
}
