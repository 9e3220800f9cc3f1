//! A registry in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{Method, Uri};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

/// The only layer.
pub const LAYER: &str = "sha256:aa";

struct Tagged {
    repository: String,
    tag: String,
    digest: String,
    bytes: Bytes,
}

/// Listens, and says where.
pub async fn listen() -> String {
    let all: Arc<Mutex<Vec<Tagged>>> = Arc::default();
    let router = Router::new().fallback(move |method: Method, uri: Uri, body: Bytes| async move {
        answer(&mut *all.lock().await, &method, uri.path(), body)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}

fn answer(all: &mut Vec<Tagged>, method: &Method, path: &str, body: Bytes) -> Response {
    let found = Response::builder();
    if path == "/v2/_catalog" {
        let mut names: Vec<_> = all.iter().map(|one| one.repository.clone()).collect();
        names.dedup();
        return found.body(json!({"repositories": names}).to_string().into()).unwrap();
    }
    if let Some(name) = path.strip_prefix("/_k3eks/inventory/") {
        let digests: BTreeSet<_> = all.iter().filter(|one| one.repository == name).map(|one| &one.digest).collect();
        let all: Vec<_> =
            digests.iter().map(|digest| json!({"digest": digest, "pushedAt": "2026-11-29T03:00:00Z"})).collect();
        return found.body(json!({"revisions": all}).to_string().into()).unwrap();
    }
    if let Some(name) = path.strip_suffix("/tags/list") {
        let tagged = all.iter().filter(|one| !one.tag.contains(':'));
        let tags: Vec<_> = tagged.filter(|one| name.ends_with(&one.repository)).map(|one| &one.tag).collect();
        return found.body(json!({"tags": tags}).to_string().into()).unwrap();
    }
    if let Some((_, digest)) = path.split_once("/blobs/") {
        let status = if digest == LAYER { 200 } else { 404 };
        return found.status(status).header("content-length", 2).body(Body::empty()).unwrap();
    }
    let (name, reference) = path.strip_prefix("/v2/").unwrap().split_once("/manifests/").unwrap();
    let is = |one: &Tagged| one.repository == name && [&one.tag, &one.digest].contains(&&reference.to_owned());
    if *method == Method::GET {
        let Some(one) = all.iter().find(|one| is(one)) else {
            return found.status(404).body(Body::empty()).unwrap();
        };
        let found = found.header("docker-content-digest", &one.digest).header("content-type", "application/json");
        let found = found.header("last-modified", "Sun, 29 Nov 2026 03:00:00 GMT");
        return found.body(one.bytes.clone().into()).unwrap();
    }
    if *method == Method::DELETE && reference.starts_with("sha256:") {
        all.retain(|one| !is(one));
        return found.status(202).body(Body::empty()).unwrap();
    }
    // What a tag leaves stays without it.
    for one in all.iter_mut().filter(|one| one.repository == name && one.tag == reference) {
        one.tag.clone_from(&one.digest);
    }
    let mut found = found.status(201);
    if *method == Method::PUT {
        let digest = format!("sha256:{:x}", Sha256::digest(&body));
        found = found.header("docker-content-digest", &digest);
        all.push(Tagged { repository: name.to_owned(), tag: reference.to_owned(), digest, bytes: body });
    }
    found.body(Body::empty()).unwrap()
}
