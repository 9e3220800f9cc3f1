//! The protocol `query`: the operation's name and input in a form or a URL, the answer in XML.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

use super::error::{ApiError, ErrorCode};
use super::handlers::Operations;
use super::input;
use super::model::Model;
use super::service::REQUEST_ID;

/// Members of the input by their names, such as `Tags.member.1.Key`.
pub type Form = BTreeMap<String, String>;

/// An internal failure, as the services of this protocol call it.
const INTERNAL_FAILURE: ErrorCode = ErrorCode::new("InternalFailure", 500);
const MISSING_ACTION: ErrorCode = ErrorCode::new("MissingAction", 400);
const INVALID_ACTION: ErrorCode = ErrorCode::new("InvalidAction", 400);

/// What is asked for by the URL and by the body; the body's members count where both have one.
pub fn form(query: &str, body: &[u8]) -> Form {
    let body = String::from_utf8_lossy(body);
    let pairs = input::pairs(query).chain(input::pairs(&body));
    pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The name of the operation that is asked for; empty where none is.
pub fn action(form: &Form) -> &str {
    form.get("Action").map_or("", String::as_str)
}

/// The operation that is asked for.
///
/// # Errors
/// None is, or one that the model doesn't have.
pub fn operation<O: Operations>(model: &Model, form: &Form) -> Result<O, ApiError> {
    match action(form) {
        "" => Err(ApiError::new(MISSING_ACTION, "Action is missing")),
        other => O::named(other).ok_or_else(|| {
            let version = &model.metadata().version;
            ApiError::new(INVALID_ACTION, format!("Could not find operation {other} for version {version}"))
        }),
    }
}

/// A failure of ours: its cause is in the log, and the caller learns nothing of it.
pub fn internal(error: impl Display) -> ApiError {
    tracing::error!(%error, "the request failed");
    ApiError::new(INTERNAL_FAILURE, "We encountered an internal error. Please try again.").caused_by(error.to_string())
}

/// The result of an operation.
///
/// # Errors
/// The value can't be written as XML, which is a mistake of ours.
pub fn result<O: Operations>(operation: O, value: &impl Serialize) -> Result<String, ApiError> {
    element(&format!("{}Result", operation.name()), value)
}

/// The answer with the [`result`] of an operation.
pub fn answer<O: Operations>(model: &Model, operation: O, result: &str, id: &str) -> Response {
    let (name, namespace) = (operation.name(), &model.metadata().namespace);
    let metadata = element("ResponseMetadata", &Metadata { request_id: id }).unwrap_or_default();
    let body = format!("<{name}Response xmlns=\"{namespace}\">{result}{metadata}</{name}Response>");
    respond(StatusCode::OK, body, id)
}

/// The answer to a request that is refused.
pub fn refusal(model: &Model, error: &ApiError, id: &str) -> Response {
    let told = Told { kind: "Sender", code: error.code().name(), message: error.message() };
    let failure = Failure { xmlns: &model.metadata().namespace, error: told, request_id: id };
    respond(error.code().status(), element("ErrorResponse", &failure).unwrap_or_default(), id)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    request_id: &'a str,
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

fn element(name: &str, value: &impl Serialize) -> Result<String, ApiError> {
    quick_xml::se::to_string_with_root(name, value).map_err(internal)
}

fn respond(status: StatusCode, body: String, id: &str) -> Response {
    let headers = [(header::CONTENT_TYPE.as_str(), "text/xml"), (REQUEST_ID, id)];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    crate::operations! {
        GetCallerIdentity,
    }

    fn model() -> Model {
        let metadata =
            r#"{"service": "sts", "protocol": "query", "version": "2011-06-15", "namespace": "https://sts/"}"#;
        Model::parse(&format!(r#"{{"metadata": {metadata}, "operations": {{}}, "shapes": {{}}, "errors": {{}}}}"#))
            .unwrap()
    }

    async fn told(response: Response) -> (u16, String) {
        assert_eq!(response.headers()["content-type"], "text/xml");
        assert_eq!(response.headers()["x-amzn-requestid"], "1");
        let status = response.status().as_u16();
        (status, String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap())
    }

    #[test]
    fn the_form_counts_before_the_url() {
        let form = form("Action=A&Version=1", b"Action=GetCallerIdentity&Tags.member.1.Key=a+b%2B");
        assert_eq!(
            (action(&form), form["Tags.member.1.Key"].as_str(), form["Version"].as_str()),
            ("GetCallerIdentity", "a b+", "1")
        );
        assert_eq!(operation::<Operation>(&model(), &form).unwrap(), Operation::GetCallerIdentity);
    }

    #[test]
    fn only_an_operation_of_the_model_is_one() {
        for (body, code, message) in [
            ("", "MissingAction", "Action is missing"),
            ("Action=GetUser", "InvalidAction", "Could not find operation GetUser for version 2011-06-15"),
        ] {
            let error = operation::<Operation>(&model(), &form("", body.as_bytes())).unwrap_err();
            assert_eq!((error.code().name(), error.message()), (code, message));
        }
    }

    #[tokio::test]
    async fn an_answer_is_named_by_its_operation() {
        let result = result(Operation::GetCallerIdentity, &Metadata { request_id: "r" }).unwrap();
        let (status, body) = told(answer(&model(), Operation::GetCallerIdentity, &result, "1")).await;
        let expected = "<GetCallerIdentityResponse xmlns=\"https://sts/\"><GetCallerIdentityResult><RequestId>r</RequestId>\
            </GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>";
        assert_eq!((status, body.as_str()), (200, expected));
    }

    #[tokio::test]
    async fn what_was_sent_cannot_break_out_of_an_error() {
        let error = ApiError::new(ErrorCode::new("ValidationError", 400), "</Message><Code>x&");
        let (status, text) = told(refusal(&model(), &error, "1")).await;
        assert_eq!(status, 400);
        assert!(text.contains("&lt;/Message&gt;&lt;Code&gt;x&amp;"), "{text}");
        assert!(text.starts_with("<ErrorResponse xmlns=\"https://sts/\"><Error><Type>Sender</Type>"), "{text}");
    }

    #[tokio::test]
    async fn the_cause_of_an_internal_failure_is_not_told() {
        let (status, text) = told(refusal(&model(), &internal("secret detail"), "1")).await;
        assert_eq!(status, 500);
        assert!(text.contains("<Code>InternalFailure</Code>") && !text.contains("secret"), "{text}");
    }
}
