//! Reports what became of a cluster's plan: the status, Events, and when to look again.

use kube::runtime::controller::Action;

use super::next::{ClusterAction, Plan, was_active};
use super::observe::Observed;
use super::status::status;
use crate::context::Context;
use crate::decision::Applied;
use crate::error::Error;
use crate::report::Seen;
use crd::phase::Phase;
use crd::{EKSClusterConfig, EKSClusterConfigStatus, keys};

/// Writes the status and, on a change, an Event.
///
/// # Errors
/// That of an action, once the status says so; that of writing the status.
pub async fn report(
    cluster: &EKSClusterConfig,
    seen: Observed,
    plan: Plan,
    applied: Applied,
    ctx: &Context,
) -> Result<Action, Error> {
    if !plan.next.is_silent() {
        let (seen, plan) = settle(cluster, seen, plan.clone(), &applied);
        write(cluster, &status(cluster, &seen, &plan), ctx).await?;
    }
    applied.result()?;
    Ok(plan.again.map_or_else(Action::await_change, Action::requeue))
}

/// What is to be told once it is known what became of the plan.
fn settle(cluster: &EKSClusterConfig, mut seen: Observed, mut plan: Plan, applied: &Applied) -> (Observed, Plan) {
    seen.access_written |= plan.next == ClusterAction::WriteAccess && applied.next.is_ok();
    if let Some(health) = applied.next.as_ref().err().and_then(Error::health) {
        plan.health = health;
        // What couldn't be begun doesn't change a cluster that answers.
        if plan.phase == Phase::Updating && was_active(cluster) && seen.child.ready {
            plan.phase = Phase::Active;
        }
    }
    (seen, plan)
}

async fn write(cluster: &EKSClusterConfig, status: &EKSClusterConfigStatus, ctx: &Context) -> Result<(), Error> {
    let old = cluster.status.as_ref();
    let manager = keys::CLUSTER_MANAGER;
    if crate::status::write(&ctx.client, &ctx.metrics, manager, cluster, old, status).await? {
        let before = Seen { phase: old.and_then(|s| s.phase), conditions: old.map_or(&[], |s| &s.conditions) };
        let after = Seen { phase: status.phase, conditions: &status.conditions };
        ctx.reports.transition(cluster, before, after).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::child_clusters::Child;
    use crate::fixtures::{active, cluster, seen_cluster};
    use crd::conditions::{Health, Reason};

    fn planned(next: ClusterAction) -> Plan {
        Plan::new(next, Phase::Updating, Health::Progressing(Reason::Updating, "x".into()))
    }

    fn failed() -> Applied {
        let taken = Error::Taken { what: "Secret a/b".into(), cluster: "demo".into() };
        Applied { upkeep: Ok(()), next: Err(taken) }
    }

    #[test]
    fn access_is_told_once_it_was_written() {
        let demo = cluster(json!({}), active());
        let told = |next, applied: &Applied| {
            let seen = Observed { access_written: false, ..seen_cluster() };
            settle(&demo, seen, planned(next), applied).0.access_written
        };
        let done = Applied { upkeep: Ok(()), next: Ok(()) };
        assert!(told(ClusterAction::WriteAccess, &done));
        assert!(!told(ClusterAction::WriteAccess, &failed()) && !told(ClusterAction::Nothing, &done));
    }

    #[test]
    fn what_could_not_be_begun_is_told_and_leaves_a_cluster_active_that_answers() {
        let told = |status, ready| {
            let seen = Observed { child: Child { ready, ..Child::default() }, ..seen_cluster() };
            settle(&cluster(json!({}), status), seen, planned(ClusterAction::Nothing), &failed()).1
        };
        let answering = told(active(), true);
        assert_eq!(answering.phase, Phase::Active);
        assert!(matches!(answering.health, Health::Failing(Reason::NameTaken, _)));
        assert_eq!(told(active(), false).phase, Phase::Updating);
        assert_eq!(told(json!(null), true).phase, Phase::Updating, "it was never Active");
    }

    #[test]
    fn an_error_of_the_upkeep_is_tried_again_too() {
        let upkeep = Err(Error::Incomplete { what: "x".into(), missing: "uid" });
        assert!(Applied { upkeep, next: Ok(()) }.result().is_err());
    }
}
