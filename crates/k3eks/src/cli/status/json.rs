//! The same as JSON. Scripts rely on it: a field may come, and none goes or changes its meaning.

use crd::conditions::READY;
use crd::names::{self, Identity};
use crd::{EKSClusterConfig, Nodegroup, Phase};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use serde::Serialize;

/// The whole output. Both lists are flat: a node group names its cluster.
#[derive(Serialize)]
struct Status {
    clusters: Vec<Cluster>,
    nodegroups: Vec<Group>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    namespace: String,
    /// Of the resource.
    name: String,
    eks_name: String,
    #[serde(rename = "accountID")]
    account_id: String,
    region: String,
    phase: Option<Phase>,
    ready: bool,
    version: Option<String>,
    endpoint: Option<String>,
    nodes: Nodes,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    namespace: String,
    /// Of the resource.
    name: String,
    eks_name: String,
    /// Name of the cluster's resource, in the same namespace.
    cluster: String,
    phase: Option<Phase>,
    ready: bool,
    version: Option<String>,
    nodes: Nodes,
    message: String,
}

#[derive(Serialize)]
struct Nodes {
    ready: i32,
    desired: i32,
}

/// The clusters and node groups, in one line for each look where it goes on.
pub fn text(clusters: &[EKSClusterConfig], groups: &[Nodegroup], in_a_line: bool) -> serde_json::Result<String> {
    let status = Status {
        clusters: clusters.iter().map(of_cluster).collect(),
        nodegroups: groups.iter().map(of_group).collect(),
    };
    let text = if in_a_line { serde_json::to_string(&status) } else { serde_json::to_string_pretty(&status) };
    text.map(|text| text + "\n")
}

fn of_cluster(cluster: &EKSClusterConfig) -> Cluster {
    let status = cluster.status.clone().unwrap_or_default();
    let Identity { account, region, name } = Identity::of(cluster);
    let (ready, message) = ready(&status.conditions);
    let nodes = status.nodes.unwrap_or_default();
    Cluster {
        namespace: cluster.namespace().unwrap_or_default(),
        name: cluster.name_any(),
        eks_name: name,
        account_id: account,
        region,
        phase: status.phase,
        ready,
        version: status.version,
        endpoint: status.endpoint,
        nodes: Nodes { ready: nodes.ready, desired: nodes.desired },
        message,
    }
}

fn of_group(group: &Nodegroup) -> Group {
    let status = group.status.clone().unwrap_or_default();
    let (ready, message) = ready(&status.conditions);
    Group {
        namespace: group.namespace().unwrap_or_default(),
        name: group.name_any(),
        eks_name: names::nodegroup_name(group),
        cluster: group.spec.cluster_name.clone(),
        phase: status.phase,
        ready,
        version: status.version,
        nodes: Nodes { ready: status.ready_replicas, desired: group.spec.scaling_config.desired_size },
        message,
    }
}

/// Whether the condition `Ready` holds, and what it says; JSON may be shown on a terminal as well.
fn ready(conditions: &[Condition]) -> (bool, String) {
    let found = conditions.iter().find(|condition| condition.type_ == READY);
    found.map_or_else(Default::default, |c| (c.status == "True", text::fit(&c.message, text::MESSAGE)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, from_value, json};

    use super::*;

    fn condition(status: &str, message: &str) -> Value {
        json!({"type": "Ready", "status": status, "reason": "r", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    #[test]
    fn the_shape_stays() {
        let cluster = from_value(json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig",
            "metadata": {"name": "demo", "namespace": "team"}, "spec": {"displayName": "Demo", "accountID": "111111111111"},
            "status": {"phase": "Active", "version": "1.36", "endpoint": "https://127.0.0.1:16443",
                "nodes": {"ready": 1, "desired": 2, "summary": "1/2"}, "conditions": [condition("True", "well\u{1b}[2J")]}}));
        let group = from_value(json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup",
            "metadata": {"name": "demo-workers", "namespace": "team"},
            "spec": {"clusterName": "demo", "nodegroupName": "workers", "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 2}}}));
        let told = text(&[cluster.unwrap()], &[group.unwrap()], false).unwrap();
        let expected = json!({
            "clusters": [{"namespace": "team", "name": "demo", "eksName": "Demo", "accountID": "111111111111", "region": "us-east-1",
                "phase": "Active", "ready": true, "version": "1.36", "endpoint": "https://127.0.0.1:16443",
                "nodes": {"ready": 1, "desired": 2}, "message": "well\\u{1b}[2J"}],
            "nodegroups": [{"namespace": "team", "name": "demo-workers", "eksName": "workers", "cluster": "demo", "phase": null,
                "ready": false, "version": null, "nodes": {"ready": 0, "desired": 2}, "message": ""}],
        });
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), expected);
    }

    #[test]
    fn nothing_is_two_empty_lists_and_a_look_of_many_is_one_line() {
        assert_eq!(text(&[], &[], true).unwrap(), "{\"clusters\":[],\"nodegroups\":[]}\n");
    }
}
