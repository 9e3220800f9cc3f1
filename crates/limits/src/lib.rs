//! Limits on the resources that strangers and child clusters may use.
//!
//! [`bounded`] limits size and duration of answers. [`port`] serves a router with limits on connections, on the time of
//! headers and bodies, and on the requests of one address.

pub mod bounded;
pub mod port;
