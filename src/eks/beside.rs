//! What the port serves beside the EKS API: health, metrics, kubeconfigs, and the log of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kube::ResourceExt;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use serde_json::json;

use super::body::{Bodies, Held};
use super::error::ApiError;
use super::events::EventLog;
use super::operations::Api;
use super::other_services;
use super::sigv4::{Authenticator, Caller, Mode, SignedRequest};
use crate::crd::{keys, kubeconfig as kubeconfigs};

/// What these routes need.
pub struct Beside {
    /// The resources.
    pub api: Arc<Api>,
    /// Who may read kubeconfigs, counters and the log of calls: whoever may use the API.
    pub authenticator: Authenticator,
    /// The counters.
    pub metrics: Registry,
    /// The log of calls.
    pub events: Arc<EventLog>,
    /// Whether the resources have been read once.
    pub ready: Arc<AtomicBool>,
    /// Memory for bodies.
    pub bodies: Bodies,
}

#[derive(Deserialize)]
struct Which {
    account: Option<String>,
    region: Option<String>,
    /// Wants the way in from pods of the management cluster.
    #[serde(default)]
    internal: bool,
}

/// Adds the routes, and `more`, to those of the API, which answers nothing before the resources have been read.
pub fn routes(eks: Router, more: Router, beside: Arc<Beside>) -> Router {
    let gated = eks.layer(middleware::from_fn_with_state(Arc::clone(&beside), gate));
    let own = Router::new()
        .route("/metrics", get(metrics))
        .route("/_k3eks/health", get(health))
        .route("/_k3eks/events", get(events))
        .route("/_k3eks/clusters/{name}/kubeconfig", get(kubeconfig))
        .route("/_localemu_eks/{name}/kubeconfig", get(kubeconfig))
        .with_state(beside);
    let all = own.merge(more).merge(gated).layer(middleware::from_fn(other_services::refuse));
    all.layer(middleware::from_fn(same_site))
}

/// Refuses what a page of somebody else makes a browser send: whoever looks at one may have nothing to do with it.
async fn same_site(request: Request, next: Next) -> Response {
    if changes(request.method()) && is_from_elsewhere(request.headers()) {
        return ApiError::access_denied("Requests of other sites' pages are refused.").into_response();
    }
    next.run(request).await
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Browsers say where a page is from to sites that they trust, and its origin to every one.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    match header("sec-fetch-site") {
        Some(from) => matches!(from, "cross-site" | "same-site"),
        None => header("origin").is_some_and(|origin| host(origin).as_deref() != header("host")),
    }
}

async fn gate(State(beside): State<Arc<Beside>>, request: Request, next: Next) -> Response {
    if beside.ready.load(Ordering::Relaxed) {
        return next.run(request).await;
    }
    ApiError::unavailable("The service is starting. Please try again.").into_response()
}

async fn health(State(beside): State<Arc<Beside>>) -> impl IntoResponse {
    let ready = beside.ready.load(Ordering::Relaxed);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let words = if ready { "running" } else { "waiting for the management cluster's API" };
    let auth = if beside.authenticator.mode() == Mode::Strict { "strict" } else { "permissive" };
    let version = env!("CARGO_PKG_VERSION");
    let body = json!({"status": words, "services": {"eks": words}, "auth": auth, "version": version});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string())
}

/// The counters, for a port of their own.
pub fn scraped(beside: Arc<Beside>) -> Router {
    Router::new().route("/metrics", get(|| async move { beside.counters() }))
}

async fn metrics(State(beside): State<Arc<Beside>>, request: Request) -> Result<Response, ApiError> {
    beside.caller(&request)?;
    Ok(beside.counters())
}

async fn events(State(beside): State<Arc<Beside>>, request: Request) -> Result<Response, ApiError> {
    let caller = beside.caller(&request)?;
    // A checked caller sees its own account; where nothing is checked there is nothing to keep apart.
    let records = beside.events.json(caller.verified.then_some(caller.account.as_str()));
    let body = format!("{{\"Records\":{records}}}");
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn kubeconfig(
    State(beside): State<Arc<Beside>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut caller = beside.caller(&request)?;
    if !caller.verified {
        caller.account = which.account.unwrap_or(caller.account);
        caller.region = which.region.unwrap_or(caller.region);
    }
    let cluster = beside.api.store.cluster(&caller, &name)?;
    let secret = cluster.status.as_ref().and_then(|status| status.kubeconfig_secret.as_deref());
    let missing = || ApiError::resource_not_found(format!("Cluster '{name}' has no kubeconfig yet")).cluster(&name);
    let secret = secret.ok_or_else(missing)?;
    let key = if which.internal { keys::KUBECONFIG_INTERNAL_KEY } else { keys::KUBECONFIG_KEY };
    let text = beside.api.store.secret(&cluster.namespace().unwrap_or_default(), secret, key).await?;
    // The Secret may have been changed since it was written.
    let text = kubeconfigs::own_entries(&String::from_utf8_lossy(&text.ok_or_else(missing)?)).map_err(|why| {
        ApiError::invalid_request(format!("The kubeconfig of cluster '{name}' can't be used: {why}")).cluster(&name)
    })?;
    // It has an administrator's key in it: nobody on the way is to keep it.
    Ok(([(header::CONTENT_TYPE, "application/yaml"), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

impl Beside {
    fn counters(&self) -> Response {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.metrics);
        ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
    }

    /// Who asks, in a request without a body.
    ///
    /// # Errors
    /// The signature isn't good, or there is none and one is needed.
    pub fn caller(&self, request: &Request) -> Result<Caller, ApiError> {
        self.signed(request.method(), request.uri(), request.headers(), b"")
    }

    /// Who asks, in a request with a body of at most `limit` bytes, and the body.
    ///
    /// # Errors
    /// The body is too large or doesn't come, the signature isn't good, or there is none and one is needed.
    pub async fn caller_with(&self, request: Request, limit: usize) -> Result<(Caller, Held), ApiError> {
        let (parts, body) = request.into_parts();
        let read = self.bodies.read(body, limit).await?;
        let caller = self.signed(&parts.method, &parts.uri, &parts.headers, &read.bytes)?;
        Ok((caller, read))
    }

    fn signed(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Caller, ApiError> {
        let signed = SignedRequest {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers,
            body,
        };
        self.authenticator.authenticate(&signed, SystemTime::now())
    }
}
