//! The EKS API: what its operations mean, between requests and resources.
//!
//! The [`model`] says what is on the wire, [`rules`] what else is refused, [`convert`] how requests become
//! resources and resources answers, and [`operations`] what each operation does. In goes a request that fits the model
//! and a [`Store`](store::Store); out comes an answer of EKS's. The wire itself is the crate `aws`'s.
//!
//! # Adding an operation
//! A handler is an async function from a [`Context`](aws::handlers::Context) and an input to an output or an
//! [`ApiError`](aws::error::ApiError); input and output are whatever serde can read and write: a struct, or
//! `serde_json::Value`. It sees only inputs that satisfy the model.
//! ```
//! use arn::EksArn;
//! use aws::error::ApiError;
//! use aws::handlers::{Context, Handlers};
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
//!     let name = name.ok_or_else(|| store::no_cluster(&input.name))?;
//!     let arn = EksArn::cluster(&context.caller.region, &context.caller.account, name).to_string();
//!     Ok(json!({"cluster": {"name": name, "arn": arn, "createdAt": "2026-01-02T03:04:05Z"}}))
//! }
//!
//! async fn list_clusters(context: Context<Store>, _: Value) -> Result<Value, ApiError> {
//!     let page = context.page(context.state.0.clone(), |name| name.clone());
//!     Ok(json!({"clusters": page.items, "nextToken": page.next_token}))
//! }
//!
//! let handlers = Handlers::new().on("DescribeCluster", describe_cluster).on("ListClusters", list_clusters);
//! assert!(handlers.missing(k3eks_eks::model::eks()).contains(&"CreateCluster"));
//! ```
//! The handlers, a shared state and an [`Authenticator`](aws::sigv4::Authenticator) make a
//! [`Service`](aws::service::Service), whose `into_router` gives an axum router.

pub mod convert;
pub mod error;
pub mod extra_routes;
pub mod model;
pub mod operations;
pub mod rules;
pub mod settings;
