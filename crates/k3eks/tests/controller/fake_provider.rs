//! A provider whose clusters exist in memory, with an API server each that offers `/readyz` and the nodes; it counts
//! what is asked of it and fails or waits on request.

#[path = "fake_provider/api.rs"]
mod api;
#[path = "fake_provider/certified.rs"]
mod certified;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use provider::{
    Access, Authorities, Authority, Capabilities, ClusterId, ClusterObservation, ClusterProvider, DesiredCluster,
    DesiredNodegroup, Error, MachineState, NodeObservation, NodeRegistries, Progress, ServerObservation,
};
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use certified::Certified;

/// Versions that there are images for.
pub const KNOWN: [&str; 3] = ["1.34", "1.35", "1.36"];

/// One cluster that exists.
#[derive(Default)]
struct Cluster {
    image: String,
    stopped: bool,
    /// Nodes whose containers have ended.
    dead: BTreeSet<String>,
    /// Nodes by name, with the name of their group.
    nodes: BTreeMap<String, String>,
    /// Images of the nodes by name.
    images: BTreeMap<String, String>,
    /// Who signs and who is trusted.
    certified: Certified,
}

impl Cluster {
    fn observed(&self, name: &str) -> NodeObservation {
        let ended = self.stopped || self.dead.contains(name);
        NodeObservation {
            image: self.images.get(name).cloned().unwrap_or_default(),
            name: name.to_owned(),
            state: if ended { MachineState::Exited } else { MachineState::Running },
            certified_by: self.certified.of(name),
        }
    }
}

#[derive(Default)]
struct Inner {
    clusters: BTreeMap<ClusterId, Cluster>,
    /// Node objects by cluster and name.
    objects: BTreeMap<ClusterId, BTreeMap<String, Value>>,
    /// Nodes that a pod runs on, by cluster.
    busy: BTreeMap<ClusterId, Vec<String>>,
    calls: Vec<String>,
    registries: BTreeMap<ClusterId, NodeRegistries>,
    faults: BTreeMap<&'static str, Vec<Error>>,
    serial: usize,
    /// Whether nothing can be seen or done.
    away: bool,
    /// How long work takes before it has its effect, and again until it is known.
    pace: Duration,
}

/// Everything that runs, and what was asked. It outlives the controllers.
pub struct World {
    inner: Mutex<Inner>,
    changes: broadcast::Sender<ClusterId>,
    /// Grows with every change of a Node object.
    version: watch::Sender<u64>,
    /// Whether making clusters waits.
    held: watch::Sender<bool>,
    address: String,
}

impl World {
    /// An empty world, its API servers on a port of this host.
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Self {
            inner: Mutex::default(),
            changes: broadcast::channel(64).0,
            version: watch::channel(1).0,
            held: watch::channel(false).0,
            address,
        });
        let app = api::router(world.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        world
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// What was asked of the provider that changes something, in order.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// The registries that the nodes of a cluster were last given.
    pub fn registries(&self, id: &ClusterId) -> Option<NodeRegistries> {
        self.lock().registries.get(id).cloned()
    }

    /// How often `call` was made.
    pub fn count(&self, call: &str) -> usize {
        self.calls().iter().filter(|c| c.starts_with(call)).count()
    }

    /// The next calls of `what` fail with these, in order.
    pub fn fail(&self, what: &'static str, errors: Vec<Error>) {
        self.lock().faults.insert(what, errors);
    }

    /// Makes everything that creates a cluster wait, or lets it go on.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Names of the clusters that exist.
    pub fn clusters(&self) -> Vec<String> {
        self.lock().clusters.keys().map(|id| id.name.clone()).collect()
    }

    /// Names of the nodes of a group.
    pub fn nodes_of(&self, id: &ClusterId, group: &str) -> Vec<String> {
        let inner = self.lock();
        let nodes = inner.clusters.get(id).into_iter().flat_map(|c| &c.nodes);
        nodes.filter(|(_, g)| *g == group).map(|(name, _)| name.clone()).collect()
    }

    /// A node's container is gone, as if it had been removed by hand.
    pub fn lose_node(&self, id: &ClusterId, name: &str) {
        self.lock().clusters.get_mut(id).unwrap().nodes.remove(name).unwrap();
        self.changed(id);
    }

    /// The engine goes or comes back.
    pub fn away(&self, away: bool) {
        self.lock().away = away;
        let known: Vec<ClusterId> = self.lock().clusters.keys().cloned().collect();
        for id in &known {
            self.changed(id);
        }
    }

    /// Work takes so long before its effect, and as long after it.
    pub fn pace(&self, pace: Duration) {
        self.lock().pace = pace;
    }

    /// A server's container ends by itself.
    pub fn kill_server(&self, id: &ClusterId) {
        if let Some(cluster) = self.lock().clusters.get_mut(id) {
            cluster.stopped = true;
        }
        self.changed(id);
    }

    /// The container of a cluster's first node ends by itself.
    pub fn kill_node(&self, id: &ClusterId) {
        if let Some(cluster) = self.lock().clusters.get_mut(id) {
            let first = cluster.nodes.keys().find(|name| !cluster.dead.contains(*name)).cloned();
            cluster.dead.extend(first);
        }
        self.changed(id);
    }

    /// Names of a cluster's Node objects.
    pub fn objects_of(&self, id: &ClusterId) -> Vec<String> {
        self.lock().objects.get(id).into_iter().flat_map(|nodes| nodes.keys().cloned()).collect()
    }

    /// A cluster's image, and whether it is stopped.
    pub fn runs(&self, id: &ClusterId) -> Option<(String, bool)> {
        self.lock().clusters.get(id).map(|cluster| (cluster.image.clone(), cluster.stopped))
    }

    /// A Node object.
    pub fn node(&self, id: &ClusterId, name: &str) -> Value {
        self.lock().objects[id][name].clone()
    }

    /// A pod runs on a node.
    pub fn occupy(&self, id: &ClusterId, node: &str) {
        self.lock().busy.entry(id.clone()).or_default().push(node.to_owned());
    }

    /// Somebody else labels a node.
    pub fn label(&self, id: &ClusterId, name: &str, key: &str, value: &str) {
        let mut inner = self.lock();
        let node = inner.objects.get_mut(id).and_then(|nodes| nodes.get_mut(name)).unwrap();
        node["metadata"]["labels"][key] = value.into();
    }

    fn changed(&self, id: &ClusterId) {
        self.version.send_modify(|v| *v += 1);
        // Nobody listens while the controllers are stopped.
        let _ = self.changes.send(id.clone());
    }

    /// Notes the call, and lets time pass; the fault that was asked for, if one is left.
    async fn call(&self, what: &'static str, on: &str) -> Result<(), Error> {
        self.lock().calls.push(format!("{what} {on}"));
        self.take_time().await;
        self.seen()?;
        match self.lock().faults.get_mut(what).filter(|faults| !faults.is_empty()) {
            Some(faults) => Err(faults.remove(0)),
            None => Ok(()),
        }
    }

    fn change(&self, id: &ClusterId, change: impl FnOnce(&mut Cluster)) -> Result<(), Error> {
        self.lock().clusters.get_mut(id).map(change).ok_or_else(|| no_cluster(id))
    }

    fn add_nodes(&self, plan: &DesiredNodegroup, count: usize) -> Result<(), Error> {
        let mut inner = self.lock();
        for _ in 0..count {
            inner.serial += 1;
            let name = format!("node-{}", inner.serial);
            let cluster = inner.clusters.get_mut(&plan.cluster).ok_or_else(|| no_cluster(&plan.cluster))?;
            cluster.nodes.insert(name.clone(), plan.name.clone());
            cluster.images.insert(name.clone(), plan.image.clone());
            cluster.certified.met(&name, plan);
            inner.objects.entry(plan.cluster.clone()).or_default().insert(name.clone(), api::node(&name, plan));
        }
        Ok(())
    }

    /// Tells of a change, and lets time pass before whoever asked for it knows that it is done.
    async fn done(&self, id: &ClusterId) -> Result<(), Error> {
        self.changed(id);
        self.take_time().await;
        Ok(())
    }

    async fn take_time(&self) {
        let pace = self.lock().pace;
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
    }

    fn seen(&self) -> Result<(), Error> {
        if !self.lock().away {
            return Ok(());
        }
        Err(Error::Unavailable { engine: "memory", doing: "looking".into(), why: "it is away".into() })
    }
}

/// There is no such cluster.
fn no_cluster(id: &ClusterId) -> Error {
    Error::Engine { doing: format!("looking for cluster {id}"), why: "it doesn't exist".into() }
}

/// The provider; a new one for each start of the controllers.
pub struct InMemory(pub Arc<World>);

#[async_trait]
impl ClusterProvider for InMemory {
    fn name(&self) -> &'static str {
        "k3d"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { several_servers: false, ..Capabilities::ALL }
    }

    fn observe_cluster(&self, plan: &DesiredCluster) -> Result<ClusterObservation, Error> {
        self.0.seen()?;
        let inner = self.0.lock();
        let server = |c: &Cluster| ServerObservation {
            name: self.cluster_name(&plan.id),
            state: if c.stopped { MachineState::Exited } else { MachineState::Running },
            image: c.image.clone(),
        };
        let cluster = inner.clusters.get(&plan.id);
        let address = cluster.map(|_| "10.0.0.2".to_owned());
        let servers = cluster.map(server).into_iter().collect();
        let nodes = cluster.map(|c| c.nodes.keys().map(|name| c.observed(name)).collect()).unwrap_or_default();
        Ok(ClusterObservation { servers, address, nodes, ..ClusterObservation::default() })
    }

    fn observe_nodes(&self, plan: &DesiredNodegroup) -> Result<Vec<NodeObservation>, Error> {
        self.0.seen()?;
        let inner = self.0.lock();
        let Some(cluster) = inner.clusters.get(&plan.cluster) else { return Ok(Vec::new()) };
        let ours = cluster.nodes.iter().filter(|(_, group)| **group == plan.name);
        Ok(ours.map(|(name, _)| cluster.observed(name)).collect())
    }

    fn clusters(&self) -> Result<Vec<ClusterId>, Error> {
        self.0.seen()?;
        Ok(self.0.lock().clusters.keys().cloned().collect())
    }

    fn cluster_name(&self, id: &ClusterId) -> String {
        format!("memory-{}", id.name)
    }

    fn image(&self, version: &str) -> Result<String, Error> {
        if KNOWN.contains(&version) {
            return Ok(format!("image:{version}"));
        }
        Err(Error::UnknownVersion { version: version.into(), known: KNOWN.join(", ") })
    }

    async fn create_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
        progress.tell(1, 2, "waiting to be let through");
        self.0.call("create_cluster", &plan.id.name).await?;
        let mut held = self.0.held.subscribe();
        held.wait_for(|held| !held).await.unwrap();
        let made = || Cluster { image: plan.image.clone(), ..Cluster::default() };
        {
            let mut inner = self.0.lock();
            inner.clusters.retain(|id, cluster| *id != plan.id || cluster.image == plan.image);
            inner.clusters.entry(plan.id.clone()).or_insert_with(made).stopped = false;
        }
        self.0.done(&plan.id).await
    }

    async fn start_cluster(&self, plan: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        self.0.call("start_cluster", &plan.id.name).await?;
        self.0.change(&plan.id, |cluster| {
            cluster.stopped = false;
            cluster.dead.clear();
        })?;
        self.0.done(&plan.id).await
    }

    async fn stop_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        self.0.call("stop_cluster", &id.name).await?;
        self.0.change(id, |cluster| cluster.stopped = true)?;
        self.0.done(id).await
    }

    async fn restart_cluster(&self, _: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        Ok(())
    }

    async fn configure_cluster(&self, _: &DesiredCluster) -> Result<bool, Error> {
        Ok(false)
    }

    async fn lead_pods(&self, _: &ClusterId, _: &str, _: (&str, u16)) -> Result<(), Error> {
        Ok(())
    }

    async fn set_registries(&self, id: &ClusterId, registries: &NodeRegistries) -> Result<(), Error> {
        self.0.lock().registries.insert(id.clone(), registries.clone());
        Ok(())
    }

    async fn release_cluster(&self, _: &DesiredCluster) -> Result<(), Error> {
        Ok(())
    }

    async fn authority(&self, plan: &DesiredCluster) -> Result<Option<Authority>, Error> {
        Ok(self.0.lock().clusters.get(&plan.id).map(|cluster| cluster.certified.signer()))
    }

    async fn certify_cluster(&self, plan: &DesiredCluster, to: &Authorities, _: &Progress) -> Result<(), Error> {
        self.0.call("certify_cluster", &plan.id.name).await?;
        self.0.change(&plan.id, |cluster| cluster.certified.by(to))?;
        self.0.done(&plan.id).await
    }

    async fn used(&self, id: &ClusterId) -> Result<Option<u64>, Error> {
        Ok(self.0.lock().clusters.contains_key(id).then_some(1))
    }

    async fn upgrade_cluster(&self, plan: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        self.0.call("upgrade_cluster", &plan.id.name).await?;
        self.0.change(&plan.id, |cluster| {
            cluster.image.clone_from(&plan.image);
            cluster.stopped = false;
        })?;
        self.0.done(&plan.id).await
    }

    async fn access(&self, plan: &DesiredCluster) -> Result<Option<Access>, Error> {
        let Some(ca_pem) = self.0.lock().clusters.get(&plan.id).map(|cluster| cluster.certified.pem()) else {
            return Ok(None);
        };
        let endpoint = format!("{}/{}/{}", self.0.address, plan.id.namespace, plan.id.name);
        let kubeconfig = yaml::write(&json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": endpoint}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }));
        Ok(Some(Access {
            kubeconfig: kubeconfig.unwrap(),
            endpoint,
            internal: Some(("10.0.0.2".into(), 6443)),
            direct: None,
            placement: Some(16443),
            ca_pem,
        }))
    }

    async fn delete_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        self.0.call("delete_cluster", &id.name).await?;
        self.0.lock().clusters.remove(id);
        self.0.lock().objects.remove(id);
        self.0.done(id).await
    }

    async fn create_nodes(&self, plan: &DesiredNodegroup, count: usize, _: &Progress) -> Result<(), Error> {
        self.0.call("create_nodes", &plan.name).await?;
        self.0.add_nodes(plan, count)?;
        self.0.done(&plan.cluster).await
    }

    async fn delete_nodes(&self, id: &ClusterId, names: &[String]) -> Result<(), Error> {
        self.0.call("delete_nodes", &names.join(",")).await?;
        if let Some(cluster) = self.0.lock().clusters.get_mut(id) {
            cluster.nodes.retain(|name, _| !names.contains(name));
        }
        for name in names {
            // Nobody says any more that it is Ready.
            let mut inner = self.0.lock();
            if let Some(node) = inner.objects.get_mut(id).and_then(|nodes| nodes.get_mut(name)) {
                node["status"]["conditions"][0]["status"] = "Unknown".into();
            }
        }
        self.0.done(id).await
    }

    fn changes(&self) -> broadcast::Receiver<ClusterId> {
        self.0.changes.subscribe()
    }
}

/// An error that goes away by itself.
pub fn refused() -> Error {
    Error::Engine { doing: "making cluster demo".into(), why: "the engine had a bad moment".into() }
}

/// An image that isn't to be had.
pub fn no_image() -> Error {
    Error::ImageUnavailable { image: "image:1.35".into(), what: "cluster demo".into(), why: "no such host".into() }
}

/// Long enough for anything that happens in memory, on a machine with much else to do.
pub const LIMIT: Duration = Duration::from_secs(60);
