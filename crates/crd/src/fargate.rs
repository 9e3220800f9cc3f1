//! `FargateProfile`: which pods of a cluster are meant for Fargate.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::{Member, MemberStatus};

/// Which pods of an EKS cluster are meant for Fargate. Recorded only: pods run on the cluster's nodes all the same, and its status says so.
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
    /// ARN of the role that pods' kubelets would have. Required. Immutable.
    #[schemars(length(min = 1, max = 2048))]
    pub pod_execution_role_arn: String,
    /// Ids of subnets. Default: the cluster's. Mutable here, though not through the EKS API.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// Which pods; one selector that fits is enough. Default: none. Mutable here, though not through the
    /// EKS API.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub selectors: Vec<FargateSelector>,
    /// Tags. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Pods of a namespace, with these labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FargateSelector {
    /// Namespace of the pods; `*` and `?` stand for any characters. Default: none. Mutable here, though not through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels that the pods must have. Default: none. Mutable here, though not through the EKS API.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
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
