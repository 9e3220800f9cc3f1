//! Logs of pods, followed while somebody reads, and the API server's audit log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use serde::Deserialize;

use super::{At, ChildRequest, ChildState, get, plain, uncached};
use aws::error::ApiError;
use crd::keys;
use identity::child_proxy::Answer;

/// How long a log is followed: as long as the token is good.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How much of a log is passed on.
const MOST: usize = 4 * 1024 * 1024;
/// Lines of the past.
const LINES: usize = 500;
/// Bytes of the audit log's end.
const TAIL: usize = 256 * 1024;
const ENOUGH: &str = "\n— No more of this log is shown here; open it again, or use kubectl logs. —\n";
const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

/// Which log of a pod.
#[derive(Deserialize)]
pub struct Wanted {
    namespace: String,
    pod: String,
    container: String,
    /// Of the container that ran before this one.
    #[serde(default)]
    previous: bool,
    #[serde(default)]
    follow: bool,
}

/// A container's log.
pub async fn pod(
    State(state): State<Arc<ChildState>>,
    Path(at): At,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Result<Response, ApiError> {
    let child = ChildRequest::begin(&state, &at, &request)?;
    let Wanted { namespace, pod, container, previous, follow } = &wanted;
    let (namespace, pod, container) = (plain(namespace)?, plain(pod)?, plain(container)?);
    let path = format!(
        "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&previous={previous}&tailLines={LINES}&follow={follow}"
    );
    let store = &state.app.api.store;
    let answer = state.proxy.follow(store, &child.cluster, &child.token, get(path)?).await?;
    if answer.status.is_success() {
        return Ok(uncached((TEXT, Body::from_stream(shown(answer)))));
    }
    let Answer { status, body, .. } = answer;
    let said = tokio::time::timeout(Duration::from_secs(5), body.collect_bytes()).await;
    Err(child.refusal(status, &said.ok().and_then(Result::ok).unwrap_or_default()))
}

/// An answer as it comes, for so long and so much of it.
fn shown(answer: Answer) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    let Answer { body, permit, .. } = answer;
    let told = stream::unfold((body.into_data_stream(), MOST, permit), async |(mut data, left, permit)| {
        if left == 0 {
            return None;
        }
        let (chunk, left) = match data.next().await? {
            Ok(chunk) if chunk.len() < left => {
                let left = left - chunk.len();
                (chunk, left)
            }
            // It is too much, or the cluster is away.
            Ok(_) | Err(_) => (Bytes::from_static(ENOUGH.as_bytes()), 0),
        };
        Some((Ok(chunk), (data, left, permit)))
    });
    told.take_until(tokio::time::sleep(LONGEST))
}

#[derive(Deserialize)]
pub struct Server {
    /// 0 is the first one.
    #[serde(default)]
    server: usize,
}

/// The end of a server's audit log, which its kubelet shows to whom the cluster lets through to nodes.
pub async fn audit(
    State(state): State<Arc<ChildState>>,
    Path(at): At,
    Query(Server { server }): Query<Server>,
    request: Request,
) -> Result<Response, ApiError> {
    let child = ChildRequest::begin(&state, &at, &request)?;
    let applied = child.cluster.status.as_ref().and_then(|status| status.applied.as_ref());
    if applied.is_none_or(|applied| applied.name.is_empty()) {
        return Err(ApiError::invalid_state("k3eks didn't create the cluster's servers"));
    }
    let node = server_node(&child, server).await?;
    let mut request = get(format!("/api/v1/nodes/{node}/proxy/logs/k3eks/audit.log"))?;
    let tail = header::HeaderValue::from_str(&format!("bytes=-{TAIL}")).map_err(ApiError::internal)?;
    request.headers_mut().insert(header::RANGE, tail);
    let (status, body) = child.ask(request).await?;
    match status {
        // Nothing was written yet.
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(uncached((TEXT, Bytes::new()))),
        status if status.is_success() => Ok(uncached((TEXT, body.slice(body.len().saturating_sub(TAIL)..)))),
        StatusCode::NOT_FOUND => {
            Err(ApiError::resource_not_found("The server has no audit log: turn on the log type audit"))
        }
        status => Err(child.refusal(status, &body)),
    }
}

/// The name of a server's Node object. Nodes of node groups have the label of their group, servers don't.
async fn server_node(child: &ChildRequest<'_>, server: usize) -> Result<String, ApiError> {
    let body = child.read(get(format!("/api/v1/nodes?labelSelector=%21{}", keys::NODE_NODEGROUP))?).await?;
    let nodes: Nodes = serde_json::from_slice(&body)
        .map_err(|_| ApiError::unavailable("The cluster's API server answered with no list of nodes"))?;
    let mut names: Vec<String> = nodes.items.into_iter().map(|node| node.metadata.name).collect();
    names.sort_unstable();
    let name = names.into_iter().nth(server);
    let name = name.ok_or_else(|| ApiError::resource_not_found(format!("The cluster has no server {server}")))?;
    plain(&name).map(str::to_owned)
}

#[derive(Deserialize)]
struct Nodes {
    items: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}
