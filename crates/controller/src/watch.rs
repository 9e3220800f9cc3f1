//! Sources of triggers: watches of resources, of the objects that we wrote, and of the providers.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch::{Receiver, channel};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::owned_objects::Owned;
use super::registries::Source as RegistrySource;
use crd::{EKSClusterConfig, keys};

/// A watch: its triggers, and the store that they keep up to date.
pub struct Source<K: Resource<DynamicType = ()> + Clone + 'static> {
    /// Objects that were touched.
    pub stream: std::pin::Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>,
    /// All objects.
    pub store: Store<K>,
    /// Whether the store has been filled once.
    pub listed: Receiver<bool>,
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Watches a kind. An object that can't be read is logged and left out; it can't stop the watch of the others.
pub fn source<K>(client: &Client, namespace: Option<&str>) -> Source<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + DeserializeOwned
        + Clone
        + Debug
        + Send
        + Sync
        + 'static,
{
    let api: Api<DeserializeGuard<K>> = api(client, namespace);
    let (store, writer) = reflector::store();
    let (filled, listed) = channel(false);
    let stream = watcher::watcher(api, watcher::Config::default())
        .default_backoff()
        .filter_map(|event| async {
            match event {
                Ok(event) => readable(event).map(Ok),
                Err(error) => {
                    tracing::warn!(kind = %K::kind(&()), error = text::sentence(&error), "watching");
                    Some(Err(error))
                }
            }
        })
        .modify(|object: &mut K| object.managed_fields_mut().clear())
        .reflect(writer)
        .inspect(move |event| {
            if matches!(event, Ok(Event::InitDone)) {
                filled.send_replace(true);
            }
        });
    Source { stream: touched(stream, store.clone()).boxed(), store, listed }
}

/// The objects that the store's events are about, each once the store shows what happened to it. A list that is made
/// anew shows only when it is whole; then its objects are told, and those of before that it no longer has.
fn touched<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    store: Store<K>,
) -> impl Stream<Item = watcher::Result<K>>
where
    K: Resource<DynamicType = ()> + Clone,
{
    let (mut before, mut listed) = (Vec::new(), Vec::new());
    events.flat_map(move |event| {
        let told = match event {
            Ok(Event::Init) => {
                listed.clear();
                before = store.state();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listed.push(object);
                Vec::new()
            }
            Ok(Event::InitDone) => {
                let gone = std::mem::take(&mut before);
                let gone = gone.into_iter().filter(|old| store.get(&ObjectRef::from_obj(&**old)).is_none());
                let gone = gone.map(Arc::unwrap_or_clone);
                std::mem::take(&mut listed).into_iter().chain(gone).map(Ok).collect()
            }
            Ok(Event::Apply(object) | Event::Delete(object)) => vec![Ok(object)],
            Err(error) => vec![Err(error)],
        };
        futures::stream::iter(told)
    })
}

/// The event without its guard; `None` for an object that can't be read.
fn readable<K: Resource<DynamicType = ()>>(event: Event<DeserializeGuard<K>>) -> Option<Event<K>> {
    let open = |guard: DeserializeGuard<K>| match guard.0 {
        Ok(object) => Some(object),
        Err(error) => {
            let name = error.metadata.name.as_deref().unwrap_or_default();
            tracing::error!(kind = %K::kind(&()), name, error = error.error, "can't be read and is left alone");
            None
        }
    };
    match event {
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
        Event::InitApply(guard) => open(guard).map(Event::InitApply),
        Event::Apply(guard) => open(guard).map(Event::Apply),
        Event::Delete(guard) => open(guard).map(Event::Delete),
    }
}

/// Watches the objects that k3eks writes for the resources, and wakes the cluster whose object changed or got lost. Tells of each
/// watch whether its store has been filled once.
pub fn owned(
    client: &Client,
    namespace: Option<&str>,
    shutdown: CancellationToken,
) -> (Owned, Vec<Receiver<bool>>, UnboundedReceiver<ObjectRef<EKSClusterConfig>>) {
    let (wake, woken) = unbounded_channel();
    let (secrets, some) = keep::<Secret>(meta(client, namespace), wake.clone(), shutdown.clone());
    let (services, more) = keep::<Service>(meta(client, namespace), wake.clone(), shutdown.clone());
    let (slices, last) = keep::<EndpointSlice>(meta(client, namespace), wake, shutdown);
    (Owned { secrets, services, slices }, vec![some, more, last], woken)
}

fn meta<K>(client: &Client, namespace: Option<&str>) -> Api<PartialObjectMeta<K>>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn keep<K>(
    api: Api<PartialObjectMeta<K>>,
    wake: UnboundedSender<ObjectRef<EKSClusterConfig>>,
    shutdown: CancellationToken,
) -> (Store<PartialObjectMeta<K>>, Receiver<bool>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let (filled, listed) = channel(false);
    let config = watcher::Config::default().labels(keys::LABEL_CLUSTER);
    let stream = watcher::watcher(api, config)
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .inspect(move |event| {
            if matches!(event, Ok(Event::InitDone)) {
                filled.send_replace(true);
            }
        });
    let stream = touched(stream, store.clone());
    let work = async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            let Ok(object) = event else { continue };
            let owner = object.owner_references().iter().find(|o| o.kind == "EKSClusterConfig");
            if let (Some(owner), Some(namespace)) = (owner, object.namespace()) {
                // After shutdown there is no receiver, which is fine.
                let _ = wake.send(ObjectRef::new(&owner.name).within(&namespace));
            }
        }
    };
    tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
    (store, listed)
}

/// Has nodes told when a Secret or `ConfigMap` changes that a cluster's registries name. Of all others nothing is kept.
pub fn registries(ctx: &Arc<Context>, shutdown: &CancellationToken) {
    let (watched, default) = (ctx.settings.watch_namespace.as_deref(), &ctx.settings.registries);
    let mut places = BTreeSet::from([watched]);
    // Those of all clusters are in a namespace of their own.
    if watched.is_some() && !default.registries.configs.is_empty() {
        places.insert(Some(default.namespace.as_str()));
    }
    for namespace in places {
        tell_changes(meta::<Secret>(&ctx.client, namespace), RegistrySource::Secret, ctx, shutdown);
        tell_changes(meta::<ConfigMap>(&ctx.client, namespace), RegistrySource::ConfigMap, ctx, shutdown);
    }
}

/// Tells of each change of these objects until `shutdown`.
fn tell_changes<K>(
    api: Api<PartialObjectMeta<K>>,
    source: RegistrySource,
    ctx: &Arc<Context>,
    shutdown: &CancellationToken,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let ctx = ctx.clone();
    let work = async move {
        let mut events = std::pin::pin!(watcher::watcher(api, watcher::Config::default()).default_backoff());
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object) | Event::Delete(object)) => {
                    let namespace = object.namespace().unwrap_or_default();
                    ctx.children.source_changed(Some((source, &namespace, &object.name_any())));
                }
                // What changed while nobody looked isn't told.
                Ok(Event::InitDone) => ctx.children.source_changed(None),
                Ok(Event::Init | Event::InitApply(_)) => {}
                Err(error) => tracing::warn!(?source, error = text::sentence(&error), "watching what registries name"),
            }
        }
    };
    tokio::spawn(shutdown.clone().run_until_cancelled_owned(work));
}

/// Wakes a cluster and its node groups when something of theirs changed in a provider's world.
pub fn world(ctx: &Arc<Context>, shutdown: CancellationToken) {
    for provider in ctx.providers.on() {
        let (mut changes, ctx) = (provider.changes(), ctx.clone());
        let work = async move {
            loop {
                match changes.recv().await {
                    Ok(id) => ctx.wake.all_of(&id),
                    Err(RecvError::Lagged(_)) => {
                        for cluster in ctx.clusters.state() {
                            ctx.wake.all_of(&super::cluster::validate::id(&cluster));
                        }
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        };
        let shutdown = shutdown.clone();
        tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::reflector::store;

    fn named(name: &str, data: &str) -> Secret {
        serde_json::from_value(
            serde_json::json!({"metadata": {"name": name, "namespace": "n", "labels": {"is": data}}}),
        )
        .unwrap()
    }

    /// What the store has of each object at the moment at which the object is told.
    async fn told(events: Vec<Event<Secret>>) -> Vec<(String, Option<String>)> {
        let (reader, writer) = store();
        let events = futures::stream::iter(events.into_iter().map(Ok)).reflect(writer);
        let shown = |object: &Secret| reader.get(&ObjectRef::from_obj(object)).map(|now| now.labels()["is"].clone());
        let told = touched(events, reader.clone()).map(|object| object.unwrap());
        told.map(|object| (object.name_any(), shown(&object))).collect().await
    }

    #[tokio::test]
    async fn an_object_is_told_once_the_store_shows_it() {
        let first = vec![Event::Init, Event::InitApply(named("a", "old")), Event::InitDone];
        let again = vec![
            Event::Init,
            Event::InitApply(named("a", "new")),
            Event::InitApply(named("b", "new")),
            Event::InitDone,
            Event::Apply(named("b", "newer")),
        ];
        let seen = |name: &str, data: &str| (name.to_owned(), Some(data.to_owned()));
        let all = told(first.into_iter().chain(again).collect()).await;
        assert_eq!(all, [seen("a", "old"), seen("a", "new"), seen("b", "new"), seen("b", "newer")]);
    }

    #[tokio::test]
    async fn an_object_that_a_new_list_lacks_is_told_too() {
        let first = vec![Event::Init, Event::InitApply(named("a", "old")), Event::InitDone];
        let again = vec![Event::Init, Event::InitDone, Event::Delete(named("c", "gone"))];
        let all = told(first.into_iter().chain(again).collect()).await;
        let gone = |name: &str| (name.to_owned(), None);
        assert_eq!(all, [("a".to_owned(), Some("old".to_owned())), gone("a"), gone("c")]);
    }
}
