//! Resources and observations for the tests of the pure parts.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::child_clusters::Child;
use super::identity_service::IdentityService;
use super::jobs::JobView;
use super::{cluster, nodegroup};
use crd::{EKSClusterConfig, Nodegroup, keys};
use provider::{
    ClusterId, ClusterObservation, DesiredCluster, DesiredNodegroup, MachineState, NodeObservation, Resources,
    ServerObservation,
};

/// A moment.
pub fn now() -> Time {
    Time(Timestamp::from_second(1_700_000_000).unwrap())
}

/// The cluster `demo` with this spec and status; with our finalizer.
pub fn cluster(spec: Value, status: Value) -> EKSClusterConfig {
    serde_json::from_value(json!({
        "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig",
        "metadata": {"name": "demo", "namespace": "default", "uid": "u", "generation": 3, "finalizers": [keys::FINALIZER]},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

/// Status of a cluster that works.
pub fn active() -> Value {
    json!({"phase": "Active", "activeSince": "2024-01-01T00:00:00Z", "version": "1.35",
        "applied": {"provider": "k3d", "version": "1.35", "image": "image:1.35"}})
}

/// The node group `workers` of `demo` with this spec and the cluster's name; with our finalizer.
pub fn nodegroup(mut spec: Value, status: Value) -> Nodegroup {
    spec["clusterName"] = "demo".into();
    serde_json::from_value(json!({
        "apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup",
        "metadata": {"name": "workers", "namespace": "default", "uid": "n", "generation": 2, "finalizers": [keys::FINALIZER]},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

/// The resource as it is while it is deleted.
pub fn deleted<K: kube::Resource>(mut object: K) -> K {
    object.meta_mut().deletion_timestamp = Some(now());
    object
}

fn id() -> ClusterId {
    ClusterId { namespace: "default".into(), name: "demo".into() }
}

/// A good plan for `demo`.
pub fn cluster_plan() -> DesiredCluster {
    DesiredCluster {
        id: id(),
        eks_name: "demo".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        version: "1.35".into(),
        image: "image:1.35".into(),
        servers: 1,
        service_cidr: "10.100.0.0/16".into(),
        placement: None,
        tls_names: Vec::new(),
        public_endpoint: provider::PublicEndpoint::default(),
        control_plane: None,
        endpoint_id: String::new(),
        import: None,
    }
}

/// An identity service that child clusters reach.
pub fn identity_service() -> IdentityService {
    IdentityService {
        host: "172.18.0.2".into(),
        webhook_port: 9443,
        pods_port: 9080,
        registry_port: None,
        registry_key: None,
        ca_pem: "CA".into(),
    }
}

/// A server in this state.
pub fn server(state: MachineState) -> ClusterObservation {
    let server = ServerObservation { name: "s".into(), state, image: "image:1.35".into() };
    ClusterObservation { servers: vec![server], ..ClusterObservation::default() }
}

/// A cluster of which nothing exists yet.
pub fn seen_cluster() -> cluster::observe::Observed {
    cluster::observe::Observed {
        sleeps: false,
        now: now(),
        plan: Ok(cluster_plan()),
        provider: "k3d",
        turn_on: "start the operator with --provider k3d",
        provider_name: "demo".into(),
        has_api_server: true,
        target: None,
        world: Ok(ClusterObservation::default()),
        job: JobView::Idle,
        wait: None,
        child: Child::default(),
        nodegroups: Vec::new(),
        conflict: None,
        inline: Vec::new(),
        webhook_tokens: Vec::new(),
        rotation: None,
        authorities: cluster::authority::Seen::default(),
        configured: Some(true),
        access_written: true,
        mapped_roles: crate::caches::MappedRoles::NotKept,
    }
}

/// Machines of these names and states.
pub fn machines(all: &[(&str, MachineState)]) -> Vec<NodeObservation> {
    let one = |(name, state): &(&str, MachineState)| NodeObservation {
        name: (*name).into(),
        state: *state,
        image: "image:1.35".into(),
        certified_by: None,
    };
    all.iter().map(one).collect()
}

/// A group of an Active cluster of which `desired` nodes are wanted and none exists.
pub fn seen_group(desired: usize) -> nodegroup::observe::Observed {
    let plan = DesiredNodegroup {
        cluster: id(),
        name: "workers".into(),
        desired,
        image: "image:1.35".into(),
        labels: std::collections::BTreeMap::new(),
        taints: Vec::new(),
        resources: Resources { cpus: 2, memory_mib: 4096 },
        zones: Vec::new(),
        authorities: Vec::new(),
    };
    nodegroup::observe::Observed {
        now: now(),
        owner: nodegroup::observe::Owner::Active,
        cluster: None,
        plan: Ok(plan),
        machines: Ok(Vec::new()),
        nodes: Some(std::collections::BTreeMap::new()),
        marks: std::collections::BTreeMap::new(),
        api: nodegroup::observe::Api::Answers,
        has_api_server: true,
        job: JobView::Idle,
        wait: None,
        reported: true,
        rolling: None,
        conflict: None,
    }
}
