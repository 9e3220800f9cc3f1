//! `IdentityProviderConfig`: an OIDC identity provider whose tokens a cluster takes.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::given::or_empty;
use super::member::{Member, MemberStatus};

/// An OIDC identity provider whose tokens an EKS cluster accepts.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "IdentityProviderConfig",
    category = "k3eks",
    namespaced,
    status = "MemberStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"ISSUER","type":"string","jsonPath":".spec.issuerUrl"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clusterName == oldSelf.clusterName && self.identityProviderConfigName == oldSelf.identityProviderConfigName && self.issuerUrl == oldSelf.issuerUrl && self.clientId == oldSelf.clientId").message("clusterName, identityProviderConfigName, issuerUrl and clientId can't be changed: make a new identity provider config instead"))]
pub struct IdentityProviderConfigSpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
    /// Name of the config in EKS. Required. Immutable.
    #[schemars(length(min = 1, max = 255))]
    pub identity_provider_config_name: String,
    /// URL of the issuer, beginning with `https://`. Required. Immutable.
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^https://"))]
    pub issuer_url: String,
    /// Audience that tokens must have. Required. Immutable.
    #[schemars(length(min = 1, max = 1024))]
    pub client_id: String,
    /// Claim with the user name. Default: `sub`. Mutable; immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_claim: Option<String>,
    /// Prefix of the user name. Default: none. Mutable; immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_prefix: Option<String>,
    /// Claim with the user's groups. Default: none. Mutable; immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// Prefix of each group. Default: none. Mutable; immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_prefix: Option<String>,
    /// Claims that tokens must have. Default: none. Mutable; immutable through the EKS API.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub required_claims: BTreeMap<String, String>,
    /// Certificate authorities of a private issuer, PEM. Default: none, for an issuer with a public certificate.
    /// Mutable; unknown to the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    /// Tags. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
}

impl Member for IdentityProviderConfig {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    fn eks_name(&self) -> String {
        self.spec.identity_provider_config_name.clone()
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}
