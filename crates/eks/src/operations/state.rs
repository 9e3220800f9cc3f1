//! What all handlers share.

use tokio::sync::OwnedMutexGuard;

use aws::sigv4::Caller;
use crd::names::Identity;

use super::locks::Locks;
use crate::settings::Settings;
use aws::handlers::Context;
use store::{Store, identity};

/// What a handler knows besides its input.
pub type RequestContext = Context<EksState>;

/// What all handlers share.
pub struct EksState {
    /// The resources.
    pub store: Store,
    /// What was configured.
    pub settings: Settings,
    /// A lock for each cluster, and one for each account and region.
    locks: Locks<Identity>,
}

impl EksState {
    /// The state of the handlers.
    pub fn new(store: Store, settings: Settings) -> Self {
        Self { store, settings, locks: Locks::default() }
    }

    /// Held while something of the cluster begins that is counted, or that may be under way only once.
    pub async fn lock_cluster(&self, cluster: Identity) -> OwnedMutexGuard<()> {
        self.locks.lock(cluster).await
    }

    /// Held while something of the caller's account and region is counted and made.
    pub async fn lock_account(&self, caller: &Caller) -> OwnedMutexGuard<()> {
        // No cluster has this name.
        self.locks.lock(identity(caller, "")).await
    }
}
