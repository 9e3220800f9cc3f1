//! The controllers against a real API server, with a provider in memory.
//!
//! Needs `K3EKS_CONTROLLER_KUBECONFIG`: a cluster in which no operator runs. Each test has a namespace, a world and
//! controllers of its own.
// Some of the environment is for the scenarios of crates/k3eks/tests/chaos.rs alone.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "controller/authorities.rs"]
mod authorities;
#[path = "controller/bad_values.rs"]
mod bad_values;
#[path = "controller/clusters.rs"]
mod clusters;
#[path = "controller/conformance.rs"]
mod conformance;
#[path = "controller/deletion.rs"]
mod deletion;
#[path = "controller/environment.rs"]
mod environment;
#[path = "controller/fake_provider.rs"]
mod fake_provider;
#[path = "controller/hostile.rs"]
mod hostile;
#[path = "controller/leader.rs"]
mod leader;
#[path = "controller/nodegroups.rs"]
mod nodegroups;
#[path = "controller/refusals.rs"]
mod refusals;
#[path = "controller/registries.rs"]
mod registries;
#[path = "controller/restart.rs"]
mod restart;
