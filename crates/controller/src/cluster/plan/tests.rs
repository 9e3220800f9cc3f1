use serde_json::json;

use super::*;
use crate::child_clusters::Child;
use crate::decision::Problem;
use crate::fixtures::{active, cluster, cluster_plan, machines, seen_cluster, server};
use crate::jobs::JobView;
use provider::{ClusterObservation, DesiredCluster, Error, MachineState, Step};

pub fn reason(plan: &Plan) -> Option<Reason> {
    match &plan.health {
        Health::Ready => None,
        Health::Noted(r, _) | Health::Progressing(r, _) | Health::Stalled(r, _) | Health::Failing(r, _) => Some(*r),
    }
}

fn ready() -> Child {
    Child { ready: true, asked: true, ..Child::default() }
}

pub fn refused() -> Error {
    Error::Engine { doing: "making it".into(), why: "no".into() }
}

#[test]
fn our_finalizer_comes_before_anything_is_made() {
    let mut new = cluster(json!({}), json!(null));
    new.metadata.finalizers = None;
    assert_eq!(plan(&new, &seen_cluster()).next, ClusterAction::AddFinalizer);
    assert!(matches!(plan(&cluster(json!({}), json!(null)), &seen_cluster()).next, ClusterAction::StartCreate(_)));
}

#[test]
fn a_server_that_was_made_for_another_version_isn_t_used() {
    let mut other = server(MachineState::Running);
    other.servers[0].image = "image:1.34".into();
    let seen = Observed { world: Ok(other), job: JobView::Finished(Work::Create), child: ready(), ..seen_cluster() };
    assert!(matches!(plan(&cluster(json!({}), json!(null)), &seen).next, ClusterAction::StartCreate(_)));
    assert!(
        !matches!(plan(&cluster(json!({}), active()), &seen).next, ClusterAction::StartCreate(_)),
        "one that was Active is kept"
    );
}

#[test]
fn of_three_servers_one_may_die_and_the_cluster_stays_active() {
    use MachineState::{Exited, Running};
    let world = |states: &[MachineState]| {
        let servers = states.iter().flat_map(|state| server(*state).servers).collect();
        ClusterObservation { servers, balancer: Some(Running), ..ClusterObservation::default() }
    };
    let seen = |world: ClusterObservation| {
        let three = DesiredCluster { servers: 3, ..cluster_plan() };
        Observed { plan: Ok(three), world: Ok(world), child: ready(), ..seen_cluster() }
    };
    let whole = plan(&cluster(json!({}), active()), &seen(world(&[Running, Running, Running])));
    assert!(!matches!(whole.next, ClusterAction::StartStart(_)), "{whole:?}");
    for (states, phase) in [
        (&[Running, Exited, Running][..], Phase::Active),
        (&[Running, Running][..], Phase::Active),
        (&[Exited, Exited, Running][..], Phase::Updating),
        (&[Exited][..], Phase::Updating),
    ] {
        let healed = plan(&cluster(json!({}), active()), &seen(world(states)));
        assert!(matches!(healed.next, ClusterAction::StartStart(_)), "{states:?}: {healed:?}");
        assert_eq!(healed.phase, phase, "{states:?}");
    }
    let error = Error::Engine { doing: "certifying".into(), why: "one doesn't run".into() };
    let failed = Observed {
        job: JobView::Failed(Work::Certify, error),
        wait: Some(SOON),
        ..seen(world(&[Running, Exited, Running]))
    };
    assert_eq!(plan(&cluster(json!({}), active()), &failed).phase, Phase::Active, "the others answer");
    let shut = ClusterObservation { balancer: Some(Exited), ..world(&[Running, Running, Running]) };
    assert_eq!(plan(&cluster(json!({}), active()), &seen(shut)).phase, Phase::Updating, "nobody gets in");
}

#[test]
fn whom_an_upgrade_replaced_goes_although_its_last_step_was_interrupted() {
    let world = ClusterObservation { old_server: true, ..server(MachineState::Running) };
    let seen = Observed { world: Ok(world), child: ready(), ..seen_cluster() };
    let next = |job| plan(&cluster(json!({}), active()), &Observed { job, ..seen.clone() }).next;
    assert!(matches!(next(JobView::Idle), ClusterAction::StartUpgrade(_)));
    assert!(!matches!(next(JobView::Finished(Work::Upgrade)), ClusterAction::StartUpgrade(_)), "it goes just now");
    assert!(!matches!(next(JobView::Running(Work::Upgrade, Step::default())), ClusterAction::StartUpgrade(_)));
}

#[test]
fn nodes_that_were_stopped_with_their_cluster_are_started_and_not_taken_for_dead_ones() {
    use MachineState::{Exited, Running};
    let world = ClusterObservation { nodes: machines(&[("a", Running), ("b", Exited)]), ..server(Running) };
    let seen = Observed { world: Ok(world.clone()), child: ready(), ..seen_cluster() };
    let at = |phase: &str, seen: &Observed| {
        plan(&cluster(json!({}), json!({"phase": phase, "activeSince": "2024-01-01T00:00:00Z"})), seen)
    };
    let interrupted = at("Updating", &seen);
    assert!(matches!(interrupted.next, ClusterAction::StartStart(_)), "{interrupted:?}");
    assert_ne!(interrupted.phase, Phase::Active, "its groups would remove them");
    assert!(!matches!(at("Active", &seen).next, ClusterAction::StartStart(_)), "that one died");
    let tried = Observed { job: JobView::Finished(Work::Start), ..seen.clone() };
    assert_eq!(at("Updating", &tried).phase, Phase::Active, "one that can't be started is replaced");

    let three = DesiredCluster { servers: 3, ..cluster_plan() };
    let servers = [Running, Running, Exited].iter().flat_map(|state| server(*state).servers).collect();
    let world = ClusterObservation { servers, balancer: Some(Running), ..world };
    let job = JobView::Running(Work::Start, Step::default());
    let starting = Observed { plan: Ok(three), world: Ok(world), job, ..seen.clone() };
    assert_eq!(at("Updating", &starting).phase, Phase::Updating, "a majority runs, and a node doesn't yet");

    let stopping = Observed { job: JobView::Running(Work::Stop, Step::default()), ..seen };
    assert_eq!(
        (at("Updating", &stopping).next, at("Updating", &stopping).phase),
        (ClusterAction::Nothing, Phase::Updating)
    );
}

#[test]
fn a_mistake_in_the_spec_of_a_stopped_cluster_doesn_t_make_it_active() {
    let seen = Observed { plan: Err(Problem::stalled(Reason::InvalidSpec, "no")), ..seen_cluster() };
    let stopped = json!({"phase": "Stopped", "activeSince": "2024-01-01T00:00:00Z"});
    assert_eq!(plan(&cluster(json!({}), stopped), &seen).phase, Phase::Stopped);
}

#[test]
fn nothing_is_done_for_a_cluster_whose_identity_is_another_s() {
    let seen = Observed { conflict: Some("default/older".into()), ..seen_cluster() };
    let mut new = cluster(json!({}), json!(null));
    new.metadata.finalizers = None;
    for demo in [new, cluster(json!({}), json!(null))] {
        let plan = plan(&demo, &seen);
        assert_eq!(
            (plan.next.clone(), plan.phase, reason(&plan)),
            (ClusterAction::Nothing, Phase::Failed, Some(Reason::Conflict))
        );
        assert!(plan.again.is_some(), "the other one's end wakes nobody");
    }
}

#[test]
fn a_wrong_spec_stalls_a_new_cluster_and_leaves_one_that_runs_active() {
    let seen = || Observed { plan: Err(Problem::stalled(Reason::InvalidSpec, "no")), ..seen_cluster() };
    assert_eq!(plan(&cluster(json!({}), json!(null)), &seen()).phase, Phase::Failed);
    let running = plan(&cluster(json!({}), active()), &seen());
    assert_eq!(
        (running.next.clone(), running.phase, reason(&running)),
        (ClusterAction::Nothing, Phase::Active, Some(Reason::InvalidSpec))
    );
}

#[test]
fn node_groups_follow_the_spec_while_its_version_is_refused_because_of_them() {
    let group = crate::cluster::inline_nodegroups::Change::Apply { name: "demo-workers".into(), object: json!({}) };
    let seen = Observed {
        target: Some(Err(Problem::stalled(Reason::InvalidSpec, "node groups workers must run 1.35 first"))),
        inline: vec![group.clone()],
        ..asked_for_1_34(JobView::Idle)
    };
    let plan = plan(&cluster(json!({}), active()), &seen);
    assert_eq!(
        (plan.next.clone(), reason(&plan)),
        (ClusterAction::SyncNodegroups(vec![group]), Some(Reason::InvalidSpec))
    );
}

#[test]
fn an_engine_that_is_away_begins_nothing() {
    let away = Error::Unavailable { engine: "Docker", doing: "looking".into(), why: "refused".into() };
    let seen = Observed { world: Err(away), ..seen_cluster() };
    let plan = plan(&cluster(json!({}), active()), &seen);
    assert_eq!((plan.next.clone(), plan.phase), (ClusterAction::Nothing, Phase::Active));
    assert_eq!(reason(&plan), Some(Reason::ProviderUnavailable));
}

#[test]
fn a_cluster_is_active_when_its_api_server_answers_and_not_before() {
    let seen = |child| Observed {
        world: Ok(server(MachineState::Running)),
        child,
        job: JobView::Finished(Work::Create),
        ..seen_cluster()
    };
    let new = cluster(json!({}), json!(null));
    assert_eq!(plan(&new, &seen(Child::default())).phase, Phase::Creating);
    let up = plan(&new, &seen(ready()));
    assert_eq!((up.phase, up.health.clone()), (Phase::Active, Health::Ready));
}

#[test]
fn after_a_start_nothing_is_said_before_the_api_server_was_asked() {
    let seen = |problem: &str| Observed {
        world: Ok(server(MachineState::Running)),
        child: Child { asked: !problem.is_empty(), problem: problem.into(), ..Child::default() },
        ..seen_cluster()
    };
    let running = cluster(json!({}), active());
    assert_eq!(plan(&running, &seen("")).next, ClusterAction::LookAgain);
    assert_eq!(reason(&plan(&running, &seen("it is gone"))), Some(Reason::Unreachable));
}

#[test]
fn a_stopped_server_is_started_and_a_lost_one_made_anew() {
    let running = cluster(json!({}), active());
    let stopped = Observed { world: Ok(server(MachineState::Exited)), ..seen_cluster() };
    assert!(matches!(plan(&running, &stopped).next, ClusterAction::StartStart(_)));
    let lost = plan(&running, &seen_cluster());
    assert!(matches!(lost.next, ClusterAction::StartCreate(_)));
    assert_eq!(lost.phase, Phase::Updating, "never Creating again");
}

#[test]
fn a_failure_is_said_until_its_pause_is_over_and_then_tried_again() {
    let new = cluster(json!({}), json!(null));
    let failed = |wait| Observed { job: JobView::Failed(Work::Create, refused()), wait, ..seen_cluster() };
    let pause = Duration::from_secs(4);
    let waiting = plan(&new, &failed(Some(pause)));
    assert_eq!(
        (waiting.next.clone(), waiting.phase, waiting.again),
        (ClusterAction::Nothing, Phase::Failed, Some(pause))
    );
    assert!(matches!(plan(&new, &failed(None)).next, ClusterAction::StartCreate(_)));
}

#[test]
fn a_cluster_that_is_to_be_stopped_is_and_comes_back() {
    let off = cluster(json!({"state": "Stopped"}), active());
    let with = |state, job| Observed { world: Ok(server(state)), child: ready(), job, ..seen_cluster() };
    let running = || with(MachineState::Running, JobView::Idle);
    assert_eq!(
        (plan(&off, &running()).next, plan(&off, &running()).phase),
        (ClusterAction::StartStop, Phase::Updating)
    );
    let busy = with(MachineState::Running, JobView::Running(Work::Create, Step::default()));
    assert_eq!(plan(&off, &busy).next, ClusterAction::Nothing, "what is under way ends first");
    let halted = plan(&off, &with(MachineState::Exited, JobView::Finished(Work::Stop)));
    assert_eq!((halted.next.clone(), halted.phase), (ClusterAction::Nothing, Phase::Stopped));
    assert!(matches!(halted.health, Health::Noted(Reason::Stopped, _)), "{halted:?}");
    let mut left = with(MachineState::Exited, JobView::Idle);
    left.world.as_mut().unwrap().nodes = machines(&[("n", MachineState::Running)]);
    assert_eq!(plan(&off, &left).next, ClusterAction::StartStop, "a server that died leaves its nodes running");
    let record = Observed { has_api_server: false, ..answering() };
    assert_eq!(plan(&off, &record).phase, Phase::Stopped, "nothing runs that could be stopped");

    let on = cluster(json!({"state": "Running"}), active());
    let starts = plan(&on, &with(MachineState::Exited, JobView::Finished(Work::Stop)));
    assert!(matches!(starts.next, ClusterAction::StartStart(_)), "{starts:?}");
    let half = plan(&on, &with(MachineState::Running, JobView::Running(Work::Start, Step::default())));
    assert_eq!((half.next, half.phase), (ClusterAction::Nothing, Phase::Updating), "its nodes are still being started");
    let fresh = plan(&cluster(json!({"state": "Stopped"}), json!(null)), &seen_cluster());
    assert!(matches!(fresh.next, ClusterAction::StartCreate(_)), "only what was made can be stopped");
}

fn asked_for_1_34(job: JobView) -> Observed {
    let target = DesiredCluster { version: "1.36".into(), image: "image:1.36".into(), ..cluster_plan() };
    Observed {
        world: Ok(server(MachineState::Running)),
        child: Child { version: Some("v1.35.7+k3s1".into()), ..ready() },
        target: Some(Ok(target)),
        job,
        ..seen_cluster()
    }
}

#[test]
fn the_next_version_is_an_upgrade_and_reached_when_the_api_server_says_so() {
    let demo = cluster(json!({}), active());
    let seen = asked_for_1_34(JobView::Finished(Work::Create));
    let upgrades = plan(&demo, &seen);
    assert!(matches!(&upgrades.next, ClusterAction::StartUpgrade(target) if target.version == "1.36"), "{upgrades:?}");
    assert_eq!((upgrades.phase, reason(&upgrades)), (Phase::Updating, Some(Reason::Updating)));
    assert_eq!(seen.running().unwrap().version, "1.35");
    let step = Step { number: 3, of: 4, what: "starting".into() };
    let under_way = plan(&demo, &asked_for_1_34(JobView::Running(Work::Upgrade, step)));
    assert_eq!((under_way.next, under_way.phase), (ClusterAction::Nothing, Phase::Updating));

    let mut seen = asked_for_1_34(JobView::Finished(Work::Upgrade));
    seen.world.as_mut().unwrap().servers[0].image = "image:1.36".into();
    let waiting = plan(&demo, &seen);
    assert_eq!(
        (waiting.next, waiting.phase),
        (ClusterAction::Nothing, Phase::Updating),
        "the old server's word is no proof"
    );
    seen.child.version = Some("v1.36.4+k3s1".into());
    let done = plan(&demo, &seen);
    assert_eq!((done.next, done.phase, done.health), (ClusterAction::Nothing, Phase::Active, Health::Ready));
    assert_eq!(seen.running().unwrap().version, "1.36");
}

/// A cluster that runs as it should.
fn answering() -> Observed {
    Observed { world: Ok(server(MachineState::Running)), child: ready(), ..seen_cluster() }
}

#[test]
fn servers_that_are_configured_differently_are_updated_until_they_answer_again() {
    let mut seen = answering();
    seen.configured = Some(false);
    let changed = plan(&cluster(json!({}), active()), &seen);
    assert!(matches!(changed.next, ClusterAction::Configure(_, None)));
    assert_eq!((changed.phase, reason(&changed)), (Phase::Updating, Some(Reason::Updating)));
    let step = Step { number: 1, of: 2, what: "restarting".into() };
    let mut away = Observed { job: JobView::Running(Work::Configure, step), ..answering() };
    away.child.ready = false;
    let waiting = plan(&cluster(json!({}), active()), &away);
    assert_eq!((waiting.phase, reason(&waiting)), (Phase::Updating, Some(Reason::Updating)));
    // A new process looks at what there is, and says nothing of it.
    seen.configured = None;
    let mut status = active();
    status["observedGeneration"] = cluster(json!({}), json!(null)).metadata.generation.into();
    let look = plan(&cluster(json!({}), status), &seen);
    assert!(matches!(look.next, ClusterAction::Configure(_, None)));
    assert_eq!((look.phase, look.health), (Phase::Active, Health::Ready));
    seen.rotation = Some("1".into());
    let wished = plan(&cluster(json!({}), active()), &seen);
    assert!(matches!(wished.next, ClusterAction::Configure(_, Some(wish)) if wish == "1"));
}

#[test]
fn a_failed_upgrade_is_told_and_tried_again_only_when_the_spec_changes() {
    let failed = asked_for_1_34(JobView::Failed(Work::Upgrade, refused()));
    let mut status = active();
    status["observedGeneration"] = 3.into();
    let told = plan(&cluster(json!({}), status.clone()), &failed);
    let Health::Stalled(Reason::UpgradeFailed, message) = &told.health else { panic!("{told:?}") };
    assert!(message.contains("1.35") && message.contains("1.36"), "{message}");
    assert_eq!((told.next, told.phase), (ClusterAction::Nothing, Phase::Active));
    status["observedGeneration"] = 2.into();
    assert!(matches!(plan(&cluster(json!({}), status), &failed).next, ClusterAction::StartUpgrade(_)));
}

#[test]
fn an_upgrade_that_was_interrupted_while_the_new_server_came_up_is_finished() {
    let mut seen = asked_for_1_34(JobView::Idle);
    seen.world.as_mut().unwrap().servers[0].image = "image:1.36".into();
    seen.child = Child { asked: true, ..Child::default() };
    let plan = plan(&cluster(json!({}), active()), &seen);
    assert!(matches!(plan.next, ClusterAction::StartUpgrade(_)), "{plan:?}");
}

#[test]
fn a_version_that_can_not_be_reached_is_refused() {
    let seen = Observed {
        target: Some(Err(Problem::stalled(Reason::InvalidSpec, "one at a time"))),
        ..asked_for_1_34(JobView::Idle)
    };
    let plan = plan(&cluster(json!({}), active()), &seen);
    assert_eq!(
        (plan.next.clone(), plan.phase, reason(&plan)),
        (ClusterAction::Nothing, Phase::Active, Some(Reason::InvalidSpec))
    );
}
