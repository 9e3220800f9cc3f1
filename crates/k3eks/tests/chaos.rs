//! Faults at random moments: in the end the world equals the resources. `make chaos` runs this.
//!
//! `K3EKS_CHAOS_SEED` repeats a run, `K3EKS_CHAOS_SECONDS` bounds it. Needs `K3EKS_CONTROLLER_KUBECONFIG` and
//! `K3EKS_E2E_BARE_KUBECONFIG`: a management cluster with the definitions and no operator.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unused_self, dead_code)]

#[path = "controller/bed.rs"]
mod bed;
#[path = "chaos/double.rs"]
mod double;
#[path = "e2e/operator.rs"]
mod operator;
#[path = "chaos/real.rs"]
mod real;
#[path = "chaos/relay.rs"]
mod relay;
#[path = "chaos/story.rs"]
mod story;
#[path = "e2e/support.rs"]
mod support;
#[path = "controller/world.rs"]
mod world;
