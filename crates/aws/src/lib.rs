//! AWS's wire protocols, for any service: what stands between an HTTP request and an operation's handler.
//!
//! A request passes through [`service`]: [`router`] or [`json`] finds the operation, [`sigv4`] the caller, [`input`]
//! makes one JSON object of labels, query string and body and checks it against the [`model`]. Then the operation's
//! handler runs, and [`output`] or [`error`] make the answer. [`query`] has what a service of that protocol needs.
//!
//! In go a service's [`Model`](model::Model), its [`Handlers`](handlers::Handlers) and who may call;
//! out comes an axum router. Nothing here knows an operation of any service.

mod access_log;
pub mod base_url;
pub mod body;
pub mod error;
pub mod events;
#[cfg(test)]
mod fixtures;
pub mod handlers;
pub mod input;
pub mod json;
pub mod metrics;
pub mod model;
pub mod other_services;
pub mod output;
pub mod paging;
pub mod query;
pub mod router;
pub mod service;
pub mod sigv4;
pub mod site;
pub mod times;
pub mod validate;
pub mod wording;
