//! The wire protocol of the EKS API, without anything behind it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::needless_for_each)]

#[path = "eks_protocol/bad_inputs.rs"]
mod bad_inputs;
#[path = "eks_protocol/mangled.rs"]
mod mangled;
#[path = "eks_protocol/signed.rs"]
mod signed;
#[path = "eks_protocol/support.rs"]
mod support;

use aws::error::ApiError;
use aws::handlers::{Context, Handlers};
use aws::metrics::{Exchange, Observer};
use aws::sigv4::Mode;
use http::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{answer, request, service};

#[tokio::test]
async fn an_answer_has_what_clients_look_for() {
    let answer = answer(&service(Mode::Permissive), request(&Method::GET, "/clusters/c", b"")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    assert_eq!(answer.body, json!({}));
}

#[tokio::test]
async fn unknown_routes_get_json() {
    let service = service(Mode::Permissive);
    for (method, path) in [(Method::GET, "/"), (Method::PATCH, "/clusters"), (Method::POST, "/index.html")] {
        let answer = answer(&service, request(&method, path, b"")).await;
        assert_eq!((answer.status, answer.error()), (403, "MissingAuthenticationTokenException"));
        assert_eq!(answer.body, json!({"message": "Missing Authentication Token"}));
    }
}

#[tokio::test]
async fn a_body_may_be_too_large() {
    let body = vec![b' '; 5 * 1024 * 1024];
    let answer = answer(&service(Mode::Permissive), request(&Method::POST, "/clusters", &body)).await;
    assert_eq!((answer.status, answer.error()), (413, "RequestEntityTooLargeException"));
}

#[tokio::test]
async fn a_panic_is_a_server_exception_and_no_more() {
    async fn panics(_: Context<()>, _: Value) -> Result<Value, ApiError> {
        panic!("on purpose")
    }
    let handlers = support::handlers().on("DescribeCluster", panics);
    let service = support::with(handlers, Mode::Permissive);
    let failed = answer(&service, request(&Method::GET, "/clusters/c", b"")).await;
    assert_eq!((failed.status, failed.error()), (500, "ServerException"));
    assert!(!failed.body.to_string().contains("purpose"));
    assert_eq!(answer(&service, request(&Method::GET, "/clusters", b"")).await.status, 200);
}

#[tokio::test]
async fn answers_that_do_not_fit_the_model_are_found_in_tests() {
    let odd = support::handlers().on("DescribeCluster", |_, _: Value| async { Ok(json!({"odd": 1})) });
    let service = support::with(odd, Mode::Permissive);
    assert_eq!(answer(&service, request(&Method::GET, "/clusters/c", b"")).await.status, 500);
}

#[derive(Default)]
struct Trail(Mutex<Vec<String>>);

impl Observer for Trail {
    fn observe(&self, exchange: &Exchange) {
        let name = exchange.operation.map_or("-", |operation| operation.name.as_str());
        let kept = exchange.input.is_some() && exchange.output.is_some();
        let line = format!("{name} {} {} {kept}", exchange.resource, exchange.status);
        self.0.lock().push(line);
    }
}

#[tokio::test]
async fn observers_are_told_of_every_exchange_once() {
    let trail = Arc::new(Trail::default());
    let service = service(Mode::Permissive).observed_by(trail.clone());
    answer(&service, request(&Method::GET, "/clusters/c", b"")).await;
    answer(&service, request(&Method::DELETE, "/clusters/c/node-groups/n", b"")).await;
    answer(&service, request(&Method::GET, "/nope", b"")).await;
    let seen = trail.0.lock().clone();
    assert_eq!(seen, ["DescribeCluster c 200 false", "DeleteNodegroup c/n 200 true", "-  403 false"]);
}

#[tokio::test]
async fn operations_without_a_handler_are_listed_and_refused() {
    let empty = Handlers::<()>::new();
    assert_eq!(empty.missing(k3eks_eks::model::eks()).len(), 70);
    assert!(support::handlers().missing(k3eks_eks::model::eks()).is_empty());
    let service = support::with(empty, Mode::Permissive);
    let refused = answer(&service, request(&Method::GET, "/clusters", b"")).await;
    assert_eq!((refused.status, refused.error()), (400, "InvalidRequestException"));
}
