//! The finalizer of members that leave something in their cluster.

use kube::ResourceExt;

use super::health::Kind;
use crate::context::Context;
use crate::error::Error;
use crate::status;
use crd::Addon;
use crd::member::has_finalizer;
use provider::ClusterId;

/// Lets the member go.
pub async fn release<K: Kind>(member: &K, ctx: &Context) -> Result<(), Error> {
    status::finalizer(&ctx.client, member, false).await?;
    ctx.jobs.forget(&member.uid().unwrap_or_default());
    Ok(())
}

/// Lets the addons of a cluster go that is gone: an operator that is uninstalled after its last cluster would leave them
/// with a finalizer that nobody takes away.
pub async fn release_all(id: &ClusterId, ctx: &Context) -> Result<(), Error> {
    for addon in ctx.stores.members.with_deleted::<Addon>(id) {
        if has_finalizer(&*addon) {
            // Whatever else was changed: nothing holds it again once its cluster goes.
            let mut addon = Addon::clone(&addon);
            addon.metadata.resource_version = None;
            release(&addon, ctx).await?;
        }
    }
    Ok(())
}
