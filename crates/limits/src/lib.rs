//! What strangers and child clusters may cost.
//!
//! [`bounded`] reads an answer only so far and only so long; [`port`] serves a router with limits on connections,
//! on the time a header or a body may take, and on the requests of one address.

pub mod bounded;
pub mod port;
