//! `PodIdentityAssociation`: the role that pods with a service account have.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::given::or_empty;
use super::member::{Member, MemberStatus};

/// A pod identity association: the IAM role of the pods with a service account of an EKS cluster. New pods get sessions
/// of the role from the STS of k3eks.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "PodIdentityAssociation",
    category = "k3eks",
    namespaced,
    status = "MemberStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"SERVICEACCOUNT","type":"string","jsonPath":".spec.serviceAccount"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clusterName == oldSelf.clusterName && self.__namespace__ == oldSelf.__namespace__ && self.serviceAccount == oldSelf.serviceAccount").message("clusterName, namespace and serviceAccount can't be changed: make a new association instead"))]
pub struct PodIdentityAssociationSpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
    /// Namespace of the service account in the child cluster. Required. Immutable.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Name of the service account in the child cluster. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub service_account: String,
    /// ARN of the role, in the cluster's own account. Required. Mutable.
    #[x_kube(validation = Rule::new("self.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:role/.*[^/]$')").message("roleArn must be the ARN of an IAM role, such as arn:aws:iam::000000000000:role/app"))]
    pub role_arn: String,
    /// ARN of a second role that is assumed with the first; any account. Default: none. Mutable.
    #[x_kube(validation = Rule::new("self.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:role/.*[^/]$')").message("targetRoleArn must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/app"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<String>,
    /// Leaves tags about the pod out of sessions. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_session_tags: Option<bool>,
    /// Session policy that narrows the role's rights, as JSON. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Tags. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
}

impl Member for PodIdentityAssociation {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    /// The association's id.
    fn eks_name(&self) -> String {
        self.generated_id("a-0")
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}
