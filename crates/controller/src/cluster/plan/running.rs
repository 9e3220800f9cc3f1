//! Plans what belongs around a cluster whose API server answers.

use super::{configure, servers, upgrade};
use crate::cluster::next::{ClusterAction, Plan, ROUTINE, sync_nodegroups};
use crate::cluster::observe::Observed;
use crate::cluster::{authority, control_plane, orphaned_nodes};
use crate::decision::Decision;
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason, STALLED};
use crd::phase::Phase;

/// The next action: another version, then other files of the servers, then all else.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Plan {
    if let Some(upgrading) = upgrade::plan(cluster, seen) {
        return match sync_nodegroups(seen) {
            // A version that is refused because of node groups mustn't keep them from theirs.
            Some(sync) if matches!(seen.target, Some(Err(_))) => Plan { next: sync, ..upgrading },
            _ => upgrading,
        };
    }
    if let Some(configuring) = configure::plan(cluster, seen) {
        return configuring;
    }
    let ready = || Decision::new(ClusterAction::Nothing, Phase::Active, Health::Ready).after(ROUTINE);
    let certifying = authority::plan::plan(cluster, seen).unwrap_or_else(ready);
    let rest = around(cluster, seen, certifying.phase, certifying.next.clone());
    let next = match sync_nodegroups(seen) {
        // An entry that was refused mustn't hold up the rest.
        Some(sync) if rest == ClusterAction::Nothing || !was_refused(cluster) => sync,
        _ => rest,
    };
    let decision = told(seen, servers::mend(cluster, seen, Decision { next, ..certifying }));
    match decision.next {
        ClusterAction::TaintServers(_) => decision.after(control_plane::AGAIN),
        // A disruption budget may hold a pod for as long as it likes.
        ClusterAction::ClearServers(_) => decision.after(control_plane::AGAIN * 12),
        _ => decision,
    }
}

/// The decision, where nodes can't be told of all registries: the cluster works, and isn't as the spec asks.
fn told(seen: &Observed, decision: Plan) -> Plan {
    match &seen.child.registries_problem {
        Some(problem) if decision.health == Health::Ready => {
            let message = format!("{problem}. Nodes that have registries keep those");
            Plan { health: Health::Failing(Reason::RegistriesNotReady, message), ..decision }
        }
        _ => decision,
    }
}

/// Whether exactly this spec was refused.
fn was_refused(cluster: &EKSClusterConfig) -> bool {
    let conditions = cluster.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let refused = conditions.iter().find(|c| c.type_ == STALLED && c.status == "True");
    refused.is_some_and(|c| {
        c.reason == Reason::InvalidSpec.as_str() && c.observed_generation == cluster.metadata.generation
    })
}

/// Objects around a cluster, apart from node groups: the first that isn't as it should be.
fn around(cluster: &EKSClusterConfig, seen: &Observed, phase: Phase, certifying: ClusterAction) -> ClusterAction {
    if !seen.access_written {
        ClusterAction::WriteAccess
    } else if certifying != ClusterAction::Nothing {
        certifying
    } else if let Some(orphans) = orphaned_nodes::of(seen) {
        ClusterAction::DeleteNodeObjects(orphans)
    } else if let Some(plan) = seen.running().filter(|_| seen.configured.is_none() && phase == Phase::Active) {
        ClusterAction::Configure(plan.clone(), None)
    } else {
        control_plane::plan(cluster, seen).unwrap_or(ClusterAction::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::child_clusters::Child;
    use crate::fixtures::{active, cluster, seen_cluster, server};
    use provider::MachineState;

    #[test]
    fn a_registry_s_secret_that_is_missing_is_told_of_an_active_cluster() {
        let child = |problem: Option<&str>| Child {
            ready: true,
            registries_problem: problem.map(str::to_owned),
            ..Child::default()
        };
        let of = |problem| {
            let world = Ok(server(MachineState::Running));
            plan(&cluster(json!({}), active()), &Observed { world, child: child(problem), ..seen_cluster() })
        };
        assert_eq!(of(None).health, Health::Ready);
        let told = of(Some("Secret default/login doesn't exist"));
        assert_eq!(told.phase, Phase::Active);
        let message = "Secret default/login doesn't exist. Nodes that have registries keep those".to_owned();
        assert_eq!(told.health, Health::Failing(Reason::RegistriesNotReady, message));
    }
}
