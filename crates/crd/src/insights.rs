//! `ClusterInsights`: what there is to know before a cluster is upgraded.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::{Member, MemberStatus};
use super::names;

/// What there is to know before an EKS cluster is upgraded: version skew, addons, deprecated APIs in use, health. Computed
/// from the child cluster while this resource exists, every ten minutes and when asked for.
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
    /// Another value asks for new insights; the API writes the time, RFC 3339 in UTC. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_requested_at: Option<String>,
}

/// What the operator found. Written by the operator alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InsightsStatus {
    /// Generation of the spec that this status speaks of. Default: -1, before the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = -1))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// When the last look began, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When the last look ended, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What the last look found; of an earlier one where the last one failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insights: Vec<Insight>,
}

/// One thing that is worth knowing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Insight {
    /// What it is about, unique within a Kubernetes version.
    pub name: String,
    /// Kubernetes minor version that it is about.
    pub kubernetes_version: String,
    /// How it stands.
    pub status: InsightStatus,
    /// Why it stands so.
    #[serde(default)]
    pub reason: String,
    /// What is looked at.
    #[serde(default)]
    pub description: String,
    /// What to do.
    #[serde(default)]
    pub recommendation: String,
    /// When the status last changed, RFC 3339 in UTC.
    #[serde(default)]
    pub last_transition_time: String,
    /// What is concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<InsightResource>,
    /// Deprecated APIs in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deprecations: Vec<Deprecation>,
    /// Addons that don't fit the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addons: Vec<AddonFit>,
}

/// How an insight stands, in EKS's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum InsightStatus {
    /// Nothing to do.
    Passing,
    /// It couldn't be found out.
    #[default]
    Unknown,
    /// Something to do before a later upgrade.
    Warning,
    /// Something to do before the next upgrade.
    Error,
}

/// Something that an insight concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InsightResource {
    /// How it stands.
    pub status: InsightStatus,
    /// Why it stands so.
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
    /// Path of its successor. Empty where there is none.
    #[serde(default)]
    pub replaced_with: String,
    /// Kubernetes minor version that doesn't have it any more.
    pub stop_serving_version: String,
}

/// An addon and its versions that fit a Kubernetes version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddonFit {
    /// Name of the addon.
    pub name: String,
    /// Versions that fit, newest first.
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
