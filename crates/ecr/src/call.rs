//! The ECR API's own state, and one call of it.

use std::collections::HashMap;
use std::sync::Arc;

use aws::error::ApiError;
use aws::handlers::Context;
use registry_credentials::Key;
use tokio::sync::Mutex;

use super::engine::Engine;
use super::error::EcrError;
use super::input::Input;
use super::lifecycle::evaluate::Expiring;
use super::names::Registry;
use super::record::{self, Record};

/// What a lifecycle policy would have done.
#[derive(Clone)]
pub struct Preview {
    /// The policy, as JSON.
    pub text: String,
    /// The images that would have expired.
    pub images: Vec<Expiring>,
}

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
    /// The last preview of each repository, by its name in the registry behind.
    pub previews: parking_lot::Mutex<HashMap<String, Preview>>,
}

impl Ecr {
    /// The ECR API over this registry, which asks for credentials that `key` signed, or for none.
    pub fn new(engine: Engine, address: String, key: Option<Key>) -> Self {
        Self {
            engine: engine.signed_with(key.clone()),
            address,
            key,
            changes: Mutex::default(),
            previews: parking_lot::Mutex::default(),
        }
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
    operation: String,
}

impl Call {
    /// The call of who asks in this context.
    ///
    /// # Errors
    /// Another account's registry is meant.
    pub fn new(context: Context<Ecr>, input: Input) -> Result<Self, ApiError> {
        let caller = context.caller;
        let (account, region) = (caller.account, caller.region);
        let asked = input.registry_id.clone().filter(|asked| *asked != account);
        let call = Self {
            ecr: context.state,
            registry: Registry { account, region },
            input,
            principal: caller.principal_arn,
            operation: context.operation.name.clone(),
        };
        match asked {
            Some(asked) => Err(call.denied(&asked)),
            None => Ok(call),
        }
    }

    /// That another account's registry isn't the caller's.
    pub fn denied(&self, account: &str) -> ApiError {
        let other = Registry { account: account.to_owned(), region: self.registry.region.clone() };
        ApiError::denied(&self.principal, &self.operation, &other)
    }

    /// The record of a repository that is there.
    ///
    /// # Errors
    /// It isn't there.
    pub async fn record(&self, name: &str) -> Result<Record, ApiError> {
        let found = record::read(&self.ecr.engine, &self.registry.repository(name)).await?;
        found.ok_or_else(|| ApiError::no_repository(&self.registry, name))
    }

    /// Changes the record of a repository that is there.
    ///
    /// # Errors
    /// It isn't there, or `change` refuses.
    pub async fn change<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Record) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let _changes = self.ecr.changes.lock().await;
        let mut record = self.record(name).await?;
        let changed = change(&mut record)?;
        record::write(&self.ecr.engine, &self.registry.repository(name), &record).await?;
        Ok(changed)
    }
}
