//! `CertificateAuthority`: a certificate authority made for a cluster beside the one in use.

use kube::{CustomResource, KubeSchema, ResourceExt};
use serde::{Deserialize, Serialize};

use super::member::{Member, MemberStatus};

/// A certificate authority made for an EKS cluster beside the one in use. Its key and certificate are real and in the Secret
/// `<name>-tls`; the cluster's nodes don't get to know it yet.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "CertificateAuthority",
    plural = "certificateauthorities",
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
#[x_kube(validation = Rule::new("self == oldSelf").message("a certificate authority can't be changed: make a new one instead"))]
pub struct CertificateAuthoritySpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
}

impl CertificateAuthority {
    /// Secret with the certificate (`tls.crt`) and its key (`tls.key`).
    pub fn secret_name(&self) -> String {
        format!("{}-tls", self.name_any())
    }
}

impl Member for CertificateAuthority {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    /// The certificate authority's id.
    fn eks_name(&self) -> String {
        self.generated_id("ca-")
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}
