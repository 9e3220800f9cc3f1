//! Takes the pods off nodes before their machines go, through the eviction API, so that PodDisruptionBudgets hold.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{EvictParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::provider::Error;

/// Between two looks at the pods that are left.
const LOOK: Duration = Duration::from_millis(500);
/// A pod that the kubelet runs by itself has this annotation.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// How much a drain may insist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long pods may stay.
    pub limit: Duration,
    /// Whether the machine goes then all the same.
    pub force: bool,
}

/// As EKS: 15 minutes for the nodes of an update.
pub const UPDATE: Duration = Duration::from_secs(15 * 60);
/// For nodes that are too many: whoever scales down wants it done.
pub const SCALE_DOWN: Patience = Patience { limit: Duration::from_secs(120), force: true };

/// Cordons the nodes and evicts their pods. Where they don't go in time and `force` isn't set, the nodes take pods again.
pub async fn drain(client: &Client, names: &[String], patience: Patience) -> Result<(), Error> {
    let deadline = Instant::now() + patience.limit;
    let nodes = Api::<Node>::all(client.clone());
    for name in names {
        cordon(&nodes, name, true).await?;
    }
    for name in names {
        let left = empty(client, name, deadline).await?;
        if left.is_empty() || patience.force {
            continue;
        }
        for name in names {
            cordon(&nodes, name, false).await?;
        }
        return Err(Error::Engine {
            doing: format!("draining node {name}"),
            why: format!(
                "PodEvictionFailure: these pods didn't go within {} s: {}; loosen their PodDisruptionBudgets, or force the update",
                patience.limit.as_secs(),
                left.join(", ")
            ),
        });
    }
    Ok(())
}

/// The `count` nodes of `among` on which the fewest pods would have to move; of equals the first ones.
pub async fn least_busy(client: &Client, mut among: Vec<String>, count: usize) -> Result<Vec<String>, Error> {
    let pods = Api::<Pod>::all(client.clone()).list(&ListParams::default()).await;
    let pods = pods.map_err(failed("counting the pods of nodes".into()))?.items;
    let on = |node: &str| {
        let here = |pod: &&Pod| pod.spec.as_ref().and_then(|s| s.node_name.as_deref()) == Some(node);
        pods.iter().filter(|pod| must_go(pod)).filter(here).count()
    };
    among.sort_by_key(|node| on(node));
    among.truncate(count);
    Ok(among)
}

fn failed(doing: String) -> impl FnOnce(kube::Error) -> Error {
    move |error| Error::Engine { doing, why: error.to_string() }
}

fn missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

async fn cordon(nodes: &Api<Node>, name: &str, on: bool) -> Result<(), Error> {
    let body = json!({"spec": {"unschedulable": on}});
    match nodes.patch(name, &PatchParams::default(), &Patch::Merge(&body)).await {
        Err(error) if !missing(&error) => Err(failed(format!("cordoning node {name}"))(error)),
        // A node that never joined has no pods.
        _ => Ok(()),
    }
}

/// Evicts the node's pods until none is left or time is up; names those that are left.
async fn empty(client: &Client, node: &str, deadline: Instant) -> Result<Vec<String>, Error> {
    let of_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
    loop {
        let pods = Api::<Pod>::all(client.clone()).list(&of_node).await;
        let pods = pods.map_err(failed(format!("listing the pods of node {node}")))?.items;
        let left: Vec<&Pod> = pods.iter().filter(|pod| must_go(pod)).collect();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let name = |pod: &&Pod| format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
        if Instant::now() >= deadline {
            return Ok(left.iter().map(name).collect());
        }
        for pod in left.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
            match api.evict(&pod.name_any(), &EvictParams::default()).await {
                Ok(_) => {}
                Err(error) if missing(&error) => {}
                // A budget holds it for now.
                Err(kube::Error::Api(status)) if status.code == 429 => {}
                Err(error) => return Err(failed(format!("evicting pod {}", name(pod)))(error)),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Pods of DaemonSets come back at once, mirror pods are the kubelet's, and those that ended by themselves hold nothing. One
/// that is being deleted is waited for: without its kubelet it would stay.
fn must_go(pod: &Pod) -> bool {
    let phase =
        pod.status.as_ref().and_then(|s| s.phase.as_deref()).filter(|_| pod.metadata.deletion_timestamp.is_none());
    let daemon = pod.owner_references().iter().any(|owner| owner.kind == "DaemonSet");
    !daemon && !pod.annotations().contains_key(MIRROR) && !matches!(phase, Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pods_that_could_run_elsewhere_must_go() {
        let pod = |more: serde_json::Value| {
            let mut all = json!({"metadata": {"name": "p"}, "status": {"phase": "Running"}});
            for (key, value) in more.as_object().unwrap() {
                all[key.as_str()] = value.clone();
            }
            must_go(&serde_json::from_value(all).unwrap())
        };
        assert!(pod(json!({})));
        assert!(!pod(json!({"status": {"phase": "Succeeded"}})));
        let ending = json!({"name": "p", "deletionTimestamp": "2024-01-01T00:00:00Z"});
        assert!(pod(json!({"metadata": ending, "status": {"phase": "Failed"}})), "its kubelet isn't done with it");
        let owner = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u"}]);
        assert!(!pod(json!({"metadata": {"name": "p", "ownerReferences": owner}})));
        assert!(!pod(json!({"metadata": {"name": "p", "annotations": {MIRROR: "x"}}})));
    }
}
