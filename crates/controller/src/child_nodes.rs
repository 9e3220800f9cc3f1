//! The nodes that a child's API server reports: only the fields that matter here, and no more nodes than Kubernetes
//! allows.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::nodegroup::labels_taints;
use crd::keys;
use crd::nodegroup::NodeMarks;

/// Most nodes of a cluster: Kubernetes's limit.
const MOST: usize = 5_000;
/// Most bytes of one node's name, labels and taints.
const LARGEST: usize = 64 * 1024;
/// Usual upper bound of a node's bytes, and how many nodes may exceed it: all nodes are kept in memory.
const LARGE: usize = 4 * 1024;
const FEW: usize = 128;

/// A Node object, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildNode {
    /// Name of the node group, from EKS's label.
    pub nodegroup: Option<String>,
    /// Whether its Ready condition is True.
    pub ready: bool,
    /// Since when its Ready condition is as it is.
    pub since: Option<Timestamp>,
    /// Its labels and taints.
    pub marks: NodeMarks,
}

/// Adds a node.
///
/// # Errors
/// Text for people: the API server reported more nodes, or a larger node, than a cluster can have.
pub fn add(nodes: &mut BTreeMap<String, ChildNode>, node: &Node) -> Result<(), String> {
    let (name, described) = (node.name_any(), describe(node));
    let bytes = size(&name, &described);
    if bytes > LARGEST {
        return Err(format!("the API server returned a node with more than {LARGEST} bytes of labels and taints"));
    }
    let large = |(of, node): &(&String, &ChildNode)| **of != name && size(of, node) > LARGE;
    if bytes > LARGE && nodes.iter().filter(large).count() >= FEW {
        return Err(format!(
            "the API server returned more than {FEW} nodes with more than {LARGE} bytes of labels and taints"
        ));
    }
    if nodes.len() >= MOST && !nodes.contains_key(&name) {
        return Err(format!("the API server returned more than {MOST} nodes"));
    }
    nodes.insert(name, described);
    Ok(())
}

fn size(name: &str, node: &ChildNode) -> usize {
    let labels: usize = node.marks.labels.iter().map(|(key, value)| key.len() + value.len()).sum();
    name.len() + labels + node.marks.taints.iter().map(String::len).sum::<usize>()
}

fn describe(node: &Node) -> ChildNode {
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let condition = conditions.iter().find(|c| c.type_ == "Ready");
    ChildNode {
        nodegroup: node.labels().get(keys::NODE_NODEGROUP).cloned(),
        ready: condition.is_some_and(|c| c.status == "True"),
        since: condition.and_then(|c| c.last_transition_time.as_ref()).map(|time| time.0),
        marks: labels_taints::of(node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, label: usize) -> Node {
        let mut node = Node::default();
        node.metadata.name = Some(name.to_owned());
        node.labels_mut().insert("x".into(), "a".repeat(label));
        node
    }

    #[test]
    fn no_cluster_fills_the_memory_with_nodes() {
        let mut nodes = BTreeMap::new();
        assert!(add(&mut nodes, &node("large", LARGEST)).unwrap_err().contains("labels"));
        for number in 0..MOST {
            add(&mut nodes, &node(&format!("n{number}"), 1)).unwrap();
        }
        assert!(add(&mut nodes, &node("one-more", 1)).unwrap_err().contains("more than 5000"));
        add(&mut nodes, &node("n7", 2)).unwrap();
        assert_eq!(nodes["n7"].marks.labels["x"], "aa");
        for number in 0..FEW {
            add(&mut nodes, &node(&format!("n{number}"), LARGE)).unwrap();
        }
        add(&mut nodes, &node("n0", LARGE + 1)).unwrap();
        assert!(add(&mut nodes, &node("n999", LARGE)).unwrap_err().contains("more than 128 nodes"));
    }
}
