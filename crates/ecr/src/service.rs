//! The ECR API over HTTP: the JSON protocol, beside the EKS API.

use std::sync::Arc;
use std::time::SystemTime;

use aws::service::REQUEST_ID;
use aws::sigv4::{Caller, SignedRequest};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use uuid::Uuid;

use super::call::{Call, Ecr, LARGEST};
use super::error::{EcrError, JSON};
use super::input::Input;
use super::names::Registry;
use super::operations;

/// What `x-amz-target` begins with.
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";

/// Answers requests for ECR, and lets all others go on.
pub fn before(router: Router, ecr: Option<Arc<Ecr>>) -> Router {
    let Some(ecr) = ecr else { return router };
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let ecr = Arc::clone(&ecr);
        async move {
            match target(&request) {
                None => next.run(request).await,
                Some(operation) => answer(&ecr, &operation, request).await,
            }
        }
    }))
}

fn target(request: &Request) -> Option<String> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    target.strip_prefix(TARGET).map(str::to_owned)
}

async fn answer(ecr: &Ecr, operation: &str, request: Request) -> Response {
    let id = Uuid::new_v4().to_string();
    let result = serve(ecr, operation, request).await;
    match &result {
        Ok(_) => tracing::debug!(operation, "ECR"),
        Err(error) => tracing::info!(operation, error.code, error.message, "ECR refused"),
    }
    let mut response = match result {
        Ok((caller, value)) => {
            let mut response = ([(header::CONTENT_TYPE, JSON)], value.to_string()).into_response();
            response.extensions_mut().insert(caller);
            response
        }
        Err(error) => error.into_response(),
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn serve(ecr: &Ecr, operation: &str, request: Request) -> Result<(Caller, serde_json::Value), EcrError> {
    let (head, body) = request.into_parts();
    let body = ecr.bodies.read(body, LARGEST).await.map_err(aws::error::ApiError::from)?;
    let signed = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body.bytes,
    };
    let caller = ecr.authenticator.authenticate_for("ecr", &signed, SystemTime::now())?;
    let input: Input = serde_json::from_slice(&body.bytes)
        .map_err(|error| EcrError::new("SerializationException", format!("The request can not be read: {error}")))?;
    let account = input.registry_id.clone().unwrap_or_else(|| caller.account.clone());
    let registry = Registry { account, region: caller.region.clone() };
    if registry.account != caller.account {
        return Err(EcrError::denied(&caller.principal_arn, operation, &registry));
    }
    let value = operations::call(operation, Call { ecr, registry, input }).await?;
    Ok((caller, value))
}
