//! The user's identity and rights in a cluster: the page offers nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::kinds::KINDS;
use super::{At, ChildRequest, ChildState, Where, plain, uncached};
use aws::error::ApiError;

/// What the page offers beside lists: its name there, verb, resource and subresource.
static DEEDS: [(&str, &str, &str, &str); 3] =
    [("log", "get", "pods", "log"), ("delete-pods", "delete", "pods", ""), ("audit", "get", "nodes", "proxy")];

/// The user's name and groups in the cluster, and which lists and deeds it allows, in one namespace where one is given. For whom the
/// cluster doesn't let in there is no user, and `why` says so.
pub async fn rights(
    State(state): State<Arc<ChildState>>,
    Path(at): At,
    Query(Where { namespace, .. }): Query<Where>,
    request: Request,
) -> Result<Response, ApiError> {
    let child = ChildRequest::begin(&state, &at, &request)?;
    if !namespace.is_empty() {
        plain(&namespace)?;
    }
    let (status, body) =
        child.ask(post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "SelfSubjectReview", &json!({}))?).await?;
    if status == StatusCode::UNAUTHORIZED {
        return Ok(uncached(Json(json!({"user": null, "why": child.stranger()}))));
    }
    // Kubernetes before 1.28 can't say.
    let review: Value = serde_json::from_slice(&body).unwrap_or_default();
    let user =
        json!({"name": review["status"]["userInfo"]["username"], "groups": review["status"]["userInfo"]["groups"]});
    let may: BTreeMap<&str, bool> = try_join_all(questions(&namespace).into_iter().map(|(name, attributes)| {
        let child = &child;
        async move { Ok::<_, ApiError>((name, allowed(child, attributes).await?)) }
    }))
    .await?
    .into_iter()
    .collect();
    Ok(uncached(Json(json!({"user": user, "may": may}))))
}

/// What is asked about: the name that the page has for it, and the cluster's.
fn questions(namespace: &str) -> Vec<(&'static str, Value)> {
    let lists = KINDS.iter().map(|kind| (kind.name, "list", kind.group, kind.plural, "", kind.namespaced));
    let deeds = DEEDS.iter().map(|&(name, verb, resource, sub)| (name, verb, "", resource, sub, resource == "pods"));
    let attributes = |(name, verb, group, resource, subresource, namespaced)| {
        // What is in no namespace is asked about without one: a right in a namespace is none to that.
        let namespace = if namespaced { namespace } else { "" };
        let asked = json!({
            "namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource,
        });
        (name, asked)
    };
    lists.chain(deeds).map(attributes).collect()
}

async fn allowed(child: &ChildRequest<'_>, attributes: Value) -> Result<bool, ApiError> {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let body = child.read(post(path, "SelfSubjectAccessReview", &json!({"resourceAttributes": attributes}))?).await?;
    let review: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(review["status"]["allowed"] == true)
}

fn post(path: &str, kind: &str, spec: &Value) -> Result<http::Request<Vec<u8>>, ApiError> {
    let group = path.trim_start_matches("/apis/").rsplit_once('/').map_or("", |(group, _)| group);
    let body = json!({"apiVersion": group, "kind": kind, "spec": spec}).to_string();
    let request = http::Request::post(path).header(http::header::CONTENT_TYPE, "application/json");
    request.body(body.into_bytes()).map_err(ApiError::internal)
}
