//! Plans upgrades of Kubernetes.

use crate::cluster::next::{ClusterAction, Plan, SOON, held};
use crate::cluster::observe::Observed;
use crate::decision::{Decision, step_message};
use crate::jobs::{Stage, Turn, Work};
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};
use crd::phase::Phase;
use provider::Retry;

/// The next action towards another version, while the API server answers. `None` once it runs.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Option<Plan> {
    let target = match &seen.target {
        Some(Ok(target)) if !seen.reached(target) => target,
        Some(Err(problem)) => return Some(held(Phase::Active, problem.health.clone())),
        _ => return replaced(seen),
    };
    let progressing = |next, message| {
        Some(Decision::new(next, Phase::Updating, Health::Progressing(Reason::Updating, message)).after(SOON))
    };
    let seen_before = cluster.status.as_ref().and_then(|s| s.observed_generation) == cluster.metadata.generation;
    match seen.job.turn(Work::Upgrade) {
        Turn::Mine(Stage::Queued) | Turn::Other(Stage::Queued) => {
            progressing(ClusterAction::Nothing, "Upgrading: waiting for a free slot".into())
        }
        Turn::Mine(Stage::Running(step)) => progressing(ClusterAction::Nothing, step_message("Upgrading", step)),
        Turn::Mine(_) | Turn::Other(_) => {
            progressing(ClusterAction::Nothing, "Upgrading: waiting for the provider to finish other work".into())
        }
        Turn::Failed(error) if seen_before && error.retry() != Retry::Waiting => {
            let running = seen.plan.as_ref().map(|p| p.version.as_str()).unwrap_or_default();
            let text = format!(
                "the upgrade to {} failed and the cluster still runs {running}: {error}; to retry, set kubernetesVersion back to {running} and then to {}",
                target.version, target.version
            );
            Some(held(Phase::Active, Health::Stalled(Reason::UpgradeFailed, text)))
        }
        Turn::Finished if seen.on_image(target) => {
            progressing(ClusterAction::Nothing, "Upgrading: waiting for the API server to report its version".into())
        }
        _ => progressing(ClusterAction::StartUpgrade(target.clone()), format!("Upgrading to {}", target.version)),
    }
}

/// Finishes an upgrade that was interrupted while the new server came up. `None` if that isn't why the API server is silent.
pub fn interrupted(seen: &Observed) -> Option<Plan> {
    let target = seen.target.as_ref()?.as_ref().ok().filter(|target| seen.on_image(target))?;
    let health = Health::Progressing(Reason::Updating, format!("Upgrading to {}", target.version));
    Some(Decision::new(ClusterAction::StartUpgrade(target.clone()), Phase::Updating, health))
}

/// The last step of an upgrade: remove the replaced server.
fn replaced(seen: &Observed) -> Option<Plan> {
    let left = seen.has_api_server && seen.world.as_ref().is_ok_and(|world| world.old_server) && seen.wait.is_none();
    // What became of an upgrade that is done will be seen in a moment.
    let idle = matches!(seen.job.turn(Work::Upgrade), Turn::Free | Turn::Failed(_));
    let plan = seen.running().filter(|_| left && idle)?;
    let health = Health::Progressing(Reason::Updating, "removing the server that an upgrade has replaced".into());
    Some(Decision::new(ClusterAction::StartUpgrade(plan.clone()), Phase::Active, health).after(SOON))
}
