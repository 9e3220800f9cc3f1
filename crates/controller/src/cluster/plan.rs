//! The actions for a cluster, from what was observed. Synchronous, no client.

use std::time::Duration;

use kube::ResourceExt;

use super::import;
use super::next::{ClusterAction, Plan, SOON, held, was_active};
use super::observe::Observed;
use crate::decision::{Decision, failing};
use crate::jobs::{Stage, Turn, Work};
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};
use crd::member::has_finalizer;
use crd::phase::Phase;

/// What is to be done for `cluster`.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Plan {
    Plan { upkeep: upkeep::plan(cluster, seen), ..next(cluster, seen) }
}

/// The next action for `cluster`.
fn next(cluster: &EKSClusterConfig, seen: &Observed) -> Plan {
    let ours = has_finalizer(cluster);
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
        Ok(world) => converge::plan(cluster, seen, spec, world),
        Err(error) => {
            let phase = old.unwrap_or(Phase::Creating);
            Decision::new(ClusterAction::Nothing, phase, failing(error)).after(Duration::from_secs(5))
        }
    }
}

fn deleting(message: &str) -> Health {
    let message = if message.is_empty() { "the cluster is being deleted" } else { message };
    Health::Progressing(Reason::Deleting, message.into())
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
mod converge;
#[cfg(test)]
mod deletion_tests;
mod running;
mod servers;
mod start_stop;
#[cfg(test)]
mod tests;
mod upgrade;
mod upkeep;
