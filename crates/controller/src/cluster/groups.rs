//! Health of the node groups in a cluster's spec. The cluster's `Ready` requires it.
//!
//! Node groups that are separate resources, or come from the EKS API, only have their own `Ready`.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;

use crd::cluster::InlineNodegroup;
use crd::conditions::{Health, NODEGROUPS_READY, READY, Reason, STALLED};
use crd::nodegroup::ScalingConfig;
use crd::{EKSClusterConfig, Nodegroup, Phase, keys, names};

/// Health of the groups in the spec; `None` if the spec leaves node groups alone or the cluster is being deleted.
/// `active` tells whether the cluster runs; if it doesn't, stopped groups still have to come back.
pub fn health(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>], active: bool) -> Option<Health> {
    let entries = cluster.spec.node_groups.as_ref().filter(|_| cluster.metadata.deletion_timestamp.is_none())?;
    let (mut stalled, mut failed, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let name = &entry.nodegroup_name;
        let Some(group) = of(cluster, entry, groups) else {
            waiting.push(format!("{name} (not made yet)"));
            continue;
        };
        match standing(group, active) {
            Health::Ready | Health::Noted(..) => {}
            Health::Stalled(_, why) => stalled.push(format!("node group {name}: {why}")),
            Health::Failing(_, why) => failed.push(format!("node group {name}: {why}")),
            Health::Progressing(_, how) => waiting.push(format!("{name} ({how})")),
        }
    }
    let named = |group: &Nodegroup| entries.iter().any(|entry| resource(cluster, entry) == group.name_any());
    let surplus = groups.iter().filter(|group| group.labels().contains_key(keys::LABEL_INLINE) && !named(group));
    waiting.extend(surplus.map(|group| format!("{} (being removed)", names::nodegroup_name(group))));
    let reason = Reason::NodegroupsNotReady;
    Some(if !stalled.is_empty() {
        Health::Stalled(reason, stalled.join("; "))
    } else if !failed.is_empty() {
        Health::Failing(reason, failed.join("; "))
    } else if waiting.is_empty() {
        Health::Ready
    } else {
        let groups = if waiting.len() == 1 { "node group" } else { "node groups" };
        Health::Progressing(reason, format!("waiting for {groups} {}", waiting.join(", ")))
    })
}

/// The same beside how the cluster itself stands: groups that are stopped with it are as it asks, and don't run.
pub fn beside(itself: &Health, groups: Health) -> Health {
    match (itself, groups) {
        (Health::Noted(reason @ (Reason::Stopped | Reason::Sleeping), _), Health::Ready) => {
            Health::Noted(*reason, "the node groups of the spec are stopped with the cluster".into())
        }
        (_, groups) => groups,
    }
}

/// The condition `NodegroupsReady`.
pub fn condition(health: &Health, generation: Option<i64>, now: &Time, old: &[Condition]) -> Condition {
    let (status, reason, message) = match health {
        Health::Ready => ("True", Reason::Ready, "all node groups of the spec are ready".to_owned()),
        Health::Noted(r, m) => ("True", *r, text::fit(m, text::MESSAGE)),
        Health::Progressing(r, m) | Health::Stalled(r, m) | Health::Failing(r, m) => {
            ("False", *r, text::fit(m, text::MESSAGE))
        }
    };
    let before = old.iter().find(|c| c.type_ == NODEGROUPS_READY && c.status == status);
    Condition {
        type_: NODEGROUPS_READY.into(),
        status: status.into(),
        reason: reason.as_str().into(),
        message,
        observed_generation: generation,
        last_transition_time: before.map_or_else(|| now.clone(), |c| c.last_transition_time.clone()),
    }
}

/// Number of nodes of groups that aren't made yet.
pub fn missing_nodes(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>]) -> i32 {
    let entries = cluster.spec.node_groups.iter().flatten().filter(|entry| of(cluster, entry, groups).is_none());
    entries.map(|entry| entry.desired_size.unwrap_or(ScalingConfig::default().desired_size)).sum()
}

fn resource(cluster: &EKSClusterConfig, entry: &InlineNodegroup) -> String {
    names::nodegroup_resource(&cluster.name_any(), &entry.nodegroup_name)
}

fn of<'a>(
    cluster: &EKSClusterConfig,
    entry: &InlineNodegroup,
    groups: &'a [Arc<Nodegroup>],
) -> Option<&'a Arc<Nodegroup>> {
    let name = resource(cluster, entry);
    groups.iter().find(|group| group.name_any() == name && group.metadata.deletion_timestamp.is_none())
}

/// State of a group, in words that change only when its nodes change.
fn standing(group: &Nodegroup, active: bool) -> Health {
    let status = group.status.clone().unwrap_or_default();
    let is_true = |type_: &str| status.conditions.iter().find(|c| c.type_ == type_ && c.status == "True");
    let ready = status.conditions.iter().find(|c| c.type_ == READY);
    let back = !active || status.phase != Some(Phase::Stopped);
    let reported = status.observed_generation == group.metadata.generation && back;
    let reason = Reason::NodegroupsNotReady;
    match (is_true(STALLED), is_true(READY)) {
        (Some(stalled), _) if reported => Health::Stalled(reason, stalled.message.clone()),
        (_, Some(_)) if reported => Health::Ready,
        _ if status.phase == Some(Phase::Failed) => {
            Health::Failing(reason, ready.map(|c| c.message.clone()).unwrap_or_default())
        }
        _ => {
            let (ready, desired) = (status.ready_replicas, group.spec.scaling_config.desired_size);
            let how = if desired == 0 { "being changed".into() } else { format!("{ready} of {desired} nodes ready") };
            Health::Progressing(reason, how)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{cluster, nodegroup};

    fn demo(groups: Value) -> EKSClusterConfig {
        cluster(json!({"nodeGroups": groups}), Value::Null)
    }

    /// The Nodegroup of an entry; its conditions are `Ready` and `Stalled` with these states.
    fn group(name: &str, ready: (&str, &str), phase: &str, observed: i64) -> Arc<Nodegroup> {
        let condition = |type_: &str, status: &str| json!({"type": type_, "status": status, "reason": "R", "message": "why", "lastTransitionTime": "2024-01-01T00:00:00Z"});
        let status = json!({"phase": phase, "observedGeneration": observed, "readyReplicas": 1,
            "conditions": [condition("Ready", ready.0), condition("Stalled", ready.1)]});
        let scaling = json!({"minSize": 0, "maxSize": 9, "desiredSize": 2});
        let mut group = nodegroup(json!({"scalingConfig": scaling, "nodegroupName": name}), status);
        group.metadata.name = Some(names::nodegroup_resource("demo", name));
        group.labels_mut().insert(keys::LABEL_INLINE.into(), "true".into());
        Arc::new(group)
    }

    #[test]
    fn every_group_of_the_spec_counts_and_is_named_with_what_it_lacks() {
        let two = demo(json!([{"nodegroupName": "a"}, {"nodegroupName": "b"}]));
        let well = |name| group(name, ("True", "False"), "Active", 2);
        let of = |groups: &[Arc<Nodegroup>]| health(&two, groups, true).unwrap();
        assert_eq!(of(&[well("a"), well("b")]), Health::Ready);
        let waiting = |text: &str| Health::Progressing(Reason::NodegroupsNotReady, text.into());
        assert_eq!(of(&[]), waiting("waiting for node groups a (not made yet), b (not made yet)"));
        let late = group("b", ("False", "False"), "Creating", 2);
        assert_eq!(of(&[well("a"), late]), waiting("waiting for node group b (1 of 2 nodes ready)"));
        let changed = group("b", ("True", "False"), "Active", 1);
        assert_eq!(of(&[well("a"), changed]), waiting("waiting for node group b (1 of 2 nodes ready)"));
        let refused = group("b", ("False", "True"), "Active", 2);
        let said = Health::Stalled(Reason::NodegroupsNotReady, "node group b: why".into());
        let early = group("a", ("False", "False"), "Creating", 2);
        assert_eq!(of(&[early, refused]), said, "that somebody has to act comes first");
        let failed = group("b", ("False", "False"), "Failed", 2);
        let said = Health::Failing(Reason::NodegroupsNotReady, "node group b: why".into());
        assert_eq!(of(&[well("a"), failed]), said);
        let stopped = [well("a"), group("b", ("True", "False"), "Stopped", 2)];
        assert_eq!(of(&stopped), waiting("waiting for node group b (1 of 2 nodes ready)"));
        assert_eq!(health(&two, &stopped, false), Some(Health::Ready), "stopped with its cluster");
        let mut empty = Nodegroup::clone(&group("b", ("False", "False"), "Updating", 2));
        empty.spec.scaling_config.desired_size = 0;
        assert_eq!(of(&[well("a"), Arc::new(empty)]), waiting("waiting for node group b (being changed)"));
        let gone = of(&[well("a"), well("b"), group("c", ("True", "False"), "Active", 2)]);
        assert_eq!(gone, waiting("waiting for node group c (being removed)"));
    }

    #[test]
    fn groups_that_the_spec_leaves_alone_do_not_count() {
        let late = || group("a", ("False", "False"), "Creating", 2);
        assert_eq!(health(&demo(Value::Null), &[late()], true), None);
        let mut own = (*late()).clone();
        own.labels_mut().clear();
        assert_eq!(health(&demo(json!([])), &[Arc::new(own)], true), Some(Health::Ready), "a resource of its own");
        assert_eq!(missing_nodes(&demo(json!([{"nodegroupName": "a"}, {"nodegroupName": "b"}])), &[late()]), 2);
    }

    #[test]
    fn the_condition_keeps_its_time_while_its_status_stays() {
        let at = |second| Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap());
        let waits = |text: &str| Health::Progressing(Reason::NodegroupsNotReady, text.into());
        let first = condition(&waits("a"), Some(1), &at(1), &[]);
        assert_eq!((first.status.as_str(), first.reason.as_str()), ("False", "NodegroupsNotReady"));
        let second = condition(&waits("b"), Some(1), &at(2), &[first]);
        assert_eq!((second.message.as_str(), &second.last_transition_time), ("b", &at(1)));
        let third = condition(&Health::Ready, Some(1), &at(3), &[second]);
        assert_eq!((third.status.as_str(), &third.last_transition_time), ("True", &at(3)));
    }
}
