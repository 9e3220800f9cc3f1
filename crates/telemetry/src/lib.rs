//! What the processes tell of themselves.
//!
//! [`logs`] starts the log of a process, [`metrics`] counts, and [`admin`] serves a port that says whether the process
//! is well and gives the metrics.

pub mod admin;
pub mod logs;
pub mod metrics;
