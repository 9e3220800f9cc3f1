//! Who watches the requests: metrics, and whatever else wants to know of each exchange.

use std::time::Duration;

use http::HeaderMap;
use http::header::USER_AGENT;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde_json::Value;
use uuid::Uuid;

use super::error::{ApiError, ErrorCode};
use super::model::Operation;
use super::sigv4::Caller;

/// A request and what became of it.
#[derive(Debug)]
pub struct Exchange {
    /// The request's id, as the caller got it.
    pub request_id: String,
    /// The operation; none for an unknown route.
    pub operation: Option<&'static Operation>,
    /// What the request is about: the labels of its path.
    pub resource: String,
    /// Who called; none if that was not found out.
    pub caller: Option<Caller>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// HTTP status of the answer.
    pub status: u16,
    /// The exception, if it is one.
    pub error: Option<ErrorCode>,
    /// How long it took.
    pub elapsed: Duration,
    /// The checked input, kept for operations that change something.
    pub input: Option<Value>,
    /// The answer, kept for operations that change something.
    pub output: Option<Value>,
}

impl Exchange {
    /// An operation that was done for a caller by another way than a request for it; `refused` says why it wasn't.
    #[must_use]
    pub fn on_behalf(
        operation: Option<&'static Operation>,
        caller: &Caller,
        user_agent: Option<String>,
        input: Value,
        refused: Option<&ApiError>,
    ) -> Self {
        Self {
            request_id: Uuid::new_v4().to_string(),
            operation,
            resource: String::new(),
            caller: Some(caller.clone()),
            user_agent,
            status: refused.map_or(200, |error| error.code().status().as_u16()),
            error: refused.map(ApiError::code),
            elapsed: Duration::ZERO,
            input: Some(input),
            output: refused.map(ApiError::body),
        }
    }
}

/// What a client says that it is.
pub fn user_agent(headers: &HeaderMap) -> Option<String> {
    headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Observes every exchange, after the answer was made and before it is sent. Must not block.
pub trait Observer: Send + Sync {
    /// Takes notice.
    fn observe(&self, exchange: &Exchange);
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    operation: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    operation: &'static str,
}

/// Requests and their durations by operation.
#[derive(Clone)]
pub struct ApiMetrics {
    requests: Family<Outcome, Counter>,
    seconds: Family<Which, Histogram>,
}

impl Default for ApiMetrics {
    fn default() -> Self {
        let buckets = || Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5]);
        Self { requests: Family::default(), seconds: Family::new_with_constructor(buckets) }
    }
}

impl ApiMetrics {
    /// Metrics that appear in this registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("api_requests", "Requests to the EKS API by outcome", metrics.requests.clone());
        registry.register("api_request_seconds", "Duration of requests to the EKS API", metrics.seconds.clone());
        metrics
    }
}

impl Observer for ApiMetrics {
    fn observe(&self, exchange: &Exchange) {
        let operation = exchange.operation.map_or("unknown", |operation| operation.name.as_str());
        let code = exchange.error.map_or("OK", ErrorCode::name);
        self.requests.get_or_create(&Outcome { operation, code }).inc();
        self.seconds.get_or_create(&Which { operation }).observe(exchange.elapsed.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::model;

    #[test]
    fn exchanges_are_counted_by_operation_and_outcome() {
        let mut registry = Registry::default();
        let metrics = ApiMetrics::register(&mut registry);
        metrics.observe(&Exchange {
            request_id: String::new(),
            operation: model().operation("DescribeCluster"),
            resource: String::new(),
            caller: None,
            user_agent: None,
            status: 404,
            error: Some(ErrorCode::RESOURCE_NOT_FOUND),
            elapsed: Duration::from_millis(1),
            input: None,
            output: None,
        });
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = r#"api_requests_total{operation="DescribeCluster",code="ResourceNotFoundException"} 1"#;
        assert!(text.contains(line), "{text}");
    }
}
