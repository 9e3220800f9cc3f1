//! Why the management cluster didn't do what was asked, and the answer to the caller of the EKS API.

use kube::core::Status;

use aws::error::ApiError;

/// Why the management cluster didn't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An object with this name exists.
    #[error("an object with this name exists already")]
    Exists,
    /// Another client changed the object at the same time.
    #[error("others kept changing the resource at the same time; try again")]
    Conflict,
    /// There is no such object.
    #[error("the object is gone")]
    Missing,
    /// The resource's definition refuses the object; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// The account has as much as it may have, in MiB; or all of them together have.
    #[error(
        "The records of this account have reached the quota of {0} MiB, or those of all accounts theirs; delete some first"
    )]
    Full(usize),
    /// The management cluster can't be reached.
    #[error("the management cluster's API can't be reached: {said}", said = text::sentence(.0))]
    Unreachable(#[source] kube::Error),
    /// Anything else, such as a right that is missing.
    #[error("the management cluster's API refused: {said}", said = text::sentence(.0))]
    Refused(#[source] kube::Error),
}

impl From<kube::Error> for StoreError {
    fn from(error: kube::Error) -> Self {
        let kube::Error::Api(status) = &error else { return Self::Unreachable(error) };
        match (status.code, status.reason.as_str()) {
            (409, "AlreadyExists") => Self::Exists,
            (409, _) => Self::Conflict,
            (404, _) => Self::Missing,
            (422, _) => Self::Invalid(explanation(status)),
            (429 | 500..=599, _) => Self::Unreachable(error),
            _ => Self::Refused(error),
        }
    }
}

/// What is wrong with the object, without the words about Kubernetes around it.
fn explanation(status: &Status) -> String {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    if causes.is_empty() {
        return status.message.clone();
    }
    let cause = |cause: &kube::core::response::StatusCause| {
        let field = cause.field.strip_prefix("spec.").unwrap_or(&cause.field);
        if field.is_empty() { cause.message.clone() } else { format!("{field}: {}", cause.message) }
    };
    causes.iter().map(cause).collect::<Vec<_>>().join("; ")
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(text) => Self::invalid_parameter(text),
            StoreError::Full(_) => Self::limit_exceeded(error.to_string()),
            StoreError::Exists => Self::resource_in_use("A resource with this name already exists"),
            StoreError::Missing => Self::resource_not_found("The resource does not exist any more"),
            StoreError::Conflict | StoreError::Unreachable(_) => {
                Self::unavailable("The service is temporarily unavailable. Please try again.").caused_by(error)
            }
            StoreError::Refused(_) => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::response::{StatusCause, StatusDetails};

    use super::*;
    use aws::error::ErrorCode;

    fn refused(code: u16, reason: &str) -> StoreError {
        let status = Status { code, reason: reason.into(), message: "m".into(), ..Status::default() };
        kube::Error::Api(Box::new(status)).into()
    }

    #[test]
    fn each_refusal_has_its_answer() {
        let code = |code, reason| ApiError::from(refused(code, reason)).code();
        assert_eq!(code(409, "AlreadyExists"), ErrorCode::RESOURCE_IN_USE);
        assert_eq!(code(409, "Conflict"), ErrorCode::SERVICE_UNAVAILABLE);
        assert_eq!(code(422, "Invalid"), ErrorCode::INVALID_PARAMETER);
        assert_eq!(code(403, "Forbidden"), ErrorCode::SERVER);
        assert_eq!(code(503, ""), ErrorCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_refusal_by_the_definition_is_told_in_the_requests_words() {
        let cause = StatusCause { reason: "x".into(), message: "is too long".into(), field: "spec.tags".into() };
        let details = StatusDetails {
            name: "c".into(),
            group: "eks.cattle.io".into(),
            kind: "EKSClusterConfig".into(),
            uid: String::new(),
            causes: vec![cause],
            retry_after_seconds: 0,
        };
        let status = Status {
            code: 422,
            message: "EKSClusterConfig is invalid".into(),
            details: Some(details),
            ..Status::default()
        };
        assert_eq!(explanation(&status), "tags: is too long");
    }
}
