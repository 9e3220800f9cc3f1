//! The resources of the management cluster as the EKS API sees them: its only access to them.
//!
//! In go names that EKS has for things, and changes; out come resources, or the [`StoreError`] that kept a change from
//! being made.
//!
//! Reads come from a watch cache per kind, and see at once what this process wrote ([`Cache`]). Writes go to the API
//! server, under one field manager; a change is made on the newest version of the object and tried again if somebody
//! else was faster.

mod budget;
mod cache;
mod error;
mod find;
mod kinds;
mod watch;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

pub use budget::ACCOUNT as ROOM;
use budget::Budget;
pub use cache::Cache;
pub use error::StoreError;
pub use find::{identity, no_cluster};
pub use kinds::Kind;

use kinds::Caches;

use aws::error::ApiError;
use crd::EKSClusterConfig;
use crd::keys::API_MANAGER;
use crd::member::is_owned_by;

/// The largest object that is written, in bytes of JSON.
const LARGEST: usize = 128 * 1024;
/// How often a change is tried again after a conflict.
const TRIES: usize = 8;

/// The resources of the management cluster.
pub struct Store {
    client: Client,
    namespace: String,
    caches: Caches,
    budget: Budget,
    changed: tokio::sync::watch::Sender<u64>,
}

impl Store {
    /// A store that watches `watched`, or all namespaces, until `shutdown`. New clusters go to `namespace`.
    pub fn start(
        client: Client,
        namespace: &str,
        watched: Option<&str>,
        shutdown: tokio_util::sync::CancellationToken,
    ) -> Self {
        let changed = tokio::sync::watch::channel(0).0;
        let watched = watched.map(str::to_owned);
        let watch = watch::Watch { client: client.clone(), namespace: watched, shutdown, changed: changed.clone() };
        let budget = Budget::of_mebibytes(ROOM);
        Self { client, namespace: namespace.to_owned(), caches: Caches::start(&watch), budget, changed }
    }

    /// Sets how many MiB the records of an account may have.
    #[must_use]
    pub fn with_room_for(mut self, mebibytes: usize) -> Self {
        self.budget = Budget::of_mebibytes(mebibytes);
        self
    }

    /// Whether the object's account may have `more` bytes.
    fn has_room<K: Kind>(&self, object: &K, more: usize) -> Result<(), StoreError> {
        self.budget.check(object, more, &self.list::<EKSClusterConfig>(), |count| self.caches.count(count))
    }

    /// Waits until every kind has been listed once.
    pub async fn filled(&self) {
        self.caches.filled().await;
    }

    /// The namespace that new clusters go to.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    fn api<K: Kind>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// One object.
    pub fn get<K: Kind>(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        K::cache(&self.caches).get(namespace, name)
    }

    /// The object as it is known now; `None` where it is gone, though another one may have its name.
    pub fn now<K: Kind>(&self, object: &K) -> Option<Arc<K>> {
        let found = self.get::<K>(&object.namespace().unwrap_or_default(), &object.name_any());
        found.filter(|found| found.meta().uid == object.meta().uid)
    }

    /// One object as the API server has it.
    pub async fn fetch<K: Kind>(&self, namespace: &str, name: &str) -> Result<Option<Arc<K>>, StoreError> {
        Ok(self.api::<K>(namespace).get_opt(name).await?.map(|object| self.remember(object)))
    }

    /// All objects of a kind.
    pub fn list<K: Kind>(&self) -> Vec<Arc<K>> {
        K::cache(&self.caches).list()
    }

    /// Creates an object in its own namespace.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where the name is taken, [`StoreError::Invalid`] where the definition refuses the object,
    /// [`StoreError::Full`] where the account has too much.
    pub async fn create<K: Kind>(&self, object: &K) -> Result<Arc<K>, StoreError> {
        self.has_room(object, fits(object)?)?;
        let api = self.api::<K>(&object.namespace().unwrap_or_default());
        Ok(self.remember(api.create(&params(), object).await?))
    }

    /// Changes an object. `edit` sees its newest version, and may run several times. Nothing is written if it leaves the
    /// object as it is; whether something was is the second part of the answer.
    pub async fn change<K: Kind>(
        &self,
        object: &Arc<K>,
        edit: impl Fn(&mut K) -> Result<(), ApiError> + Send,
    ) -> Result<(Arc<K>, bool), ApiError> {
        let namespace = object.namespace().unwrap_or_default();
        let name = object.name_any();
        let api = self.api::<K>(&namespace);
        let mut current = self.get::<K>(&namespace, &name).unwrap_or_else(|| Arc::clone(object));
        for _ in 0..TRIES {
            let mut wanted = K::clone(&current);
            edit(&mut wanted)?;
            if wanted == *current {
                return Ok((current, false));
            }
            let more = fits(&wanted)?.saturating_sub(budget::size(&*current));
            if more > 0 {
                self.has_room(&wanted, more)?;
            }
            // The API server keeps what an object comes back without, and there is a part of it at most.
            wanted.meta_mut().managed_fields = None;
            match api.replace(&name, &params(), &wanted).await.map_err(StoreError::from) {
                Ok(object) => return Ok((self.remember(object), true)),
                Err(StoreError::Conflict) => current = self.remember(api.get(&name).await.map_err(StoreError::from)?),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Deletes an object and gives it back as it stands after that, with a deletion timestamp if it isn't gone yet.
    pub async fn delete<K: Kind>(&self, object: &Arc<K>) -> Result<Arc<K>, StoreError> {
        let api = self.api::<K>(&object.namespace().unwrap_or_default());
        let only_this_one = kube::api::Preconditions { uid: object.uid(), resource_version: None };
        let params = DeleteParams { preconditions: Some(only_this_one), ..DeleteParams::default() };
        let left = match api.delete(&object.name_any(), &params).await.map_err(StoreError::from) {
            Ok(answer) => answer.left(),
            Err(StoreError::Missing) => None,
            Err(error) => return Err(error),
        };
        match left {
            // Without a finalizer the API server may answer with the object too, although it is gone.
            Some(left) if left.meta().deletion_timestamp.is_some() => Ok(self.remember(left)),
            _ => {
                K::cache(&self.caches).removed(object);
                Ok(Arc::clone(object))
            }
        }
    }

    /// Says when any object was made, changed or deleted.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Says that something changed, as a watch does.
    pub fn notice(&self) {
        self.changed.send_modify(|number| *number += 1);
    }

    /// The Events about an object, newest first.
    pub async fn events<K: Kind>(&self, namespace: &str, name: &str) -> Result<Vec<serde_json::Value>, StoreError> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let about = format!("regarding.kind={},regarding.name={name}", K::kind(&()));
        let mut events = api.list(&ListParams::default().fields(&about)).await?.items;
        events.sort_by(|a, b| b.event_time.cmp(&a.event_time));
        let told = events.iter().map(|event| {
            let time = event.event_time.as_ref().map(|time| time.0.to_string());
            json!({"time": time, "type": event.type_, "reason": event.reason, "note": event.note})
        });
        Ok(told.collect())
    }

    /// A value out of a Secret that was written for the cluster; one of that name that belongs to another owner is ignored.
    pub async fn secret(
        &self,
        cluster: &EKSClusterConfig,
        name: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &cluster.namespace().unwrap_or_default());
        let secret = secrets.get_opt(name).await?;
        let secret = secret.filter(|secret| is_owned_by(secret, cluster.metadata.uid.as_deref()));
        Ok(secret.and_then(|secret| secret.data).and_then(|mut data| data.remove(key)).map(|bytes| bytes.0))
    }

    fn remember<K: Kind>(&self, mut object: K) -> Arc<K> {
        watch::strip_metadata(&mut object);
        let object = Arc::new(object);
        K::cache(&self.caches).wrote(Arc::clone(&object));
        object
    }
}

/// The object's size. Every process that looks at it keeps it: one that could be as large as a request would soon leave no memory to others.
fn fits<K: Kind>(object: &K) -> Result<usize, StoreError> {
    let length = budget::size(object);
    if length <= LARGEST {
        return Ok(length);
    }
    let text = format!("The resource would have {} KiB; {} KiB are the most", length.div_ceil(1024), LARGEST / 1024);
    Err(StoreError::Invalid(text))
}

fn params() -> PostParams {
    PostParams { field_manager: Some(API_MANAGER.to_owned()), ..PostParams::default() }
}
