//! The watches that keep the caches full.

use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Cache, Kind};

/// What is watched, and until when.
pub struct Watch {
    /// Client of the management cluster.
    pub client: Client,
    /// The only namespace that is watched; all where there is none.
    pub namespace: Option<String>,
    /// Ends the watches.
    pub shutdown: CancellationToken,
    /// Grows with everything that a watch brings.
    pub changed: watch::Sender<u64>,
}

impl Watch {
    /// Starts the watch of one kind. It is tried again for ever, with growing pauses.
    pub fn start<K: Kind>(&self) -> Arc<Cache<K>> {
        let api: Api<K> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let (reader, writer) = reflector::store();
        let cache = Arc::new(Cache::new(reader));
        let (fed, shutdown, changed) = (Arc::clone(&cache), self.shutdown.clone(), self.changed.clone());
        let events = watcher(api, watcher::Config::default()).default_backoff().modify(lean).reflect(writer);
        let running = events.for_each(move |event| {
            match event {
                Ok(event) => {
                    fed.observe(&event);
                    changed.send_modify(|number| *number += 1);
                }
                Err(error) => warn!(kind = %K::kind(&()), %error, "watching failed and is tried again"),
            }
            std::future::ready(())
        });
        tokio::spawn(async move { shutdown.run_until_cancelled(running).await });
        cache
    }
}

/// Takes away what nobody here reads: who has set which field. The API server keeps it when an object comes back without.
pub fn lean<K: Kind>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Waits until the cache has been filled once.
pub async fn filled<K: Kind>(cache: &Cache<K>) {
    // The only error is that the watch has ended, which happens when the process ends.
    let _ = cache.reader().wait_until_ready().await;
}
