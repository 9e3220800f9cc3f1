//! What stands before the registry: who may do what, and which name means which repository.
//!
//! On the port for clients the registry's own names hold: `<ECR name>/<repository>`, and for copies of images from elsewhere
//! `<registry>/<repository>`. Nodes ask on a port of their own, which only reads: containerd asks its mirror for
//! `<repository>` and says by `ns` whose it is. What isn't here it then asks for where the image's name says.
//!
//! With a key both ports ask for credentials that it signed, and [`access`](crate::access) says what they are good for.

mod asked;
mod gate;
mod manifests;
mod refusal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws::body::Bodies;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;
use registry_credentials::Key;
use tokio::sync::Mutex;

use super::access::{Action, Port};
use super::engine::{DIGEST, Engine, INVENTORY};
use super::lifecycle::schedule::Schedule;
use super::names::{Registry, elsewhere, is_copy, split};
use super::record::{self, Record};
use super::storage::{self, Inventory};
use asked::{Asked, asked};
use gate::Gate;
use refusal::Refusal;

/// The health check of the port for clients.
pub const HEALTH: &str = "/_k3eks/health";
/// The longest wait for a copy of an image from elsewhere.
const COPY: Duration = Duration::from_secs(3);
/// The longest wait for a manifest to arrive, and for memory for it.
const ARRIVES: Duration = Duration::from_secs(30);
/// The most bytes of bodies that are held in memory at a time.
const BODIES: usize = 32 * 1024 * 1024;
/// How HTTP writes a time.
const HTTP_TIME: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The registry behind, and the folder that it keeps everything in.
pub struct Front {
    /// The registry behind.
    pub engine: Engine,
    /// The folder, to tell when an image was pushed and which have no tag. Without it nobody is told.
    pub storage: Option<PathBuf>,
    /// What signed the credentials that are asked for. Without it everybody may do everything.
    pub key: Option<Key>,
    /// Hears of writes, for the sake of lifecycle policies.
    pub schedule: Arc<Schedule>,
    /// Held while a list of referrers is written.
    referrers: Mutex<()>,
    /// Memory for manifests that arrive and lists that are changed.
    bodies: Bodies,
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
    headers: HeaderMap,
) -> Result<Json<Inventory>, Refusal> {
    let gate = Gate::new(front.key.as_ref(), Port::Clients, &headers)?;
    gate.may(Action::Pull, "DescribeImages", &repository)?;
    let storage = front.storage.as_ref().filter(|_| split(&repository).is_some());
    let storage = storage.ok_or_else(|| Refusal::not_found("there is no such repository, or no folder of images"))?;
    let revisions = storage::revisions(storage, &repository).await?;
    Ok(Json(Inventory { revisions, evaluated_at: front.schedule.evaluated_at(&repository) }))
}

async fn client(State(front): State<Arc<Front>>, mut request: Request) -> Result<Response, Refusal> {
    let gate = Gate::new(front.key.as_ref(), Port::Clients, request.headers())?;
    let path = request.uri().path().to_owned();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if reads(request.method()) && matches!(path.as_str(), "/v2/" | "/v2" | "/v2/_catalog") {
        if path.ends_with("/_catalog") {
            gate.names()?;
        }
        return front.pass(request, &format!("{path}{query}"), "").await;
    }
    let asked = asked(&path).ok_or_else(|| Refusal::not_found("there is no such path"))?;
    let named = split(asked.name);
    if named.is_none() && !is_copy(asked.name) {
        return Err(Refusal::unnamed(asked.name));
    }
    gate.pass(request.method(), &asked)?;
    let inside = match (request.method(), asked.kind) {
        (&Method::POST, _) if gate.asks() => format!("{path}?{}", gate.upload_query(query.trim_start_matches('?'))),
        (&Method::PUT, "manifests") => path.clone(),
        _ => format!("{path}{query}"),
    };
    if gate.asks() && request.method() == Method::POST {
        gate::no_form(&mut request);
    }
    // Before anything is asked: what expires meanwhile could be what is about to get a tag.
    let written = named.is_some() && !reads(request.method());
    let _writing = written.then(|| front.schedule.writing(asked.name));
    if let Some((registry, name)) = named {
        front.check(&gate, request.method(), &asked, &registry, name).await?;
    }
    front.answer(request, &asked, &inside).await
}

async fn node(State(front): State<Arc<Front>>, request: Request) -> Result<Response, Refusal> {
    if !reads(request.method()) {
        return Err(Refusal::read_only());
    }
    let gate = Gate::new(front.key.as_ref(), Port::Nodes, request.headers())?;
    let path = request.uri().path();
    if matches!(path, "/v2/" | "/v2") {
        return front.pass(request, "/v2/", "").await;
    }
    let asked = asked(path).filter(|asked| matches!(asked.kind, "manifests" | "blobs"));
    let asked = asked.ok_or_else(|| Refusal::not_found("there is no such path"))?;
    // Every pull of a node comes by here: what can't be here is let go on at once.
    let full = place(asked.name, request.uri().query().unwrap_or_default());
    let full = full.ok_or_else(|| Refusal::not_found("there is no such repository"))?;
    gate.pass(request.method(), &Asked { name: &full, ..asked })?;
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

/// The name in the registry behind of what a node asks for: it may have the registry's name in it already.
fn place(name: &str, query: &str) -> Option<String> {
    if split(name).is_some() {
        return Some(name.to_owned());
    }
    let namespace = query.split('&').find_map(|pair| pair.strip_prefix("ns="))?;
    match Registry::named(namespace) {
        Some(registry) => Some(registry.repository(name)).filter(|full| split(full).is_some()),
        None => elsewhere(namespace, name),
    }
}

impl Front {
    /// What stands before this registry. `storage` is the folder that the registry keeps everything in, `key` what signed
    /// the credentials that are asked for. `schedule` hears of writes.
    pub fn new(engine: Engine, storage: Option<PathBuf>, key: Option<Key>, schedule: Arc<Schedule>) -> Self {
        Self {
            engine,
            storage,
            key,
            schedule,
            referrers: Mutex::default(),
            bodies: Bodies::new(BODIES).waiting(ARRIVES),
        }
    }

    /// Whether the repository is there, and takes what is meant for it.
    async fn check(
        &self,
        gate: &Gate,
        method: &Method,
        asked: &Asked<'_>,
        registry: &Registry,
        name: &str,
    ) -> Result<(), Refusal> {
        let (kept, put) = (asked.kind == "manifests", method == Method::PUT);
        if kept && put && asked.reference == record::TAG {
            return Ok(());
        }
        let found = self.record(asked.name, registry, name).await?;
        let by_digest = asked.reference.contains(':');
        if kept && put && !by_digest && found.is_immutable() {
            let taken = self.engine.manifest(asked.name, asked.reference).await?.is_some();
            if taken {
                return Err(Refusal::immutable(name, asked.reference));
            }
        }
        if kept && by_digest && method == Method::DELETE && gate.asks() {
            let record = self.engine.manifest(asked.name, record::TAG).await?;
            if record.is_some_and(|record| record.digest == asked.reference) {
                gate.may(Action::Keep, "DeleteRepository", asked.name)?;
            }
        }
        Ok(())
    }

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
