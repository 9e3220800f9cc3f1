//! The actions for a cluster, from what was observed. Synchronous, no client.

use std::time::Duration;

use kube::ResourceExt;

use super::authority;
use super::control_plane;
use super::import;
use super::next::{ClusterAction, Plan, ROUTINE, SOON, held, runs, was_active};
use super::observe::Observed;
use super::orphaned_nodes;
use crate::decision::{Decision, failing, step_message};
use crate::jobs::{Stage, Turn, Work};
use crd::conditions::{Health, Reason, STALLED};
use crd::phase::Phase;
use crd::{EKSClusterConfig, keys};
use provider::{ClusterObservation, DesiredCluster, NodeObservation, Step};

/// What is to be done for `cluster`.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Plan {
    Plan { upkeep: upkeep::plan(cluster, seen), ..next(cluster, seen) }
}

/// The next action for `cluster`.
fn next(cluster: &EKSClusterConfig, seen: &Observed) -> Plan {
    let ours = cluster.finalizers().iter().any(|f| f == keys::FINALIZER);
    if cluster.metadata.deletion_timestamp.is_some() {
        return if ours {
            delete(cluster, seen)
        } else {
            Decision::new(ClusterAction::Nothing, Phase::Deleting, deleting(""))
        };
    }
    let old = cluster.status.as_ref().and_then(|s| s.phase);
    if let Some(conflict) = &seen.conflict {
        let message = format!(
            "{conflict} is older and has the same account, region and displayName; this resource waits until one of them is deleted"
        );
        // The other one's end wakes nobody here.
        return held(Phase::Failed, Health::Stalled(Reason::Conflict, message)).after(SOON * 5);
    }
    if !ours {
        let health = Health::Progressing(Reason::Creating, "the cluster was accepted".into());
        return Decision::new(ClusterAction::AddFinalizer, old.unwrap_or(Phase::Creating), health);
    }
    let spec = match &seen.plan {
        Ok(spec) => spec,
        Err(problem) => {
            // One that doesn't run isn't Active because of a mistake in its spec: its nodes would be taken for dead ones.
            let phase = match old {
                Some(phase @ (Phase::Stopped | Phase::Updating)) => phase,
                _ if was_active(cluster) => Phase::Active,
                _ => Phase::Failed,
            };
            return held(phase, problem.health.clone());
        }
    };
    if spec.import.is_some() {
        return import::plan(cluster, seen);
    }
    match &seen.world {
        Ok(world) => converge(cluster, seen, spec, world),
        Err(error) => {
            let phase = old.unwrap_or(Phase::Creating);
            Decision::new(ClusterAction::Nothing, phase, failing(error)).after(Duration::from_secs(5))
        }
    }
}

/// The next action towards what the spec asks for, from the servers that exist.
fn converge(cluster: &EKSClusterConfig, seen: &Observed, spec: &DesiredCluster, world: &ClusterObservation) -> Plan {
    let was_active = was_active(cluster);
    let servers = &world.servers;
    if let Some(plan) = start_stop::stop(cluster, seen, servers) {
        return plan;
    }
    if let Some(plan) = start_stop::interrupted(cluster, seen, spec, world) {
        return plan;
    }
    let was = cluster.status.as_ref().and_then(|s| s.phase);
    let running = runs(seen, spec, world);
    let whole = world.nodes.iter().all(NodeObservation::runs);
    // Nodes that are still being started would be taken for dead ones.
    let starting = was_active && matches!(seen.job.turn(Work::Start), Turn::Mine(Stage::Running(_)));
    // The version was changed before the cluster was ever Active: what was begun for the other one isn't used.
    let outdated = !was_active && seen.has_api_server && servers.iter().any(|server| server.image != spec.image);
    if running && !starting && !outdated && (seen.child.ready || !seen.has_api_server) {
        return plan_running(cluster, seen);
    }
    if running && was_active && seen.job.is_idle() && !seen.child.is_known() {
        return Decision::new(ClusterAction::LookAgain, Phase::Active, Health::Ready).after(SOON);
    }
    // Of several servers one may die: the others answer, and nothing of the cluster changes.
    let answers =
        was_active && spec.servers > 1 && world.has_quorum(spec.servers) && (whole || was == Some(Phase::Active));
    if let Some(mut waiting) = at_work(cluster, seen, was_active) {
        if answers
            && (matches!(seen.job.turn(Work::Start), Turn::Mine(Stage::Queued | Stage::Running(_)))
                || !seen.job.is_under_way())
        {
            waiting.phase = Phase::Active;
        }
        return waiting;
    }
    let phase = match was_active {
        true if answers => Phase::Active,
        true => Phase::Updating,
        false => Phase::Creating,
    };
    if servers.is_empty() || outdated || (!was_active && seen.job.turn(Work::Create) != Turn::Finished) {
        let what = if was_active {
            "the cluster's server is gone; recreating it"
        } else {
            "Creating: waiting for a free slot"
        };
        let health = Health::Progressing(if was_active { Reason::Creating } else { Reason::Queued }, what.into());
        return Decision::new(ClusterAction::StartCreate(spec.clone()), phase, health);
    }
    if !running {
        return start_again(spec, was, answers, phase);
    }
    plan_unreachable(seen, was_active, phase)
}

/// Not all servers run that did. `answers` says whether those that are left do for the cluster.
fn start_again(spec: &DesiredCluster, was: Option<Phase>, answers: bool, phase: Phase) -> Plan {
    let (reason, what) = if was == Some(Phase::Stopped) {
        (Reason::Updating, "Starting")
    } else if answers {
        (Reason::Unreachable, "a server of the cluster is gone; recreating it while the others answer")
    } else {
        (Reason::Unreachable, "the cluster is stopped; starting it")
    };
    Decision::new(ClusterAction::StartStart(spec.clone()), phase, Health::Progressing(reason, what.into()))
}

/// The server runs, but its API server doesn't answer.
fn plan_unreachable(seen: &Observed, was_active: bool, phase: Phase) -> Plan {
    if let Some(Ok(target)) = seen.target.as_ref().filter(|t| t.as_ref().is_ok_and(|t| seen.on_image(t))) {
        // An upgrade was interrupted while the new server came up.
        let health = Health::Progressing(Reason::Updating, format!("Upgrading to {}", target.version));
        return Decision::new(ClusterAction::StartUpgrade(target.clone()), Phase::Updating, health);
    }
    let health = if was_active {
        Health::Failing(Reason::Unreachable, format!("the API server can't be reached: {}", seen.child.problem))
    } else {
        Health::Progressing(Reason::Creating, format!("waiting for the API server: {}", seen.child.problem))
    };
    Decision::new(ClusterAction::Nothing, if was_active { Phase::Active } else { phase }, health)
        .after(Duration::from_secs(5))
}

fn deleting(message: &str) -> Health {
    let message = if message.is_empty() { "the cluster is being deleted" } else { message };
    Health::Progressing(Reason::Deleting, message.into())
}

/// Waits for work in progress or for the back-off. `None` if new work may start.
fn at_work(cluster: &EKSClusterConfig, seen: &Observed, was_active: bool) -> Option<Plan> {
    let phase = if was_active { Phase::Updating } else { Phase::Creating };
    let progressing = |reason, message: String| {
        let next = if cluster.metadata.deletion_timestamp.is_none() && !seen.inline.is_empty() {
            ClusterAction::SyncNodegroups(seen.inline.clone())
        } else {
            ClusterAction::Nothing
        };
        Some(Decision::new(next, phase, Health::Progressing(reason, message)))
    };
    if let Some((work, stage)) = seen.job.under_way() {
        return match stage {
            Stage::Queued => progressing(Reason::Queued, format!("{}: waiting for a free slot", work.verb())),
            Stage::Running(step) => progressing(reason(work), step_message(work.verb(), step)),
            Stage::Stopping => progressing(reason(work), step_message(work.verb(), &Step::default())),
        };
    }
    let Some((_, Err(error))) = seen.job.ended() else { return None };
    let phase = if matches!(error, provider::Error::Unavailable { .. }) { phase } else { Phase::Failed };
    seen.wait.map(|wait| Decision::new(ClusterAction::Nothing, phase, failing(error)).after(wait))
}

const fn reason(work: Work) -> Reason {
    match work {
        Work::Upgrade | Work::Configure | Work::Certify => Reason::Updating,
        _ => Reason::Creating,
    }
}

/// The API server answers: reconcile what belongs around it.
fn plan_running(cluster: &EKSClusterConfig, seen: &Observed) -> Plan {
    if let Some(mut upgrading) = upgrade::plan(cluster, seen) {
        // A version that is refused because of node groups mustn't keep them from theirs.
        if matches!(seen.target, Some(Err(_))) && !seen.inline.is_empty() {
            upgrading.next = ClusterAction::SyncNodegroups(seen.inline.clone());
        }
        return upgrading;
    }
    if let Some(configuring) = configure::plan(cluster, seen) {
        return configuring;
    }
    let ready = || Decision::new(ClusterAction::Nothing, Phase::Active, Health::Ready).after(ROUTINE);
    let certifying = authority::plan::plan(cluster, seen).unwrap_or_else(ready);
    let sync = (!seen.inline.is_empty()).then(|| ClusterAction::SyncNodegroups(seen.inline.clone()));
    let rest = around(cluster, seen, certifying.phase, certifying.next.clone());
    // An entry that was refused mustn't hold up the rest.
    let next = match sync {
        Some(_) if was_refused(cluster) && rest != ClusterAction::Nothing => rest,
        Some(sync) => sync,
        None => rest,
    };
    let decision = servers::mend(cluster, seen, Decision { next, ..certifying });
    match decision.next {
        ClusterAction::TaintServers(_) => decision.after(control_plane::AGAIN),
        // A disruption budget may hold a pod for as long as it likes.
        ClusterAction::ClearServers(_) => decision.after(control_plane::AGAIN * 12),
        _ => decision,
    }
}

/// Whether exactly this spec was refused.
fn was_refused(cluster: &EKSClusterConfig) -> bool {
    let conditions = cluster.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let refused = conditions.iter().find(|c| c.type_ == STALLED && c.status == "True");
    refused.is_some_and(|c| c.reason == "InvalidSpec" && c.observed_generation == cluster.metadata.generation)
}

/// Objects around a cluster, apart from node groups.
fn around(cluster: &EKSClusterConfig, seen: &Observed, phase: Phase, certifying: ClusterAction) -> ClusterAction {
    if !seen.access_written {
        ClusterAction::WriteAccess
    } else if certifying != ClusterAction::Nothing {
        certifying
    } else if let Some(strays) = orphaned_nodes::of(seen) {
        ClusterAction::DeleteNodeObjects(strays)
    } else if let Some(plan) = seen.running().filter(|_| seen.configured.is_none() && phase == Phase::Active) {
        ClusterAction::Configure(plan.clone(), None)
    } else {
        control_plane::plan(cluster, seen).unwrap_or(ClusterAction::Nothing)
    }
}

/// Deletion: node groups first, then the cluster, then our finalizer.
fn delete(cluster: &EKSClusterConfig, seen: &Observed) -> Plan {
    let phase = Phase::Deleting;
    if cluster.spec.deletion_protection == Some(true) {
        let message = "deletion is refused while deletionProtection is true; set it to false to continue";
        let phase = cluster.status.as_ref().and_then(|s| s.phase).unwrap_or(Phase::Active);
        return held(phase, Health::Stalled(Reason::DeletionProtected, message.into()));
    }
    let live = seen.nodegroups.iter().filter(|g| g.metadata.deletion_timestamp.is_none());
    let live: Vec<String> = live.map(|g| g.name_any()).collect();
    if !live.is_empty() {
        return Decision::new(ClusterAction::DeleteNodegroups(live), phase, deleting("deleting the node groups"))
            .after(SOON);
    }
    if cluster.spec.imported {
        return if seen.nodegroups.is_empty() {
            Decision::new(
                ClusterAction::Release(seen.plan.as_ref().ok().cloned()),
                phase,
                deleting("releasing the cluster"),
            )
        } else {
            Decision::new(ClusterAction::Nothing, phase, deleting("waiting for the node groups to go")).after(SOON)
        };
    }
    match seen.job.turn(Work::Delete) {
        Turn::Mine(Stage::Stopping) | Turn::Other(Stage::Stopping) => {
            return Decision::new(ClusterAction::Nothing, phase, deleting("stopping work in progress")).after(SOON);
        }
        Turn::Other(_) => {
            return Decision::new(ClusterAction::Cancel, phase, deleting("stopping work in progress"));
        }
        Turn::Mine(_) => {
            return Decision::new(ClusterAction::Nothing, phase, deleting("removing servers and nodes"));
        }
        Turn::Finished if seen.nodegroups.is_empty() => {
            return Decision::new(ClusterAction::Finish, phase, deleting(""));
        }
        Turn::Failed(error) if seen.wait.is_some() => {
            return Decision { again: seen.wait, ..Decision::new(ClusterAction::Nothing, phase, failing(error)) };
        }
        Turn::Free | Turn::Finished | Turn::Failed(_) => {}
    }
    if !seen.nodegroups.is_empty() {
        return Decision::new(ClusterAction::Nothing, phase, deleting("waiting for the node groups to go")).after(SOON);
    }
    let never_made = cluster.status.as_ref().is_none_or(|s| s.applied.is_none());
    if seen.provider_name.is_empty() && never_made {
        return Decision::new(ClusterAction::Finish, phase, deleting(""));
    }
    if seen.provider_name.is_empty() {
        let message = format!("the cluster's provider is off; {} to continue the deletion", seen.turn_on);
        return held(phase, Health::Stalled(Reason::ProviderUnavailable, message));
    }
    Decision::new(ClusterAction::StartDelete, phase, deleting("removing servers and nodes"))
}

mod configure;
#[cfg(test)]
mod deletion_tests;
mod servers;
mod start_stop;
#[cfg(test)]
mod tests;
mod upgrade;
mod upkeep;
