//! What the operator reports of a cluster: Rancher's status fields, EKS's own facts, and conditions.

use super::phase::Phase;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the operator reports of a cluster. Written by the operator alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EKSClusterConfigStatus {
    /// One word for the cluster's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What runs the cluster, or will: `k3d` or `metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Generation of the spec that this status speaks of. Default: -1, before the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = -1))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Why the cluster failed, in Rancher's field. Empty while it hasn't.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure_message: String,
    /// ARN of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// URL of the API server, as the host reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The certificate authority of the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<CertificateAuthority>,
    /// Kubernetes minor version that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// EKS platform version; always `eks.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// URL of the cluster's OIDC issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_issuer: Option<String>,
    /// Public keys that tokens of the cluster's service accounts are signed with, a JWKS as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_keys: Option<String>,
    /// SHA-256 digests of the tokens by which the identity service knows the cluster's API server. Default: none, for a cluster whose
    /// servers are older than such tokens; then nobody is asked for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook_tokens: Vec<String>,
    /// When the cluster first became Active, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_since: Option<String>,
    /// Set while the cluster is stopped because nobody used it (`hibernateAfter`): what it was like then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hibernated: Option<String>,
    /// Since when it is so, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hibernated_since: Option<String>,
    /// Nodes of all node groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeCount>,
    /// Secret in the same namespace with the kubeconfigs (keys `value` and `internal`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret: Option<String>,
    /// Service in the same namespace that leads pods of the management cluster to the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What was asked of the provider when the cluster was made or last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// Id of the virtual network.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub virtual_network: String,
    /// Ids of the subnets in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// Ids of the security groups in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// Whether network ids were `provided` or `generated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_fields_source: Option<String>,
    /// Id of the launch template that Rancher manages. Never set here.
    #[serde(default, rename = "managedLaunchTemplateID", skip_serializing_if = "String::is_empty")]
    pub managed_launch_template_id: String,
    /// Versions of that launch template by node group. Never set here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub managed_launch_template_versions: BTreeMap<String, String>,
    /// Versions of that launch template to delete. Never set here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub template_versions_to_delete: Vec<String>,
    /// ARN of the role that nodes have where the spec names none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generated_node_role: String,
    /// Ids of updates that have completed.
    #[serde(default, rename = "completedUpdateIDs", skip_serializing_if = "Vec::is_empty")]
    pub completed_update_ids: Vec<String>,
}

/// The certificate authority of an API server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateAuthority {
    /// The certificates that clients trust, PEM in base64; the first one signs.
    #[serde(default)]
    pub data: String,
    /// Id in EKS of the certificate authority that signs. Default: none, of a cluster that wasn't made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The CertificateAuthority resource that signs. Default: none, while the cluster has only what it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The CertificateAuthority resources that the cluster trusts, with the one that signs. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
}

/// Nodes of all node groups of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeCount {
    /// Nodes that are Ready.
    #[serde(default)]
    pub ready: i32,
    /// Nodes that are wanted.
    #[serde(default)]
    pub desired: i32,
    /// Both as `ready/desired`, for the print column.
    #[serde(default)]
    pub summary: String,
}

/// What was asked of the provider, so that a later change of the spec can be told from what runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Provider that runs the cluster.
    #[serde(default)]
    pub provider: String,
    /// The provider's own name for the cluster.
    #[serde(default)]
    pub name: String,
    /// Kubernetes minor version.
    #[serde(default)]
    pub version: String,
    /// Image of the servers.
    #[serde(default)]
    pub image: String,
    /// Host port of the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_port: Option<i32>,
    /// CIDR of Service addresses.
    #[serde(default)]
    pub service_cidr: String,
}
