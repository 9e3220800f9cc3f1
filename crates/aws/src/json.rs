//! The protocol `json`: the operation's name in a header, input and answer in JSON.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value};

use super::error::{ApiError, ERROR_TYPE};
use super::model::Model;

/// The content type of answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The header with the name of service and operation.
const TARGET: &str = "x-amz-target";

/// The name of the operation that a request asks the model's service for; none where it asks another one.
pub fn operation<'r>(model: &Model, headers: &'r HeaderMap) -> Option<&'r str> {
    let target = headers.get(TARGET)?.to_str().ok()?;
    target.strip_prefix(model.metadata().target.as_str())?.strip_prefix('.')
}

/// The answer to a request that is refused.
pub fn refusal(error: &ApiError) -> Response {
    let name = error.code().name();
    let mut body = Map::from_iter([("__type".to_owned(), Value::from(name))]);
    if let Value::Object(members) = error.body() {
        body.extend(members);
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE)),
        (HeaderName::from_static(ERROR_TYPE), HeaderValue::from_static(name)),
    ];
    (error.code().status(), headers, Value::Object(body).to_string()).into_response()
}
