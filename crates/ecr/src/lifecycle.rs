//! Lifecycle policies: which images of a repository expire.
//!
//! [`policy`] reads a policy's JSON, [`evaluate`] decides, [`sweeper`] removes what has expired when [`schedule`] says so.

pub mod evaluate;
pub mod policy;
pub mod schedule;
pub mod sweeper;
