//! The ECR API's own state, and one call of it.

use aws::body::Bodies;
use aws::sigv4::Authenticator;
use tokio::sync::Mutex;

use super::engine::Engine;
use super::error::EcrError;
use super::input::Input;
use super::names::Registry;
use super::record::{self, Record};

/// Largest body.
pub const LARGEST: usize = 256 * 1024;

/// The ECR API.
pub struct Ecr {
    /// The registry, by way of its port for clients.
    pub engine: Engine,
    /// Where clients reach that port, such as `127.0.0.1:4567`.
    pub address: String,
    /// Who asks.
    pub authenticator: Authenticator,
    /// Memory for bodies.
    pub bodies: Bodies,
    /// Held while repositories are made, changed or removed: one looks first, then writes.
    pub changes: Mutex<()>,
}

impl Ecr {
    /// The ECR API over this registry.
    pub fn new(engine: Engine, address: String, authenticator: Authenticator) -> Self {
        Self { engine, address, authenticator, bodies: Bodies::new(4 * LARGEST), changes: Mutex::default() }
    }
}

/// An operation's caller, registry and input.
pub struct Call<'a> {
    /// The API.
    pub ecr: &'a Ecr,
    /// The registry that is meant.
    pub registry: Registry,
    /// What is asked for.
    pub input: Input,
}

impl Call<'_> {
    /// The record of a repository that is there.
    ///
    /// # Errors
    /// It isn't there.
    pub async fn record(&self, name: &str) -> Result<Record, EcrError> {
        let found = record::read(&self.ecr.engine, &self.registry.repository(name)).await?;
        found.ok_or_else(|| EcrError::no_repository(&self.registry, name))
    }
}
