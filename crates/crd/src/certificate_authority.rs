//! `CertificateAuthority`: a certificate authority made for a cluster beside the one in use.

use kube::{CustomResource, KubeSchema, ResourceExt};
use serde::{Deserialize, Serialize};

use super::member::{Member, MemberStatus};
use super::names::short_digest;
use super::{EKSClusterConfig, keys};

/// A certificate authority of an EKS cluster. Servers and nodes trust it as long as this resource exists, two at most
/// at a time. It signs once the cluster's `spec.certificateAuthority` names it. Its key and certificate are in the
/// Secret `<name>-tls`.
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

    /// Id in EKS. The operator sets it for the cluster's first certificate authority. Default: derived from the
    /// resource's uid. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^ca-[0-9a-f]{16}$"))]
    pub certificate_authority_id: Option<String>,
}

impl CertificateAuthority {
    /// Secret with the certificate (`tls.crt`) and its key (`tls.key`).
    pub fn secret_name(&self) -> String {
        Self::secret_of(&self.name_any())
    }

    /// The Secret of the resource of this name.
    pub fn secret_of(name: &str) -> String {
        format!("{name}{}", keys::TLS_SUFFIX)
    }

    /// Id of the one that the cluster was made with.
    pub fn first_id(cluster: &EKSClusterConfig) -> String {
        format!("ca-{}", short_digest(&["certificate authority", &cluster.uid().unwrap_or_default()]))
    }

    /// Whether its id, if it has one of its own, is the cluster's.
    pub fn is_of(&self, cluster: &EKSClusterConfig) -> bool {
        self.spec.certificate_authority_id.as_ref().is_none_or(|id| *id == Self::first_id(cluster))
    }

    /// Whether the cluster was made with it.
    pub const fn is_first(&self) -> bool {
        self.spec.certificate_authority_id.is_some()
    }
}

impl Member for CertificateAuthority {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    /// The certificate authority's id.
    fn eks_name(&self) -> String {
        self.spec.certificate_authority_id.clone().unwrap_or_else(|| self.generated_id("ca-"))
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}
