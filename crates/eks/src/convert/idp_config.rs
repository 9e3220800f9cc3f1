//! AssociateIdentityProviderConfig's request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What AssociateIdentityProviderConfig asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociateIdentityProviderConfig {
    /// Name of the cluster.
    pub cluster_name: String,
    /// The provider.
    pub oidc: Oidc,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Token of the request.
    #[serde(skip_serializing)]
    pub client_request_token: Option<String>,
}

/// An OIDC identity provider.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Oidc {
    /// Name of the config.
    pub identity_provider_config_name: String,
    /// URL of the issuer.
    pub issuer_url: String,
    /// Audience of tokens.
    pub client_id: String,
    /// Claim with the user's name.
    pub username_claim: Option<String>,
    /// Put before the user's name.
    pub username_prefix: Option<String>,
    /// Claim with the user's groups.
    pub groups_claim: Option<String>,
    /// Put before each group.
    pub groups_prefix: Option<String>,
    /// Claims that tokens must have.
    #[serde(default)]
    pub required_claims: BTreeMap<String, String>,
}
