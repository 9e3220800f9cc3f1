//! The ECR API's own state, and one call of it.

use std::sync::Arc;

use aws::error::ApiError;
use aws::registry::Context;
use registry_credentials::Key;
use tokio::sync::Mutex;

use super::engine::Engine;
use super::error::EcrError;
use super::input::Input;
use super::names::Registry;
use super::record::{self, Record};

/// What the operations of the ECR API share.
pub struct Ecr {
    /// The registry, by way of its port for clients.
    pub engine: Engine,
    /// Where clients reach that port, such as `127.0.0.1:4567`.
    pub address: String,
    /// What signs tokens for clients. Without it the registry takes any.
    pub key: Option<Key>,
    /// Held while repositories are made, changed or removed: one looks first, then writes.
    pub changes: Mutex<()>,
}

impl Ecr {
    /// The ECR API over this registry, which asks for credentials that `key` signed, or for none.
    pub fn new(engine: Engine, address: String, key: Option<Key>) -> Self {
        Self { engine: engine.signed_with(key.clone()), address, key, changes: Mutex::default() }
    }
}

/// An operation's registry and input.
pub struct Call {
    /// The API.
    pub ecr: Arc<Ecr>,
    /// The registry that is meant.
    pub registry: Registry,
    /// ARN of the IAM principal that asks.
    pub principal: String,
    /// What is asked for.
    pub input: Input,
}

impl Call {
    /// The call of who asks in this context.
    ///
    /// # Errors
    /// Another account's registry is meant.
    pub fn new(context: Context<Ecr>, input: Input) -> Result<Self, ApiError> {
        let caller = context.caller;
        let account = input.registry_id.clone().unwrap_or_else(|| caller.account.clone());
        let registry = Registry { account, region: caller.region };
        if registry.account != caller.account {
            return Err(ApiError::denied(&caller.principal_arn, &context.operation.name, &registry));
        }
        Ok(Self { ecr: context.state, registry, principal: caller.principal_arn, input })
    }

    /// The record of a repository that is there.
    ///
    /// # Errors
    /// It isn't there.
    pub async fn record(&self, name: &str) -> Result<Record, ApiError> {
        let found = record::read(&self.ecr.engine, &self.registry.repository(name)).await?;
        found.ok_or_else(|| ApiError::no_repository(&self.registry, name))
    }
}
