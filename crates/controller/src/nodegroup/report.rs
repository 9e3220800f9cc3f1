//! Reports what became of a node group's plan: the status, Events, and when to look again.

use kube::runtime::controller::Action;

use super::observe::Observed;
use super::plan::Plan;
use super::status::status;
use crate::context::Context;
use crate::decision::Applied;
use crate::error::Error;
use crate::report::Seen;
use crd::{Nodegroup, NodegroupStatus, keys};

/// Writes the status and, on a change, an Event.
///
/// # Errors
/// That of an action, once the status is written; that of writing the status.
pub async fn report(
    group: &Nodegroup,
    seen: &Observed,
    plan: &Plan,
    applied: Applied,
    ctx: &Context,
) -> Result<Action, Error> {
    if !plan.next.is_silent() {
        write(group, &status(group, seen, plan), ctx).await?;
    }
    applied.result()?;
    Ok(plan.again.map_or_else(Action::await_change, Action::requeue))
}

async fn write(group: &Nodegroup, status: &NodegroupStatus, ctx: &Context) -> Result<(), Error> {
    let old = group.status.as_ref();
    if crate::status::write(&ctx.client, &ctx.metrics, keys::NODEGROUP_MANAGER, group, old, status).await? {
        let before = Seen { phase: old.and_then(|s| s.phase), conditions: old.map_or(&[], |s| &s.conditions) };
        let after = Seen { phase: status.phase, conditions: &status.conditions };
        ctx.reports.transition(group, before, after).await;
    }
    Ok(())
}
