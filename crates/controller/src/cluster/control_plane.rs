//! Whether a cluster's servers take pods. As on EKS they don't, once there are node groups that do.
//!
//! A taint keeps new pods away. Once a node can take them, pods of Deployments on the servers are evicted, so that
//! budgets hold. Pods with a volume claim stay, since their data may be there, and so do pods that nothing recreates.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Volume};
use kube::ResourceExt;

use super::inline_nodegroups::Change;
use super::next::ClusterAction;
use super::observe::Observed;
use super::validate;
use crate::context::Context;
use crate::error::Error;
use crate::nodegroup::{drain, labels_taints};
use crd::{EKSClusterConfig, keys};

/// Pause after the API server refused the change or a budget blocked an eviction.
pub const AGAIN: Duration = Duration::from_secs(5);
/// Time limit of listing the servers' pods.
const LIMIT: Duration = Duration::from_secs(5);

/// The next action for the servers of a running cluster.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Option<ClusterAction> {
    let made_here = seen.has_api_server && seen.plan.as_ref().is_ok_and(|plan| plan.import.is_none());
    let (nodes, world) = (seen.child.nodes.as_ref().filter(|_| made_here)?, seen.world.as_ref().ok()?);
    let reserved = is_reserved(cluster, seen);
    let servers: Vec<String> =
        world.servers.iter().map(|server| server.name.clone()).filter(|name| nodes.contains_key(name)).collect();
    let taint = taint();
    let changes: Vec<labels_taints::Change> = servers
        .iter()
        .filter(|name| nodes[*name].marks.taints.contains(&taint) != reserved)
        .map(|name| {
            let (add, remove) = if reserved { (vec![taint.clone()], vec![]) } else { (vec![], vec![taint.clone()]) };
            labels_taints::Change { node: name.clone(), add, remove, ..labels_taints::Change::default() }
        })
        .collect();
    if !changes.is_empty() {
        return Some(ClusterAction::TaintServers(changes));
    }
    // One with taints may not be meant for them.
    let has_place = nodes.values().any(|node| node.ready && node.nodegroup.is_some() && node.marks.taints.is_empty());
    (reserved && has_place && !seen.child.cleared).then_some(ClusterAction::ClearServers(servers))
}

/// Whether the servers take no pods: as the spec says, else if a node group exists that isn't being deleted.
fn is_reserved(cluster: &EKSClusterConfig, seen: &Observed) -> bool {
    let schedulable = cluster.spec.control_plane.as_ref().and_then(|plane| plane.schedulable);
    let there = || seen.nodegroups.iter().any(|group| group.metadata.deletion_timestamp.is_none());
    let to_come = || seen.inline.iter().any(|change| matches!(change, Change::Apply { .. }));
    schedulable.map_or_else(|| there() || to_come(), |schedulable| !schedulable)
}

/// The taint, as the marks of a node have it.
fn taint() -> String {
    format!("{}=:NoSchedule", keys::TAINT_CONTROL_PLANE)
}

/// Sets or takes away the servers' taint.
pub async fn taint_servers(cluster: &EKSClusterConfig, changes: &[labels_taints::Change], ctx: &Context) {
    let id = validate::id(cluster);
    let Some(client) = ctx.children.client(&id) else { return };
    // Whoever runs on the servers from now on is to be moved anew.
    ctx.children.cleared(&id, false);
    within(cluster, labels_taints::apply(&client, changes)).await;
}

/// Evicts the pods on the servers, so that they move to nodes.
pub async fn clear_servers(cluster: &EKSClusterConfig, servers: &[String], ctx: &Context) {
    let id = validate::id(cluster);
    let Some(client) = ctx.children.client(&id) else { return };
    let moved = async { drain::move_off(&client, servers, moves).await.map_err(Error::from) };
    if within(cluster, moved).await == Some(true) {
        ctx.children.cleared(&id, true);
    }
}

/// A child that fails must not block other work for the cluster: log, and retry later.
async fn within<T>(cluster: &EKSClusterConfig, work: impl Future<Output = Result<T, Error>>) -> Option<T> {
    let why = match tokio::time::timeout(LIMIT, work).await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the API server takes too long to answer".to_owned(),
    };
    tracing::warn!(cluster = %validate::id(cluster), why, "keeping pods off the servers failed; retrying");
    None
}

/// Whether an evicted pod is recreated on a node and finds its data there.
fn moves(pod: &Pod) -> bool {
    let spec = pod.spec.clone().unwrap_or_default();
    let of_deployment = pod.owner_references().iter().any(|owner| owner.kind == "ReplicaSet");
    let holds = |volume: &Volume| volume.persistent_volume_claim.is_some() || volume.host_path.is_some();
    let claims = spec.volumes.iter().flatten().any(holds);
    // All nodes have these two; whoever asks for anything else may find it on the servers alone.
    let common = ["kubernetes.io/os", "kubernetes.io/arch"];
    let chosen = spec.node_selector.iter().flatten().any(|(key, _)| !common.contains(&key.as_str()));
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let pinned =
        chosen || affinity.is_some_and(|node| node.required_during_scheduling_ignored_during_execution.is_some());
    let key = Some(keys::TAINT_CONTROL_PLANE);
    let tolerates = spec.tolerations.iter().flatten().any(|t| t.key.is_none() || t.key.as_deref() == key);
    of_deployment && !claims && !pinned && !tolerates && pod.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::child_clusters::Child;
    use crate::child_nodes::ChildNode;
    use crate::fixtures::{active, cluster, deleted, nodegroup, seen_cluster, server};
    use crd::Nodegroup;
    use crd::nodegroup::NodeMarks;
    use provider::MachineState;

    fn node(nodegroup: Option<&str>, ready: bool, taints: &[&str]) -> ChildNode {
        let taints = taints.iter().map(|taint| (*taint).to_owned()).collect();
        ChildNode {
            nodegroup: nodegroup.map(str::to_owned),
            ready,
            since: None,
            marks: NodeMarks { taints, ..NodeMarks::default() },
        }
    }

    /// A cluster with the server `s` and these groups and nodes.
    fn seen(groups: Vec<Nodegroup>, nodes: Vec<(&str, ChildNode)>) -> Observed {
        let nodes = nodes.into_iter().map(|(name, node)| (name.to_owned(), node)).collect();
        Observed {
            world: Ok(server(MachineState::Running)),
            child: Child { ready: true, nodes: Some(nodes), ..Child::default() },
            nodegroups: groups.into_iter().map(Arc::new).collect(),
            ..seen_cluster()
        }
    }

    fn group() -> Nodegroup {
        nodegroup(json!({}), Value::Null)
    }

    const TAINT: &str = "k3eks.io/control-plane=:NoSchedule";

    fn demo(spec: Value) -> EKSClusterConfig {
        cluster(spec, active())
    }

    /// Taints to add to the servers, and to remove.
    fn changed(spec: Value, seen: &Observed) -> Option<(usize, usize)> {
        match plan(&demo(spec), seen)? {
            ClusterAction::TaintServers(changes) => Some((changes[0].add.len(), changes[0].remove.len())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn servers_take_pods_until_there_is_a_node_group_and_again_when_the_last_one_goes() {
        let (free, tainted) = (|| vec![("s", node(None, true, &[]))], || vec![("s", node(None, true, &[TAINT]))]);
        assert_eq!(changed(json!({}), &seen(vec![], free())), None);
        assert_eq!(changed(json!({}), &seen(vec![group()], free())), Some((1, 0)));
        assert_eq!(changed(json!({}), &seen(vec![group()], tainted())), None, "no node yet: pods wait");
        assert_eq!(changed(json!({}), &seen(vec![deleted(group())], tainted())), Some((0, 1)));
        assert_eq!(changed(json!({}), &seen(vec![deleted(group()), group()], tainted())), None);
        let mut coming = seen(vec![], free());
        coming.inline = vec![Change::Apply { name: "g".into(), object: Value::Null }];
        assert_eq!(changed(json!({}), &coming), Some((1, 0)), "its spec names one");
    }

    #[test]
    fn the_spec_has_the_last_word_and_others_clusters_are_left_alone() {
        let spec = |schedulable: bool| json!({"controlPlane": {"servers": 1, "schedulable": schedulable}});
        let free = seen(vec![group()], vec![("s", node(None, true, &[]))]);
        assert_eq!(changed(spec(true), &free), None);
        assert_eq!(changed(spec(false), &seen(vec![], vec![("s", node(None, true, &[]))])), Some((1, 0)));
        assert_eq!(changed(spec(true), &seen(vec![group()], vec![("s", node(None, true, &[TAINT]))])), Some((0, 1)));
        let mut imported = free.clone();
        imported.plan.as_mut().unwrap().import = Some(provider::Import::Named("x".into()));
        assert_eq!(plan(&demo(json!({})), &imported), None);
    }

    #[test]
    fn every_server_is_tainted_and_one_that_came_back_is_again() {
        let mut three = seen(vec![group()], vec![("s", node(None, true, &[TAINT])), ("t", node(None, false, &[]))]);
        let mut other = three.world.as_ref().unwrap().servers[0].clone();
        other.name = "t".into();
        three.world.as_mut().unwrap().servers.push(other);
        let Some(ClusterAction::TaintServers(changes)) = plan(&demo(json!({})), &three) else { panic!() };
        assert_eq!(changes.iter().map(|change| change.node.as_str()).collect::<Vec<_>>(), ["t"]);
    }

    #[test]
    fn pods_move_once_a_node_is_there_to_take_them() {
        let with = |ready, taints: &[&str], cleared| {
            let nodes = vec![("s", node(None, true, &[TAINT])), ("n", node(Some("workers"), ready, taints))];
            let mut seen = seen(vec![group()], nodes);
            seen.child.cleared = cleared;
            plan(&demo(json!({})), &seen)
        };
        assert_eq!(with(true, &[], false), Some(ClusterAction::ClearServers(vec!["s".into()])));
        assert_eq!(with(false, &[], false), None);
        assert_eq!(with(true, &["dedicated=true:NoSchedule"], false), None, "nobody may be let in there");
        assert_eq!(with(true, &[], true), None, "once is enough");
    }

    #[test]
    fn only_what_comes_back_whole_elsewhere_is_moved() {
        let pod = |owner: &str, spec: Value| {
            let owners = json!([{"apiVersion": "apps/v1", "kind": owner, "name": "o", "uid": "u"}]);
            let mut spec = spec;
            spec["containers"] = json!([]);
            let pod = json!({"metadata": {"name": "p", "ownerReferences": owners}, "spec": spec});
            moves(&serde_json::from_value(pod).unwrap())
        };
        let usual = json!([{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]);
        assert!(pod("ReplicaSet", json!({"tolerations": usual})), "as CoreDNS");
        for owner in ["DaemonSet", "StatefulSet", "Job"] {
            assert!(!pod(owner, json!({})), "{owner}");
        }
        let claim = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]);
        assert!(!pod("ReplicaSet", json!({"volumes": claim})));
        let folder = json!([{"name": "v", "hostPath": {"path": "/data"}}]);
        assert!(!pod("ReplicaSet", json!({"volumes": folder})), "its data is on the server");
        assert!(pod("ReplicaSet", json!({"nodeSelector": {"kubernetes.io/os": "linux"}})));
        for label in ["kubernetes.io/hostname", "node-role.kubernetes.io/control-plane"] {
            assert!(!pod("ReplicaSet", json!({"nodeSelector": {label: "s"}})), "{label}");
        }
        assert!(!pod("ReplicaSet", json!({"tolerations": [{"operator": "Exists"}]})));
    }
}
