//! The kinds of a cluster's objects that the page shows, and what it shows of each: of all else nothing is passed on.

use serde_json::{Value, json};

use super::plain;
use aws::error::ApiError;

/// Objects that are asked for at once. Who has more asks for one namespace.
const PAGE: usize = 500;

/// A kind of objects.
#[derive(Debug)]
pub struct Kind {
    /// What the page calls it.
    pub name: &'static str,
    /// Its API group; empty for Kubernetes' own.
    pub group: &'static str,
    version: &'static str,
    /// Its plural in the API.
    pub plural: &'static str,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// What is shown of an object, by paths through its members; lists are gone through.
    shown: &'static [&'static str],
}

/// What objects with a controller have.
macro_rules! workload {
    ($($more:literal),*) => {
        &["metadata.name", "metadata.namespace", "metadata.creationTimestamp", "spec.template.spec.containers.image", $($more),*]
    };
}

/// All of them.
pub static KINDS: [Kind; 11] = [
    Kind {
        name: "nodes",
        group: "",
        version: "v1",
        plural: "nodes",
        namespaced: false,
        shown: &[
            "metadata.name",
            "metadata.labels",
            "metadata.creationTimestamp",
            "spec.unschedulable",
            "spec.providerID",
            "spec.taints.key",
            "spec.taints.value",
            "spec.taints.effect",
            "status.conditions.type",
            "status.conditions.status",
            "status.conditions.reason",
            "status.conditions.message",
            "status.conditions.lastTransitionTime",
            "status.nodeInfo.architecture",
            "status.nodeInfo.containerRuntimeVersion",
            "status.nodeInfo.kernelVersion",
            "status.nodeInfo.kubeletVersion",
            "status.nodeInfo.osImage",
            "status.capacity",
            "status.allocatable",
            "status.addresses",
        ],
    },
    Kind {
        name: "node-usage",
        group: "metrics.k8s.io",
        version: "v1beta1",
        plural: "nodes",
        namespaced: false,
        shown: &["metadata.name", "usage"],
    },
    Kind {
        name: "namespaces",
        group: "",
        version: "v1",
        plural: "namespaces",
        namespaced: false,
        shown: &["metadata.name"],
    },
    Kind {
        name: "pods",
        group: "",
        version: "v1",
        plural: "pods",
        namespaced: true,
        shown: &[
            "metadata.name",
            "metadata.namespace",
            "metadata.creationTimestamp",
            "metadata.deletionTimestamp",
            "metadata.ownerReferences.kind",
            "metadata.ownerReferences.controller",
            "spec.nodeName",
            "spec.containers.name",
            "spec.initContainers.name",
            "status.phase",
            "status.reason",
            "status.message",
            "status.conditions.type",
            "status.conditions.status",
            "status.conditions.message",
            "status.podIP",
            "status.containerStatuses.name",
            "status.containerStatuses.ready",
            "status.containerStatuses.restartCount",
            "status.containerStatuses.state.waiting.reason",
            "status.containerStatuses.state.waiting.message",
            "status.containerStatuses.state.terminated.reason",
            "status.initContainerStatuses.name",
            "status.initContainerStatuses.ready",
            "status.initContainerStatuses.restartCount",
            "status.initContainerStatuses.state.waiting.reason",
            "status.initContainerStatuses.state.waiting.message",
            "status.initContainerStatuses.state.terminated.reason",
        ],
    },
    Kind {
        name: "pod-usage",
        group: "metrics.k8s.io",
        version: "v1beta1",
        plural: "pods",
        namespaced: true,
        shown: &["metadata.name", "metadata.namespace", "containers.usage"],
    },
    Kind {
        name: "deployments",
        group: "apps",
        version: "v1",
        plural: "deployments",
        namespaced: true,
        shown: workload!("spec.replicas", "status.readyReplicas", "status.updatedReplicas"),
    },
    Kind {
        name: "statefulsets",
        group: "apps",
        version: "v1",
        plural: "statefulsets",
        namespaced: true,
        shown: workload!(
            "spec.replicas",
            "spec.updateStrategy.type",
            "spec.updateStrategy.rollingUpdate.partition",
            "status.readyReplicas",
            "status.updatedReplicas"
        ),
    },
    Kind {
        name: "daemonsets",
        group: "apps",
        version: "v1",
        plural: "daemonsets",
        namespaced: true,
        shown: workload!(
            "spec.updateStrategy.type",
            "status.desiredNumberScheduled",
            "status.numberReady",
            "status.updatedNumberScheduled"
        ),
    },
    Kind {
        name: "services",
        group: "",
        version: "v1",
        plural: "services",
        namespaced: true,
        shown: &[
            "metadata.name",
            "metadata.namespace",
            "metadata.creationTimestamp",
            "spec.type",
            "spec.clusterIP",
            "spec.externalName",
            "spec.ports.port",
            "spec.ports.nodePort",
            "spec.ports.protocol",
            "status.loadBalancer.ingress.ip",
            "status.loadBalancer.ingress.hostname",
        ],
    },
    Kind {
        name: "claims",
        group: "",
        version: "v1",
        plural: "persistentvolumeclaims",
        namespaced: true,
        shown: &[
            "metadata.name",
            "metadata.namespace",
            "metadata.creationTimestamp",
            "spec.storageClassName",
            "spec.accessModes",
            "spec.resources.requests.storage",
            "status.phase",
            "status.capacity.storage",
        ],
    },
    Kind {
        name: "events",
        group: "",
        version: "v1",
        plural: "events",
        namespaced: true,
        shown: &[
            "metadata.namespace",
            "metadata.creationTimestamp",
            "lastTimestamp",
            "eventTime",
            "series.lastObservedTime",
            "type",
            "reason",
            "message",
            "count",
            "involvedObject.kind",
            "involvedObject.name",
        ],
    },
];

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    /// The path of the list of its objects, in one namespace where one is given, and of pods on one node.
    ///
    /// # Errors
    /// The namespace's or the node's name is none, or the kind isn't on nodes.
    pub fn list(&self, namespace: &str, node: &str) -> Result<String, ApiError> {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        let within = match (self.namespaced, namespace) {
            (false, _) | (true, "") => String::new(),
            (true, namespace) => format!("/namespaces/{}", plain(namespace)?),
        };
        let on = match (self.name, node) {
            (_, "") => String::new(),
            ("pods", node) => format!("&fieldSelector=spec.nodeName%3D{}", plain(node)?),
            _ => return Err(ApiError::invalid_parameter("Only pods are on nodes")),
        };
        Ok(format!("{root}/{}{within}/{}?limit={PAGE}{on}", self.version, self.plural))
    }

    /// What is shown of a list, and whether there are more.
    pub fn seen(&self, body: &[u8]) -> Option<Value> {
        let mut list: Value = serde_json::from_slice(body).ok()?;
        let mut items = list.get_mut("items")?.take();
        // Not everybody keeps to the limit.
        let all = items.as_array_mut()?;
        let more = all.len() > PAGE || list["metadata"]["continue"].as_str().is_some_and(|rest| !rest.is_empty());
        all.truncate(PAGE);
        keep(&mut items, self.shown);
        Some(json!({"items": items, "more": more}))
    }
}

/// Leaves of a value only what the paths lead to.
fn keep(value: &mut Value, paths: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| keep(item, paths)),
        Value::Object(members) => {
            let below = |name: &str| {
                let rest = |path: &&str| path.strip_prefix(name).map(str::to_owned);
                paths
                    .iter()
                    .filter_map(rest)
                    .filter(|rest| rest.is_empty() || rest.starts_with('.'))
                    .collect::<Vec<_>>()
            };
            members.retain(|name, _| !below(name).is_empty());
            for (name, member) in members.iter_mut() {
                let rest = below(name);
                // All of it is shown.
                if rest.iter().any(String::is_empty) {
                    continue;
                }
                keep(member, &rest.iter().map(|rest| &rest[1..]).collect::<Vec<_>>());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_tells_why_it_waits_and_who_made_it_and_no_more() {
        let pod = json!({
            "metadata": {"name": "p", "ownerReferences": [{"kind": "Job", "controller": true, "uid": "u"}]},
            "spec": {"containers": [{"name": "c", "env": [{"name": "SECRET", "value": "s"}]}]},
            "status": {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "no node", "reason": "Unschedulable"}],
                "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "no image"}}}],
            },
        });
        let list = serde_json::to_vec(&json!({"items": [pod]})).unwrap();
        let seen = find("pods").unwrap().seen(&list).unwrap();
        let wanted = json!({
            "metadata": {"name": "p", "ownerReferences": [{"kind": "Job", "controller": true}]},
            "spec": {"containers": [{"name": "c"}]},
            "status": {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}],
                "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "no image"}}}],
            },
        });
        assert_eq!(seen["items"][0], wanted);
    }

    #[test]
    fn pods_are_asked_for_by_their_node() {
        let list = |kind, node| find(kind).unwrap().list("", node).map_err(|error| error.message().to_owned());
        let wanted = "/api/v1/pods?limit=500&fieldSelector=spec.nodeName%3Da-node.internal";
        assert_eq!(list("pods", "a-node.internal").as_deref(), Ok(wanted));
        assert_eq!(list("nodes", "").as_deref(), Ok("/api/v1/nodes?limit=500"));
        assert!(list("pods", "a,metadata.name=b").is_err() && list("services", "a").is_err());
    }

    #[test]
    fn a_stateful_set_tells_how_far_it_is_to_be_rolled_out() {
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
        let set = json!({"spec": {"replicas": 3, "updateStrategy": strategy, "serviceName": "s"}});
        let list = serde_json::to_vec(&json!({"items": [set]})).unwrap();
        let seen = find("statefulsets").unwrap().seen(&list).unwrap();
        assert_eq!(seen["items"][0], json!({"spec": {"replicas": 3, "updateStrategy": strategy}}));
    }
}
