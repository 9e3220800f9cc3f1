//! Sources of triggers: watches of resources, of the objects that we wrote, and of the providers.

use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Secret, Service};
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
use super::owned::Owned;
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
        })
        .touched_objects();
    Source { stream: stream.boxed(), store, listed }
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

/// Watches what we wrote beside the resources, and wakes the cluster whose object changed or got lost. Tells of each
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
        })
        .touched_objects();
    let work = async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            let Ok(object) = event else { continue };
            let owner = object.owner_references().iter().find(|o| o.kind == "EKSClusterConfig");
            if let (Some(owner), Some(namespace)) = (owner, object.namespace()) {
                // After shutdown nobody listens, which is fine.
                let _ = wake.send(ObjectRef::new(&owner.name).within(&namespace));
            }
        }
    };
    tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
    (store, listed)
}

/// Wakes a cluster and its node groups when something of theirs changed in a provider's world.
pub fn world(ctx: &Arc<Context>, shutdown: CancellationToken) {
    let providers = [ctx.providers.k3d.clone(), Some(ctx.providers.metadata.clone())];
    for provider in providers.into_iter().flatten() {
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
