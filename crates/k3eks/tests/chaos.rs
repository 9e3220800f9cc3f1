//! Faults at random moments: in the end the world equals the resources. `make chaos` runs this.
//!
//! `K3EKS_CHAOS_SEED` repeats a run, `K3EKS_CHAOS_SECONDS` bounds it. Needs `K3EKS_CONTROLLER_KUBECONFIG` and
//! `K3EKS_E2E_BARE_KUBECONFIG`: a management cluster with the definitions and no operator.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unused_self, dead_code)]

#[path = "controller/environment.rs"]
mod environment;
#[path = "controller/fake_provider.rs"]
mod fake_provider;
#[path = "chaos/in_memory.rs"]
mod in_memory;
#[path = "e2e/operator.rs"]
mod operator;
#[path = "chaos/real.rs"]
mod real;
#[path = "chaos/relay.rs"]
mod relay;
#[path = "chaos/scenario.rs"]
mod scenario;
#[path = "e2e/support.rs"]
mod support;
