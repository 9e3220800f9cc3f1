//! Refusals that services tell in words of their own.

use super::error::{ApiError, ErrorCode};
use super::validate::Violation;

/// How a service refuses. By default as most of AWS's do.
#[derive(Clone, Copy)]
pub struct Wording {
    /// The refusal of an operation that isn't served.
    pub unknown: fn(&str) -> ApiError,
    /// The refusal of an input that breaks constraints; none for that of the model.
    pub broken: fn(&[Violation]) -> Option<ApiError>,
}

impl Default for Wording {
    fn default() -> Self {
        Self { unknown: unknown_operation, broken: |_| None }
    }
}

/// There is no such operation, in the words of AWS's JSON protocols.
fn unknown_operation(_: &str) -> ApiError {
    const UNKNOWN: ErrorCode = ErrorCode::new("UnknownOperationException", 400);
    ApiError::new(UNKNOWN, "The requested operation is not recognized by the service.")
}
