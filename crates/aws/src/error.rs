//! Exceptions: what a handler returns when it can't do what was asked.

use std::error::Error;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use super::model::Model;

/// The header with an exception's name.
pub const ERROR_TYPE: &str = "x-amzn-errortype";

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $status:literal;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $constant: Self = Self::new($name, $status);)*

            /// The exceptions that services have in common, and those of signatures and of the wire.
            pub const COMMON: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

/// Which exception an [`ApiError`] is. The constants are the ones that services share; a service adds its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode {
    name: &'static str,
    status: u16,
}

impl ErrorCode {
    /// The exception of this name, which is answered with this HTTP status.
    pub const fn new(name: &'static str, status: u16) -> Self {
        Self { name, status }
    }

    /// The exception's name, as `x-amzn-errortype` has it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

codes! {
    /// A parameter's value is not permitted.
    INVALID_PARAMETER = "InvalidParameterException", 400;
    /// The request is not permitted in the resource's present state.
    INVALID_REQUEST = "InvalidRequestException", 400;
    /// The cluster's state does not permit the change.
    INVALID_STATE = "InvalidStateException", 400;
    /// There is no such resource.
    RESOURCE_NOT_FOUND = "ResourceNotFoundException", 404;
    /// The resource exists already or is in use.
    RESOURCE_IN_USE = "ResourceInUseException", 409;
    /// A quota is used up.
    RESOURCE_LIMIT_EXCEEDED = "ResourceLimitExceededException", 400;
    /// Something is wrong on the client's side, for example a missing permission.
    CLIENT = "ClientException", 400;
    /// Something went wrong here.
    SERVER = "ServerException", 500;
    /// Try again later.
    SERVICE_UNAVAILABLE = "ServiceUnavailableException", 503;
    /// Tag operations: there is no such resource.
    NOT_FOUND = "NotFoundException", 404;
    /// Tag operations: the request is not valid.
    BAD_REQUEST = "BadRequestException", 400;
    /// The caller may not do this.
    ACCESS_DENIED = "AccessDeniedException", 403;
    /// Too many requests.
    THROTTLING = "ThrottlingException", 429;
    /// A resource made a moment ago is not visible everywhere yet.
    RESOURCE_PROPAGATION_DELAY = "ResourcePropagationDelayException", 428;
    /// The body can't be read.
    SERIALIZATION = "SerializationException", 400;
    /// The body is too large.
    REQUEST_TOO_LARGE = "RequestEntityTooLargeException", 413;
    /// There are no credentials, or there is no such route.
    MISSING_AUTHENTICATION_TOKEN = "MissingAuthenticationTokenException", 403;
    /// The credentials lack a part.
    INCOMPLETE_SIGNATURE = "IncompleteSignatureException", 403;
    /// The signature is not the one expected.
    INVALID_SIGNATURE = "InvalidSignatureException", 403;
    /// The access key or the session token is not known.
    UNRECOGNIZED_CLIENT = "UnrecognizedClientException", 403;
    /// The session token is too old.
    EXPIRED_TOKEN = "ExpiredTokenException", 403;
}

/// An exception of a service: what a handler returns when it can't do what was asked.
///
/// Members besides the message are set with [`with`](ApiError::with). Those that the exception's shape lacks in the
/// service's model are left out of the answer, so it does no harm to set them.
pub struct ApiError {
    code: ErrorCode,
    message: String,
    details: Map<String, Value>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

macro_rules! constructors {
    ($($function:ident => $variant:ident),* $(,)?) => {
        $(
            #[doc = concat!("A `", stringify!($variant), "` exception with this message.")]
            pub fn $function(message: impl Into<String>) -> Self { Self::new(ErrorCode::$variant, message) }
        )*
    };
}

impl ApiError {
    constructors! {
        invalid_parameter => INVALID_PARAMETER,
        invalid_request => INVALID_REQUEST,
        invalid_state => INVALID_STATE,
        resource_not_found => RESOURCE_NOT_FOUND,
        resource_in_use => RESOURCE_IN_USE,
        limit_exceeded => RESOURCE_LIMIT_EXCEEDED,
        client => CLIENT,
        server => SERVER,
        unavailable => SERVICE_UNAVAILABLE,
        tag_target_not_found => NOT_FOUND,
        bad_request => BAD_REQUEST,
        access_denied => ACCESS_DENIED,
        throttled => THROTTLING,
        propagation_delay => RESOURCE_PROPAGATION_DELAY,
        serialization => SERIALIZATION,
    }

    /// An exception with this code and message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Map::new(), source: None }
    }

    /// The same as another exception, for an operation that doesn't know this one.
    #[must_use]
    pub fn with_code(self, code: ErrorCode) -> Self {
        Self { code, ..self }
    }

    /// A failure of ours: the caller learns nothing but a request id, the log has the cause.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::server("An internal failure occurred. Please try again.") }
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets a member of the exception, besides its message.
    #[must_use]
    pub fn with(mut self, member: &str, value: Value) -> Self {
        self.details.insert(member.to_owned(), value);
        self
    }

    /// Leaves out the members that the exception doesn't have in the model.
    #[must_use]
    pub fn shaped(mut self, model: &Model) -> Self {
        let known = model.error(self.code.name).map(|facts| facts.members.as_slice()).unwrap_or_default();
        self.details.retain(|member, _| known.contains(member));
        self
    }

    /// Which exception this is.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The JSON body.
    pub fn body(&self) -> Value {
        let mut body = self.details.clone();
        body.insert("message".to_owned(), self.message.clone().into());
        Value::Object(body)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, " ({source})"))
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::HeaderName::from_static(ERROR_TYPE), HeaderValue::from_static(self.code.name())),
        ];
        (self.code.status(), headers, self.body().to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::model;

    #[test]
    fn every_exception_that_services_share_has_the_models_status() {
        for (name, facts) in model().errors() {
            if let Some(code) = ErrorCode::COMMON.iter().find(|code| code.name() == name) {
                assert_eq!(code.status().as_u16(), facts.status, "{name}");
            }
        }
    }

    #[test]
    fn members_that_the_shape_lacks_are_left_out() {
        let error = ApiError::resource_in_use("taken").with("clusterName", "c".into());
        let error = error.with("fargateProfileName", "f".into()).shaped(model());
        assert_eq!(error.body(), json!({"message": "taken", "clusterName": "c"}));
        let response = error.into_response();
        assert_eq!(response.status(), 409);
        assert_eq!(response.headers()[ERROR_TYPE], "ResourceInUseException");
    }

    #[test]
    fn the_cause_of_an_internal_failure_is_not_in_the_body() {
        let error = ApiError::internal("secret detail");
        assert!(!error.body().to_string().contains("secret"));
        assert!(format!("{error:?}").contains("secret detail"));
    }
}
