//! A service whose handlers all answer `{}`.

use std::collections::HashMap;
use std::sync::Arc;

use aws::handlers::Handlers;
use aws::service::Service;
use aws::sigv4::{Authenticator, Key, Mode};
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request};
use k3eks_eks::model;
use serde_json::{Value, json};

pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn error(&self) -> &str {
        self.header("x-amzn-errortype")
    }
}

pub fn handlers() -> Handlers<()> {
    let operations = model::eks().operations().iter();
    operations.fold(Handlers::new(), |handlers, operation| {
        handlers.on(&operation.name, |_, _: Value| async { Ok(json!({})) })
    })
}

pub fn keys() -> HashMap<String, Arc<Key>> {
    let key = Key::new(KEY_ID, SECRET, "111111111111", "arn:aws:iam::111111111111:user/u");
    HashMap::from([(KEY_ID.to_owned(), Arc::new(key))])
}

pub fn with(handlers: Handlers<()>, mode: Mode) -> Service<()> {
    let authenticator = Authenticator::new(mode, Arc::new(keys()), "000000000000", "us-east-1");
    Service::new(model::eks(), handlers, Arc::new(()), authenticator).unwrap()
}

pub fn service(mode: Mode) -> Service<()> {
    with(handlers(), mode)
}

pub fn request(method: &Method, target: &str, body: &[u8]) -> Request<Body> {
    Request::builder().method(method).uri(target).body(Body::from(body.to_vec())).unwrap()
}

pub async fn answer(service: &Service<()>, request: Request<Body>) -> Answer {
    let response = service.handle(request).await;
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}
