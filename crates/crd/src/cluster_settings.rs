//! The parts of a cluster that EKS has and Rancher lacks, in the words of the EKS API.
//!
//! "Recorded only" means: the EKS API returns the value as it was given, and it has no effect.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::forms;
use super::given::{given, or_empty};
use super::most;

/// Network of a cluster's Services where the spec names none, as on EKS.
pub const DEFAULT_SERVICE_CIDR: &str = "10.100.0.0/16";

/// Who may sign in to the cluster, and how (EKS: `accessConfig`).
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.bootstrapClusterCreatorAdminPermissions) || dyn(self.bootstrapClusterCreatorAdminPermissions) != false || (has(self.authenticationMode) && (dyn(self.authenticationMode) == 'API' || dyn(self.authenticationMode) == 'API_AND_CONFIG_MAP'))").message("bootstrapClusterCreatorAdminPermissions can be false only with authenticationMode API or API_AND_CONFIG_MAP: with CONFIG_MAP nobody could sign in").field_path(".bootstrapClusterCreatorAdminPermissions"))]
pub struct AccessConfig {
    /// Makes the cluster's creator its administrator. Default: true. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("bootstrapClusterCreatorAdminPermissions can't be changed after creation"))]
    pub bootstrap_cluster_creator_admin_permissions: Option<bool>,
    /// Source of access rights: `API` (access entries), `CONFIG_MAP` (aws-auth) or `API_AND_CONFIG_MAP`. Default:
    /// `CONFIG_MAP`, as on EKS. Mutable; through the EKS API only towards `API`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub authentication_mode: Option<AuthenticationMode>,
}

/// Source of access rights: `API` (access entries), `CONFIG_MAP` (aws-auth) or `API_AND_CONFIG_MAP`. Default:
/// `CONFIG_MAP`, as on EKS. Mutable; through the EKS API only towards `API`.
// The definition shows an optional enum's own description in place of the field's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum AuthenticationMode {
    /// In the ConfigMap `aws-auth` alone.
    #[default]
    #[serde(rename = "CONFIG_MAP")]
    ConfigMap,
    /// In access entries and in the ConfigMap.
    #[serde(rename = "API_AND_CONFIG_MAP")]
    ApiAndConfigMap,
    /// In access entries alone.
    #[serde(rename = "API")]
    Api,
}

/// Support that the version gets (EKS: `upgradePolicy`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpgradePolicy {
    /// `STANDARD` or `EXTENDED`. Default: `EXTENDED`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub support_type: Option<SupportType>,
}

/// Support that the version gets: `STANDARD` or `EXTENDED`. Recorded only. Default: `EXTENDED`. Mutable.
// The definition shows an optional enum's own description in place of the field's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SupportType {
    /// Standard support.
    Standard,
    /// Extended support.
    #[default]
    Extended,
}

/// Registration with Argo CD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArgoCd {
    /// Registers the cluster with Argo CD. The operator writes a Secret with administrator credentials into Argo CD's
    /// namespace (`--argocd-namespace`). Default: false. Mutable.
    #[serde(default)]
    pub register: bool,
}

/// A feature that is on or off. Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Enabled {
    /// Turns it on. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Networks of hybrid nodes and their pods (EKS: `remoteNetworkConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteNetworkConfig {
    /// Networks of the nodes, at most one entry. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1))]
    pub remote_node_networks: Option<Vec<RemoteNetwork>>,
    /// Networks of the pods, at most one entry. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1))]
    pub remote_pod_networks: Option<Vec<RemoteNetwork>>,
}

/// CIDR blocks of one remote network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteNetwork {
    /// The CIDR blocks, at most 15. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::REMOTE_CIDRS), extend("nullable" = true))]
    pub cidrs: Vec<String>,
}

/// EKS Auto Mode's compute (EKS: `computeConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComputeConfig {
    /// Turns it on. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Node pools: `general-purpose`, `system`. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), inner(regex(pattern = forms::NODE_POOL.pattern)))]
    pub node_pools: Option<Vec<String>>,
    /// ARN of the nodes' role. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::ROLE_ARN.pattern))]
    pub node_role_arn: Option<String>,
}

/// EKS Auto Mode's storage (EKS: `storageConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageConfig {
    /// Block storage. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_storage: Option<Enabled>,
}

/// EKS Auto Mode's load balancing (EKS: `elasticLoadBalancing`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElasticLoadBalancing {
    /// Turns it on. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The Gateway API. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_api: Option<GatewayApi>,
}

/// The Gateway API of load balancing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayApi {
    /// Custom resource definitions of the Gateway API. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crds: Option<GatewayApiCrds>,
}

/// Custom resource definitions of the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayApiCrds {
    /// Lets EKS install the definitions. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
}

/// Control plane on an Outpost (EKS: `outpostConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutpostConfig {
    /// ARN of the Outpost, exactly one. Required. Immutable through the EKS API.
    #[schemars(length(min = 1, max = 1))]
    pub outpost_arns: Vec<String>,
    /// Instance type of the control plane. Required. Immutable through the EKS API.
    pub control_plane_instance_type: String,
    /// Placement of the control plane. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane_placement: Option<Placement>,
    /// Instance type of etcd. Default: none. Immutable through the EKS API.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub etcd_instance_type: Option<String>,
    /// Placement of etcd. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd_placement: Option<Placement>,
}

/// Placement of instances on an Outpost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Name of the placement group. Default: none. Immutable through the EKS API.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// `host` or `rack`. Default: none. Immutable through the EKS API.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::SPREAD.pattern))]
    pub spread_level: Option<String>,
}

/// Servers of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlane {
    /// Number of servers: 1, or 3 or 5 with etcd, which survive the loss of one or two. Default: 1. Immutable.
    #[serde(default = "one_server")]
    #[schemars(with = "i32", extend("enum" = [1, 3, 5]))]
    pub servers: usize,
    /// Lets pods run on the servers. Default: true while the cluster has no node group, then false, as on EKS. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedulable: Option<bool>,
}

pub(crate) fn one_server() -> usize {
    1
}

/// A launch template, in Rancher's format.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InlineLaunchTemplate {
    /// Id of the template. Default: found by name. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the template. Default: found by id. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version of the template. Default: the template's own default. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Size of the control plane (EKS: `controlPlaneScalingConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneScalingConfig {
    /// `standard`, `tier-xl`, `tier-2xl`, `tier-4xl` or `tier-8xl`. Default: `standard`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::TIER.pattern))]
    pub tier: Option<String>,
}

/// Settings of the API server (EKS: `kubeApiServerConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeApiServerConfig {
    /// Time after which Events expire, from `10m` to `60m`. Default: Kubernetes's. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::EVENT_TTL.pattern))]
    pub event_ttl: Option<String>,
    /// Ports of NodePort Services. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_node_port_range: Option<PortRange>,
}

/// A range of ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortRange {
    /// First port, 10260 to 32767. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = *most::NODE_PORTS.start(), max = *most::NODE_PORTS.end()))]
    pub min_port: Option<i32>,
    /// Last port, 10260 to 32767. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = *most::NODE_PORTS.start(), max = *most::NODE_PORTS.end()))]
    pub max_port: Option<i32>,
}

/// Settings of the scheduler (EKS: `kubeSchedulerConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeSchedulerConfig {
    /// Weight of resources in choosing a node. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_resources_fit: Option<NodeResourcesFit>,
}

/// Weight of resources in choosing a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeResourcesFit {
    /// The strategy. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring_strategy: Option<ScoringStrategy>,
}

/// How nodes are scored by their resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScoringStrategy {
    /// `LeastAllocated` or `MostAllocated`. Default: Kubernetes's. Mutable.
    #[serde(default, rename = "type", deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::SCORING.pattern))]
    pub type_: Option<String>,
    /// Weights of the resources. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub resources: Option<Vec<ResourceWeight>>,
}

/// Weight of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceWeight {
    /// Name of the resource, such as `cpu`. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::SCORED.pattern))]
    pub name: Option<String>,
    /// Weight, 1 to 100. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = *most::WEIGHTS.start(), max = *most::WEIGHTS.end()))]
    pub weight: Option<i32>,
}

/// Settings of the controller manager (EKS: `kubeControllerManagerConfig`). Recorded only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeControllerManagerConfig {
    /// Garbage collection of terminated pods. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_gc_controller_config: Option<PodGcControllerConfig>,
    /// Horizontal pod autoscaler. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler_controller_config: Option<HorizontalPodAutoscalerConfig>,
}

/// Garbage collection of terminated pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodGcControllerConfig {
    /// Number of terminated pods that starts garbage collection. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated_pod_gc_threshold: Option<i32>,
}

/// Settings of the horizontal pod autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HorizontalPodAutoscalerConfig {
    /// Time between two checks, from `10s` to `15s`. Default: Kubernetes's. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::SYNC_PERIOD.pattern))]
    pub horizontal_pod_autoscaler_sync_period: Option<String>,
}

/// Connection of a registered cluster, such as GKE (EKS: `connectorConfig`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorConfig {
    /// ARN of the connector's role. Required. Immutable through the EKS API.
    #[schemars(regex(pattern = forms::ROLE_ARN.pattern))]
    pub role_arn: String,
    /// Provider of the cluster, such as `GKE`. Required. Immutable through the EKS API.
    #[schemars(regex(pattern = forms::CONNECTED.pattern))]
    pub provider: String,
    /// Id of the activation. Default: none. Immutable through the EKS API.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub activation_id: Option<String>,
    /// Expiry of the activation, RFC 3339 in UTC. Default: none. Immutable through the EKS API.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub activation_expiry: Option<String>,
}
