//! `ClusterInsights`: what there is to know before a cluster is upgraded.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::{Member, MemberStatus};
use super::names;

/// Upgrade insights of an EKS cluster: version skew, addons, deprecated APIs in use, health. The operator computes them
/// from the child cluster every ten minutes, and on request.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "ClusterInsights",
    plural = "clusterinsights",
    category = "k3eks",
    namespaced,
    status = "InsightsStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"REFRESHED","type":"date","jsonPath":".status.endedAt"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clusterName == oldSelf.clusterName").message("clusterName can't be changed"))]
pub struct ClusterInsightsSpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
    /// Time of the last request for new insights, RFC 3339 in UTC. A new value starts a run; the EKS API sets it.
    /// Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_requested_at: Option<String>,
}

/// Insights that the operator found. Only the operator writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InsightsStatus {
    /// Generation of the spec that this status describes. Default: -1, before the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = -1))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Start of the last run, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// End of the last run, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Insights of the last successful run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insights: Vec<Insight>,
}

/// One insight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Insight {
    /// Name of the insight, unique within a Kubernetes version.
    pub name: String,
    /// Kubernetes minor version that the insight is about.
    pub kubernetes_version: String,
    /// Status of the check.
    pub status: InsightStatus,
    /// Reason of the status.
    #[serde(default)]
    pub reason: String,
    /// What the insight checks.
    #[serde(default)]
    pub description: String,
    /// What to do.
    #[serde(default)]
    pub recommendation: String,
    /// Time when the status last changed, RFC 3339 in UTC.
    #[serde(default)]
    pub last_transition_time: String,
    /// Affected resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<InsightResource>,
    /// Deprecated APIs in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deprecations: Vec<Deprecation>,
    /// Addons that aren't compatible with the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addons: Vec<AddonFit>,
}

/// Status of an insight, in EKS's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum InsightStatus {
    /// Nothing to do.
    Passing,
    /// The check couldn't run.
    #[default]
    Unknown,
    /// Something to do before a later upgrade.
    Warning,
    /// Something to do before the next upgrade.
    Error,
}

/// A resource that an insight affects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InsightResource {
    /// Status of the check.
    pub status: InsightStatus,
    /// Reason of the status.
    #[serde(default)]
    pub reason: String,
    /// Path in the child's API, such as `/api/v1/nodes/a`.
    pub kubernetes_resource_uri: String,
}

/// A deprecated API in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprecation {
    /// Path of the API, such as `/apis/policy/v1beta1/podsecuritypolicies`.
    pub usage: String,
    /// Path of the successor. Empty if there is none.
    #[serde(default)]
    pub replaced_with: String,
    /// Kubernetes minor version that removes the API.
    pub stop_serving_version: String,
}

/// An addon and its versions that are compatible with a Kubernetes version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddonFit {
    /// Name of the addon.
    pub name: String,
    /// Compatible versions, newest first.
    #[serde(default)]
    pub compatible_versions: Vec<String>,
}

impl Insight {
    /// The insight's id: the same for the same cluster, version and name.
    pub fn id(&self, cluster: &str) -> String {
        names::uuid_like(&names::digest(&["insight", cluster, &self.kubernetes_version, &self.name]))
    }
}

impl Member for ClusterInsights {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    /// A cluster has one.
    fn eks_name(&self) -> String {
        "insights".into()
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        None
    }
}
