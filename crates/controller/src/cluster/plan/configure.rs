//! Plans changes of the files that a cluster's servers start with.

use crate::cluster::next::{ClusterAction, Plan, SOON, was_active};
use crate::cluster::observe::Observed;
use crate::decision::{Decision, failing, step_message};
use crate::jobs::{Stage, Turn, Work};
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};
use crd::phase::Phase;

/// The next action if the servers need other files. `None` once they have them, and before that is known.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Option<Plan> {
    let plan = seen.running()?;
    let was_active = was_active(cluster);
    let (phase, reason) =
        if was_active { (Phase::Updating, Reason::Updating) } else { (Phase::Creating, Reason::Creating) };
    let progressing =
        |next, message| Some(Decision::new(next, phase, Health::Progressing(reason, message)).after(SOON));
    let seen_before = cluster.status.as_ref().and_then(|s| s.observed_generation) == cluster.metadata.generation;
    let unknown = seen.configured.is_none();
    let wanted = seen.rotation.is_some()
        || seen.configured == Some(false)
        || (unknown && was_active && !seen_before)
        || (unknown && plan.public_endpoint.has_rules());
    match seen.job.turn(Work::Configure) {
        Turn::Mine(Stage::Running(step)) => progressing(ClusterAction::Nothing, step_message("Configuring", step)),
        Turn::Mine(Stage::Queued) => progressing(ClusterAction::Nothing, "Configuring: waiting for a free slot".into()),
        _ if !wanted => None,
        Turn::Failed(error) if seen.wait.is_some() => {
            let waiting = Decision::new(ClusterAction::Nothing, Phase::Active, failing(error));
            Some(Decision { again: seen.wait, ..waiting })
        }
        Turn::Mine(_) | Turn::Other(_) => {
            progressing(ClusterAction::Nothing, "Configuring: waiting for work in progress".into())
        }
        _ => progressing(ClusterAction::Configure(plan.clone(), seen.rotation.clone()), "Configuring".into()),
    }
}
