use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::decision::Problem;
use crate::fixtures::{deleted, machines, nodegroup, seen_group};
use crate::jobs::JobView;
use crd::nodegroup::NodeMarks;

use provider::MachineState::{Exited, Running};

fn group() -> Nodegroup {
    nodegroup(json!({}), json!(null))
}

fn old_group() -> Nodegroup {
    nodegroup(json!({}), json!({"phase": "Active", "activeSince": "2024-01-01T00:00:00Z"}))
}

fn nodes(all: &[(&str, bool)]) -> BTreeMap<String, bool> {
    all.iter().map(|(name, ready)| ((*name).to_owned(), *ready)).collect()
}

#[test]
fn missing_nodes_are_added_and_surplus_ones_removed_those_that_are_not_ready_first() {
    let NodegroupAction::AddNodes(_, 2) = plan(&group(), &seen_group(2)).next else { panic!("two nodes are missing") };
    let seen = Observed {
        machines: Ok(machines(&[("a", Running), ("b", Running), ("c", Running)])),
        nodes: Some(nodes(&[("a", false), ("b", true), ("c", true)])),
        ..seen_group(1)
    };
    let some = |sure: &str, among: &[&str], count| NodegroupAction::DrainLeastBusy {
        sure: vec![sure.into()],
        among: among.iter().map(|name| (*name).to_owned()).collect(),
        count,
    };
    assert_eq!(plan(&group(), &seen).next, some("a", &["c", "b"], 1));
    let one = Observed { plan: seen_group(2).plan, ..seen };
    assert_eq!(plan(&group(), &one).next, NodegroupAction::Drain(vec!["a".into()], drain::SCALE_DOWN));
}

#[test]
fn a_node_is_dead_only_where_its_cluster_answers() {
    let seen = Observed { machines: Ok(machines(&[("a", Exited)])), ..seen_group(1) };
    assert_eq!(plan(&old_group(), &seen).next, NodegroupAction::RemoveNodes(vec!["a".into()]));
    assert_eq!(plan(&old_group(), &Observed { api: Api::Silent, ..seen }).next, NodegroupAction::Nothing);
}

fn rolling(all: &[(&str, &str, bool)], desired: usize) -> Observed {
    let names: Vec<_> = all.iter().map(|(name, ..)| (*name, Running)).collect();
    let mut found = machines(&names);
    for (machine, (_, image, _)) in found.iter_mut().zip(all) {
        machine.image = format!("image:{image}");
    }
    let ready: Vec<_> = all.iter().map(|(name, _, ready)| (*name, *ready)).collect();
    Observed {
        machines: Ok(found),
        nodes: Some(nodes(&ready)),
        rolling: Some(Rolling { surge: 1, force: false, again: false }),
        ..seen_group(desired)
    }
}

#[test]
fn a_new_node_is_ready_before_an_old_one_goes() {
    let next = |seen: &Observed| plan(&old_group(), seen).next;
    let patience = Patience { limit: drain::UPDATE, force: false };
    let begun = rolling(&[("a", "1.34", true), ("b", "1.34", true)], 2);
    assert!(matches!(next(&begun), NodegroupAction::AddNodes(_, 1)), "one at a time");
    assert!(
        matches!(
            next(&Observed { rolling: Some(Rolling { surge: 9, force: false, again: false }), ..begun }),
            NodegroupAction::AddNodes(_, 2)
        ),
        "no more than there are"
    );
    let waiting = rolling(&[("a", "1.34", true), ("b", "1.34", true), ("c", "1.35", false)], 2);
    assert_eq!(next(&waiting), NodegroupAction::Nothing);
    let ready = rolling(&[("a", "1.34", true), ("b", "1.34", true), ("c", "1.35", true)], 2);
    assert_eq!(next(&ready), NodegroupAction::Drain(vec!["b".into()], patience));
    let half = rolling(&[("a", "1.34", true), ("c", "1.35", true)], 2);
    assert!(matches!(next(&half), NodegroupAction::AddNodes(_, 1)));
    let fewer = rolling(&[("a", "1.34", true), ("b", "1.34", true), ("c", "1.34", true)], 1);
    assert_eq!(next(&fewer), NodegroupAction::Drain(vec!["c".into(), "b".into()], patience), "old ones go first");
    let done = rolling(&[("c", "1.35", true), ("d", "1.35", true)], 2);
    assert_eq!(plan(&old_group(), &done).health, Health::Ready);
}

#[test]
fn another_image_of_the_same_version_replaces_nothing() {
    let seen = Observed { rolling: None, ..rolling(&[("a", "old", true)], 1) };
    assert_eq!(plan(&old_group(), &seen).health, Health::Ready);
}

#[test]
fn pods_that_stay_end_an_update_until_the_spec_changes() {
    let error = Error::EvictionTimeout { node: "a".into(), seconds: 900, pods: "default/held".into() };
    let all = [("a", "1.34", true), ("c", "1.35", true)];
    let seen = Observed { job: JobView::Failed(Work::Drain, error), ..rolling(&all, 1) };
    assert!(matches!(plan(&old_group(), &seen).health, Health::Stalled(Reason::PodEvictionFailure, _)));
    let passing = Error::Engine { doing: "draining".into(), why: "the API server is away".into() };
    let passed = Observed { job: JobView::Failed(Work::Drain, passing), ..seen.clone() };
    assert!(matches!(plan(&old_group(), &passed).next, NodegroupAction::Drain(..)), "that is tried again");
    let changed = Observed { reported: false, ..seen.clone() };
    assert!(matches!(plan(&old_group(), &changed).next, NodegroupAction::Drain(..)));
    // Nobody asked the group for another certificate authority, so nobody could ask again.
    for (force, again) in [(false, true), (true, false)] {
        let rolling = Some(Rolling { surge: 1, force, again });
        assert!(matches!(plan(&old_group(), &Observed { rolling, ..seen.clone() }).next, NodegroupAction::Drain(..)));
    }
}

#[test]
fn a_changed_label_reaches_nodes_that_run() {
    let mut seen = Observed {
        machines: Ok(machines(&[("a", Running)])),
        nodes: Some(nodes(&[("a", true)])),
        marks: [("a".to_owned(), NodeMarks::default())].into(),
        ..seen_group(1)
    };
    assert_eq!(plan(&old_group(), &seen).health, Health::Ready);
    seen.plan.as_mut().unwrap().labels.insert("team".into(), "b".into());
    let changed = plan(&old_group(), &seen);
    let NodegroupAction::MarkNodes(marked) = &changed.next else { panic!("{changed:?}") };
    assert_eq!((marked[0].node.as_str(), changed.phase), ("a", Phase::Updating));
}

#[test]
fn a_dead_machine_goes_before_another_one_comes() {
    let seen =
        Observed { machines: Ok(machines(&[("a", Running), ("b", Exited)])), nodes: Some(nodes(&[])), ..seen_group(2) };
    assert_eq!(plan(&old_group(), &seen).next, NodegroupAction::RemoveNodes(vec!["b".into()]));
}

#[test]
fn a_node_object_without_a_machine_is_deleted() {
    let seen = Observed { nodes: Some(nodes(&[("gone", false)])), ..seen_group(0) };
    assert_eq!(plan(&group(), &seen).next, NodegroupAction::DeleteNodeObjects(vec!["gone".into()]));
}

#[test]
fn a_group_is_active_when_every_node_is_ready_also_with_none() {
    let of = |ready| Observed {
        machines: Ok(machines(&[("a", Running)])),
        nodes: Some(nodes(&[("a", ready)])),
        ..seen_group(1)
    };
    assert_eq!(plan(&group(), &of(false)).phase, Phase::Creating);
    assert_eq!((plan(&group(), &of(true)).phase, plan(&group(), &of(true)).health), (Phase::Active, Health::Ready));
    assert_eq!(plan(&group(), &seen_group(0)).phase, Phase::Active);
}

#[test]
fn after_a_start_nothing_is_said_before_the_nodes_are_known() {
    let seen = |api| Observed { machines: Ok(machines(&[("a", Running)])), nodes: None, api, ..seen_group(1) };
    assert_eq!(plan(&old_group(), &seen(Api::Looking)).next, NodegroupAction::LookAgain);
    let known = plan(&old_group(), &seen(Api::Silent));
    assert!(matches!(known.health, Health::Progressing(Reason::NodesNotReady, _)), "{known:?}");
}

#[test]
fn nothing_is_begun_while_the_cluster_cannot_take_nodes() {
    for (owner, word) in [
        (Owner::Missing, "doesn't exist"),
        (Owner::Deleting, "being deleted"),
        (Owner::NotReady(Some(Phase::Creating)), "Creating"),
        (Owner::NotReady(None), "to become Active"),
    ] {
        let plan = plan(&group(), &Observed { owner, ..seen_group(2) });
        let Health::Progressing(Reason::WaitingForCluster, message) = &plan.health else { panic!("{plan:?}") };
        assert!(message.contains(word) && plan.next == NodegroupAction::Nothing, "{message}");
    }
}

#[test]
fn a_name_that_is_another_s_and_a_wrong_spec_stall() {
    let conflict = plan(&group(), &Observed { conflict: Some("older".into()), ..seen_group(1) });
    assert!(
        matches!(conflict.health, Health::Stalled(Reason::Conflict, _)) && conflict.next == NodegroupAction::Nothing
    );
    let wrong = Observed { plan: Err(Problem::stalled(Reason::InvalidSpec, "no")), ..seen_group(1) };
    assert_eq!(plan(&group(), &wrong).phase, Phase::Failed);
    assert_eq!(plan(&old_group(), &wrong).phase, Phase::Active, "its nodes still work");
}

#[test]
fn deletion_takes_machines_then_node_objects_then_the_finalizer() {
    let group = deleted(old_group());
    let full = Observed {
        machines: Ok(machines(&[("a", Running), ("b", Exited)])),
        nodes: Some(nodes(&[("a", true)])),
        ..seen_group(2)
    };
    assert_eq!(plan(&group, &full).next, NodegroupAction::Drain(vec!["a".into(), "b".into()], drain::SCALE_DOWN));
    let empty = Observed { nodes: Some(nodes(&[("a", false)])), ..seen_group(2) };
    assert_eq!(plan(&group, &empty).next, NodegroupAction::DeleteNodeObjects(vec!["a".into()]));
    assert_eq!(plan(&group, &seen_group(2)).next, NodegroupAction::Finish);
    let adding = Observed { job: JobView::Running(Work::AddNodes, provider::Step::default()), ..seen_group(2) };
    assert_eq!(plan(&group, &adding).next, NodegroupAction::Cancel);
}

#[test]
fn a_group_whose_cluster_is_gone_or_goes_is_not_stuck() {
    for owner in [Owner::Missing, Owner::Deleting] {
        let seen = Observed { owner, machines: Ok(machines(&[("a", Running)])), ..seen_group(1) };
        assert_eq!(plan(&deleted(old_group()), &seen).next, NodegroupAction::Finish);
    }
}

#[test]
fn a_group_in_conflict_leaves_the_other_s_nodes_when_it_goes() {
    let seen = Observed { conflict: Some("older".into()), machines: Ok(machines(&[("a", Running)])), ..seen_group(1) };
    assert_eq!(plan(&deleted(group()), &seen).next, NodegroupAction::Finish);
}
