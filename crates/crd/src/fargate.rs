//! `FargateProfile`: which pods of a cluster are meant for Fargate.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::forms;
use super::given::or_empty;
use super::member::{Member, MemberStatus};
use super::most;

/// A Fargate profile of an EKS cluster. Recorded only: its pods run on the cluster's nodes, and the status says so.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "FargateProfile",
    category = "k3eks",
    namespaced,
    status = "MemberStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clusterName == oldSelf.clusterName && self.fargateProfileName == oldSelf.fargateProfileName && self.podExecutionRoleArn == oldSelf.podExecutionRoleArn").message("clusterName, fargateProfileName and podExecutionRoleArn can't be changed: make a new Fargate profile instead"))]
pub struct FargateProfileSpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
    /// Name of the profile in EKS, 1 to 100 characters. Required. Immutable.
    #[schemars(length(min = 1, max = 100))]
    pub fargate_profile_name: String,
    /// ARN of the pod execution role. Required. Immutable.
    #[schemars(length(min = 1, max = 2048))]
    pub pod_execution_role_arn: String,
    /// Ids of the subnets. Default: the cluster's. Mutable; immutable through the EKS API.
    #[serde(default, deserialize_with = "or_empty")]
    #[schemars(length(max = most::SUBNETS), inner(regex(pattern = forms::SUBNET.pattern)), extend("nullable" = true))]
    pub subnets: Vec<String>,
    /// Selectors of the pods; one match is enough. Default: none. Mutable; immutable through the EKS API.
    #[serde(default, deserialize_with = "or_empty")]
    #[schemars(length(max = 5), extend("nullable" = true))]
    pub selectors: Vec<FargateSelector>,
    /// Tags. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
}

/// Selects pods by namespace and labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FargateSelector {
    /// Namespace of the pods; `*` and `?` are wildcards. Default: none. Mutable; immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels of the pods. Default: none. Mutable; immutable through the EKS API.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub labels: BTreeMap<String, String>,
}

impl Member for FargateProfile {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    fn eks_name(&self) -> String {
        self.spec.fargate_profile_name.clone()
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}
