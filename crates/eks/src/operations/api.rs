//! What all handlers share.

use tokio::sync::{Mutex, MutexGuard};

use crate::registry::Context;
use crate::settings::Settings;
use crate::store::Store;

/// What a handler knows besides its input.
pub type RequestContext = Context<Api>;

/// What all handlers share.
pub struct Api {
    /// The resources.
    pub store: Store,
    /// What was configured.
    pub settings: Settings,
    /// Held while something begins that is counted, or that may be under way only once.
    create_lock: Mutex<()>,
}

impl Api {
    /// The state of the handlers.
    pub fn new(store: Store, settings: Settings) -> Self {
        Self { store, settings, create_lock: Mutex::new(()) }
    }

    /// Held while a create counts and makes objects with a quota.
    pub async fn create_lock(&self) -> MutexGuard<'_, ()> {
        self.create_lock.lock().await
    }
}
