//! `Nodegroup`: the shape of EKS's CreateNodegroup, with the `scale` subresource on the desired size.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::forms;
use super::given::or_empty;
use super::most;

/// Holds of labels without the prefixes that are reserved.
pub(crate) const OWN_LABELS: &str = "self.all(key, !key.startsWith('kubernetes.io/') && !key.startsWith('k8s.io/') && !key.startsWith('eks.amazonaws.com/'))";
/// What is said of labels with one of them.
pub(crate) const RESERVED: &str = "the prefixes kubernetes.io/, k8s.io/ and eks.amazonaws.com/ are reserved: give labels a prefix of your own, or none";

/// A node group: nodes of one EKS cluster that are alike and scale together.
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
    // Only where the version is changed: a status may be written whatever the spec says.
    validation = Rule::new("!has(self.spec.version) || (has(oldSelf.spec.version) && self.spec.version == oldSelf.spec.version) || !has(self.status) || dyn(self.status) == null || !has(self.status.version) || dyn(self.status.version) == null || !has(self.status.activeSince) || dyn(self.status.activeSince) == null || size(self.status.version) != size(self.spec.version) || self.spec.version >= self.status.version").message("version can't be lower than the one that the nodes run (status.version): make a new node group instead").field_path(".spec.version"),
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
    validation = Rule::new("!has(self.amiType) || dyn(self.amiType) != 'CUSTOM' || (has(self.launchTemplate) && dyn(self.launchTemplate) != null)").message("amiType CUSTOM means the image of a launch template: name one in launchTemplate, or choose another amiType").field_path(".amiType"),
    validation = Rule::new("!has(self.capacityType) || dyn(self.capacityType) != 'CAPACITY_BLOCK' || (has(self.launchTemplate) && dyn(self.launchTemplate) != null)").message("capacityType CAPACITY_BLOCK needs a launch template, which names the reservation: name one in launchTemplate, or choose ON_DEMAND or SPOT").field_path(".capacityType"),
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
    /// Name of the node group in EKS. 1 to 63 letters, digits, `-` and `_`. Default: the resource's name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]*$"))]
    pub nodegroup_name: Option<String>,
    /// Number of nodes: smallest, largest and desired. Default: 1, 2 and 2. Mutable.
    #[serde(default)]
    pub scaling_config: ScalingConfig,
    /// Disk size of a node in GiB, 1 to 16384. Recorded only: nodes share the host's disk. Default: 20; 50 for Windows. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = *most::DISK.start(), max = *most::DISK.end()))]
    pub disk_size: Option<i32>,
    /// Ids of the subnets. Nodes are in their zones. Default: the cluster's. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::SUBNETS), inner(regex(pattern = forms::SUBNET.pattern)))]
    pub subnets: Vec<String>,
    /// Instance types, at most 20. The first sets a node's CPU and memory. Default: t3.medium. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::INSTANCE_TYPES), inner(regex(pattern = forms::INSTANCE_TYPE.pattern)))]
    pub instance_types: Vec<String>,
    /// AMI type. Recorded only. Default: `AL2023_x86_64_STANDARD`; `AL2_x86_64` up to Kubernetes 1.29. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::AMI_TYPE.pattern))]
    pub ami_type: Option<String>,
    /// SSH access. Recorded only: nodes have no SSH server. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_access: Option<RemoteAccess>,
    /// Name or ARN of the nodes' role. Recorded only. Default: a generated ARN. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::ROLE.pattern))]
    pub node_role: Option<String>,
    /// Labels of the nodes. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true, "maxProperties" = most::LABELS))]
    #[x_kube(validation = Rule::new(OWN_LABELS).message(RESERVED))]
    pub labels: BTreeMap<String, String>,
    /// Taints of the nodes, at most 50. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::TAINTS), extend("nullable" = true))]
    pub taints: Vec<Taint>,
    /// Tags of the node group, at most 50. Recorded only. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
    /// Launch template. Recorded only. Default: none. Mutable; through the EKS API only its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<LaunchTemplate>,
    /// Number of nodes that an update replaces at once. Default: 1. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_config: Option<UpdateConfig>,
    /// Node repair. Recorded only: dead nodes are always replaced. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_repair_config: Option<NodeRepairConfig>,
    /// Capacity type: `ON_DEMAND`, `SPOT` or `CAPACITY_BLOCK`. Default: `ON_DEMAND`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_type: Option<CapacityType>,
    /// Kubernetes minor version of the nodes, at most the cluster's. A change replaces the nodes one by one. Default:
    /// the cluster's at creation; a cluster upgrade doesn't change it. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^1\.[0-9]{1,2}$"))]
    pub version: Option<String>,
    /// AMI release version. Recorded only. Default: generated. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_version: Option<String>,
    /// Warm pool of standby nodes. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_pool_config: Option<WarmPoolConfig>,
}

/// Number of nodes: smallest, largest and desired.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minSize <= self.desiredSize").message("minSize must not be greater than desiredSize"),
    validation = Rule::new("self.desiredSize <= self.maxSize").message("desiredSize must not be greater than maxSize")
)]
pub struct ScalingConfig {
    /// Smallest number of nodes, 0 to 450. Default: 1. Mutable.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 450))]
    pub min_size: i32,
    /// Largest number of nodes, 1 to 450. Default: 2. Mutable.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 450))]
    pub max_size: i32,
    /// Desired number of nodes, 0 to 450. Default: 2. Mutable, also with `kubectl scale`.
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
    /// Effect on pods that don't tolerate the taint. Required. Mutable.
    pub effect: TaintEffect,
}

/// Effect of a taint on pods that don't tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaintEffect {
    /// Pods aren't scheduled.
    NoSchedule,
    /// Pods aren't scheduled, and running ones are evicted.
    NoExecute,
    /// Pods are scheduled here only if no other node fits.
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

/// Capacity type: `ON_DEMAND`, `SPOT` or `CAPACITY_BLOCK`. Default: `ON_DEMAND`. Immutable.
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
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::SSH_GROUPS), inner(regex(pattern = forms::SECURITY_GROUP.pattern)), extend("nullable" = true))]
    pub source_security_groups: Vec<String>,
}

/// A launch template, by name or by id.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.name) && has(self.id))").message("give the launch template's name or its id, not both"),
    validation = Rule::new("has(self.name) || has(self.id)").message("give the launch template's name or its id")
)]
pub struct LaunchTemplate {
    /// Name of the template. Default: found by id. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version of the template: a number, `$Latest` or `$Default`. Reported as a number. Default: 1. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::TEMPLATE_VERSION.pattern))]
    pub version: Option<String>,
    /// Id of the template. Default: found by name. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Number of nodes that an update replaces at once.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.maxUnavailable) != has(self.maxUnavailablePercentage)").message("give either maxUnavailable or maxUnavailablePercentage"))]
pub struct UpdateConfig {
    /// Number of nodes, 1 to 100. Default: 1. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_unavailable: Option<i32>,
    /// Percentage of the nodes, 1 to 100. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_unavailable_percentage: Option<i32>,
    /// Update strategy: `DEFAULT` or `MINIMAL`. Recorded only: a new node always starts before an old one stops.
    /// Default: `DEFAULT`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::UPDATE_STRATEGY.pattern))]
    pub update_strategy: Option<String>,
}

/// Node repair. Recorded only.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.maxUnhealthyNodeThresholdCount) && has(self.maxUnhealthyNodeThresholdPercentage))").message("give either maxUnhealthyNodeThresholdCount or maxUnhealthyNodeThresholdPercentage"),
    validation = Rule::new("!(has(self.maxParallelNodesRepairedCount) && has(self.maxParallelNodesRepairedPercentage))").message("give either maxParallelNodesRepairedCount or maxParallelNodesRepairedPercentage")
)]
pub struct NodeRepairConfig {
    /// Turns repair on. Recorded only: dead nodes are always replaced, as an Auto Scaling group does. Default: none.
    /// Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Number of unhealthy nodes above which repair stops. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_unhealthy_node_threshold_count: Option<i32>,
    /// Percentage of unhealthy nodes above which repair stops. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_unhealthy_node_threshold_percentage: Option<i32>,
    /// Number of nodes repaired at once. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_parallel_nodes_repaired_count: Option<i32>,
    /// Percentage of the unhealthy nodes repaired at once. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_parallel_nodes_repaired_percentage: Option<i32>,
    /// Repair actions for single causes. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = most::REPAIR_OVERRIDES))]
    pub node_repair_config_overrides: Option<Vec<NodeRepairOverride>>,
}

/// Repair action for one cause. Recorded only.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.nodeMonitoringCondition) && has(self.nodeUnhealthyReason) && has(self.minRepairWaitTimeMins) && has(self.repairAction)").message("each of nodeRepairConfigOverrides needs nodeMonitoringCondition, nodeUnhealthyReason, minRepairWaitTimeMins and repairAction"))]
pub struct NodeRepairOverride {
    /// Condition of the node. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_monitoring_condition: Option<String>,
    /// Reason of the condition. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_unhealthy_reason: Option<String>,
    /// Minutes to wait before the repair. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_repair_wait_time_mins: Option<i32>,
    /// `Replace`, `Reboot` or `NoAction`. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::REPAIR_ACTION.pattern))]
    pub repair_action: Option<String>,
}

/// Warm pool of standby nodes. Recorded only.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.minSize) || !has(self.maxGroupPreparedCapacity) || self.maxGroupPreparedCapacity < 0 || self.minSize <= self.maxGroupPreparedCapacity").message("minSize must not be greater than maxGroupPreparedCapacity"))]
pub struct WarmPoolConfig {
    /// Turns the warm pool on. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Smallest number of standby nodes. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_size: Option<i32>,
    /// Largest number of nodes, working ones included. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub max_group_prepared_capacity: Option<i32>,
    /// State of standby nodes: `STOPPED`, `RUNNING` or `HIBERNATED`. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::POOL_STATE.pattern))]
    pub pool_state: Option<String>,
    /// Returns nodes to the pool when the node group shrinks. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse_on_scale_in: Option<bool>,
}

pub use super::nodegroup_status::{Issue, NodeMarks, NodeStatus, NodegroupStatus};
