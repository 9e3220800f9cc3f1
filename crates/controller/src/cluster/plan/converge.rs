//! What a cluster needs next to be what its spec asks for, by what exists of it.

use std::time::Duration;

use super::{running, start_stop, upgrade};
use crate::cluster::next::{ClusterAction, Plan, SOON, runs, sync_nodegroups, was_active};
use crate::cluster::observe::Observed;
use crate::decision::{Decision, failing, step_message};
use crate::jobs::{Stage, Work};
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};
use crd::phase::Phase;
use provider::{ClusterObservation, DesiredCluster, Error, NodeObservation, Step};

/// Whether the cluster was Active before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    New,
    Active,
}

/// The servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Servers {
    /// None that can be used. Those that were made for another version before the cluster was ever Active can't.
    Missing,
    /// Fewer run than there are to be.
    Down,
    /// As many run as there are to be.
    Run,
}

/// The API server. Without one, as of a cluster that is a record, it counts as answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    /// It hasn't been asked yet.
    Unasked,
    Answers,
    Silent,
}

/// The cluster's job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job<'a> {
    /// None was begun by this process.
    Idle,
    UnderWay(Work, Stage<'a>),
    /// It failed, and is tried again after this pause.
    Paused(&'a Error, Duration),
    /// The cluster was made.
    Created,
    /// Another one is done, or one failed and may be tried again.
    Ended,
}

/// The next action towards what the spec asks for.
///
/// The first row that applies decides: whether the cluster is to run at all, then what runs as it should, then what is
/// being done already, then what is missing.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed, spec: &DesiredCluster, world: &ClusterObservation) -> Plan {
    if let Some(plan) = start_stop::stop(cluster, seen, &world.servers) {
        return plan;
    }
    if let Some(plan) = start_stop::interrupted(cluster, seen, spec, world) {
        return plan;
    }
    let past = if was_active(cluster) { Past::Active } else { Past::New };
    let majority = past == Past::Active && answers_with_fewer(cluster, spec, world);
    // Of several servers one may be away: the others answer, and nothing of the cluster changes meanwhile.
    let phase = if majority { Phase::Active } else { busy(past) };
    let create = |reason, message| begin(ClusterAction::StartCreate(spec.clone()), phase, reason, message);
    let start = |reason, message| begin(ClusterAction::StartStart(spec.clone()), phase, reason, message);
    let was_stopped = cluster.status.as_ref().and_then(|s| s.phase) == Some(Phase::Stopped);
    match (past, servers(past, seen, spec, world), api(seen), job(seen)) {
        // Nodes that are still being started would be taken for dead ones.
        (Past::Active, Servers::Run, _, Job::UnderWay(Work::Start, stage @ Stage::Running(_))) => {
            under_way(seen, phase, Work::Start, stage)
        }
        (_, Servers::Run, Api::Answers, _) => running::plan(cluster, seen),
        // After a start of this process the status stands until the API server was asked.
        (Past::Active, Servers::Run, Api::Unasked, Job::Idle) => {
            Decision::new(ClusterAction::LookAgain, Phase::Active, Health::Ready).after(SOON)
        }

        (_, _, _, Job::UnderWay(Work::Start, stage @ (Stage::Queued | Stage::Running(_)))) => {
            under_way(seen, phase, Work::Start, stage)
        }
        (_, _, _, Job::UnderWay(work, stage)) => under_way(seen, busy(past), work, stage),
        (_, _, _, Job::Paused(error, wait)) => paused(error, phase).after(wait),

        (Past::Active, Servers::Missing, _, _) => {
            create(Reason::Creating, "the cluster's server is gone; recreating it")
        }
        // What this process hasn't made to the end isn't taken for whole.
        (Past::New, Servers::Missing, _, _) | (Past::New, _, _, Job::Idle | Job::Ended) => {
            create(Reason::Queued, "Creating: waiting for a free slot")
        }
        (_, Servers::Down, _, _) if was_stopped => start(Reason::Updating, "Starting"),
        (_, Servers::Down, _, _) if majority => {
            start(Reason::Unreachable, "a server of the cluster is gone; recreating it while the others answer")
        }
        (_, Servers::Down, _, _) => start(Reason::Unreachable, "the cluster is stopped; starting it"),
        (_, Servers::Run, _, _) => upgrade::interrupted(seen).unwrap_or_else(|| unreachable(past, seen)),
    }
}

/// The phase while work is under way that interrupts the cluster.
const fn busy(past: Past) -> Phase {
    match past {
        Past::New => Phase::Creating,
        Past::Active => Phase::Updating,
    }
}

/// Whether those of several servers that are left do for the cluster, and no node waits for its first start.
fn answers_with_fewer(cluster: &EKSClusterConfig, spec: &DesiredCluster, world: &ClusterObservation) -> bool {
    let active = cluster.status.as_ref().and_then(|s| s.phase) == Some(Phase::Active);
    let whole = world.nodes.iter().all(NodeObservation::runs);
    spec.servers > 1 && world.has_quorum(spec.servers) && (whole || active)
}

fn servers(past: Past, seen: &Observed, spec: &DesiredCluster, world: &ClusterObservation) -> Servers {
    let outdated = seen.has_api_server && world.servers.iter().any(|server| server.image != spec.image);
    if world.servers.is_empty() || (past == Past::New && outdated) {
        Servers::Missing
    } else if runs(seen, spec, world) {
        Servers::Run
    } else {
        Servers::Down
    }
}

const fn api(seen: &Observed) -> Api {
    if seen.child.ready || !seen.has_api_server {
        Api::Answers
    } else if seen.child.is_known() {
        Api::Silent
    } else {
        Api::Unasked
    }
}

fn job(seen: &Observed) -> Job<'_> {
    if let Some((work, stage)) = seen.job.under_way() {
        return Job::UnderWay(work, stage);
    }
    match (seen.job.ended(), seen.wait) {
        (None, _) => Job::Idle,
        (Some((_, Err(error))), Some(wait)) => Job::Paused(error, wait),
        (Some((Work::Create, Ok(()))), _) => Job::Created,
        (Some(_), _) => Job::Ended,
    }
}

fn begin(next: ClusterAction, phase: Phase, reason: Reason, message: &str) -> Plan {
    Decision::new(next, phase, Health::Progressing(reason, message.into()))
}

/// Work is under way: says so, and keeps the node groups as the spec asks.
fn under_way(seen: &Observed, phase: Phase, work: Work, stage: Stage<'_>) -> Plan {
    let reason = match work {
        Work::Upgrade | Work::Configure | Work::Certify => Reason::Updating,
        _ => Reason::Creating,
    };
    let (reason, message) = match stage {
        Stage::Queued => (Reason::Queued, format!("{}: waiting for a free slot", work.verb())),
        Stage::Running(step) => (reason, step_message(work.verb(), step)),
        Stage::Stopping => (reason, step_message(work.verb(), &Step::default())),
    };
    begin(sync_nodegroups(seen).unwrap_or(ClusterAction::Nothing), phase, reason, &message)
}

/// The last try failed. A cluster that answers all the same stays Active, and an engine that is away is no failure of
/// the cluster.
fn paused(error: &Error, phase: Phase) -> Plan {
    let phase = match error {
        Error::Unavailable { .. } => phase,
        _ if phase == Phase::Active => phase,
        _ => Phase::Failed,
    };
    Decision::new(ClusterAction::Nothing, phase, failing(error))
}

/// The servers run, but their API server doesn't answer.
fn unreachable(past: Past, seen: &Observed) -> Plan {
    let problem = &seen.child.problem;
    let (phase, health) = match past {
        Past::Active => {
            let message = format!("the API server can't be reached: {problem}");
            (Phase::Active, Health::Failing(Reason::Unreachable, message))
        }
        Past::New => {
            let message = format!("waiting for the API server: {problem}");
            (Phase::Creating, Health::Progressing(Reason::Creating, message))
        }
    };
    Decision::new(ClusterAction::Nothing, phase, health).after(Duration::from_secs(5))
}
