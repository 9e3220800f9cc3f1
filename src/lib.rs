//! k3eks: an Amazon EKS that runs where you are.
//!
//! Dependencies between the modules point one way; `tests/architecture.rs` fails on an edge outside this table.
//!
//! | module | may import |
//! | --- | --- |
//! | [`kubernetes_versions`] | nothing else of the crate |
//! | [`crd`] | `kubernetes_versions`, `words` |
//! | [`provider`] | `kubernetes_versions` |
//! | [`controller`] | `crd`, `kubernetes_versions`, the port in `provider`, `metrics`, `words` |
//! | [`eks`] | `crd`, `kubernetes_versions`, `metrics`, `words` |
//! | [`identity`] | `crd`, `eks`, `words` |
//! | [`console`] | `crd`, `eks` |
//! | `admin` | `metrics` |
//! | `telemetry` | `words` |
//! | `metrics`, [`words`] | nothing else of the crate |
//! | `main` | everything |

pub mod admin;
pub mod console;
pub mod controller;
pub mod crd;

pub mod eks;
pub mod identity;
pub mod kubernetes_versions;
pub mod metrics;
pub mod provider;
pub mod telemetry;
pub mod words;
