use std::sync::Arc;

use serde_json::json;

use super::tests::{reason, refused};
use super::*;
use crate::decision::Problem;
use crate::fixtures::{active, cluster, deleted, nodegroup, seen_cluster};
use crate::jobs::JobView;
use crd::Nodegroup;
use provider::Step;

#[test]
fn deletion_protection_holds_a_cluster_as_it_is() {
    let demo = deleted(cluster(json!({"deletionProtection": true}), active()));
    let seen = Observed { nodegroups: vec![Arc::new(nodegroup(json!({}), json!(null)))], ..seen_cluster() };
    let plan = plan(&demo, &seen);
    assert_eq!(
        (plan.next.clone(), plan.phase, reason(&plan)),
        (ClusterAction::Nothing, Phase::Active, Some(Reason::DeletionProtected))
    );
}

#[test]
fn deletion_takes_the_node_groups_first_then_the_cluster_then_the_finalizer() {
    let demo = deleted(cluster(json!({}), active()));
    let group = nodegroup(json!({}), json!(null));
    let with = |groups: Vec<Nodegroup>, job| Observed {
        nodegroups: groups.into_iter().map(Arc::new).collect(),
        job,
        ..seen_cluster()
    };
    assert_eq!(
        plan(&demo, &with(vec![group.clone()], JobView::Idle)).next,
        ClusterAction::DeleteNodegroups(vec!["workers".into()])
    );
    assert_eq!(plan(&demo, &with(vec![deleted(group.clone())], JobView::Idle)).next, ClusterAction::Nothing);
    assert_eq!(plan(&demo, &with(Vec::new(), JobView::Idle)).next, ClusterAction::StartDelete);
    let running = JobView::Running(Work::Create, Step::default());
    assert_eq!(plan(&demo, &with(Vec::new(), running)).next, ClusterAction::Cancel);
    assert_eq!(plan(&demo, &with(Vec::new(), JobView::Stopping(Work::Create))).next, ClusterAction::Nothing);
    assert_eq!(plan(&demo, &with(Vec::new(), JobView::Finished(Work::Delete))).next, ClusterAction::Finish);
    let failed = Observed { wait: Some(SOON), ..with(Vec::new(), JobView::Failed(Work::Delete, refused())) };
    assert_eq!(plan(&demo, &failed).next, ClusterAction::Nothing);
    assert_eq!(
        plan(&demo, &with(Vec::new(), JobView::Failed(Work::Delete, refused()))).next,
        ClusterAction::StartDelete
    );
}

#[test]
fn an_invalid_spec_does_not_block_deletion() {
    let seen = Observed { plan: Err(Problem::stalled(Reason::InvalidSpec, "no")), ..seen_cluster() };
    assert_eq!(plan(&deleted(cluster(json!({}), json!(null))), &seen).next, ClusterAction::StartDelete);
}

#[test]
fn a_provider_that_is_turned_off_blocks_deletion_only_of_what_it_made() {
    let seen = || Observed { provider_name: String::new(), ..seen_cluster() };
    assert_eq!(plan(&deleted(cluster(json!({}), json!(null))), &seen()).next, ClusterAction::Finish);
    let made = plan(&deleted(cluster(json!({}), active())), &seen());
    assert_eq!((made.next.clone(), reason(&made)), (ClusterAction::Nothing, Some(Reason::ProviderUnavailable)));
}
