//! Requests for access entries and their policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crd::access_entry::AccessScope;

/// What CreateAccessEntry asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateAccessEntry {
    /// Name of the cluster.
    pub cluster_name: String,
    /// ARN of the IAM principal.
    pub principal_arn: String,
    /// Kubernetes groups.
    #[serde(default)]
    pub kubernetes_groups: Vec<String>,
    /// Kubernetes user name.
    pub username: Option<String>,
    /// What the principal is.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Token of the request.
    #[serde(skip_serializing)]
    pub client_request_token: Option<String>,
}

/// What UpdateAccessEntry asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateAccessEntry {
    /// Name of the cluster.
    pub cluster_name: String,
    /// ARN of the IAM principal.
    pub principal_arn: String,
    /// Kubernetes groups; none leaves them.
    pub kubernetes_groups: Option<Vec<String>>,
    /// Kubernetes user name; none leaves it.
    pub username: Option<String>,
}

/// What AssociateAccessPolicy asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateAccessPolicy {
    /// Name of the cluster.
    pub cluster_name: String,
    /// ARN of the IAM principal.
    pub principal_arn: String,
    /// ARN of the policy.
    pub policy_arn: String,
    /// Where it holds.
    pub access_scope: AccessScope,
}
