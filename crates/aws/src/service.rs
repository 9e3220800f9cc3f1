//! The HTTP service: route, read, authenticate, check, handle, shape, and say so once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router as HttpRouter;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tracing::{error, warn};
use uuid::Uuid;

use super::body::{Bodies, Held};
use super::error::{ApiError, ErrorCode};
use super::handlers::{Context, Handlers};
use super::metrics::{self, Exchange, Observer};
use super::model::{Model, Protocol};
use super::router::{Route, Router};
use super::sigv4::{Authenticator, Proven, SignedRequest};
use super::wording::Wording;
use super::{access_log, input, json, output, paging::PageRequest};

/// The header with a request's id.
pub const REQUEST_ID: &str = "x-amzn-requestid";

/// The largest body that is read by default: the resource of a larger request would be too large for Kubernetes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// So many of the largest bodies have memory if headers prove who sent them, and as many if they don't.
const AT_ONCE: usize = 4;

const URI_LIMIT: usize = 16 * 1024;

/// Why a service can't be created.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Handlers for operations that the API doesn't have.
    #[error("there are handlers for operations that the API doesn't have: {}", .0.join(", "))]
    UnknownOperations(Vec<&'static str>),
    /// The model is of the protocol query, whose services use [`query`](super::query).
    #[error("the model is of the protocol query, which this service doesn't speak")]
    Query,
}

/// The API of a service over handlers that share a state `S`.
pub struct Service<S> {
    model: &'static Model,
    router: Router<'static>,
    handlers: Handlers<S>,
    state: Arc<S>,
    authenticator: Authenticator,
    observers: Vec<Arc<dyn Observer>>,
    wording: Wording,
    body_limit: usize,
    /// Of requests whose headers prove who sent them.
    proven: Bodies,
    /// Of others.
    unproven: Bodies,
}

impl<S: Send + Sync + 'static> Service<S> {
    /// A service with these handlers.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn new(
        model: &'static Model,
        handlers: Handlers<S>,
        state: Arc<S>,
        authenticator: Authenticator,
    ) -> Result<Self, ServiceError> {
        if model.metadata().protocol == Protocol::Query {
            return Err(ServiceError::Query);
        }
        let unknown = handlers.unknown(model);
        if !unknown.is_empty() {
            return Err(ServiceError::UnknownOperations(unknown));
        }
        let router = Router::new(model);
        Ok(Self {
            model,
            router,
            handlers,
            state,
            authenticator,
            observers: Vec::new(),
            wording: Wording::default(),
            body_limit: BODY_LIMIT,
            proven: Bodies::new(AT_ONCE * BODY_LIMIT),
            unproven: Bodies::new(AT_ONCE * BODY_LIMIT),
        })
    }

    /// Adds an observer of every exchange.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Sets the largest body that is read, in bytes, and memory for a few of them.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        (self.proven, self.unproven) = (Bodies::new(AT_ONCE * bytes), Bodies::new(AT_ONCE * bytes));
        self
    }

    /// Sets the service's own messages.
    #[must_use]
    pub fn worded(mut self, wording: Wording) -> Self {
        self.wording = wording;
        self
    }

    /// A router that answers everything; other routes may be added to it.
    pub fn into_router(self) -> HttpRouter {
        let service = Arc::new(self);
        HttpRouter::new().fallback(move |request: Request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        })
    }

    /// Answers one request. The answer has the [`Caller`](super::sigv4::Caller) among its extensions, where there is one.
    pub async fn handle(&self, request: Request) -> Response {
        let started = Instant::now();
        let mut exchange = Exchange {
            request_id: Uuid::new_v4().to_string(),
            operation: None,
            resource: String::new(),
            caller: None,
            user_agent: metrics::user_agent(request.headers()),
            status: 0,
            error: None,
            elapsed: std::time::Duration::ZERO,
            input: None,
            output: None,
        };
        let result = match AssertUnwindSafe(self.serve(request, &mut exchange)).catch_unwind().await {
            Ok(result) => result,
            Err(_) => Err(ApiError::internal("the handler panicked")),
        };
        let mut response = result.unwrap_or_else(|error| self.refuse(error.shaped(self.model), &mut exchange));
        if let Ok(id) = HeaderValue::from_str(&exchange.request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some(caller) = &exchange.caller {
            response.extensions_mut().insert(caller.clone());
        }
        exchange.status = response.status().as_u16();
        exchange.elapsed = started.elapsed();
        access_log::log(&exchange);
        self.observers.iter().for_each(|observer| observer.observe(&exchange));
        response
    }

    async fn serve(&self, request: Request, exchange: &mut Exchange) -> Result<Response, ApiError> {
        let (head, body) = request.into_parts();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        if path.len() + query.len() > URI_LIMIT {
            return Err(ApiError::new(ErrorCode::REQUEST_TOO_LARGE, "Request URI Too Long"));
        }
        let route = self.route(&head)?;
        exchange.operation = Some(route.operation);
        exchange.resource = route.resource().into_owned();
        let service = self.model.metadata().service.as_str();
        let signed = SignedRequest { method: head.method.as_str(), path, query, headers: &head.headers, body: b"" };
        let proven = self.authenticator.admit(service, &signed, body.size_hint().exact(), SystemTime::now())?;
        // Held until the answer is there: what is made of a body is larger than the body.
        let arrived = self.read(body, proven).await?;
        let signed = SignedRequest { body: &arrived.bytes, ..signed };
        let caller = self.authenticator.authenticate_for(service, &signed, SystemTime::now())?;
        exchange.caller = Some(caller.clone());
        let input = input::build(self.model, &self.wording, &route, (query, &arrived.bytes))?;
        let operation = route.operation;
        let page = if operation.paged {
            PageRequest::new(&[&operation.name, &caller.account, &caller.region], &input)?
        } else {
            PageRequest::default()
        };
        if !operation.read_only() {
            exchange.input = Some(Value::Object(input.clone()));
        }
        let request_id = exchange.request_id.clone();
        let context = Context { state: Arc::clone(&self.state), caller, request_id, operation, page };
        let value = self.handlers.call(context, input).await?;
        self.answer(value, exchange)
    }

    /// Finds the operation.
    fn route(&self, head: &Parts) -> Result<Route<'static>, ApiError> {
        if self.model.metadata().protocol == Protocol::RestJson {
            return self.router.route(&head.method, head.uri.path());
        }
        let name = json::operation(self.model, &head.headers).unwrap_or_default();
        let operation = self.model.operation(name).ok_or_else(|| (self.wording.unknown)(name))?;
        Ok(Route { operation, labels: Vec::new() })
    }

    async fn read(&self, body: Body, proven: Proven) -> Result<Held, ApiError> {
        let bodies = if proven == Proven::ByHeaders { &self.proven } else { &self.unproven };
        bodies.read(body, self.body_limit).await.map_err(ApiError::from)
    }

    fn answer(&self, value: Value, exchange: &mut Exchange) -> Result<Response, ApiError> {
        let operation = exchange.operation;
        let shape = operation.and_then(|operation| operation.output);
        let (value, faults) = output::shape(self.model, shape, value);
        if !faults.is_empty() {
            let faults = faults.join("; ");
            if cfg!(debug_assertions) {
                return Err(ApiError::internal(format!("the answer does not fit the model: {faults}")));
            }
            warn!(request_id = exchange.request_id, faults, "the answer does not fit the model");
        }
        let status = operation.and_then(|operation| StatusCode::from_u16(operation.status).ok());
        let text = value.to_string();
        if exchange.input.is_some() {
            exchange.output = Some(value);
        }
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type()))];
        Ok((status.unwrap_or_default(), headers, text).into_response())
    }

    fn content_type(&self) -> &'static str {
        match self.model.metadata().protocol {
            Protocol::RestJson => "application/json",
            Protocol::Json | Protocol::Query => json::CONTENT_TYPE,
        }
    }

    fn refuse(&self, error: ApiError, exchange: &mut Exchange) -> Response {
        exchange.error = Some(error.code());
        exchange.output = exchange.input.is_some().then(|| error.body());
        if error.code().status().is_server_error() {
            error!(request_id = exchange.request_id, ?error, "the request failed");
        }
        match self.model.metadata().protocol {
            Protocol::RestJson => error.into_response(),
            Protocol::Json | Protocol::Query => json::refusal(&error),
        }
    }
}
