//! The EKS API: its wire protocol, made from the facts of the service model, and the operations on top of it.
//!
//! A request passes through [`service`]: [`router`] finds the operation, [`sigv4`] the caller, [`input`] makes one
//! JSON object of labels, query string and body and checks it against the [`model`]. Then the operation's handler runs,
//! and [`output`] or [`error`] make the answer.
//!
//! # Adding an operation
//! A handler is an async function from a [`Context`](registry::Context) and an input to an output or an
//! [`ApiError`](error::ApiError); input and output are whatever serde can read and write: a struct, or
//! `serde_json::Value`. It sees only inputs that satisfy the model.
//! ```
//! use k3eks_eks::arn::EksArn;
//! use k3eks_eks::error::ApiError;
//! use k3eks_eks::registry::{Context, Registry};
//! use serde::Deserialize;
//! use serde_json::{Value, json};
//!
//! struct Store(Vec<String>);
//!
//! #[derive(Deserialize)]
//! struct DescribeCluster {
//!     name: String,
//! }
//!
//! async fn describe_cluster(context: Context<Store>, input: DescribeCluster) -> Result<Value, ApiError> {
//!     let name = context.state.0.iter().find(|name| **name == input.name);
//!     let name = name.ok_or_else(|| ApiError::no_cluster(&input.name))?;
//!     let arn = EksArn::cluster(&context.caller.region, &context.caller.account, name).to_string();
//!     Ok(json!({"cluster": {"name": name, "arn": arn, "createdAt": "2026-01-02T03:04:05Z"}}))
//! }
//!
//! async fn list_clusters(context: Context<Store>, _: Value) -> Result<Value, ApiError> {
//!     let page = context.page(context.state.0.clone(), |name| name.clone());
//!     Ok(json!({"clusters": page.items, "nextToken": page.next_token}))
//! }
//!
//! let registry = Registry::new().on("DescribeCluster", describe_cluster).on("ListClusters", list_clusters);
//! assert!(registry.missing().contains(&"CreateCluster"));
//! ```
//! The registry, a shared state and an [`Authenticator`](sigv4::Authenticator) make a
//! [`Service`](service::Service), whose `into_router` gives an axum router.

mod access_log;
pub mod arn;
pub mod body;
pub mod convert;
pub mod error;
pub mod events;
pub mod extra_routes;
pub mod input;
pub mod metrics;
pub mod model;
pub mod operations;
mod other_services;
pub mod output;
pub mod paging;
pub mod registry;
pub mod router;
pub mod rules;
pub mod service;
pub mod settings;
pub mod sigv4;
pub mod site;
pub mod store;
pub mod times;
pub mod validate;
