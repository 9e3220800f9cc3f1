//! The finalizer of members that leave something in their cluster.

use kube::{Api, ResourceExt};

use super::health::Kind;
use crate::context::Context;
use crate::error::Error;
use crate::status;
use crd::Addon;
use crd::member::has_finalizer;
use provider::ClusterId;

/// How often an addon's finalizer is taken away that others change at the same time.
const TRIES: usize = 5;

/// Lets the member go.
pub async fn release<K: Kind>(member: &K, ctx: &Context) -> Result<(), Error> {
    status::finalizer(&ctx.client, member, false).await?;
    ctx.jobs.forget(&member.uid().unwrap_or_default());
    Ok(())
}

/// Lets the addons of a cluster go that is gone: an operator that is uninstalled after its last cluster would leave them
/// with a finalizer that nobody takes away.
pub async fn release_all(id: &ClusterId, ctx: &Context) -> Result<(), Error> {
    let api = Api::<Addon>::namespaced(ctx.client.clone(), &id.namespace);
    for addon in ctx.stores.members.with_deleted::<Addon>(id) {
        let (name, uid) = (addon.name_any(), addon.uid());
        // As it is now: what is changed meanwhile isn't held again once its cluster goes, so it is only read again.
        for _ in 0..TRIES {
            let found = api.get_opt(&name).await;
            let found = found.map_err(Error::kubernetes(format!("reading Addon {}/{name}", id.namespace)))?;
            let Some(found) = found.filter(|found| found.uid() == uid && has_finalizer(found)) else { break };
            release(&found, ctx).await?;
        }
    }
    Ok(())
}
