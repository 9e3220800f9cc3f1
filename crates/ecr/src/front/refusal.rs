//! Refusals in the words of the distribution API, which Docker and containerd show to people.

use std::io;

use aws::body::Unread;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use registry_credentials::{Holder, Refused};
use serde_json::json;

use crate::engine;
use crate::error;
use crate::names::{Registry, split};

/// What is asked for with 401, as ECR does.
const CHALLENGE: &str = "Basic realm=\"k3eks\",service=\"ecr.amazonaws.com\"";

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

    /// Nobody lets the holder of these credentials do that.
    pub fn denied(holder: &Holder, operation: &str, name: &str) -> Self {
        let who = match holder {
            Holder::Principal { arn, .. } => format!("User: {arn}"),
            Holder::Cluster { namespace, name, account } => {
                format!("Nodes of cluster {namespace}/{name} in account {account}")
            }
            Holder::Api => "The ECR API".to_owned(),
        };
        let resource = match split(name) {
            Some((registry, name)) => registry.arn(name),
            None => format!("{name}, a copy of an image from elsewhere"),
        };
        let verb = if matches!(holder, Holder::Cluster { .. }) { "are" } else { "is" };
        let message = format!(
            "{who} {verb} not authorized to perform: ecr:{operation} on resource: {resource} because no \
             resource-based policy allows the ecr:{operation} action"
        );
        Self { status: StatusCode::FORBIDDEN, code: "DENIED", message }
    }

    /// The names of all accounts' repositories aren't for everybody.
    pub fn names() -> Self {
        let message = "repositories are listed by aws ecr describe-repositories".to_owned();
        Self { status: StatusCode::FORBIDDEN, code: "DENIED", message }
    }

    /// The tag is one that the registry itself makes.
    pub fn own_tag(tag: &str) -> Self {
        let message = format!("'{tag}' is no tag for images: k3eks keeps those that begin with 'k3eks.' for itself");
        Self { status: StatusCode::BAD_REQUEST, code: "TAG_INVALID", message }
    }

    /// A manifest wasn't read, which may have so many bytes.
    pub fn unread(unread: Unread, most: usize) -> Self {
        let (status, code, message) = match unread {
            Unread::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", format!("a manifest has at most {most} bytes"))
            }
            Unread::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "too many manifests arrive at once; push again".to_owned(),
            ),
            Unread::Broken => (
                StatusCode::REQUEST_TIMEOUT,
                "UNAVAILABLE",
                "the manifest took too long to arrive; push again".to_owned(),
            ),
        };
        Self { status, code, message }
    }

    /// The manifest is JSON, but not a manifest's.
    pub fn unreadable() -> Self {
        let message =
            "the manifest has a member twice, or one of another type than the OCI image specification says".into();
        Self { status: StatusCode::BAD_REQUEST, code: "MANIFEST_INVALID", message }
    }

    /// The manifest has an annotation of the registry's own manifests.
    pub fn own_annotation() -> Self {
        let message =
            "annotations io.k3eks.repository and io.k3eks.referrers are k3eks's own: push without them".to_owned();
        Self { status: StatusCode::BAD_REQUEST, code: "MANIFEST_INVALID", message }
    }

    /// The list of tags was longer than any that is read, or broke off.
    pub fn no_tags() -> Self {
        let message = "the list of tags can't be read; ask for fewer at a time with the parameter n".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "UNAVAILABLE", message }
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

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let (status, code, message) = match refused {
            Refused::Missing => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "no basic auth credentials"),
            Refused::Wrong => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "the credentials aren't of this registry: sign in with aws ecr get-login-password",
            ),
            Refused::Expired => {
                (StatusCode::FORBIDDEN, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
            }
        };
        Self { status, code, message: message.to_owned() }
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
        let answer = (self.status, [(header::CONTENT_TYPE, "application/json")], body);
        if self.status == StatusCode::UNAUTHORIZED {
            return ([(header::WWW_AUTHENTICATE, CHALLENGE)], answer).into_response();
        }
        answer.into_response()
    }
}
