//! The watches that keep the caches full.

use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::cache::Cache;
use crd::Nodegroup;

/// What can be watched.
pub trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Watched for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

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
    pub fn start<K: Watched>(&self) -> Arc<Cache<K>> {
        let api: Api<K> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let (reader, writer) = reflector::store();
        let cache = Arc::new(Cache::new(reader));
        let (fed, shutdown, changed) = (Arc::clone(&cache), self.shutdown.clone(), self.changed.clone());
        let events = watcher(api, watcher::Config::default()).default_backoff().modify(strip_metadata).reflect(writer);
        let running = events.for_each(move |event| {
            match event {
                Ok(event) => {
                    fed.observe(&event);
                    changed.send_modify(|number| *number += 1);
                }
                Err(error) => {
                    warn!(kind = %K::kind(&()), error = text::sentence(&error), "watching failed and is tried again");
                }
            }
            std::future::ready(())
        });
        tokio::spawn(async move { shutdown.run_until_cancelled(running).await });
        cache
    }
}

/// Removes what isn't read here: the managers of the fields. Of a node group, whose status doesn't say it, the time of the
/// last write stays.
pub fn strip_metadata<K: Watched>(object: &mut K) {
    let fields = object.meta_mut().managed_fields.take();
    if K::kind(&()) == Nodegroup::kind(&()) {
        let own = fields.into_iter().flatten().filter(|entry| entry.subresource.as_deref() != Some("status"));
        let last = own.filter_map(|entry| entry.time).max();
        let last = last.map(|time| vec![ManagedFieldsEntry { time: Some(time), ..ManagedFieldsEntry::default() }]);
        object.meta_mut().managed_fields = last;
    }
}

/// Waits until the cache has been filled once.
pub async fn filled<K: Watched>(cache: &Cache<K>) {
    // The only error is that the watch has ended, which happens when the process ends.
    let _ = cache.reader().wait_until_ready().await;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crd::Addon;

    fn lean_fields<K: Watched>(kind: &str, spec: Value) -> Vec<Value> {
        let entry = |manager: &str, subresource: Option<&str>, second: u8| {
            json!({"manager": manager, "operation": "Update", "subresource": subresource, "fieldsV1": {"f:spec": {}},
                "time": format!("2026-01-01T00:00:0{second}Z")})
        };
        let mut object: K = serde_json::from_value(json!({
            "apiVersion": "k3eks.io/v1alpha1", "kind": kind, "spec": spec,
            "metadata": {"name": "a", "managedFields": [entry("a", None, 1), entry("b", Some("scale"), 3),
                entry("a", None, 2), entry("c", Some("status"), 4)]},
        }))
        .unwrap();
        strip_metadata(&mut object);
        object.meta().managed_fields.iter().flatten().map(|entry| json!(entry)).collect()
    }

    #[test]
    fn of_a_node_group_the_time_of_the_last_change_is_kept() {
        let kept = lean_fields::<Nodegroup>("Nodegroup", json!({"clusterName": "c"}));
        assert_eq!(kept, [json!({"time": "2026-01-01T00:00:03Z"})]);
        assert!(lean_fields::<Addon>("Addon", json!({"clusterName": "c", "addonName": "coredns"})).is_empty());
    }
}
