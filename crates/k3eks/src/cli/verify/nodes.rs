//! Nodes: each group has the nodes that its resource asks for, with EKS's labels, the group's own, its taints, and a zone.

use std::collections::BTreeMap;

use crd::names::{Identity, nodegroup_name};
use crd::nodegroup::Nodegroup;
use crd::{Phase, keys};
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use text::{counted, sentence};

use super::environment::Environment;
use super::finding::Outcome;

/// What a node group has that names no instance type.
const INSTANCE_TYPE: &str = "t3.medium";

/// Compares nodes with the Nodegroup resources.
pub async fn check(env: &Environment) -> Outcome {
    let api = Api::<Nodegroup>::namespaced(env.management.clone(), &env.cluster.namespace().unwrap_or_default());
    let groups = match api.list(&ListParams::default()).await {
        Ok(groups) => groups.items,
        Err(error) => {
            return Outcome::fails(
                format!("listing node groups: {}", sentence(&error)),
                "a list",
                "use a kubeconfig that may list them",
            );
        }
    };
    let groups: Vec<Nodegroup> = groups.into_iter().filter(|group| group.spec.cluster_name == env.name()).collect();
    if groups.is_empty() {
        return Outcome::skipped("the cluster has no node group");
    }
    let region = Identity::of(&env.cluster).region;
    let wrong: Vec<String> = groups.iter().flat_map(|group| differences(group, &env.nodes, &region)).collect();
    if wrong.is_empty() {
        let nodes = groups
            .iter()
            .map(|group| usize::try_from(group.spec.scaling_config.desired_size).unwrap_or_default())
            .sum();
        let (nodes, groups) = (counted(nodes, "node"), counted(groups.len(), "group"));
        return Outcome::ok(format!("labels, taints and zones are right: {nodes} in {groups}"));
    }
    Outcome::fails(
        wrong.join("; "),
        "nodes as the Nodegroup resources ask for",
        "kubectl describe ng says what the operator is at; kubectl --kubeconfig … get nodes --show-labels",
    )
}

/// What is otherwise with the group's nodes than its resource says.
fn differences(group: &Nodegroup, nodes: &[Node], region: &str) -> Vec<String> {
    let name = nodegroup_name(group);
    let phase = group.status.as_ref().and_then(|status| status.phase);
    if phase != Some(Phase::Active) {
        return vec![format!("group {name} is {}", phase.map_or("not begun", |phase| phase.as_str()))];
    }
    let own: Vec<&Node> = nodes.iter().filter(|node| node.labels().get(keys::NODE_NODEGROUP) == Some(&name)).collect();
    let mut wrong = Vec::new();
    let wanted = usize::try_from(group.spec.scaling_config.desired_size).unwrap_or_default();
    if own.len() != wanted {
        wrong.push(format!("group {name} has {} nodes, not {wanted}", own.len()));
    }
    for node in own {
        wrong.extend(of_node(group, node, region).into_iter().map(|what| format!("{}: {what}", node.name_any())));
    }
    wrong
}

fn of_node(group: &Nodegroup, node: &Node, region: &str) -> Vec<String> {
    let spec = &group.spec;
    let mut labels = BTreeMap::from([
        (keys::NODE_INSTANCE_TYPE, spec.instance_types.first().map_or(INSTANCE_TYPE, String::as_str)),
        (keys::NODE_CAPACITY_TYPE, spec.capacity_type.unwrap_or_default().as_str()),
        (keys::NODE_REGION, region),
    ]);
    labels.extend(spec.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let has = node.labels();
    let mut wrong: Vec<String> = labels
        .into_iter()
        .filter(|(key, value)| has.get(*key).map(String::as_str) != Some(*value))
        .map(|(key, value)| format!("label {key} is {}, not {value}", has.get(key).map_or("missing", String::as_str)))
        .collect();
    let zone = has.get(keys::NODE_ZONE).map_or("missing", String::as_str);
    if zone.strip_prefix(region).is_none_or(|letter| letter.len() != 1) {
        wrong.push(format!("label {} is {zone}, not a zone of {region}", keys::NODE_ZONE));
    }
    let taints: Vec<_> = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).collect();
    let missing = spec.taints.iter().filter(|wanted| {
        !taints.iter().any(|taint| {
            taint.key == wanted.key
                && taint.value.as_deref().unwrap_or_default() == wanted.value.as_deref().unwrap_or_default()
                && taint.effect == wanted.effect.kubernetes()
        })
    });
    wrong.extend(missing.map(|taint| format!("taint {}:{} is missing", taint.key, taint.effect.kubernetes())));
    let mut conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    if !conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True") {
        wrong.push("isn't Ready".into());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn group(more: &Value) -> Nodegroup {
        let mut object = json!({
            "apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": "demo-workers"},
            "spec": {"clusterName": "demo", "nodegroupName": "workers", "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
                "labels": {"purpose": "batch"}, "taints": [{"key": "dedicated", "value": "true", "effect": "NO_SCHEDULE"}]},
            "status": {"phase": "Active"},
        });
        json_patch::merge(&mut object, more);
        serde_json::from_value(object).unwrap()
    }

    fn node(more: &Value) -> Node {
        let mut object = json!({
            "metadata": {"name": "n", "labels": {"eks.amazonaws.com/nodegroup": "workers", "node.kubernetes.io/instance-type": "t3.medium",
                "eks.amazonaws.com/capacityType": "ON_DEMAND", "topology.kubernetes.io/region": "eu-west-1",
                "topology.kubernetes.io/zone": "eu-west-1b", "purpose": "batch"}},
            "spec": {"taints": [{"key": "dedicated", "value": "true", "effect": "NoSchedule"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        json_patch::merge(&mut object, more);
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_node_as_it_should_be_is_not_mentioned() {
        assert_eq!(differences(&group(&json!({})), &[node(&json!({}))], "eu-west-1"), [""; 0]);
    }

    #[test]
    fn every_difference_is_named() {
        for (more, says) in [
            (json!({"metadata": {"labels": {"purpose": null}}}), "n: label purpose is missing, not batch"),
            (
                json!({"metadata": {"labels": {"topology.kubernetes.io/zone": "eu-west-2a"}}}),
                "n: label topology.kubernetes.io/zone is eu-west-2a, not a zone of eu-west-1",
            ),
            (
                json!({"metadata": {"labels": {"eks.amazonaws.com/capacityType": "SPOT"}}}),
                "n: label eks.amazonaws.com/capacityType is SPOT, not ON_DEMAND",
            ),
            (json!({"spec": {"taints": []}}), "n: taint dedicated:NoSchedule is missing"),
            (json!({"status": {"conditions": []}}), "n: isn't Ready"),
            (
                json!({"metadata": {"labels": {"eks.amazonaws.com/nodegroup": "other"}}}),
                "group workers has 0 nodes, not 1",
            ),
        ] {
            assert_eq!(differences(&group(&json!({})), &[node(&more)], "eu-west-1"), [says]);
        }
        let updating = group(&json!({"status": {"phase": "Updating"}}));
        assert_eq!(differences(&updating, &[], "eu-west-1"), ["group workers is Updating"]);
    }
}
