//! What stands before the registry: who may do what, and which name means which repository.
//!
//! On the port for clients the registry's own names hold: `<ECR name>/<repository>`, and for copies of images from elsewhere
//! `<registry>/<repository>`. Nodes ask on a port of their own, which only reads: containerd asks its mirror for
//! `<repository>` and says by `ns` whose it is. What isn't here it then asks for where the image's name says.

mod refusal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, Method, header};
use jiff::Timestamp;

use super::engine::{DIGEST, Engine, INVENTORY};
use super::lifecycle::schedule::Schedule;
use super::names::{Registry, elsewhere, split};
use super::record::{self, Record};
use super::storage::{self, Inventory};
use refusal::Refusal;

/// The health check of the port for clients.
pub const HEALTH: &str = "/_k3eks/health";
/// The longest wait for a copy of an image from elsewhere.
const COPY: Duration = Duration::from_secs(3);
/// How HTTP writes a time.
const HTTP_TIME: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The registry behind, and the folder that it keeps everything in.
pub struct Front {
    /// The registry behind.
    pub engine: Engine,
    /// The folder, to tell when an image was pushed and which have no tag. Without it nobody is told.
    pub storage: Option<PathBuf>,
    /// Hears of writes, for the sake of lifecycle policies.
    pub schedule: Arc<Schedule>,
}

/// Part of a repository that a path is about.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    name: &'a str,
    kind: &'a str,
    reference: &'a str,
}

/// Routes for clients: push, pull and delete.
pub fn clients(front: Arc<Front>) -> Router {
    let repository = format!("{INVENTORY}{{*repository}}");
    let own = Router::new().route(HEALTH, get(health)).route(&repository, get(inventory));
    own.fallback(client).with_state(front)
}

/// Routes for nodes: pull.
pub fn nodes(front: Arc<Front>) -> Router {
    Router::new().fallback(node).with_state(front)
}

async fn health(State(front): State<Arc<Front>>) -> Result<&'static str, Refusal> {
    front.engine.ready().await?;
    Ok("ok")
}

async fn inventory(
    State(front): State<Arc<Front>>,
    Path(repository): Path<String>,
) -> Result<Json<Inventory>, Refusal> {
    let storage = front.storage.as_ref().filter(|_| split(&repository).is_some());
    let storage = storage.ok_or_else(|| Refusal::not_found("there is no such repository, or no folder of images"))?;
    let revisions = storage::revisions(storage, &repository).await?;
    Ok(Json(Inventory { revisions, evaluated_at: front.schedule.evaluated_at(&repository) }))
}

async fn client(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Refusal> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let inside = format!("{path}{query}");
    if reads(request.method()) && matches!(path.as_str(), "/v2/" | "/v2" | "/v2/_catalog") {
        return front.pass(request, &inside, "").await;
    }
    let asked = asked(&path).ok_or_else(|| Refusal::not_found("there is no such path"))?;
    if is_copy(asked.name) {
        return front.pass(request, &inside, asked.name).await;
    }
    let (registry, name) = split(asked.name).ok_or_else(|| Refusal::unnamed(asked.name))?;
    let is_record = asked.kind == "manifests" && asked.reference == record::TAG;
    if !(is_record && request.method() == Method::PUT) {
        let found = front.record(asked.name, &registry, name).await?;
        if request.method() == Method::PUT && asked.kind == "manifests" && found.is_immutable() {
            let taken = front.engine.manifest(asked.name, asked.reference).await?.is_some();
            if taken && !asked.reference.contains(':') {
                return Err(Refusal::immutable(name, asked.reference));
            }
        }
    }
    let _writing = (!reads(request.method())).then(|| front.schedule.writing(asked.name));
    front.pass(request, &inside, asked.name).await
}

async fn node(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Refusal> {
    if !reads(request.method()) {
        return Err(Refusal::read_only());
    }
    let path = request.uri().path();
    if matches!(path, "/v2/" | "/v2") {
        return front.pass(request, "/v2/", "").await;
    }
    let asked = asked(path).filter(|asked| matches!(asked.kind, "manifests" | "blobs"));
    let asked = asked.ok_or_else(|| Refusal::not_found("there is no such path"))?;
    // Every pull of a node comes by here: what can't be here is let go on at once.
    let full = place(asked.name, request.uri().query().unwrap_or_default());
    let full = full.ok_or_else(|| Refusal::not_found("there is no such repository"))?;
    let inside = format!("/v2/{full}/{}/{}", asked.kind, asked.reference);
    let Some((registry, name)) = split(&full) else {
        // Of these the node asks elsewhere as well, and mustn't be held up.
        let answer = tokio::time::timeout(COPY, front.pass(request, &inside, &full)).await;
        return answer.unwrap_or_else(|_| Err(Refusal::not_found("the registry takes too long to answer")));
    };
    front.record(&full, &registry, name).await?;
    front.pass(request, &inside, &full).await
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The parts of a path of the distribution API.
fn asked(path: &str) -> Option<Asked<'_>> {
    let path = path.strip_prefix("/v2/")?;
    ["manifests", "blobs", "tags", "referrers"].into_iter().find_map(|kind| {
        let (name, reference) = path.rsplit_once(&format!("/{kind}/"))?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b":._-/=+".contains(&b);
        let fits = !reference.contains("..") && reference.bytes().all(plain);
        // Only uploads have a path of their own below.
        let flat = !reference.contains('/') || kind == "blobs" && reference.starts_with("uploads/");
        (fits && flat).then_some(Asked { name, kind, reference })
    })
}

/// The name in the registry behind of what a node asks for: it may have the registry's name in it already.
fn place(name: &str, query: &str) -> Option<String> {
    if split(name).is_some() {
        return Some(name.to_owned());
    }
    let namespace = query.split('&').find_map(|pair| pair.strip_prefix("ns="))?;
    match Registry::named(namespace) {
        Some(registry) => Some(registry.repository(name)),
        None => elsewhere(namespace, name),
    }
}

/// Whether the name is that of a copy of an image from elsewhere.
fn is_copy(name: &str) -> bool {
    name.split_once('/').is_some_and(|(host, name)| elsewhere(host, name).is_some())
}

impl Front {
    async fn record(&self, full: &str, registry: &Registry, name: &str) -> Result<Record, Refusal> {
        record::read(&self.engine, full).await?.ok_or_else(|| Refusal::unknown(registry, name))
    }

    async fn pass(&self, mut request: Request, path: &str, repository: &str) -> Result<Response, Refusal> {
        for own in [header::AUTHORIZATION, header::CONNECTION, header::TRANSFER_ENCODING] {
            request.headers_mut().remove(own);
        }
        let mut answer: http::Response<Body> = self.engine.pass(request, path).await?;
        for own in [header::CONNECTION, header::TRANSFER_ENCODING] {
            answer.headers_mut().remove(own);
        }
        let digest = answer.headers().get(DIGEST).and_then(|value| value.to_str().ok());
        let pushed = match digest {
            Some(digest) if path.contains("/manifests/") => self.pushed(repository, digest).await,
            _ => None,
        };
        if let Some(pushed) = pushed {
            answer.headers_mut().insert(header::LAST_MODIFIED, pushed);
        }
        Ok(answer.into_response())
    }

    async fn pushed(&self, repository: &str, digest: &str) -> Option<HeaderValue> {
        http_time(storage::pushed(self.storage.as_ref()?, repository, digest).await?)
    }
}

fn http_time(time: Timestamp) -> Option<HeaderValue> {
    HeaderValue::from_str(&time.strftime(HTTP_TIME).to_string()).ok()
}

/// A time as HTTP writes it.
pub fn time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime(HTTP_TIME, text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests;
