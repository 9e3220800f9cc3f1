//! Logs, metrics and health of the processes.
//!
//! [`logs`] starts the log of a process, [`metrics`] counts, and [`admin`] serves health checks and metrics.

pub mod admin;
pub mod logs;
pub mod metrics;
