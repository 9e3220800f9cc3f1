//! The next action for a node group, from what was observed. Synchronous, no client.

use std::time::Duration;

use super::drain::{self, Patience};
use super::labels_taints;
use super::observe::{Api, Observed, Owner, Rolling, missing};
use crate::cluster::hibernation;
use crate::decision::{Decision, failing, step_message};
use crate::jobs::{Stage, Turn, Work};
use crd::Nodegroup;
use crd::conditions::{Health, Reason};
use crd::member::has_finalizer;
use crd::phase::Phase;
use provider::{DesiredNodegroup, Error, NodeObservation};

/// Periodic resync, in case an event was missed.
const ROUTINE: Duration = Duration::from_secs(600);
/// Requeue interval while waiting for something that may send no event.
const SOON: Duration = Duration::from_secs(5);
/// Requeue interval for state that changes in a moment.
const QUICK: Duration = Duration::from_millis(300);

/// One action.
#[derive(Clone, Debug, PartialEq)]
pub enum NodegroupAction {
    /// Put our finalizer on the resource.
    AddFinalizer,
    /// Take our finalizer off: nothing is left.
    Finish,
    /// Tell running work to stop.
    Cancel,
    /// Begin to add this many nodes.
    AddNodes(DesiredNodegroup, usize),
    /// Begin to remove these machines.
    RemoveNodes(Vec<String>),
    /// Begin to take the pods off these machines and to remove them.
    Drain(Vec<String>, Patience),
    /// The same for the machines `sure` and for `count` out of `among`, those with the fewest pods.
    DrainLeastBusy {
        /// Go in any case.
        sure: Vec<String>,
        /// Some of these go.
        among: Vec<String>,
        /// How many of them.
        count: usize,
    },
    /// Delete these Node objects: their machines are gone.
    DeleteNodeObjects(Vec<String>),
    /// Change labels and taints of nodes.
    MarkNodes(Vec<labels_taints::Change>),
    /// Only report.
    Nothing,
    /// Keep the status and reconcile again in a moment: the state isn't known yet.
    LookAgain,
}

impl NodegroupAction {
    /// Whether the status stays as it is: nothing is left to report on, or the state isn't known yet.
    pub const fn is_silent(&self) -> bool {
        matches!(self, Self::Finish | Self::LookAgain)
    }
}

/// What is decided for a node group.
pub type Plan = Decision<NodegroupAction>;

/// The next action for `group`.
pub fn plan(group: &Nodegroup, seen: &Observed) -> Plan {
    let ours = has_finalizer(group);
    let was_active = group.status.as_ref().is_some_and(|s| s.active_since.is_some());
    if group.metadata.deletion_timestamp.is_some() {
        return if ours { delete(seen) } else { deleting(NodegroupAction::Nothing) };
    }
    let phase = if was_active { Phase::Updating } else { Phase::Creating };
    // Before anything is said of it that would be a claim to the name.
    if let Some(conflict) = &seen.conflict {
        let message = format!(
            "Nodegroup {conflict} is older and has the same nodegroupName in the same cluster; this resource waits until one of them is deleted"
        );
        // The end of the other one triggers no reconcile here.
        return Decision::new(NodegroupAction::Nothing, Phase::Failed, Health::Stalled(Reason::Conflict, message))
            .after(SOON);
    }
    if !ours {
        let health = Health::Progressing(Reason::Creating, "the node group was accepted".into());
        return Decision::new(NodegroupAction::AddFinalizer, phase, health);
    }
    if let Some(waiting) = waiting(group, seen, phase) {
        return waiting;
    }
    let spec = match &seen.plan {
        Ok(spec) => spec,
        Err(problem) => return idle(if was_active { Phase::Active } else { Phase::Failed }, problem.health.clone()),
    };
    match &seen.machines {
        Ok(machines) => {
            let decision = converge(seen, spec, machines, phase, was_active);
            mark(group, seen, spec, decision)
        }
        Err(error) => Decision::new(NodegroupAction::Nothing, phase, failing(error)).after(SOON),
    }
}

fn idle(phase: Phase, health: Health) -> Plan {
    Decision::new(NodegroupAction::Nothing, phase, health).after(ROUTINE)
}

fn deleting(next: NodegroupAction) -> Plan {
    let health = Health::Progressing(Reason::Deleting, "the node group is being deleted".into());
    Decision::new(next, Phase::Deleting, health)
}

/// Message about the nodes of a stopped cluster.
fn at_rest(seen: &Observed) -> Health {
    let Some(cluster) = &seen.cluster else { return Health::Ready };
    let sleeps = cluster.status.as_ref().is_some_and(|status| status.hibernated.is_some());
    match hibernation::at_rest(cluster, sleeps, &seen.now) {
        Health::Noted(reason, message) => Health::Noted(reason, format!("the cluster is {message}")),
        other => other,
    }
}

/// The cluster can't take nodes now.
fn waiting(group: &Nodegroup, seen: &Observed, phase: Phase) -> Option<Plan> {
    let message = match &seen.owner {
        Owner::Active => return None,
        Owner::NotReady(Some(Phase::Stopped)) => return Some(idle(Phase::Stopped, at_rest(seen))),
        Owner::Missing => missing(group),
        Owner::Deleting => format!("cluster {} is being deleted", group.spec.cluster_name),
        Owner::NotReady(Some(phase)) => format!("waiting for cluster {}, which is {phase}", group.spec.cluster_name),
        Owner::NotReady(None) => format!("waiting for cluster {} to become Active", group.spec.cluster_name),
    };
    Some(idle(phase, Health::Progressing(Reason::WaitingForCluster, message)))
}

/// The next action towards the desired number of running machines, each with a Ready node.
fn converge(
    seen: &Observed,
    spec: &DesiredNodegroup,
    machines: &[NodeObservation],
    phase: Phase,
    was_active: bool,
) -> Plan {
    if let Some(waiting) = at_work(seen, phase, was_active) {
        return waiting;
    }
    let act = |next, reason, message: String| Decision::new(next, phase, Health::Progressing(reason, message));
    let (alive, dead): (Vec<&NodeObservation>, Vec<_>) = machines.iter().partition(|m| m.runs());
    if !dead.is_empty() {
        return replace(seen, &dead, phase);
    }
    if let Some(stale) = stale(seen, machines) {
        let next = NodegroupAction::DeleteNodeObjects(stale);
        return act(next, Reason::Updating, "removing nodes that are gone".into());
    }
    if let Some(rolling) = seen.rolling {
        let (fresh, outdated): (Vec<&NodeObservation>, Vec<_>) = alive.iter().partition(|m| m.fits(spec));
        if !outdated.is_empty() {
            return roll(seen, rolling, spec, (&fresh, &outdated), phase);
        }
    }
    if alive.len() < spec.desired {
        let missing = spec.desired - alive.len();
        let message = format!("adding {missing} of {} nodes", spec.desired);
        return act(NodegroupAction::AddNodes(spec.clone(), missing), Reason::Queued, message);
    }
    if alive.len() > spec.desired {
        let surplus = alive.len() - spec.desired;
        let message = format!("removing {surplus} of {} nodes", alive.len());
        return act(fewer(seen, &alive, surplus), Reason::Updating, message);
    }
    readiness(seen, spec, &alive, phase, was_active)
}

/// Waits for work in progress or for the back-off. `None` if new work may start.
fn at_work(seen: &Observed, phase: Phase, was_active: bool) -> Option<Plan> {
    let nothing = |phase, health| Decision::new(NodegroupAction::Nothing, phase, health);
    let working = |reason, message: String| nothing(phase, Health::Progressing(reason, message));
    if let Some((work, stage)) = seen.job.under_way() {
        let reason = if was_active { Reason::Updating } else { Reason::Creating };
        return Some(match stage {
            Stage::Queued => working(Reason::Queued, "waiting for a free slot".into()),
            Stage::Running(step) => working(reason, step_message(work.verb(), step)),
            Stage::Stopping => working(Reason::Updating, "stopping work in progress".into()),
        });
    }
    let Some((_, Err(error))) = seen.job.ended() else { return None };
    // Only a change of the spec asks again for what pods have prevented.
    let until_changed = seen.rolling.is_some_and(|rolling| !rolling.again && !rolling.force) && seen.reported;
    if matches!(error, Error::EvictionTimeout { .. }) && until_changed {
        let phase = if was_active { Phase::Active } else { phase };
        let health = Health::Stalled(Reason::PodEvictionFailure, error.to_string());
        return Some(nothing(phase, health).after(ROUTINE));
    }
    let away = matches!(error, Error::Unavailable { .. });
    let phase = if was_active || away { phase } else { Phase::Failed };
    seen.wait.map(|wait| nothing(phase, failing(error)).after(wait))
}

/// Replaces machines that no longer run.
fn replace(seen: &Observed, dead: &[&NodeObservation], phase: Phase) -> Plan {
    if seen.has_api_server && seen.api != Api::Answers {
        // They may have been stopped with their cluster.
        let health = Health::Progressing(Reason::NodesNotReady, "waiting for the cluster's API server".into());
        return Decision::new(NodegroupAction::Nothing, phase, health).after(SOON);
    }
    let names: Vec<String> = dead.iter().map(|m| m.name.clone()).collect();
    let message = format!("replacing {}, which no longer runs", names.join(", "));
    Decision::new(NodegroupAction::RemoveNodes(names), phase, Health::Progressing(Reason::Updating, message))
}

/// The next action towards the desired version: a few nodes at a time, and a new node is Ready before an old one goes.
fn roll(
    seen: &Observed,
    rolling: Rolling,
    spec: &DesiredNodegroup,
    (fresh, outdated): (&[&NodeObservation], &[&NodeObservation]),
    phase: Phase,
) -> Plan {
    let working = |message: String| Health::Progressing(Reason::Updating, message);
    let done = format!("{} of {} nodes are up to date", fresh.len(), spec.desired);
    let surplus = (fresh.len() + outdated.len()).saturating_sub(spec.desired);
    if surplus == 0 {
        let count = spec.desired + rolling.surge.min(outdated.len()) - fresh.len() - outdated.len();
        return Decision::new(
            NodegroupAction::AddNodes(spec.clone(), count),
            phase,
            working(format!("{done}; adding {count}")),
        );
    }
    if let Some(waited) = fresh.iter().find(|m| !is_ready(seen, &m.name)) {
        let health = working(format!("{done}; waiting for {} to be Ready", waited.name));
        return Decision::new(NodegroupAction::Nothing, phase, health).after(SOON);
    }
    let names = victims(seen, outdated, surplus.min(outdated.len()));
    let health = working(format!("{done}; draining {}", names.join(", ")));
    let patience = Patience { limit: drain::UPDATE, force: rolling.force };
    // Without an answer from the API server it isn't begun.
    Decision::new(NodegroupAction::Drain(names, patience), phase, health).after(SOON)
}

/// Applies changed labels and taints once all nodes are Ready.
fn mark(group: &Nodegroup, seen: &Observed, spec: &DesiredNodegroup, decision: Plan) -> Plan {
    if decision.health != Health::Ready || decision.next != NodegroupAction::Nothing {
        return decision;
    }
    let before = group.status.as_ref().and_then(|s| s.applied.as_ref());
    let changes = labels_taints::changes(&labels_taints::wanted(spec), before, &seen.marks);
    if changes.is_empty() {
        return decision;
    }
    let message = format!("changing labels and taints of {}", text::counted(changes.len(), "node"));
    let health = Health::Progressing(Reason::Updating, message);
    Decision::new(NodegroupAction::MarkNodes(changes), Phase::Updating, health).after(SOON)
}

/// The number is right: checks whether all are Ready.
fn readiness(
    seen: &Observed,
    spec: &DesiredNodegroup,
    alive: &[&NodeObservation],
    phase: Phase,
    was_active: bool,
) -> Plan {
    let ready = alive.iter().filter(|m| is_ready(seen, &m.name)).count();
    if ready == spec.desired {
        return idle(Phase::Active, Health::Ready);
    }
    if was_active && seen.has_api_server && seen.api == Api::Looking {
        return Decision::new(NodegroupAction::LookAgain, Phase::Active, Health::Ready).after(QUICK);
    }
    let message = format!("{ready} of {} nodes are Ready", spec.desired);
    let health = Health::Progressing(Reason::NodesNotReady, message);
    Decision::new(NodegroupAction::Nothing, if was_active { Phase::Active } else { phase }, health).after(SOON)
}

/// Whether a machine's node is Ready. Without an API server, its existence is enough.
pub fn is_ready(seen: &Observed, name: &str) -> bool {
    match &seen.nodes {
        Some(nodes) => nodes.get(name).copied().unwrap_or_default(),
        None => !seen.has_api_server,
    }
}

/// Node objects of the group without a machine.
fn stale(seen: &Observed, machines: &[NodeObservation]) -> Option<Vec<String>> {
    let nodes = seen.nodes.as_ref()?;
    let gone: Vec<String> = nodes.keys().filter(|n| !machines.iter().any(|m| m.name == **n)).cloned().collect();
    (!gone.is_empty()).then_some(gone)
}

/// Removes `count` machines: those that aren't Ready first, then the least busy.
fn fewer(seen: &Observed, alive: &[&NodeObservation], count: usize) -> NodegroupAction {
    let names = victims(seen, alive, alive.len());
    let (among, mut sure): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| is_ready(seen, name));
    sure.truncate(count);
    let count = count - sure.len();
    if count == 0 {
        NodegroupAction::Drain(sure, drain::SCALE_DOWN)
    } else {
        NodegroupAction::DrainLeastBusy { sure, among, count }
    }
}

/// Which machines to remove: those that aren't Ready first, then the last by name.
fn victims(seen: &Observed, alive: &[&NodeObservation], count: usize) -> Vec<String> {
    let mut names: Vec<&str> = alive.iter().map(|m| m.name.as_str()).collect();
    names.sort_by_key(|name| (is_ready(seen, name), std::cmp::Reverse(*name)));
    names.into_iter().take(count).map(str::to_owned).collect()
}

/// Deletion: machines, Node objects, then our finalizer. A deleted cluster takes all of it along.
fn delete(seen: &Observed) -> Plan {
    match seen.job.turn_among(&[Work::RemoveNodes, Work::Drain]) {
        Turn::Other(Stage::Queued | Stage::Running(_)) => return deleting(NodegroupAction::Cancel),
        Turn::Other(Stage::Stopping) | Turn::Mine(_) => return deleting(NodegroupAction::Nothing).after(QUICK),
        Turn::Failed(error) if seen.wait.is_some() => {
            let waiting = Decision::new(NodegroupAction::Nothing, Phase::Deleting, failing(error));
            return Decision { again: seen.wait, ..waiting };
        }
        Turn::Free | Turn::Finished | Turn::Failed(_) => {}
    }
    if matches!(seen.owner, Owner::Missing | Owner::Deleting) || seen.conflict.is_some() {
        return deleting(NodegroupAction::Finish);
    }
    match &seen.machines {
        Ok(machines) if !machines.is_empty() && seen.has_api_server => {
            deleting(NodegroupAction::Drain(machines.iter().map(|m| m.name.clone()).collect(), drain::SCALE_DOWN))
        }
        Ok(_) => match stale(seen, &[]) {
            Some(stale) => deleting(NodegroupAction::DeleteNodeObjects(stale)),
            None => deleting(NodegroupAction::Finish),
        },
        Err(error) => Decision::new(NodegroupAction::Nothing, Phase::Deleting, failing(error)).after(SOON),
    }
}

#[cfg(test)]
mod tests;
