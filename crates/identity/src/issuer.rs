//! The clusters' OIDC issuers: their documents, and tokens that are signed with their keys.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::IdentityState;
use super::token::AuthError;
use crd::EKSClusterConfig;
use crd::names::precedence;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 10;

/// Claims of a service account's token.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The service account, as `system:serviceaccount:<namespace>:<name>`.
    pub sub: String,
    /// Kubernetes's claims about the pod.
    #[serde(rename = "kubernetes.io", default)]
    pub kubernetes: Kubernetes,
}

/// Kubernetes's claims in a token.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Kubernetes {
    /// The pod that the token is bound to.
    pub pod: Option<Reference>,
}

/// Name and uid of an object.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Reference {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Uid.
    #[serde(default)]
    pub uid: String,
}

impl Claims {
    /// Namespace and name of the service account.
    pub fn service_account(&self) -> Option<(&str, &str)> {
        self.sub.strip_prefix("system:serviceaccount:")?.split_once(':')
    }
}

/// The discovery document of an issuer.
pub fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/keys"),
        "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "claims_supported": ["sub", "iss"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    })
}

/// The cluster of this issuer; the first by precedence where several have it.
pub fn cluster(state: &IdentityState, issuer: impl Fn(&str) -> bool) -> Option<Arc<EKSClusterConfig>> {
    let known = |cluster: &Arc<EKSClusterConfig>| {
        let status = cluster.status.as_ref();
        status.is_some_and(|s| s.service_account_keys.is_some() && s.oidc_issuer.as_deref().is_some_and(&issuer))
    };
    state
        .api
        .store
        .list::<EKSClusterConfig>()
        .into_iter()
        .filter(known)
        .min_by(|a, b| precedence(a).cmp(&precedence(b)))
}

/// Checks a service account's token for this audience. Returns its cluster.
///
/// # Errors
/// Why the token is invalid.
pub fn check(state: &IdentityState, token: &str, audience: &str) -> Result<(Arc<EKSClusterConfig>, Claims), AuthError> {
    let issuer = unchecked_issuer(token).ok_or_else(|| AuthError::new("the token isn't a JWT with an issuer"))?;
    let cluster = cluster(state, |known| known == issuer)
        .ok_or_else(|| AuthError::new(format!("no cluster here has the issuer {issuer}")))?;
    let keys = cluster.status.as_ref().and_then(|s| s.service_account_keys.as_deref()).unwrap_or_default();
    let claims = verify(token, keys, &issuer, audience)?;
    Ok((cluster, claims))
}

/// The issuer that a token names, unverified: only to find the keys.
fn unchecked_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Iss {
        iss: String,
    }
    let mut validation = Validation::default();
    validation.insecure_disable_signature_validation();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    // The algorithm is checked together with the signature.
    validation.algorithms = vec![jsonwebtoken::decode_header(token).ok()?.alg];
    jsonwebtoken::decode::<Iss>(token, &DecodingKey::from_secret(&[]), &validation).ok().map(|data| data.claims.iss)
}

fn verify(token: &str, keys: &str, issuer: &str, audience: &str) -> Result<Claims, AuthError> {
    let header =
        jsonwebtoken::decode_header(token).map_err(|e| AuthError::new(format!("the token isn't a JWT: {e}")))?;
    let set: JwkSet = serde_json::from_str(keys).map_err(|_| AuthError::new("the cluster's keys can't be read"))?;
    let jwk = match &header.kid {
        Some(kid) => set.find(kid),
        None => set.keys.first(),
    };
    let jwk = jwk.ok_or_else(|| AuthError::new("the token is signed with a key that the cluster doesn't have"))?;
    let algorithm = algorithm(jwk).ok_or_else(|| AuthError::new("the cluster's key is of an unknown kind"))?;
    let key = DecodingKey::from_jwk(jwk).map_err(|_| AuthError::new("the cluster's key can't be read"))?;
    // The algorithm comes from the key, never from the token.
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY;
    jsonwebtoken::decode::<Claims>(token, &key, &validation).map(|data| data.claims).map_err(|e| {
        use jsonwebtoken::errors::ErrorKind;
        AuthError::new(match e.kind() {
            ErrorKind::ExpiredSignature => "the token has expired".to_owned(),
            ErrorKind::InvalidAudience => format!("the token isn't for {audience}"),
            ErrorKind::InvalidSignature => "the token's signature is wrong".to_owned(),
            ErrorKind::InvalidAlgorithm => "the token is signed by another algorithm than the cluster's key".to_owned(),
            _ => format!("the token is invalid: {e}"),
        })
    })
}

fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => Some(Algorithm::ES256),
            EllipticCurve::P384 => Some(Algorithm::ES384),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
