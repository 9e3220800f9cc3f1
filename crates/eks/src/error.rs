//! The exceptions of the EKS API and how they look on the wire.

use std::error::Error;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// The header with an exception's name.
pub const ERROR_TYPE: &str = "x-amzn-errortype";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, [$($member:literal),*];)*) => {
        /// Which exception an [`ApiError`] is. A closed set, fit for a metric's label.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant),* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The exception's name, as `x-amzn-errortype` has it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let code = match self { $(Self::$variant => $status),* };
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The members of the body besides `message`.
            pub fn members(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($member),*]),* }
            }
        }
    };
}

codes! {
    /// A parameter's value is not permitted.
    InvalidParameter = "InvalidParameterException", 400,
        ["clusterName", "nodegroupName", "fargateProfileName", "addonName", "subscriptionId"];
    /// The request is not permitted in the resource's present state.
    InvalidRequest = "InvalidRequestException", 400, ["clusterName", "nodegroupName", "addonName", "subscriptionId"];
    /// The cluster's state does not permit the change.
    InvalidState = "InvalidStateException", 400, ["clusterName"];
    /// There is no such resource.
    ResourceNotFound = "ResourceNotFoundException", 404,
        ["clusterName", "nodegroupName", "fargateProfileName", "addonName", "subscriptionId"];
    /// The resource exists already or is in use.
    ResourceInUse = "ResourceInUseException", 409, ["clusterName", "nodegroupName", "addonName"];
    /// A quota is used up.
    ResourceLimitExceeded = "ResourceLimitExceededException", 400, ["clusterName", "nodegroupName", "subscriptionId"];
    /// Something is wrong on the client's side, for example a missing permission.
    Client = "ClientException", 400, ["clusterName", "nodegroupName", "addonName", "subscriptionId"];
    /// Something went wrong here.
    Server = "ServerException", 500, ["clusterName", "nodegroupName", "addonName", "subscriptionId"];
    /// Try again later.
    ServiceUnavailable = "ServiceUnavailableException", 503, [];
    /// A subnet's zone can't be used.
    UnsupportedAvailabilityZone = "UnsupportedAvailabilityZoneException", 400,
        ["clusterName", "nodegroupName", "validZones"];
    /// Tag operations: there is no such resource.
    NotFound = "NotFoundException", 404, [];
    /// Tag operations: the request is not valid.
    BadRequest = "BadRequestException", 400, [];
    /// The caller may not do this.
    AccessDenied = "AccessDeniedException", 403, [];
    /// Too many requests.
    Throttling = "ThrottlingException", 429, ["clusterName"];
    /// A resource made a moment ago is not visible everywhere yet.
    ResourcePropagationDelay = "ResourcePropagationDelayException", 428, [];
    /// The body can't be read.
    Serialization = "SerializationException", 400, [];
    /// The body is too large.
    RequestTooLarge = "RequestEntityTooLargeException", 413, [];
    /// There are no credentials, or there is no such route.
    MissingAuthenticationToken = "MissingAuthenticationTokenException", 403, [];
    /// The credentials lack a part.
    IncompleteSignature = "IncompleteSignatureException", 403, [];
    /// The signature is not the one expected.
    InvalidSignature = "InvalidSignatureException", 403, [];
    /// The access key or the session token is not known.
    UnrecognizedClient = "UnrecognizedClientException", 403, [];
    /// The session token is too old.
    ExpiredToken = "ExpiredTokenException", 403, [];
}

/// An exception of the EKS API: what a handler returns when it can't do what was asked.
///
/// Made by one of the constructors, then told which resource it is about:
/// `ApiError::invalid_request("Cluster 'x' is not in ACTIVE status").cluster("x")`. Members that the exception's shape
/// lacks are left out of the body, so it does no harm to set them.
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
        invalid_parameter => InvalidParameter,
        invalid_request => InvalidRequest,
        invalid_state => InvalidState,
        resource_not_found => ResourceNotFound,
        resource_in_use => ResourceInUse,
        limit_exceeded => ResourceLimitExceeded,
        client => Client,
        server => Server,
        unavailable => ServiceUnavailable,
        tag_target_not_found => NotFound,
        bad_request => BadRequest,
        access_denied => AccessDenied,
        throttled => Throttling,
        propagation_delay => ResourcePropagationDelay,
        serialization => Serialization,
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

    /// EKS's answer for a cluster that isn't there.
    pub fn no_cluster(name: &str) -> Self {
        Self::resource_not_found(format!("No cluster found for name: {name}."))
    }

    /// EKS's answer for a cluster name that is taken.
    pub fn cluster_exists(name: &str) -> Self {
        Self::resource_in_use(format!("Cluster already exists with name: {name}")).cluster(name)
    }

    /// EKS's answer for subnets in zones that can't be used.
    pub fn unsupported_zones(message: impl Into<String>, valid: &[&str]) -> Self {
        Self::new(ErrorCode::UnsupportedAvailabilityZone, message).with("validZones", json!(valid))
    }

    /// A failure of ours: the caller learns nothing but a request id, the log has the cause.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::server("An internal failure occurred. Please try again.") }
    }

    /// Names the cluster.
    #[must_use]
    pub fn cluster(self, name: &str) -> Self {
        self.with("clusterName", name.into())
    }

    /// Names the node group.
    #[must_use]
    pub fn nodegroup(self, name: &str) -> Self {
        self.with("nodegroupName", name.into())
    }

    /// Names the add-on.
    #[must_use]
    pub fn addon(self, name: &str) -> Self {
        self.with("addonName", name.into())
    }

    /// Names the Fargate profile.
    #[must_use]
    pub fn fargate_profile(self, name: &str) -> Self {
        self.with("fargateProfileName", name.into())
    }

    /// Names the subscription.
    #[must_use]
    pub fn subscription(self, id: &str) -> Self {
        self.with("subscriptionId", id.into())
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn with(mut self, member: &str, value: Value) -> Self {
        if self.code.members().contains(&member) {
            self.details.insert(member.to_owned(), value);
        }
        self
    }

    /// Which exception this is.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What the caller is told.
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
    use super::*;
    use crate::model;

    #[test]
    fn every_exception_of_the_model_is_there_with_its_status_and_members() {
        for (name, facts) in model::eks().errors() {
            let code = ErrorCode::ALL.iter().find(|code| code.name() == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(code.status().as_u16(), facts.status, "{name}");
            let mut members: Vec<_> = code.members().to_vec();
            members.push("message");
            members.sort_unstable();
            assert_eq!(members, facts.members, "{name}");
        }
    }

    #[test]
    fn members_that_the_shape_lacks_are_left_out() {
        let error = ApiError::resource_in_use("taken").cluster("c").fargate_profile("f");
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
