//! The finalizer of members that leave something in their cluster.

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::health::Kind;
use crate::context::Context;
use crate::error::Error;
use crd::{Addon, keys};
use provider::ClusterId;

/// Whether the member has our finalizer.
pub fn is_held(member: &impl Resource) -> bool {
    member.finalizers().iter().any(|one| one == keys::FINALIZER)
}

/// Keeps the member until what it left is gone.
pub async fn hold<K: Kind>(member: &K, ctx: &Context) -> Result<(), Error> {
    let mut all = member.finalizers().to_vec();
    all.push(keys::FINALIZER.to_owned());
    set(member, &all, ctx).await
}

/// Lets the member go.
pub async fn release<K: Kind>(member: &K, ctx: &Context) -> Result<(), Error> {
    let others: Vec<String> = member.finalizers().iter().filter(|one| *one != keys::FINALIZER).cloned().collect();
    set(member, &others, ctx).await?;
    ctx.jobs.forget(&member.uid().unwrap_or_default());
    Ok(())
}

/// Lets the addons of a cluster go that is gone: an operator that is uninstalled after its last cluster would leave them
/// with a finalizer that nobody takes away.
pub async fn release_all(id: &ClusterId, ctx: &Context) -> Result<(), Error> {
    for addon in ctx.stores.members.with_deleted::<Addon>(id) {
        if is_held(&*addon) {
            // Whatever else was changed: nothing holds it again once its cluster goes.
            let mut addon = Addon::clone(&addon);
            addon.metadata.resource_version = None;
            release(&addon, ctx).await?;
        }
    }
    Ok(())
}

async fn set<K: Kind>(member: &K, finalizers: &[String], ctx: &Context) -> Result<(), Error> {
    let (namespace, name) = (member.namespace().unwrap_or_default(), member.name_any());
    let body = json!({"metadata": {"finalizers": finalizers, "resourceVersion": member.resource_version()}});
    let api = Api::<K>::namespaced(ctx.client.clone(), &namespace);
    match api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&body)).await {
        Ok(_) => Ok(()),
        // Gone, or changed meanwhile, which leads to another reconcile.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(e) => Err(Error::kubernetes(format!("setting the finalizer of {} {namespace}/{name}", K::kind(&())))(e)),
    }
}
