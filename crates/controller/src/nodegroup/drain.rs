//! Drains nodes before their machines go, through the eviction API, so that PodDisruptionBudgets hold.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{EvictParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use provider::Error;

/// Between two looks at the pods that are left.
const LOOK: Duration = Duration::from_millis(500);
/// The longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Between two messages about them: each becomes an Event.
const TELL: Duration = Duration::from_secs(5);
/// Pods that a message names.
const NAMED: usize = 3;
/// Annotation of static pods.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// How much a drain may insist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long pods may stay.
    pub limit: Duration,
    /// Whether the machine is removed even if pods stay.
    pub force: bool,
}

/// As EKS: 15 minutes for the nodes of an update.
pub const UPDATE: Duration = Duration::from_secs(15 * 60);
/// For surplus nodes: a scale-down must not block.
pub const SCALE_DOWN: Patience = Patience { limit: Duration::from_secs(120), force: true };

/// Cordons the nodes and evicts their pods; `tell` hears which pods stay. On failure, or if pods stay and `force` isn't
/// set, uncordons the nodes.
pub async fn drain(client: &Client, names: &[String], patience: Patience, tell: impl Fn(String)) -> Result<(), Error> {
    let nodes = Api::<Node>::all(client.clone());
    let drained = emptied(client, &nodes, names, patience, &tell).await;
    if drained.is_err() {
        for name in names {
            if let Err(error) = cordon(&nodes, name, false).await {
                tracing::warn!(node = name, %error, "uncordoning a node failed");
            }
        }
    }
    drained
}

async fn emptied(
    client: &Client,
    nodes: &Api<Node>,
    names: &[String],
    patience: Patience,
    tell: &impl Fn(String),
) -> Result<(), Error> {
    let deadline = Instant::now() + patience.limit;
    for name in names {
        cordon(nodes, name, true).await?;
    }
    for name in names {
        let left = empty(client, name, deadline, tell).await?;
        if left.is_empty() || patience.force {
            continue;
        }
        return Err(Error::EvictionTimeout {
            node: name.clone(),
            seconds: patience.limit.as_secs(),
            pods: left.join(", "),
        });
    }
    Ok(())
}

/// The `count` nodes of `among` with the fewest pods to move; among equals, the first ones.
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
    move |error| Error::Engine { doing, why: text::sentence(&error) }
}

/// The answer, if it comes in time: a stuck API server never answers.
async fn answered<T>(question: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    let late = |_| kube::Error::Service("the API server doesn't answer".into());
    tokio::time::timeout(ANSWER, question).await.map_err(late)?
}

fn missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

async fn cordon(nodes: &Api<Node>, name: &str, on: bool) -> Result<(), Error> {
    let body = json!({"spec": {"unschedulable": on}});
    match answered(nodes.patch(name, &PatchParams::default(), &Patch::Merge(&body))).await {
        Err(error) if !missing(&error) => Err(failed(format!("cordoning node {name}"))(error)),
        // A node that never joined has no pods.
        _ => Ok(()),
    }
}

/// Evicts the node's pods until none is left or time is up; names those that are left.
async fn empty(client: &Client, node: &str, deadline: Instant, tell: &impl Fn(String)) -> Result<Vec<String>, Error> {
    let of_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let mut next = Instant::now() + TELL;
    loop {
        let pods = answered(Api::<Pod>::all(client.clone()).list(&of_node)).await;
        let pods = pods.map_err(failed(format!("listing the pods of node {node}")))?.items;
        let left: Vec<&Pod> = pods.iter().filter(|pod| must_go(pod)).collect();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        if Instant::now() >= deadline {
            return Ok(left.iter().map(|pod| name(pod)).collect());
        }
        if Instant::now() >= next {
            tell(waiting_for(node, &left));
            next = Instant::now() + TELL;
        }
        for pod in left.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            evict(client, pod).await?;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Names the pods that a node still has, the first few of many.
fn waiting_for(node: &str, pods: &[&Pod]) -> String {
    let mut names: Vec<String> = pods.iter().map(|pod| name(pod)).collect();
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("waiting for pods to leave {node}: {}{more}", names.join(", "))
}

fn name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

/// Evicts a pod; whether it goes.
async fn evict(client: &Client, pod: &Pod) -> Result<bool, Error> {
    let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    match answered(api.evict(&pod.name_any(), &EvictParams::default())).await {
        Ok(_) => Ok(true),
        Err(error) if missing(&error) => Ok(true),
        // A budget holds it for now, or two do, or a webhook: the eviction may succeed later.
        Err(error @ kube::Error::Api(_)) => {
            tracing::debug!(pod = name(pod), error = text::sentence(&error), "a pod can't be evicted yet");
            Ok(false)
        }
        Err(error) => Err(failed(format!("evicting pod {}", name(pod)))(error)),
    }
}

/// Evicts the pods of the nodes for which `moves` holds, once. Returns whether no budget blocked one.
pub async fn move_off(client: &Client, nodes: &[String], moves: fn(&Pod) -> bool) -> Result<bool, Error> {
    let mut all = true;
    for node in nodes {
        let of_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
        let pods = answered(Api::<Pod>::all(client.clone()).list(&of_node)).await;
        let pods = pods.map_err(failed(format!("listing the pods of node {node}")))?.items;
        for pod in pods.iter().filter(|pod| must_go(pod) && moves(pod)) {
            all &= evict(client, pod).await?;
        }
    }
    Ok(all)
}

/// Skips pods of DaemonSets, which come back at once, static pods, and finished pods. Waits for pods that are being
/// deleted: without its kubelet such a pod would stay.
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
    fn the_pods_that_stay_are_named_the_first_few_of_many() {
        let pod = |name: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": name, "namespace": "shop"}})).unwrap()
        };
        let pods = ["e", "d", "c", "b", "a"].map(pod);
        let said = waiting_for("node-1", &pods.iter().collect::<Vec<_>>());
        assert_eq!(said, "waiting for pods to leave node-1: shop/a, shop/b, shop/c and 2 more");
        assert_eq!(waiting_for("node-1", &[&pods[4]]), "waiting for pods to leave node-1: shop/a");
    }

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
