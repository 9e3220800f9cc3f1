//! Routes of the identity service: those on the port of the EKS API, for webhooks of child clusters, and for their pods.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use k8s_openapi::api::core::v1::Pod;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tower::ServiceExt;

use super::token::AuthError;
use super::{IdentityState, admission, issuer, pod_identity, sts, token_review};
use aws::body::{Bodies, Held};
use aws::error::ApiError;
use crd::{EKSClusterConfig, keys};

/// Largest token review.
const LARGEST_REVIEW: usize = 64 * 1024;
/// Largest admission review.
const LARGEST_POD: usize = 1024 * 1024;

/// The routes of the EKS API, and those of STS, EKS Auth and the OIDC issuers on the same port.
pub fn with_eks_api(state: &Arc<IdentityState>, eks: Router) -> Router {
    let services = StsAndEks { state: state.clone(), eks: eks.clone() };
    let root = Router::new().route("/", any(dispatch_sts_or_eks)).with_state(services);
    let agent = Router::new()
        .route("/clusters/{name}/assume-role-for-pod-identity", post(assume_for_pod))
        .with_state(state.clone());
    root.merge(agent).merge(issuers(state)).fallback_service(eks)
}

/// Routes for API servers of child clusters.
pub fn webhooks(state: &Arc<IdentityState>) -> Router {
    Router::new()
        .route("/clusters/{namespace}/{name}/review", post(review))
        .route("/clusters/{namespace}/{name}/admit", post(admit))
        .route("/health", get(|| async { "ok" }))
        .with_state(state.clone())
}

/// Routes for pods of child clusters.
pub fn pods(state: &Arc<IdentityState>) -> Router {
    Router::new()
        .route("/", any(sts_request))
        .route("/v1/credentials", get(credentials))
        .with_state(state.clone())
        .merge(issuers(state))
}

fn issuers(state: &Arc<IdentityState>) -> Router {
    Router::new()
        .route("/id/{id}/.well-known/openid-configuration", get(discovery))
        .route("/id/{id}/keys", get(keys))
        .with_state(state.clone())
}

#[derive(Clone)]
struct StsAndEks {
    state: Arc<IdentityState>,
    eks: Router,
}

/// STS for forms and for URLs with an action; else the EKS API, which has no operation there, in its own words.
async fn dispatch_sts_or_eks(State(services): State<StsAndEks>, request: Request) -> Response {
    let form = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let form = form.is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
    let has_action = request.uri().query().is_some_and(|query| query.contains("Action="));
    if has_action || form && request.method() == Method::POST {
        return sts::handle(&services.state, request).await;
    }
    match services.eks.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn sts_request(State(state): State<Arc<IdentityState>>, request: Request<Body>) -> Response {
    sts::handle(&state, request).await
}

/// The cluster whose API server calls a webhook. No one else gets to the handler.
struct ApiServer {
    namespace: String,
    name: String,
}

impl FromRequestParts<Arc<IdentityState>> for ApiServer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<IdentityState>) -> Result<Self, Response> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((namespace, name)) = path.map_err(IntoResponse::into_response)?;
        if is_api_server(state, &namespace, &name, &parts.headers) {
            Ok(Self { namespace, name })
        } else {
            Err(StatusCode::UNAUTHORIZED.into_response())
        }
    }
}

async fn review(
    State(state): State<Arc<IdentityState>>,
    ApiServer { namespace, name }: ApiServer,
    request: Request,
) -> Response {
    match read(&state.memory.children, LARGEST_REVIEW, request).await {
        Ok((asked, _memory)) => Json(token_review::review(&state, &namespace, &name, asked).await).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn admit(
    State(state): State<Arc<IdentityState>>,
    ApiServer { namespace, name }: ApiServer,
    request: Request,
) -> Response {
    let (asked, _memory) = match read::<AdmissionReview<Pod>>(&state.memory.children, LARGEST_POD, request).await {
        Ok(read) => read,
        Err(refused) => return refused.into_response(),
    };
    let request: Result<AdmissionRequest<Pod>, _> = asked.try_into();
    let response = match request {
        Ok(request) => admission::admit(&state, &namespace, &name, &request).await,
        Err(error) => AdmissionResponse::invalid(error.to_string()),
    };
    Json(response.into_review()).into_response()
}

/// Whether the request comes from the cluster's API server.
fn is_api_server(state: &IdentityState, namespace: &str, name: &str, headers: &HeaderMap) -> bool {
    let Some(cluster) = state.api.store.get::<EKSClusterConfig>(namespace, name) else { return false };
    let known = cluster.status.as_ref().map_or(&[][..], |status| &status.webhook_tokens);
    let is_api_server = if known.is_empty() { may_have_no_token(&cluster) } else { has_token(headers, known) };
    if !is_api_server {
        tracing::warn!(
            resource = format!("{namespace}/{name}"),
            "a client other than the cluster's API server called a webhook"
        );
    }
    is_api_server
}

/// Whether the cluster's servers may be older than such tokens, so that they have none to show. One that was imported, has no servers or
/// was never made doesn't ask at all.
fn may_have_no_token(cluster: &EKSClusterConfig) -> bool {
    let applied = cluster.status.as_ref().and_then(|status| status.applied.as_ref());
    !cluster.spec.imported && applied.is_some_and(|applied| applied.provider != keys::METADATA)
}

/// Whether the headers show one of the tokens of these digests.
fn has_token(headers: &HeaderMap, known: &[String]) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let digest = format!("{:x}", Sha256::digest(shown.unwrap_or_default()));
    let same = |known: &String| bool::from(known.as_bytes().ct_eq(digest.as_bytes()));
    // Each is compared, whichever it is.
    known.iter().fold(false, |found, known| found | same(known))
}

/// The JSON of a body, and the memory reserved for it.
async fn read<T: DeserializeOwned>(bodies: &Bodies, limit: usize, request: Request) -> Result<(T, Held), ApiError> {
    let held = bodies.read(request.into_body(), limit).await?;
    let value = serde_json::from_slice(&held.bytes).map_err(|error| ApiError::serialization(error.to_string()))?;
    Ok((value, held))
}

async fn credentials(State(state): State<Arc<IdentityState>>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match pod_identity::grant(&state, token.trim(), None) {
        Ok(granted) => Json(granted.for_sdk()).into_response(),
        Err(refusal) => {
            tracing::info!(why = %refusal, "a pod gets no credentials");
            (StatusCode::BAD_REQUEST, refusal.to_string()).into_response()
        }
    }
}

#[derive(Deserialize)]
struct ForPod {
    token: String,
}

async fn assume_for_pod(
    State(state): State<Arc<IdentityState>>,
    Path(cluster): Path<String>,
    request: Request,
) -> Response {
    let asked: ForPod = match read(&state.memory.public, sts::LARGEST, request).await {
        Ok((asked, _memory)) => asked,
        Err(refused) => return refused.into_response(),
    };
    match pod_identity::grant(&state, &asked.token, Some(&cluster)) {
        Ok(granted) => Json(granted.for_agent()).into_response(),
        Err(AuthError(message)) => {
            let kind = [("x-amzn-errortype", "InvalidTokenException")];
            (StatusCode::BAD_REQUEST, kind, Json(json!({"message": message}))).into_response()
        }
    }
}

async fn discovery(State(state): State<Arc<IdentityState>>, Path(id): Path<String>) -> Response {
    match issuer_and_keys(&state, &id) {
        Ok((issuer, _)) => Json(issuer::discovery(&issuer)).into_response(),
        Err(missing) => missing.into_response(),
    }
}

async fn keys(State(state): State<Arc<IdentityState>>, Path(id): Path<String>) -> Response {
    match issuer_and_keys(&state, &id) {
        Ok((_, keys)) => ([(header::CONTENT_TYPE, "application/json")], keys).into_response(),
        Err(missing) => missing.into_response(),
    }
}

/// Issuer and keys of the cluster with this issuer id.
fn issuer_and_keys(state: &IdentityState, id: &str) -> Result<(String, String), ApiError> {
    let suffix = format!("/id/{id}");
    let cluster = issuer::cluster(state, |issuer| issuer.ends_with(&suffix));
    let status = cluster.and_then(|cluster| cluster.status.clone());
    status
        .and_then(|status| Some((status.oidc_issuer?, status.service_account_keys?)))
        .ok_or_else(|| ApiError::resource_not_found(format!("No issuer has the id {id}")))
}

#[cfg(test)]
mod tests;
