//! Answers in the XML of AWS's query protocol.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Why STS refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// AWS's code.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    status: StatusCode,
}

impl Error {
    /// An invalid request.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: StatusCode::BAD_REQUEST }
    }

    /// A forbidden request.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: StatusCode::FORBIDDEN }
    }

    /// A temporary failure.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { code: "ServiceUnavailable", message: message.into(), status: StatusCode::SERVICE_UNAVAILABLE }
    }

    /// An internal failure.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "STS failed");
        let message = "We encountered an internal error. Please try again.".to_owned();
        Self { code: "InternalFailure", message, status: StatusCode::INTERNAL_SERVER_ERROR }
    }
}

/// A value as an element of this name.
pub(super) fn part(name: &str, value: &impl Serialize) -> Result<String, Error> {
    quick_xml::se::to_string_with_root(name, value).map_err(Error::internal)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    request_id: &'a str,
}

/// The answer around a result. Both names are fixed words.
pub(super) fn success(action: &str, result: &str, id: &str) -> Response {
    let metadata = part("ResponseMetadata", &Metadata { request_id: id }).unwrap_or_default();
    let body = format!("<{action}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{action}Response>");
    respond(StatusCode::OK, body, id)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure<'a> {
    #[serde(rename = "@xmlns")]
    xmlns: &'a str,
    error: Told<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told<'a> {
    #[serde(rename = "Type")]
    kind: &'a str,
    code: &'a str,
    message: &'a str,
}

/// The answer with an error.
pub(super) fn failure(error: &Error, id: &str) -> Response {
    let told = Told { kind: "Sender", code: error.code, message: &error.message };
    let body = part("ErrorResponse", &Failure { xmlns: NAMESPACE, error: told, request_id: id });
    respond(error.status, body.unwrap_or_default(), id)
}

fn respond(status: StatusCode, body: String, id: &str) -> Response {
    let headers = [(header::CONTENT_TYPE.as_str(), "text/xml"), ("x-amzn-requestid", id)];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_cannot_break_out_of_an_error() {
        let error = Error::new("ValidationError", "</Message><Code>x&");
        let told = Told { kind: "Sender", code: error.code, message: &error.message };
        let text = part("ErrorResponse", &Failure { xmlns: NAMESPACE, error: told, request_id: "1" }).unwrap();
        assert!(text.contains("&lt;/Message&gt;&lt;Code&gt;x&amp;"), "{text}");
        assert!(text.starts_with("<ErrorResponse xmlns=\"https://sts"), "{text}");
    }
}
