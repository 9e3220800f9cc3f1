//! Views into a cluster: a fixed set of requests to its API server on behalf of the page's user.
//!
//! The user's browser sends a token of `aws eks get-token` in [`TOKEN`]; the cluster sees nothing else. The page's
//! server adds no rights: without an access entry a user sees nothing, with one what it allows.

mod kinds;
mod logs;
mod rights;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, delete};
use axum::{Json, Router};
use bytes::Bytes;
use kube::core::Status;
use serde::Deserialize;
use serde_json::{Value, json};

use super::view;
use arn::is_account;
use aws::error::ApiError;
use aws::sigv4::Caller;
use crd::names::Identity;
use crd::{EKSClusterConfig, Phase, keys};
use eks::error::EksError;
use eks::extra_routes::AppState;
use identity::child_proxy::ChildProxy;

/// The header with the token.
const TOKEN: &str = "x-k3eks-token";

/// What the routes need.
pub struct ChildState {
    /// The clusters, and who may see them.
    pub app: Arc<AppState>,
    /// Sends requests to them.
    pub proxy: ChildProxy,
}

type At = Path<(String, String)>;

/// The routes below a cluster's own.
pub fn routes(state: Arc<ChildState>) -> Router {
    let below = |rest: &str| format!("/_k3eks/console/clusters/{{namespace}}/{{name}}/child/{rest}");
    Router::new()
        .route(&below("rights"), routing::get(rights::rights))
        .route(&below("objects/{kind}"), routing::get(objects))
        .route(&below("log"), routing::get(logs::pod))
        .route(&below("audit"), routing::get(logs::audit))
        .route(&below("pods/{of}/{pod}"), delete(delete_pod))
        .with_state(state)
}

/// A request of the page to one child cluster.
struct ChildRequest<'a> {
    state: &'a ChildState,
    cluster: Arc<EKSClusterConfig>,
    caller: Caller,
    /// Whether the request's keys are known and its signature is theirs.
    known: bool,
    token: String,
}

impl<'a> ChildRequest<'a> {
    /// Checks that the caller may see the cluster, and that it runs.
    fn begin(state: &'a ChildState, (namespace, name): &(String, String), request: &Request) -> Result<Self, ApiError> {
        let caller = state.app.caller(request)?;
        let known = caller.verified || state.app.prove(request).is_ok();
        let cluster = view::find(&state.app, &caller, namespace, name)?;
        check_running(&cluster)?;
        let token = token(request.headers())?.to_owned();
        Ok(Self { state, cluster, caller, known, token })
    }

    /// The answer of the cluster's API server, a refusal included.
    async fn ask(&self, request: http::Request<Vec<u8>>) -> Result<(StatusCode, Bytes), ApiError> {
        let store = &self.state.app.api.store;
        Ok(self.state.proxy.read(store, &self.cluster, &self.token, request).await?)
    }

    /// The answer, if it isn't a refusal.
    async fn read(&self, request: http::Request<Vec<u8>>) -> Result<Bytes, ApiError> {
        let (status, body) = self.ask(request).await?;
        if status.is_success() { Ok(body) } else { Err(self.refusal(status, &body)) }
    }

    /// A refusal by the cluster, in words, with the way out.
    fn refusal(&self, status: StatusCode, body: &[u8]) -> ApiError {
        let said = serde_json::from_slice::<Status>(body).map(|status| status.message).unwrap_or_default();
        let said = text::fit(&said, text::MESSAGE);
        match status {
            StatusCode::UNAUTHORIZED => ApiError::access_denied(self.stranger()),
            StatusCode::FORBIDDEN => ApiError::access_denied(format!("The cluster doesn't allow it: {said}")),
            StatusCode::NOT_FOUND => ApiError::resource_not_found(format!("The cluster doesn't have it: {said}")),
            other => ApiError::unavailable(format!("The cluster's API server answered {other}: {said}")),
        }
    }

    /// Message for a user whom the cluster doesn't know.
    fn stranger(&self) -> String {
        let (who, cluster) = (&self.caller.identity_arn, Identity::of(&self.cluster).name);
        // Without keys the account stands in their place.
        let key = self.caller.access_key_id.as_deref().filter(|id| self.known || !is_account(id));
        if let Some(key) = key.filter(|_| !self.known) {
            format!(
                "The access key {key} is unknown or its secret is wrong, so cluster {cluster} refuses it. Sign \
                 out, and sign in with a known key."
            )
        } else if key.is_some() {
            format!(
                "Cluster {cluster} refuses {who}. To let it in, add an access entry on the tab Access, or with aws eks \
                 create-access-entry --cluster-name {cluster} --principal-arn {who}, and associate a policy with it."
            )
        } else {
            format!(
                "Cluster {cluster} refuses users who aren't signed in. Sign in as a principal that has an access entry in it, or as its creator."
            )
        }
    }
}

/// Refuses a cluster that doesn't run; a request wouldn't wake it.
fn check_running(cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    let name = Identity::of(cluster).name;
    let status = cluster.status.as_ref();
    let refused = |why: &str| Err(ApiError::invalid_state(format!("Cluster {name} {why}")).cluster(&name));
    if status.and_then(|status| status.applied.as_ref()).is_some_and(|applied| applied.provider == keys::METADATA) {
        return refused("is recorded only: nothing runs.");
    }
    if status.is_some_and(|status| status.hibernated.is_some()) {
        return refused("sleeps. Wake it first.");
    }
    if status.and_then(|status| status.phase) == Some(Phase::Stopped) {
        return refused("is stopped. Start it first.");
    }
    Ok(())
}

fn token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let token = headers.get(TOKEN).and_then(|token| token.to_str().ok());
    token.ok_or_else(|| ApiError::access_denied(format!("Give a token of aws eks get-token in the header {TOKEN}")))
}

/// A name, as the paths of an API server have it.
fn plain(name: &str) -> Result<&str, ApiError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let is_name = (1..=253).contains(&name.len()) && name.chars().all(fits) && !name.contains("..");
    if is_name && name != "." {
        Ok(name)
    } else {
        Err(ApiError::invalid_parameter("That isn't a valid Kubernetes name"))
    }
}

/// A GET request.
fn get(path: impl AsRef<str>) -> Result<http::Request<Vec<u8>>, ApiError> {
    http::Request::get(path.as_ref()).body(Vec::new()).map_err(ApiError::internal)
}

#[derive(Deserialize)]
struct Where {
    /// Of all namespaces where there is none.
    #[serde(default)]
    namespace: String,
    /// Of pods, on which node; on all where there is none.
    #[serde(default)]
    node: String,
}

/// Objects of one kind.
async fn objects(
    State(state): State<Arc<ChildState>>,
    Path((namespace, name, kind)): Path<(String, String, String)>,
    Query(within): Query<Where>,
    request: Request,
) -> Result<Response, ApiError> {
    let child = ChildRequest::begin(&state, &(namespace, name), &request)?;
    let kind = kinds::find(&kind).ok_or_else(|| ApiError::invalid_parameter("The page doesn't know this kind"))?;
    let body = child.read(get(kind.list(&within.namespace, &within.node)?)?).await?;
    let seen =
        kind.seen(&body).ok_or_else(|| ApiError::unavailable("The cluster's API server answered with no list"))?;
    Ok(uncached(Json(seen)))
}

/// An answer that no cache may keep: it is for this user and this moment.
fn uncached(answer: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], answer).into_response()
}

/// Deletes a pod; its owner recreates it.
async fn delete_pod(
    State(state): State<Arc<ChildState>>,
    Path((namespace, name, of, pod)): Path<(String, String, String, String)>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let child = ChildRequest::begin(&state, &(namespace, name), &request)?;
    let path = format!("/api/v1/namespaces/{}/pods/{}", plain(&of)?, plain(&pod)?);
    child.read(http::Request::delete(path).body(Vec::new()).map_err(ApiError::internal)?).await?;
    Ok(Json(json!({"deleted": format!("{of}/{pod}")})))
}
