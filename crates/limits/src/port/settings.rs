//! What strangers may take of a port.

use std::time::Duration;

/// Limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub per_address: usize,
    /// Bytes of a request's line and headers.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// For the next request's head to arrive, from the connection's begin or the last answer.
    pub head_time: Duration,
    /// From a request's head to the head of its answer: for its body to arrive and to be worked on.
    pub request_time: Duration,
    /// For the other side to read the next part of an answer.
    pub write_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            per_address: 256,
            head_bytes: 32 * 1024,
            headers: 64,
            head_time: Duration::from_secs(20),
            request_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
        }
    }
}
