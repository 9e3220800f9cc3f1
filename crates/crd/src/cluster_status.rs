//! The status of a cluster: Rancher's fields, EKS's facts, and conditions.

use super::phase::Phase;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Status of a cluster. Only the operator writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EKSClusterConfigStatus {
    /// State of the cluster in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Provider of the cluster: `k3d` or `metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Generation of the spec that this status describes. Default: -1, before the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = -1))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Reason of a failure, in Rancher's field. Empty if there is none.
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
    /// Kubernetes minor version of the control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// EKS platform version; always `eks.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// URL of the cluster's OIDC issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc_issuer: Option<String>,
    /// Public keys that verify service account tokens: a JWKS as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_keys: Option<String>,
    /// No secrets: SHA-256 digests of the random tokens that the API server shows to the identity service. Default: none,
    /// for a cluster whose servers are older than these tokens; the identity service then asks for none.
    // A new name would open the webhooks for a moment: the API server drops fields that the definition doesn't have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook_tokens: Vec<String>,
    /// Time when the cluster first became Active, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_since: Option<String>,
    /// Digest of the cluster at the time it was hibernated (`hibernateAfter`). Empty while it is awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hibernated: Option<String>,
    /// Time since when the cluster is hibernated, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hibernated_since: Option<String>,
    /// Nodes of all node groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeCount>,
    /// Secret with the kubeconfigs, in the same namespace (keys `value` and `internal`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret: Option<String>,
    /// Service in the same namespace through which pods of the management cluster reach the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Settings last applied to the provider.
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
    /// Source of the network ids: `provided` or `generated`.
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
    /// ARN of the nodes' role if the spec names none.
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
    /// Id in EKS of the certificate authority that signs. Default: none, for an imported cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// CertificateAuthority resource that signs. Default: none, while the cluster has only its first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// CertificateAuthority resources that the cluster trusts, the signer included. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
}

/// Nodes of all node groups of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeCount {
    /// Nodes that are Ready.
    #[serde(default)]
    pub ready: i32,
    /// Nodes that the node groups ask for.
    #[serde(default)]
    pub desired: i32,
    /// Both as `ready/desired`, for the print column.
    #[serde(default)]
    pub summary: String,
}

/// Settings last applied to the provider, to detect later changes of the spec.
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
    /// CIDR block of Services.
    #[serde(default)]
    pub service_cidr: String,
}
