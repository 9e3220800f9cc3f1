//! Refusals in the words of the distribution API, which Docker and containerd show to people.

use std::io;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use crate::engine;
use crate::error;
use crate::names::Registry;

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// There is nothing there.
    pub fn not_found(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "NOT_FOUND", message: message.to_owned() }
    }

    /// The repository wasn't made.
    pub fn unknown(registry: &Registry, name: &str) -> Self {
        let id = &registry.account;
        let message = format!("The repository with name '{name}' does not exist in the registry with id '{id}'");
        Self { status: StatusCode::NOT_FOUND, code: "NAME_UNKNOWN", message }
    }

    /// The name doesn't say whose repository it is.
    pub fn unnamed(name: &str) -> Self {
        let message = format!(
            "'{name}' doesn't begin with the name of a registry: push to \
             <this address>/<account>.dkr.ecr.<region>.amazonaws.com/<repository>, which is the repositoryUri of \
             aws ecr describe-repositories, or to <this address>/<registry>/<repository> for a copy of an image from elsewhere"
        );
        Self { status: StatusCode::NOT_FOUND, code: "NAME_UNKNOWN", message }
    }

    /// The tag is there and may not be moved.
    pub fn immutable(name: &str, tag: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "TAG_INVALID", message: error::immutable(name, tag) }
    }

    /// Nodes only pull.
    pub fn read_only() -> Self {
        let message = "images are only pulled here".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "UNSUPPORTED", message }
    }
}

impl From<engine::Error> for Refusal {
    fn from(error: engine::Error) -> Self {
        tracing::warn!(%error, "the container registry doesn't do what it was asked for");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "UNAVAILABLE", message: error.to_string() }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        tracing::warn!(%error, "the folder of images can't be read; --storage names it");
        let message = format!("the folder of images can't be read: {error}");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "UNAVAILABLE", message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"errors": [{"code": self.code, "message": self.message}]}).to_string();
        (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}
