//! What a service says in words of its own.

use super::error::{ApiError, ErrorCode};
use super::validate::Violation;

/// What a service says where others say something else.
#[derive(Clone, Copy)]
pub struct Wording {
    /// The refusal of an operation that isn't served.
    pub unknown: fn(&str) -> ApiError,
    /// The refusal of an input that breaks constraints; none where it says the same as others.
    pub broken: fn(&[Violation]) -> Option<ApiError>,
}

/// There is no such operation, in the words of AWS's JSON protocols.
pub(super) fn unknown_operation(_: &str) -> ApiError {
    const UNKNOWN: ErrorCode = ErrorCode::new("UnknownOperationException", 400);
    ApiError::new(UNKNOWN, "The requested operation is not recognized by the service.")
}
