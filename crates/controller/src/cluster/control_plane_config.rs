//! What a cluster's control plane is to do, from its spec. Synchronous, no client.

use std::sync::Arc;

use crate::identity_service::IdentityService;
use crd::cluster::LoggingType;
use crd::identity_service::{self as service, nth_address};
use crd::names::{self, Identity, minor};
use crd::{EKSClusterConfig, IdentityProviderConfig};
use provider::{Claim, ControlPlane, DesiredCluster, IdentityWebhooks, OidcProvider};

/// The first minor version of Kubernetes whose API server takes OIDC providers while it runs.
const STRUCTURED: u32 = 30;

/// What the control plane of `plan` is to do; without keys, which aren't in the spec.
pub fn control_plane(
    plan: &DesiredCluster,
    cluster: &EKSClusterConfig,
    wanted: Option<&IdentityService>,
    providers: &[Arc<IdentityProviderConfig>],
) -> ControlPlane {
    ControlPlane {
        dns: nth_address(&plan.service_cidr, service::DNS),
        audited: cluster.spec.logging_types.contains(&LoggingType::Audit),
        encrypted: cluster.spec.secrets_encryption == Some(true),
        identity: wanted.and_then(|wanted| identity(plan, cluster, wanted, providers)),
        keys: None,
    }
}

/// The identity service, as the cluster's API server reaches it: by an address among its Services.
fn identity(
    plan: &DesiredCluster,
    cluster: &EKSClusterConfig,
    wanted: &IdentityService,
    providers: &[Arc<IdentityProviderConfig>],
) -> Option<IdentityWebhooks> {
    let address = nth_address(&plan.service_cidr, service::ADDRESS)?;
    let path = service::review_path(&plan.id.namespace, &plan.id.name);
    Some(IdentityWebhooks {
        issuer: Identity::of(cluster).oidc_issuer(),
        review_url: format!("https://{address}{path}"),
        server_name: service::SERVER_NAME.to_owned(),
        ca_pem: wanted.ca_pem.clone(),
        providers: is_structured(&plan.version).then(|| providers.iter().map(|one| oidc_provider(one)).collect()),
    })
}

/// Whether the API server of this version takes OIDC providers.
pub fn is_structured(version: &str) -> bool {
    minor(version).is_some_and(|minor| minor >= STRUCTURED)
}

/// An OIDC provider, as the API server is told of it. Defaults are EKS's: names get the issuer before them, unless they are
/// e-mail addresses or the prefix is `-`.
fn oidc_provider(config: &IdentityProviderConfig) -> OidcProvider {
    let spec = &config.spec;
    let claim = spec.username_claim.as_deref().unwrap_or("sub");
    let prefix = match spec.username_prefix.as_deref() {
        Some("-") => String::new(),
        Some(prefix) => prefix.to_owned(),
        None if claim == "email" => String::new(),
        None => format!("{}#", spec.issuer_url),
    };
    let groups =
        |claim: &String| Claim { claim: claim.clone(), prefix: spec.groups_prefix.clone().unwrap_or_default() };
    OidcProvider {
        issuer_url: spec.issuer_url.clone(),
        client_id: spec.client_id.clone(),
        certificate_authority: spec.certificate_authority.clone(),
        username: Claim { claim: claim.to_owned(), prefix },
        groups: spec.groups_claim.as_ref().map(groups),
        required_claims: spec.required_claims.clone(),
    }
}

/// Digest of the control plane and the endpoint that `plan` asks for. Keys don't count.
pub fn digest(plan: &DesiredCluster) -> String {
    let control_plane = plan.control_plane.clone().map(|plane| ControlPlane { keys: None, ..plane });
    names::digest(&[&format!("{control_plane:?}"), &format!("{:?}", plan.public_endpoint)])
}

#[cfg(test)]
mod tests;
