//! A node group inside a cluster's spec: Rancher's fields.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::cluster_settings::InlineLaunchTemplate;
use super::forms;
use super::given::{given, or_empty};
use super::most;
use super::nodegroup::{OWN_LABELS, RESERVED};

/// A node group inside a cluster's spec, in Rancher's format.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.minSize) ? self.minSize : 1) <= (has(self.desiredSize) ? self.desiredSize : 2)").message("minSize must not be greater than desiredSize (defaults: minSize 1, desiredSize 2)"),
    validation = Rule::new("(has(self.desiredSize) ? self.desiredSize : 2) <= (has(self.maxSize) ? self.maxSize : 2)").message("desiredSize must not be greater than maxSize (defaults: desiredSize 2, maxSize 2)")
)]
pub struct InlineNodegroup {
    /// Name of the node group in EKS. 1 to 63 letters, digits, `-` and `_`. Required. Immutable: another name is
    /// another node group.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]*$"))]
    pub nodegroup_name: String,
    /// Asks for the GPU image. Recorded as an AMI type. Default: false. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<bool>,
    /// Asks for the ARM image. Recorded as an AMI type. Default: false. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<bool>,
    /// Id of a custom AMI. Recorded only. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Disk size of a node in GiB, 1 to 16384. Recorded only: nodes share the host's disk. Default: 20. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = *most::DISK.start(), max = *most::DISK.end()))]
    pub disk_size: Option<i32>,
    /// Instance type. It sets a node's CPU and memory. Default: t3.medium. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::INSTANCE_TYPE.pattern))]
    pub instance_type: Option<String>,
    /// Labels of the nodes, at most 50. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true, "maxProperties" = most::LABELS))]
    #[x_kube(validation = Rule::new(OWN_LABELS).message(RESERVED))]
    pub labels: BTreeMap<String, String>,
    /// Name of the EC2 key pair for SSH. Recorded only: nodes have no SSH server. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub ec2_ssh_key: Option<String>,
    /// Desired number of nodes. A value set elsewhere (an autoscaler, `kubectl scale`) wins until this one changes.
    /// Default: 2. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 450))]
    pub desired_size: Option<i32>,
    /// Largest number of nodes. Default: 2. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 450))]
    pub max_size: Option<i32>,
    /// Smallest number of nodes. Default: 1. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 450))]
    pub min_size: Option<i32>,
    /// Ids of the node group's subnets. Nodes are in their zones. Default: the cluster's. Immutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::SUBNETS), inner(regex(pattern = forms::SUBNET.pattern)), extend("nullable" = true))]
    pub subnets: Vec<String>,
    /// Tags of the node group, at most 50. Recorded only. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
    /// Tags of the instances, at most 50. Recorded only. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub resource_tags: BTreeMap<String, String>,
    /// User data of the instances. Recorded only: never run. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Kubernetes minor version of the nodes. Default: the cluster's at creation; a cluster upgrade doesn't change it.
    /// Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^1\.(2[4-9]|3[0-9])$"))]
    pub version: Option<String>,
    /// Launch template of the instances. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<InlineLaunchTemplate>,
    /// Asks for spot instances. Nodes get the label; none is ever taken away. Default: false. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_spot_instances: Option<bool>,
    /// Instance types for spot instances. The first sets a node's CPU and memory. Default: `instanceType`. Immutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::INSTANCE_TYPES), inner(regex(pattern = forms::INSTANCE_TYPE.pattern)), extend("nullable" = true))]
    pub spot_instance_types: Vec<String>,
    /// Name or ARN of the nodes' role. Recorded only. Default: a generated ARN. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::ROLE.pattern))]
    pub node_role: Option<String>,
}
