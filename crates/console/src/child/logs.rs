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
    server: u32,
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
    let name = applied.map(|applied| applied.name.as_str()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::invalid_state("k3eks didn't create the cluster's servers"))?;
    let mut request = get(format!("/api/v1/nodes/k3d-{}-server-{server}/proxy/logs/k3eks/audit.log", plain(name)?))?;
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
