//! k3eks: an Amazon EKS that runs where you are.
//!
//! Dependencies between the modules point one way; `tests/architecture.rs` fails on an edge outside this table.
//!
//! | module | may import |
//! | --- | --- |
//! | [`kubernetes_versions`] | nothing else of the crate |
//! | [`crd`] | `kubernetes_versions`, `words` |
//! | [`provider`] | `kubernetes_versions` |
//! | [`controller`] | `bounded`, `crd`, `kubernetes_versions`, the port in `provider`, `metrics`, `words` |
//! | [`eks`] | `crd`, `kubernetes_versions`, `metrics`, `words` |
//! | [`identity`] | `bounded`, `crd`, `eks`, `words` |
//! | [`console`] | `crd`, `eks`, `identity`, `words` |
//! | `admin` | `metrics`, `port` |
//! | `telemetry` | `words` |
//! | [`bounded`], `metrics`, [`port`], [`words`] | nothing else of the crate |
//! | `main` | everything |

pub mod admin;
pub mod bounded;
pub mod console;
pub mod controller;
pub mod crd;

pub mod eks;
pub mod identity;
pub mod kubernetes_versions;
pub mod metrics;
pub mod port;
pub mod provider;
pub mod telemetry;
pub mod words;
