//! Actions of the page that the EKS API has no operation for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::view;
use aws::error::ApiError;
use crd::cluster::PowerState;
use crd::{EKSClusterConfig, keys};
use eks::extra_routes::AppState;

/// The largest body that is read.
const LARGEST: usize = 1024;

type At = Path<(String, String)>;

#[derive(Deserialize)]
struct Wanted {
    state: PowerState,
}

/// Stops or starts a cluster.
pub async fn state(
    State(app): State<Arc<AppState>>,
    Path((namespace, name)): At,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (caller, body) = app.caller_with(request, LARGEST).await?;
    let cluster = view::find(&app, &caller, &namespace, &name)?;
    let Wanted { state } = serde_json::from_slice(&body.bytes).map_err(|_| {
        ApiError::invalid_parameter("The body must be {\"state\": \"Stopped\"} or {\"state\": \"Running\"}")
    })?;
    let change = |cluster: &mut EKSClusterConfig| {
        cluster.spec.state = Some(state);
        // One that sleeps, and was never asked to stop, wakes by this.
        if state == PowerState::Running {
            let now = k8s_openapi::jiff::Timestamp::now().to_string();
            cluster.annotations_mut().insert(keys::ANNOTATION_WAKE.to_owned(), now);
        }
        Ok(())
    };
    let (changed, _) = app.api.store.change(&cluster, change).await?;
    Ok(Json(view::summary(&changed, &app.api.store.members(&changed))))
}

/// Deletes a cluster with its node groups, as `kubectl delete` does.
pub async fn delete(
    State(app): State<Arc<AppState>>,
    Path((namespace, name)): At,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let caller = app.caller(&request)?;
    let cluster = view::find(&app, &caller, &namespace, &name)?;
    if cluster.spec.deletion_protection == Some(true) {
        return Err(ApiError::invalid_request(
            "The cluster has deletion protection; disable it before deleting the cluster",
        ));
    }
    app.api.store.delete(&cluster).await?;
    Ok(Json(json!({"deleted": view::key(&cluster)})))
}
