//! The API servers of the clusters in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use futures::StreamExt;
use provider::{ClusterId, DesiredNodegroup};
use serde_json::{Value, json};

use super::World;

/// What all of them offer, each below its namespace and name.
pub fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/{namespace}/{name}/readyz", routing::get(readyz))
        .route("/{namespace}/{name}/version", routing::get(version))
        .route("/{namespace}/{name}/api/v1/nodes", routing::get(nodes))
        .route("/{namespace}/{name}/api/v1/nodes/{node}", routing::get(one_node).delete(delete_node).patch(change_node))
        .route("/{namespace}/{name}/api/v1/pods", routing::get(pods))
        .with_state(world)
}

type At = Path<(String, String)>;

fn at((namespace, name): (String, String)) -> ClusterId {
    ClusterId { namespace, name }
}

async fn readyz(State(world): State<Arc<World>>, Path(path): At) -> Response {
    let there = world.lock().clusters.get(&at(path)).is_some_and(|cluster| !cluster.stopped);
    if there { "ok".into_response() } else { StatusCode::SERVICE_UNAVAILABLE.into_response() }
}

/// What `/version` says: that of the image.
async fn version(State(world): State<Arc<World>>, Path(path): At) -> Response {
    let image = world.lock().clusters.get(&at(path)).map(|cluster| cluster.image.clone());
    let Some(minor) = image.as_deref().and_then(|image| image.strip_prefix("image:1.")) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let same =
        ["gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"].map(|name| (name, json!("")));
    let mut all = json!({"major": "1", "minor": minor, "gitVersion": format!("v1.{minor}.0+memory")});
    all.as_object_mut().unwrap().extend(same.map(|(name, value)| (name.to_owned(), value)));
    Json(all).into_response()
}

/// The Node object of a new node.
pub fn node(name: &str, plan: &DesiredNodegroup) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": plan.labels}, "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    })
}

/// A Node object as of a version.
fn versioned(node: &Value, version: u64) -> Value {
    let mut node = node.clone();
    node["metadata"]["resourceVersion"] = version.to_string().into();
    node
}

/// What a merge patch makes of an object.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(members) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in members {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(&key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

/// The list of nodes, or a stream of their changes.
async fn nodes(
    State(world): State<Arc<World>>,
    Path(path): At,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let id = at(path);
    let version = *world.version.borrow();
    let listed = world.lock().objects.get(&id).cloned().unwrap_or_default();
    if query.get("watch").is_none_or(|w| w != "true" && w != "1") {
        let items: Vec<Value> = listed.values().map(|node| versioned(node, version)).collect();
        let meta = json!({"resourceVersion": version.to_string()});
        return Json(json!({"apiVersion": "v1", "kind": "NodeList", "metadata": meta, "items": items})).into_response();
    }
    let changes = tokio_stream::wrappers::WatchStream::new(world.version.subscribe());
    let mut before: BTreeMap<String, Value> = BTreeMap::new();
    let lines = changes.map(move |version| {
        let now = world.lock().objects.get(&id).cloned().unwrap_or_default();
        let mut text = String::new();
        let mut line = |kind: &str, node: &Value| {
            text.push_str(&json!({"type": kind, "object": versioned(node, version)}).to_string());
            text.push('\n');
        };
        for (name, node) in &now {
            match before.get(name) {
                None => line("ADDED", node),
                Some(old) if old != node => line("MODIFIED", node),
                Some(_) => {}
            }
        }
        before.iter().filter(|(name, _)| !now.contains_key(*name)).for_each(|(_, node)| line("DELETED", node));
        before = now;
        Ok::<_, std::convert::Infallible>(text)
    });
    Body::from_stream(lines).into_response()
}

/// One node.
async fn one_node(
    State(world): State<Arc<World>>,
    Path((namespace, name, of)): Path<(String, String, String)>,
) -> Response {
    let found = world.lock().objects.get(&ClusterId { namespace, name }).and_then(|nodes| nodes.get(&of).cloned());
    let version = *world.version.borrow();
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |node| Json(versioned(&node, version)).into_response())
}

/// A node that takes no pods, or takes them again, or gets other labels.
async fn change_node(
    State(world): State<Arc<World>>,
    Path((namespace, name, of)): Path<(String, String, String)>,
    Json(mut patch): Json<Value>,
) -> Response {
    if patch["spec"]["unschedulable"] == true {
        world.lock().calls.push(format!("cordon {of}"));
    }
    if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    let mut inner = world.lock();
    let Some(node) = inner.objects.get_mut(&ClusterId { namespace, name }).and_then(|nodes| nodes.get_mut(&of)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    merge(node, patch);
    let node = node.clone();
    drop(inner);
    world.version.send_modify(|v| *v += 1);
    let version = *world.version.borrow();
    Json(versioned(&node, version)).into_response()
}

/// The pods that nodes were said to be occupied by; all of them, or those of one node.
async fn pods(
    State(world): State<Arc<World>>,
    Path(path): At,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let of = query.get("fieldSelector").and_then(|selector| selector.strip_prefix("spec.nodeName="));
    let busy = world.lock().busy.get(&at(path)).cloned().unwrap_or_default();
    let pod = |node: &String| json!({"metadata": {"name": format!("on-{node}"), "namespace": "default"}, "spec": {"nodeName": node, "containers": []}});
    let items: Vec<Value> = busy.iter().filter(|node| of.is_none_or(|of| of == *node)).map(pod).collect();
    Json(json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items}))
}

async fn delete_node(
    State(world): State<Arc<World>>,
    Path((namespace, name, node)): Path<(String, String, String)>,
) -> Response {
    let id = ClusterId { namespace, name };
    let removed = world.lock().objects.get_mut(&id).is_some_and(|nodes| nodes.remove(&node).is_some());
    world.version.send_modify(|v| *v += 1);
    let (code, status) = if removed { (StatusCode::OK, "Success") } else { (StatusCode::NOT_FOUND, "Failure") };
    let body =
        json!({"apiVersion": "v1", "kind": "Status", "status": status, "code": code.as_u16(), "reason": "NotFound"});
    (code, Json(body)).into_response()
}
