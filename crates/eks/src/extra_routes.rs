//! Routes next to the EKS API: health, metrics, kubeconfigs, and the log of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use serde_json::json;

use super::operations::EksState;
use crate::error::EksError;
use aws::body::{Bodies, Held};
use aws::error::ApiError;
use aws::events::{self, EventLog};
use aws::other_services;
use aws::sigv4::{Authenticator, Caller, KeyValidity, Mode, SignedRequest};
use aws::site::{self, Names};
use crd::{keys, kubeconfig as kubeconfigs};

/// What these routes need.
pub struct AppState {
    /// The resources.
    pub api: Arc<EksState>,
    /// Authenticates requests for kubeconfigs, counters and the log of calls as those of the API.
    pub authenticator: Authenticator,
    /// The counters.
    pub metrics: Registry,
    /// The log of calls.
    pub events: Arc<EventLog>,
    /// Whether the resources have been read once.
    pub ready: Arc<AtomicBool>,
    /// Memory for bodies.
    pub bodies: Bodies,
    /// Memory for answers that are as long as the log of calls.
    pub answers: Bodies,
    /// Names that requests may be sent to.
    pub names: Names,
    /// Whether the ECR API is among what is served.
    pub ecr: bool,
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
pub fn routes(eks: Router, more: Router, app: Arc<AppState>) -> Router {
    let (names, ecr) = (app.names.clone(), app.ecr);
    let gated = eks.layer(middleware::from_fn_with_state(Arc::clone(&app), gate));
    let own = Router::new()
        .route("/metrics", get(metrics))
        .route("/_k3eks/health", get(health))
        .route("/_k3eks/events", get(events))
        .route("/_k3eks/clusters/{name}/kubeconfig", get(kubeconfig))
        .route("/_localemu_eks/{name}/kubeconfig", get(kubeconfig))
        .with_state(app);
    let all = own.merge(more).merge(gated).layer(middleware::from_fn_with_state(ecr, other_services::refuse));
    all.layer(middleware::from_fn_with_state(names, site::guard))
}

async fn gate(State(app): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    if app.ready.load(Ordering::Relaxed) {
        return next.run(request).await;
    }
    ApiError::unavailable("The service is starting. Please try again.").into_response()
}

async fn health(State(app): State<Arc<AppState>>) -> impl IntoResponse {
    let ready = app.ready.load(Ordering::Relaxed);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let words = if ready { "running" } else { "waiting for the management cluster's API" };
    let auth = if app.authenticator.mode() == Mode::Strict { "strict" } else { "permissive" };
    let version = env!("CARGO_PKG_VERSION");
    let body = json!({"status": words, "services": {"eks": words}, "auth": auth, "version": version});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string())
}

/// The counters, for a port of their own.
pub fn scraped(app: Arc<AppState>) -> Router {
    Router::new().route("/metrics", get(|| async move { app.counters() }))
}

async fn metrics(State(app): State<Arc<AppState>>, request: Request) -> Result<Response, ApiError> {
    app.caller(&request)?;
    Ok(app.counters())
}

async fn events(State(app): State<Arc<AppState>>, request: Request) -> Result<Response, ApiError> {
    let caller = app.caller(&request)?;
    let room = app.answers.room(events::BUDGET).await?;
    // A checked caller sees its own account; where nothing is checked there is nothing to keep apart.
    let records = app.events.json(caller.verified.then_some(caller.account.as_str()));
    let body = format!("{{\"Records\":{records}}}");
    Ok(([(header::CONTENT_TYPE, "application/json")], room.fill(body)).into_response())
}

async fn kubeconfig(
    State(app): State<Arc<AppState>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut caller = app.caller(&request)?;
    if !caller.verified {
        caller.account = which.account.unwrap_or(caller.account);
        caller.region = which.region.unwrap_or(caller.region);
    }
    let cluster = app.api.store.cluster(&caller, &name)?;
    let secret = cluster.status.as_ref().and_then(|status| status.kubeconfig_secret.as_deref());
    let missing = || ApiError::resource_not_found(format!("Cluster '{name}' has no kubeconfig yet")).cluster(&name);
    let secret = secret.ok_or_else(missing)?;
    let key = if which.internal { keys::KUBECONFIG_INTERNAL_KEY } else { keys::KUBECONFIG_KEY };
    let text = app.api.store.secret(&cluster, secret, key).await?;
    // The Secret may have been changed since it was written.
    let text = kubeconfigs::own_entries(&String::from_utf8_lossy(&text.ok_or_else(missing)?)).map_err(|why| {
        ApiError::invalid_request(format!("The kubeconfig of cluster '{name}' can't be used: {why}")).cluster(&name)
    })?;
    // It has an administrator's key in it: no cache may keep it.
    Ok(([(header::CONTENT_TYPE, "application/yaml"), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

impl AppState {
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
        self.authenticate(&signed(request.method(), request.uri(), request.headers(), b""))
    }

    /// Who signed a request without a body, its signature checked in either mode.
    ///
    /// # Errors
    /// The signature isn't good, or there is none.
    pub fn prove(&self, request: &Request) -> Result<Caller, ApiError> {
        let request = signed(request.method(), request.uri(), request.headers(), b"");
        self.authenticator.prove(&request, SystemTime::now())
    }

    /// The validity of the request's key, for answers that are streams.
    pub fn key_validity(&self, request: &Request) -> KeyValidity {
        self.authenticator.key_validity(&signed(request.method(), request.uri(), request.headers(), b""))
    }

    /// Who asks, in a request with a body of at most `limit` bytes, and the body.
    ///
    /// # Errors
    /// The body is too large or doesn't come, the signature isn't good, or there is none and one is needed.
    pub async fn caller_with(&self, request: Request, limit: usize) -> Result<(Caller, Held), ApiError> {
        let (parts, body) = request.into_parts();
        let head = signed(&parts.method, &parts.uri, &parts.headers, b"");
        self.authenticator.admit("eks", &head, body.size_hint().exact(), SystemTime::now())?;
        let read = self.bodies.read(body, limit).await?;
        let caller = self.authenticate(&signed(&parts.method, &parts.uri, &parts.headers, &read.bytes))?;
        Ok((caller, read))
    }

    fn authenticate(&self, request: &SignedRequest<'_>) -> Result<Caller, ApiError> {
        self.authenticator.authenticate(request, SystemTime::now())
    }
}

fn signed<'a>(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, body: &'a [u8]) -> SignedRequest<'a> {
    SignedRequest { method: method.as_str(), path: uri.path(), query: uri.query().unwrap_or_default(), headers, body }
}
