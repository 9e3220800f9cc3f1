//! Errors in ECR's own codes and words.

use aws::error::{ApiError, ERROR_TYPE, ErrorCode};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::engine;
use super::names::{REPOSITORY, Registry};

/// The content type of the protocol.
pub const JSON: &str = "application/x-amz-json-1.1";

/// An exception of the ECR API.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct EcrError {
    /// The exception's name.
    pub code: &'static str,
    /// What the caller is told.
    pub message: String,
    status: StatusCode,
}

impl EcrError {
    /// An exception of the caller's making.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: StatusCode::BAD_REQUEST }
    }

    /// There is no such repository.
    pub fn no_repository(registry: &Registry, name: &str) -> Self {
        let id = &registry.account;
        let message = format!("The repository with name '{name}' does not exist in the registry with id '{id}'");
        Self::new("RepositoryNotFoundException", message)
    }

    /// The name is taken.
    pub fn repository_exists(registry: &Registry, name: &str) -> Self {
        let id = &registry.account;
        let message = format!("The repository with name '{name}' already exists in the registry with id '{id}'");
        Self::new("RepositoryAlreadyExistsException", message)
    }

    /// It has images.
    pub fn not_empty(registry: &Registry, name: &str) -> Self {
        let id = &registry.account;
        let message = format!(
            "The repository with name '{name}' in registry with id '{id}' cannot be deleted because it still contains \
             images"
        );
        Self::new("RepositoryNotEmptyException", message)
    }

    /// There is no such image.
    pub fn no_image(registry: &Registry, name: &str, digest: Option<&str>, tag: Option<&str>) -> Self {
        let quoted = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        let (digest, tag, id) = (quoted(digest), quoted(tag), &registry.account);
        let message = format!(
            "The image with imageId {{imageDigest:{digest}, imageTag:{tag}}} does not exist within the repository \
             with name '{name}' in the registry with id '{id}'"
        );
        Self::new("ImageNotFoundException", message)
    }

    /// A member of the request isn't as it must be.
    pub fn invalid(member: &str, constraint: &str) -> Self {
        let message = format!("Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'");
        Self::new("InvalidParameterException", message)
    }

    /// A repository's name isn't one.
    pub fn invalid_name() -> Self {
        Self::invalid("repositoryName", &format!("must satisfy regular expression '{REPOSITORY}'"))
    }

    /// Another account's registry.
    pub fn denied(principal: &str, operation: &str, registry: &Registry) -> Self {
        let message = format!(
            "User: {principal} is not authorized to perform: ecr:{operation} on resource: \
             arn:aws:ecr:{}:{}:repository/*",
            registry.region, registry.account
        );
        Self::new("AccessDeniedException", message)
    }
}

impl From<engine::Error> for EcrError {
    fn from(error: engine::Error) -> Self {
        tracing::warn!(%error, "the container registry can't do what the ECR API was asked for");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { code: "ServerException", message: error.to_string(), status }
    }
}

impl From<ApiError> for EcrError {
    fn from(error: ApiError) -> Self {
        let code = match error.code() {
            // What the JSON protocol's services say.
            ErrorCode::REQUEST_TOO_LARGE => "RequestEntityTooLargeException",
            code => code.name(),
        };
        Self { code, message: error.message().to_owned(), status: error.code().status() }
    }
}

impl IntoResponse for EcrError {
    fn into_response(self) -> Response {
        let body = json!({"__type": self.code, "message": self.message}).to_string();
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(JSON)),
            (header::HeaderName::from_static(ERROR_TYPE), HeaderValue::from_static(self.code)),
        ];
        (self.status, headers, body).into_response()
    }
}
