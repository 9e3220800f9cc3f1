//! `Capability`: a managed capability (ACK, KRO, Argo CD) of a cluster.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::given::or_empty;
use super::member::{Member, MemberStatus};

/// A managed capability of an EKS cluster. Recorded only: nothing is installed.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "Capability",
    plural = "capabilities",
    category = "k3eks",
    namespaced,
    status = "MemberStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"TYPE","type":"string","jsonPath":".spec.type"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clusterName == oldSelf.clusterName && self.capabilityName == oldSelf.capabilityName && self.type == oldSelf.type").message("clusterName, capabilityName and type can't be changed: make a new capability instead"))]
pub struct CapabilitySpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
    /// Name of the capability in EKS, 1 to 100 characters. Required. Immutable.
    #[schemars(length(min = 1, max = 100))]
    pub capability_name: String,
    /// Type of the capability: `ACK`, `KRO` or `ARGOCD`. Required. Immutable.
    #[serde(rename = "type")]
    pub type_: CapabilityType,
    /// ARN of the capability's role. Required. Mutable.
    #[schemars(length(min = 1, max = 2048))]
    pub role_arn: String,
    /// What deletion does with the capability's resources. Only `RETAIN` exists. Default: `RETAIN`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_propagation_policy: Option<DeletePropagationPolicy>,
    /// Configuration of the capability. Default: none. Mutable unless a field says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<CapabilityConfiguration>,
    /// Tags. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
}

/// Kinds of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CapabilityType {
    /// AWS Controllers for Kubernetes.
    #[default]
    Ack,
    /// Kube Resource Orchestrator.
    Kro,
    /// Argo CD.
    ArgoCd,
}

/// What deletion does with the capability's resources. Only `RETAIN` exists. Default: `RETAIN`. Mutable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum DeletePropagationPolicy {
    /// The resources stay.
    Retain,
}

/// Configuration of a capability; only that of its type may be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityConfiguration {
    /// Configuration of Argo CD. Default: none. Mutable unless a field says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argo_cd: Option<ArgoCd>,
    /// Configuration of ACK. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
}

/// Configuration of Argo CD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArgoCd {
    /// Namespace of Argo CD. Default: `argocd`. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Source of Argo CD's users. Required. Immutable through the EKS API.
    pub aws_idc: AwsIdc,
    /// Roles of users and groups. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub rbac_role_mappings: Vec<RoleMapping>,
    /// Networks that reach Argo CD. Default: all. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_access: Option<NetworkAccess>,
    /// First part of the server's host name. Default: generated. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_prefix: Option<String>,
}

/// An instance of IAM Identity Center.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsIdc {
    /// ARN of the instance. Required. Immutable through the EKS API.
    pub idc_instance_arn: String,
    /// Region of the instance. Default: the cluster's. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idc_region: Option<String>,
}

/// The users and groups of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleMapping {
    /// Role: `ADMIN`, `EDITOR` or `VIEWER`. Required. Mutable.
    pub role: String,
    /// Users and groups with the role. Required. Mutable.
    pub identities: Vec<SsoIdentity>,
}

/// A user or a group of IAM Identity Center.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SsoIdentity {
    /// Id of the user or group. Required. Mutable.
    pub id: String,
    /// Type of identity: `SSO_USER` or `SSO_GROUP`. Required. Mutable.
    #[serde(rename = "type")]
    pub type_: String,
}

/// Networks that reach Argo CD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkAccess {
    /// Ids of VPC endpoints. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub vpce_ids: Vec<String>,
}

/// Configuration of ACK.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    /// Lets resources refer to resources in other namespaces. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_cross_namespace: Option<bool>,
    /// AWS services that ACK ignores. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub disabled_services: Vec<String>,
}

impl Member for Capability {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    fn eks_name(&self) -> String {
        self.spec.capability_name.clone()
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}
