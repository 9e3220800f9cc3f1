//! `Nodegroup`: the shape of EKS's CreateNodegroup, with the `scale` subresource on the desired size.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::phase::Phase;

/// A group of nodes of one EKS cluster that are alike and are scaled together.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "Nodegroup",
    shortname = "ng",
    category = "k3eks",
    namespaced,
    status = "NodegroupStatus",
    derive = "PartialEq",
    derive = "Default",
    scale(
        spec_replicas_path = ".spec.scalingConfig.desiredSize",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"VERSION","type":"string","jsonPath":".status.version"}"#,
    printcolumn = r#"{"name":"DESIRED","type":"integer","jsonPath":".spec.scalingConfig.desiredSize"}"#,
    printcolumn = r#"{"name":"READY","type":"integer","jsonPath":".status.readyReplicas"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"STATUS","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.updateConfig) || !has(self.updateConfig.maxUnavailable) || !has(self.scalingConfig) || self.updateConfig.maxUnavailable <= self.scalingConfig.maxSize").message("updateConfig.maxUnavailable must not be greater than scalingConfig.maxSize").field_path(".updateConfig.maxUnavailable"),
    validation = Rule::new("has(self.nodegroupName) == has(oldSelf.nodegroupName) && (!has(self.nodegroupName) || self.nodegroupName == oldSelf.nodegroupName)").message("nodegroupName can't be changed: make a new resource instead").field_path(".nodegroupName"),
    validation = Rule::new("has(self.instanceTypes) == has(oldSelf.instanceTypes) && (!has(self.instanceTypes) || self.instanceTypes == oldSelf.instanceTypes)").message("instanceTypes can't be changed: make a new node group instead").field_path(".instanceTypes"),
    validation = Rule::new("has(self.capacityType) == has(oldSelf.capacityType) && (!has(self.capacityType) || self.capacityType == oldSelf.capacityType)").message("capacityType can't be changed: make a new node group instead").field_path(".capacityType"),
    validation = Rule::new("has(self.amiType) == has(oldSelf.amiType) && (!has(self.amiType) || self.amiType == oldSelf.amiType)").message("amiType can't be changed: make a new node group instead").field_path(".amiType"),
    validation = Rule::new("has(self.diskSize) == has(oldSelf.diskSize) && (!has(self.diskSize) || self.diskSize == oldSelf.diskSize)").message("diskSize can't be changed: make a new node group instead").field_path(".diskSize"),
    validation = Rule::new("has(self.subnets) == has(oldSelf.subnets) && (!has(self.subnets) || self.subnets == oldSelf.subnets)").message("subnets can't be changed: make a new node group instead").field_path(".subnets"),
    validation = Rule::new("has(self.nodeRole) == has(oldSelf.nodeRole) && (!has(self.nodeRole) || self.nodeRole == oldSelf.nodeRole)").message("nodeRole can't be changed: make a new node group instead").field_path(".nodeRole")
)]
pub struct NodegroupSpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("clusterName can't be changed: make a new resource instead"))]
    pub cluster_name: String,
    /// Name of the node group in EKS, 1 to 63 letters, digits, `-` and `_`. Default: the resource's own name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]*$"))]
    pub nodegroup_name: Option<String>,
    /// How many nodes there are and may be. Default: 1 to 2, of which 2. Mutable.
    #[serde(default)]
    pub scaling_config: ScalingConfig,
    /// Size of a node's disk in GiB. Kept and reported: nodes have the machine's. Default: 20, of Windows 50. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub disk_size: Option<i32>,
    /// Ids of the subnets. Kept and reported. Default: the cluster's. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// Instance types; the first one sets the CPU and memory that a node has. Default: t3.medium. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instance_types: Vec<String>,
    /// AMI type. Kept and reported. Default: `AL2023_x86_64_STANDARD`, and `AL2_x86_64` up to Kubernetes 1.29. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami_type: Option<String>,
    /// SSH access. Kept and reported; nodes have no SSH server. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_access: Option<RemoteAccess>,
    /// ARN of the nodes' role. Kept and reported. Default: a generated ARN. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_role: Option<String>,
    /// Labels of the nodes. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub labels: BTreeMap<String, String>,
    /// Taints of the nodes, at most 50. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub taints: Vec<Taint>,
    /// Tags of the node group, at most 50. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub tags: BTreeMap<String, String>,
    /// Launch template. Kept and reported. Default: none. Mutable, through the EKS API only in its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<LaunchTemplate>,
    /// How many nodes may be away during an update. Default: one. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_config: Option<UpdateConfig>,
    /// Node repair. Kept and reported: nodes that die are replaced in any case. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_repair_config: Option<NodeRepairConfig>,
    /// `ON_DEMAND`, `SPOT` or `CAPACITY_BLOCK`. Default: `ON_DEMAND`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_type: Option<CapacityType>,
    /// Kubernetes minor version of the nodes, at most the cluster's. Default: the cluster's when the group was made; it stays
    /// when the cluster goes on. Mutable: nodes are replaced one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^1\.[0-9]{1,2}$"))]
    pub version: Option<String>,
    /// AMI release version. Kept and reported. Default: generated. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    /// Nodes that stand by. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_pool_config: Option<WarmPoolConfig>,
}

/// How many nodes there are and may be.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minSize <= self.desiredSize").message("minSize must not be greater than desiredSize"),
    validation = Rule::new("self.desiredSize <= self.maxSize").message("desiredSize must not be greater than maxSize")
)]
pub struct ScalingConfig {
    /// Fewest nodes, 0 to 450. Default: 1. Mutable.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 450))]
    pub min_size: i32,
    /// Most nodes, 1 to 450. Default: 2. Mutable.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 450))]
    pub max_size: i32,
    /// Nodes wanted, 0 to 450. Default: 2. Mutable, also by `kubectl scale`.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 450))]
    pub desired_size: i32,
}

const fn one() -> i32 {
    1
}

const fn two() -> i32 {
    2
}

impl Default for ScalingConfig {
    fn default() -> Self {
        Self { min_size: one(), max_size: two(), desired_size: two() }
    }
}

/// A taint of every node of a group, in EKS's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// Key, 1 to 63 characters. Required. Mutable.
    #[schemars(length(min = 1, max = 63))]
    pub key: String,
    /// Value, up to 63 characters. Default: empty. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// What the taint does to pods that don't tolerate it. Required. Mutable.
    pub effect: TaintEffect,
}

/// What a taint does to pods that don't tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaintEffect {
    /// They aren't scheduled.
    NoSchedule,
    /// They aren't scheduled, and running ones are evicted.
    NoExecute,
    /// They are scheduled only where there is no other place.
    PreferNoSchedule,
}

impl TaintEffect {
    /// The effect as Kubernetes writes it.
    pub const fn kubernetes(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::NoExecute => "NoExecute",
            Self::PreferNoSchedule => "PreferNoSchedule",
        }
    }
}

/// How the capacity is bought: `ON_DEMAND`, `SPOT` or `CAPACITY_BLOCK`. Default: `ON_DEMAND`. Immutable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CapacityType {
    /// On demand.
    #[default]
    OnDemand,
    /// Spot.
    Spot,
    /// A capacity block.
    CapacityBlock,
}

impl CapacityType {
    /// The value as EKS writes it, in the API and in the node label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "ON_DEMAND",
            Self::Spot => "SPOT",
            Self::CapacityBlock => "CAPACITY_BLOCK",
        }
    }
}

/// SSH access to nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteAccess {
    /// Name of the EC2 key pair. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ec2_ssh_key: Option<String>,
    /// Security groups that may connect. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_security_groups: Vec<String>,
}

/// A launch template, by name or by id.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.name) && has(self.id))").message("give the launch template's name or its id, not both"))]
pub struct LaunchTemplate {
    /// Name of the template. Default: found by id. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version of the template: a number, `$Latest` or `$Default`, which are reported as a number. Default: 1. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Id of the template. Default: found by name. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// How many nodes may be away during an update.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.maxUnavailable) != has(self.maxUnavailablePercentage)").message("give either maxUnavailable or maxUnavailablePercentage"))]
pub struct UpdateConfig {
    /// Number of nodes, 1 to 100. Default: 1. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_unavailable: Option<i32>,
    /// Share of the nodes in percent, 1 to 100. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_unavailable_percentage: Option<i32>,
    /// `DEFAULT` or `MINIMAL`. Kept and reported: a new node comes before an old one goes. Default: `DEFAULT`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<String>,
}

/// Labels and taints of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeMarks {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Taints, as `key=value:Effect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<String>,
}

/// Node repair. Kept and reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeRepairConfig {
    /// Whether repair is on. Kept and reported: nodes that die are replaced in any case, as an Auto Scaling group does. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Number of unhealthy nodes above which repair stops. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unhealthy_node_threshold_count: Option<i32>,
    /// Share of unhealthy nodes in percent above which repair stops. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unhealthy_node_threshold_percentage: Option<i32>,
    /// Number of nodes that are repaired at once. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel_nodes_repaired_count: Option<i32>,
    /// Share of the unhealthy nodes in percent that are repaired at once. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel_nodes_repaired_percentage: Option<i32>,
    /// What is done about single causes. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_repair_config_overrides: Option<Vec<NodeRepairOverride>>,
}

/// What is done about one cause of a node's ill health. Kept and reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeRepairOverride {
    /// Condition of the node. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_monitoring_condition: Option<String>,
    /// Reason of the condition. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_unhealthy_reason: Option<String>,
    /// Minutes to wait before the repair. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_repair_wait_time_mins: Option<i32>,
    /// `Replace`, `Reboot` or `NoAction`. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair_action: Option<String>,
}

/// Nodes that stand by. Kept and reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmPoolConfig {
    /// Whether there are any. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Fewest nodes that stand by. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<i32>,
    /// Most nodes, those that work included. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_group_prepared_capacity: Option<i32>,
    /// `STOPPED`, `RUNNING` or `HIBERNATED`. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_state: Option<String>,
    /// Whether nodes return to the pool when the group shrinks. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse_on_scale_in: Option<bool>,
}

/// What the operator reports of a node group. Written by the operator alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodegroupStatus {
    /// One word for the group's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Generation of the spec that this status speaks of. Default: -1, before the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = -1))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Labels and taints that all nodes of the group have by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<NodeMarks>,
    /// ARN of the node group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Kubernetes minor version that the nodes run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Nodes that exist.
    #[serde(default)]
    pub replicas: i32,
    /// Nodes that are Ready.
    #[serde(default)]
    pub ready_replicas: i32,
    /// Selector of the group's nodes in the child cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// When the group first became Active, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_since: Option<String>,
    /// The nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeStatus>,
    /// What is wrong with the group, in EKS's words (`health.issues`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
}

/// One node of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Name of the Node object, which is the container's name as well.
    pub name: String,
    /// Whether the node is Ready.
    #[serde(default)]
    pub ready: bool,
}

/// One thing that is wrong with a node group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// EKS's code, such as `NodeCreationFailure`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Names of the nodes concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_ids: Vec<String>,
}
