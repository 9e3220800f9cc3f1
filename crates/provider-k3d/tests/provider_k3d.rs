//! The k3d provider against the real k3d and the real Docker: both must be there, with `docker` and `kubectl` in `PATH`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "provider_k3d/conformance.rs"]
mod conformance;
#[path = "provider_k3d/faults.rs"]
mod faults;
#[path = "provider_k3d/life.rs"]
mod life;
#[path = "provider_k3d/registry.rs"]
mod registry;
#[path = "../../k3eks/tests/e2e/relay.rs"]
mod relay;
#[path = "provider_k3d/support.rs"]
mod support;
#[path = "provider_k3d/upgrades.rs"]
mod upgrades;
