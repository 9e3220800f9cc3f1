//! Plans the stop and start of a cluster, interrupted ones included.

use crate::cluster::hibernation;
use crate::cluster::next::{ClusterAction, Plan, SOON, held, must_stop, runs, was_active};
use crate::cluster::observe::Observed;
use crate::decision::{Decision, failing};
use crate::jobs::{Turn, Work};
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};
use crd::phase::Phase;
use provider::{ClusterObservation, DesiredCluster, MachineState, NodeObservation, ServerObservation};

/// The next action towards a stopped cluster; `None` if no stop is wanted or nothing runs.
pub fn stop(cluster: &EKSClusterConfig, seen: &Observed, servers: &[ServerObservation]) -> Option<Plan> {
    if !must_stop(cluster, seen) || !was_active(cluster) {
        return None;
    }
    let stopping =
        |next| Decision::new(next, Phase::Updating, Health::Progressing(Reason::Updating, "Stopping".into()));
    // A server that died leaves its nodes running.
    let nodes = seen.world.as_ref().is_ok_and(|world| world.nodes.iter().any(NodeObservation::runs));
    let runs = nodes || servers.iter().any(|server| server.state == MachineState::Running);
    match seen.job.turn(Work::Stop) {
        Turn::Mine(_) | Turn::Other(_) => Some(stopping(ClusterAction::Nothing).after(SOON)),
        Turn::Failed(error) if seen.wait.is_some() => {
            let waiting = Decision::new(ClusterAction::Nothing, Phase::Updating, failing(error));
            Some(Decision { again: seen.wait, ..waiting })
        }
        _ if runs && seen.has_api_server => Some(stopping(ClusterAction::StartStop)),
        _ if servers.is_empty() => None,
        _ => Some(held(Phase::Stopped, hibernation::at_rest(cluster, seen.sleeps, &seen.now))),
    }
}

/// Ends a stop that nobody wants any more, or an interrupted start. `None` if there is neither.
pub fn interrupted(
    cluster: &EKSClusterConfig,
    seen: &Observed,
    spec: &DesiredCluster,
    world: &ClusterObservation,
) -> Option<Plan> {
    let starting = |next, message: &str| {
        Decision::new(next, Phase::Updating, Health::Progressing(Reason::Updating, message.into()))
    };
    if let Turn::Mine(_) = seen.job.turn(Work::Stop) {
        return Some(starting(ClusterAction::Nothing, "Starting: waiting until the cluster has stopped").after(SOON));
    }
    // Only of a cluster that is Active a node that doesn't run has died: of any other it hasn't been started yet.
    let active = cluster.status.as_ref().and_then(|s| s.phase) == Some(Phase::Active);
    let halfway =
        was_active(cluster) && !active && runs(seen, spec, world) && !world.nodes.iter().all(NodeObservation::runs);
    if seen.job.is_under_way() || !halfway {
        return None;
    }
    match (seen.job.ended(), seen.wait) {
        // What could be started has been.
        (Some((_, Ok(()))), _) => None,
        (Some((_, Err(error))), Some(wait)) => {
            Some(Decision::new(ClusterAction::Nothing, Phase::Updating, failing(error)).after(wait))
        }
        _ => Some(starting(ClusterAction::StartStart(spec.clone()), "Starting")),
    }
}
