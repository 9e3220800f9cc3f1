//! The ECR API, and the way to the container registry behind it.
//!
//! The registry is CNCF distribution. [`front`] stands before it: clients push to `<registry>/<ECR name>/<repository>`, and
//! nodes pull `<ECR name>/<repository>` by way of it. [`service`] answers the ECR API with what the registry has; its
//! [`model`] says what is on the wire. A repository exists while it has a [`record`], which is a manifest in the registry
//! itself: nothing else is kept.

pub mod access;
mod call;
pub mod engine;
pub mod error;
#[cfg(test)]
mod fake_registry;
pub mod front;
mod input;
mod inventory;
pub mod lifecycle;
mod manifest;
pub mod model;
pub mod names;
mod operations;
pub mod record;
mod referrers;
pub mod service;
mod storage;

pub use call::Ecr;
