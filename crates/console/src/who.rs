//! Who looks at the page.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use serde::Serialize;

use aws::error::ApiError;
use eks::extra_routes::AppState;

/// The owner of the keys that a request is signed with.
#[derive(Serialize)]
pub struct Who {
    account: String,
    principal: String,
}

/// Says whose keys the request is signed with: the page signs nobody in before it knows. They are checked in either mode: clusters let
/// nobody in by keys that aren't known.
pub async fn who(State(app): State<Arc<AppState>>, request: Request) -> Result<Json<Who>, ApiError> {
    let caller = app.prove(&request)?;
    Ok(Json(Who { account: caller.account, principal: caller.principal_arn }))
}
