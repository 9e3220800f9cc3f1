//! The API servers of child clusters, by cluster. Each has a watcher that tells what is known of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::child_client;
pub use super::child_watcher::{AccessSource, Child};
use super::child_watcher::{ChildWatcher, SOON};
use super::error::Error;
use super::identity_service::IdentityService;
use super::registries::{Source, Wanted};
use super::wake::Wake;
use provider::{ClusterId, DesiredCluster, Import};

/// The longest wait for an API server whose container was changed.
const AGAIN: Duration = Duration::from_secs(60);

struct Watched {
    import: Option<Import>,
    /// Whether the published port may be closed to this operator, so that it needs another route.
    guarded: Arc<AtomicBool>,
    state: Arc<Mutex<(Child, Option<Client>)>>,
    again: Arc<Notify>,
    /// What its nodes are to pull from.
    registries: watch::Sender<Wanted>,
    stop: CancellationToken,
}

/// Every child API server that is followed.
pub struct Children {
    followers: Mutex<HashMap<ClusterId, Watched>>,
    management: Client,
    by_network: bool,
    identity: Option<IdentityService>,
    wake: Wake,
    shutdown: CancellationToken,
}

impl Children {
    /// Follows no cluster yet. `management` reads Secrets; `by_network`: by the address on the clusters' network instead of
    /// the host's port.
    pub fn new(
        management: Client,
        by_network: bool,
        identity: Option<IdentityService>,
        wake: Wake,
        shutdown: CancellationToken,
    ) -> Self {
        Self { followers: Mutex::default(), management, by_network, identity, wake, shutdown }
    }

    /// Follows the cluster from now on, if it isn't followed already; its nodes pull from `registries`.
    pub fn follow(&self, plan: &DesiredCluster, registries: Wanted, way_in: impl FnOnce() -> AccessSource) {
        let mut followers = self.followers.lock();
        // One that is found elsewhere from now on is another one.
        if let Some(other) = followers.get(&plan.id).filter(|follower| follower.import != plan.import) {
            other.stop.cancel();
            followers.remove(&plan.id);
        }
        let follower = followers.entry(plan.id.clone()).or_insert_with(|| {
            let import = plan.import.clone();
            let stop = self.shutdown.child_token();
            let follower = Watched {
                import,
                guarded: Arc::default(),
                state: Arc::default(),
                again: Arc::default(),
                registries: watch::Sender::new(registries.clone()),
                stop,
            };
            let watcher = ChildWatcher {
                plan: plan.clone(),
                way_in: way_in(),
                by_network: self.by_network,
                guarded: follower.guarded.clone(),
                identity: self.identity.clone(),
                management: self.management.clone(),
                registries: follower.registries.subscribe(),
                wake: self.wake.clone(),
                state: follower.state.clone(),
                again: follower.again.clone(),
            };
            let stop = follower.stop.clone();
            tokio::spawn(async move { stop.run_until_cancelled(Box::pin(watcher.forever())).await });
            follower
        });
        follower.registries.send_if_modified(|known| {
            *known != registries && {
                *known = registries;
                true
            }
        });
        follower.guarded.store(plan.public_endpoint.has_rules(), Ordering::Relaxed);
    }

    /// What is known of the cluster's API server.
    pub fn view(&self, id: &ClusterId) -> Child {
        self.with(id, |state| state.0.clone()).unwrap_or_default()
    }

    /// Client of the cluster's API server, once it answered.
    pub fn client(&self, id: &ClusterId) -> Option<Client> {
        self.with(id, |state| state.1.clone()).flatten()
    }

    /// Kubeconfig of the cluster's API server for other programs, once it answered.
    pub fn kubeconfig(&self, id: &ClusterId) -> Result<Option<String>, Error> {
        let child = self.view(id);
        let found = child.access.zip(child.route);
        found.map(|(access, route)| child_client::kubeconfig(&access, route)).transpose()
    }

    /// Deletes Node objects whose machines are gone; nothing where the API server can't be asked.
    pub async fn delete_nodes(&self, id: &ClusterId, names: &[String]) -> Result<(), Error> {
        let Some(client) = self.client(id) else { return Ok(()) };
        let api = Api::<Node>::all(client);
        let each = futures::stream::iter(names.iter().map(Ok));
        each.try_for_each_concurrent(8, |name| delete_node(&api, id, name)).await
    }

    /// The API server's container changed: look its address up again.
    pub fn changed(&self, id: &ClusterId) {
        if let Some(follower) = self.followers.lock().get(id) {
            follower.again.notify_one();
        }
    }

    /// The same, then waits a limited time until the API server answers again.
    pub async fn answers_again(&self, id: &ClusterId) {
        self.with(id, |state| state.0.ready = false);
        self.changed(id);
        let deadline = tokio::time::Instant::now() + AGAIN;
        while !self.view(id).ready && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(SOON).await;
        }
    }

    /// The servers have files with this digest.
    pub fn configured(&self, id: &ClusterId, digest: String) {
        self.with(id, |state| state.0.configured = Some(digest));
    }

    /// Whether nothing is left to be moved off the servers.
    pub fn cleared(&self, id: &ClusterId, cleared: bool) {
        self.with(id, |state| state.0.cleared = cleared);
    }

    /// A Secret or `ConfigMap` changed, or `None`: any may have. Has the nodes told of it whose registries name it.
    pub fn source_changed(&self, changed: Option<(Source, &str, &str)>) {
        for follower in self.followers.lock().values() {
            follower.registries.send_if_modified(|known| match changed {
                Some((source, namespace, name)) => known.names(source, namespace, name),
                None => !known.configs.is_empty(),
            });
        }
    }

    /// Follows the cluster no more.
    pub fn forget(&self, id: &ClusterId) {
        if let Some(follower) = self.followers.lock().remove(id) {
            follower.stop.cancel();
        }
    }

    fn with<T>(&self, id: &ClusterId, f: impl FnOnce(&mut (Child, Option<Client>)) -> T) -> Option<T> {
        let followers = self.followers.lock();
        followers.get(id).map(|x| f(&mut x.state.lock()))
    }
}

async fn delete_node(api: &Api<Node>, cluster: &ClusterId, name: &str) -> Result<(), Error> {
    match api.delete(name, &kube::api::DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(e) => Err(Error::kubernetes(format!("deleting node {name} of cluster {cluster}"))(e)),
    }
}
