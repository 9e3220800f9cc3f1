//! The ECR API over HTTP, beside the EKS API.

use std::sync::Arc;

use aws::json;
use aws::service::{Service, ServiceError};
use aws::sigv4::Authenticator;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};

use super::call::Ecr;
use super::error::WORDING;
use super::{model, operations};

/// Largest body: a manifest may have 4 MiB, to which JSON adds escapes.
const LARGEST: usize = 5 * 1024 * 1024;

/// The ECR API for those who may use it.
///
/// # Errors
/// A handler is of no operation of ECR's.
pub fn service(ecr: Ecr, authenticator: Authenticator) -> Result<Service<Ecr>, ServiceError> {
    let service = Service::new(model::ecr(), operations::handlers(), Arc::new(ecr), authenticator)?;
    Ok(service.body_limit(LARGEST).worded(WORDING))
}

/// Answers requests for ECR, and lets all others go on.
pub fn before(router: Router, ecr: Option<Service<Ecr>>) -> Router {
    let Some(ecr) = ecr.map(Arc::new) else { return router };
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let ecr = Arc::clone(&ecr);
        async move {
            match json::operation(model::ecr(), request.headers()) {
                None => next.run(request).await,
                Some(_) => ecr.handle(request).await,
            }
        }
    }))
}

#[cfg(test)]
mod tests;
