//! Removes images that have expired.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::evaluate::expiring;
use super::policy::{self, Policy};
use super::schedule::Schedule;
use crate::engine::{self, Engine};
use crate::names::split;
use crate::{inventory, record, storage};

/// How often all repositories are looked at: days pass without a push, too.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// How soon again where that failed.
const AGAIN: Duration = Duration::from_secs(30);

/// A policy couldn't be carried out.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("the folder of images can't be read: {0}; --storage names it")]
    Storage(#[from] std::io::Error),
    #[error("the lifecycle policy can't be read: {0}; put it again with aws ecr put-lifecycle-policy")]
    Policy(String),
}

/// Carries out the lifecycle policies of all repositories.
pub struct Sweeper {
    /// The registry itself.
    pub engine: Engine,
    /// The folder that it keeps images in.
    pub storage: PathBuf,
    /// When to do so.
    pub schedule: Arc<Schedule>,
}

impl Sweeper {
    /// Works until it is dropped.
    pub async fn run(&self) {
        // What was pushed right before a restart is given time, too.
        let mut all = Instant::now() + AGAIN;
        loop {
            tokio::select! {
                repository = self.schedule.due() => if !self.told(&repository).await {
                    all = all.min(Instant::now() + AGAIN);
                },
                () = sleep_until(all) => all = Instant::now() + if self.all().await { EVERY } else { AGAIN },
            }
        }
    }

    /// Whether all repositories could be looked at.
    async fn all(&self) -> bool {
        let repositories = match self.engine.repositories("").await {
            Ok(repositories) => repositories,
            Err(error) => {
                tracing::warn!(%error, "lifecycle policies can't be carried out now");
                return false;
            }
        };
        let mut well = true;
        for repository in repositories.iter().filter(|name| split(name).is_some()) {
            // Of those that are written to the turn comes by itself.
            if !self.schedule.is_written(repository) {
                well &= self.told(repository).await;
            }
        }
        well
    }

    async fn told(&self, repository: &str) -> bool {
        match self.sweep(repository, Timestamp::now()).await {
            Ok(0) => true,
            Ok(images) => {
                tracing::info!(repository, images, "images expired by the lifecycle policy");
                true
            }
            Err(error) => {
                tracing::warn!(repository, %error, "the lifecycle policy can't be carried out now");
                false
            }
        }
    }

    /// Removes the images of a repository that have expired, and says how many these were.
    async fn sweep(&self, repository: &str, now: Timestamp) -> Result<usize, Error> {
        let record = record::read(&self.engine, repository).await?;
        let Some(text) = record.and_then(|record| record.lifecycle_policy) else {
            self.schedule.forget(repository);
            return Ok(0);
        };
        let policy: Policy = policy::parse(&text).map_err(Error::Policy)?;
        let revisions = storage::revisions(&self.storage, repository).await?;
        let images = inventory::images(&self.engine, repository, &revisions).await?;
        let mut removed = 0;
        for one in expiring(&images, &policy, now) {
            // Whoever writes meanwhile may give the image a tag; its turn comes again.
            if self.schedule.is_written(repository) {
                return Ok(removed);
            }
            self.engine.delete(repository, &one.image.digest).await?;
            removed += 1;
        }
        self.schedule.evaluated(repository, now);
        Ok(removed)
    }
}

#[cfg(test)]
mod tests;
