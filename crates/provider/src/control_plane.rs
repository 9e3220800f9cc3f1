//! The control plane of a cluster, by meaning: what its API server is to do. How an engine is told so is the
//! provider's business.

use std::collections::BTreeMap;

/// The desired state of a control plane, beside its version, addresses and names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPlane {
    /// Address of the cluster's DNS among its Services; `None` leaves it to the provider.
    pub dns: Option<String>,
    /// Whether the API server logs who did what.
    pub audited: bool,
    /// Whether the API server keeps Secrets encrypted, with [`ServerKeys::encryption`].
    pub encrypted: bool,
    /// Who tells the API server whose a token is; `None`: nobody, certificates alone let in.
    pub identity: Option<IdentityWebhooks>,
    /// Keys of the servers; `None` where they aren't known. Servers that have their keys keep them.
    pub keys: Option<ServerKeys>,
}

/// The service that signs people and pods in, as an API server is led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityWebhooks {
    /// URL of the cluster's OIDC issuer: tokens of service accounts name it.
    pub issuer: String,
    /// URL that the API server reviews tokens at.
    pub review_url: String,
    /// The name in the service's certificate, for token reviews and admission webhooks.
    pub server_name: String,
    /// The service's certificate authority, PEM.
    pub ca_pem: String,
    /// Others whose tokens count; `None` where the version of Kubernetes can't take any.
    pub providers: Option<Vec<OidcProvider>>,
}

/// An OIDC provider whose tokens the API server takes. Nothing is left to defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcProvider {
    /// URL of the issuer.
    pub issuer_url: String,
    /// Audience of its tokens.
    pub client_id: String,
    /// What checks its certificate, PEM; `None`: the well-known ones.
    pub certificate_authority: Option<String>,
    /// Where the name of a user comes from.
    pub username: Claim,
    /// Where the groups of a user come from; `None`: users have no groups.
    pub groups: Option<Claim>,
    /// Claims that a token must have, with their values.
    pub required_claims: BTreeMap<String, String>,
}

/// A claim of a token, and what is put before its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claim.
    pub claim: String,
    /// What is put before; may be empty.
    pub prefix: String,
}

/// Keys of a cluster's servers. `Debug` leaves all of them out.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKeys {
    /// Signs tokens of service accounts, PEM.
    pub signing: String,
    /// Public keys that those tokens are checked with, PEM, the current one first.
    pub checking: String,
    /// By this token the identity service knows the API server.
    pub webhook_token: String,
    /// Encrypts Secrets: 32 bytes in base64.
    pub encryption: String,
}

impl std::fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerKeys").finish_non_exhaustive()
    }
}
