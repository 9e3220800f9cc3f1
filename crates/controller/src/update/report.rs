//! Reports how an update stands, and when to look again.

use kube::runtime::controller::Action;

use super::plan::Plan;
use super::prune;
use crate::context::Context;
use crate::error::Error;
use crate::status;
use crd::keys;
use crd::update::Update;

/// Writes the status. Older updates go once this one has ended by its status: before that it doesn't count.
///
/// # Errors
/// That of writing the status.
pub async fn report(update: &Update, plan: &Plan, ctx: &Context) -> Result<Action, Error> {
    let (old, new) = (update.status.as_ref(), &plan.status);
    let wrote = status::write(&ctx.client, &ctx.metrics, keys::UPDATE_MANAGER, update, old, new).await?;
    if wrote && plan.has_ended() {
        let why = new.errors.first().map(|e| e.message.as_str()).unwrap_or_default();
        tracing::info!(kind = update.spec.type_, state = ?new.state, why, "update ended");
        prune::after(ctx, update).await;
    }
    Ok(plan.again.map_or_else(Action::await_change, Action::requeue))
}
