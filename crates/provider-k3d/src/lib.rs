//! Real clusters: k3s in containers, through the k3d command line and Docker's API.
//!
//! k3d makes, starts and deletes clusters. Docker's API does the rest: events, reading files, nodes with their own
//! labels, taints and limits. Labels on every container, network and volume say whose it is, so that any later operator
//! finds it. Nothing is remembered elsewhere.

mod access;
mod addresses;
mod archive;
mod authority;
mod balancer;
mod cleanup;
mod cluster;
mod config;
mod containers;
mod dns;
mod endpoint;
mod engine;
mod images;
mod imported;
mod inventory;
mod k3d_config;
mod keeper;
mod logs;
mod names;
mod node;
mod nodes;
mod pods;
mod ports;
mod runner;
mod server_recovery;
mod upgrade;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{OnceCell, broadcast};
use tokio::task::JoinHandle;

pub use config::{Images, K3dSettings, Limits, VersionImage};

use containers::{Container, Role};
use engine::Engine;
use inventory::Inventory;
use ports::Ports;
use provider::{
    Access, Authorities, Authority, ClusterId, ClusterObservation, ClusterPlan, ClusterProvider, Error, Import,
    NodeObservation, NodegroupPlan, Progress, ServerObservation, ServerSettings,
};
use runner::Runner;

/// Runs clusters in Docker through k3d.
#[derive(Debug)]
pub struct K3d {
    settings: K3dSettings,
    engine: Arc<Engine>,
    world: Arc<Inventory>,
    runner: Runner,
    ports: Arc<Ports>,
    /// Tag of k3d's own images, once it was asked.
    helper_tag: OnceCell<Option<String>>,
    /// Follows Docker's events and reacts to them.
    followers: [JoinHandle<()>; 2],
}

impl K3d {
    /// Begins to follow Docker. Works without Docker too: what needs it fails with [`Error::Unavailable`] until it
    /// answers. Must be called within a tokio runtime.
    pub fn start(settings: K3dSettings) -> Arc<Self> {
        let engine = Arc::new(Engine::new(settings.docker_host.clone()));
        let world = Inventory::new(&settings.instance);
        let keeper = tokio::spawn(keeper::keep(world.clone(), engine.clone(), world.changes()));
        let followers = [tokio::spawn(world.clone().follow(engine.clone())), keeper];
        let runner = Runner::new(settings.binary.clone(), settings.docker_host.clone());
        let ports = Ports::new(settings.api_ports.clone());
        Arc::new(Self { settings, engine, world, runner, ports, helper_tag: OnceCell::new(), followers })
    }

    /// Whether Docker answers and its containers are known.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason.
    pub fn ready(&self) -> Result<(), Error> {
        self.world.clusters().map(drop)
    }

    fn name_of(&self, id: &ClusterId) -> String {
        names::cluster(&self.settings.instance, id)
    }

    /// The containers that make the control plane: servers, and the balancer before several.
    fn own_containers(&self, plan: &ClusterPlan) -> Vec<String> {
        let name = self.name_of(&plan.id);
        let mut all = names::servers(&name, plan.servers);
        all.extend((plan.servers > 1).then(|| names::balancer(&name)));
        all
    }

    /// Containers of the cluster's servers, as last seen.
    fn servers_of(&self, id: &ClusterId) -> Result<Vec<String>, Error> {
        Ok(servers(&self.world.of(id)?).map(|c| c.name.clone()).collect())
    }

    fn joined(&self) -> Option<&str> {
        self.settings.network.as_deref()
    }
}

/// Those that run the control plane, in the order of their names.
fn servers(all: &[Container]) -> impl Iterator<Item = &Container> {
    let mut servers: Vec<&Container> =
        all.iter().filter(|c| c.role == Role::Server && !upgrade::is_aside(&c.name)).collect();
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    servers.into_iter()
}

/// What is known of a node, if the container is one of a group that is asked for.
fn node(container: &Container, asked: impl Fn(&str) -> bool) -> Option<NodeObservation> {
    match &container.role {
        Role::Node { group, certified_by, .. } if asked(group) => Some(NodeObservation {
            name: container.name.clone(),
            state: container.state,
            image: container.image.clone(),
            certified_by: certified_by.clone(),
        }),
        _ => None,
    }
}

impl Drop for K3d {
    fn drop(&mut self) {
        self.followers.iter().for_each(JoinHandle::abort);
    }
}

#[async_trait]
impl ClusterProvider for K3d {
    fn name(&self) -> &'static str {
        "k3d"
    }

    fn has_api_server(&self) -> bool {
        true
    }

    fn observe_cluster(&self, plan: &ClusterPlan) -> Result<ClusterObservation, Error> {
        if let Some(port) = plan.api_port {
            self.ports.remember(&plan.id, port);
        }
        let all = self.world.of(&plan.id)?;
        let balancer = all.iter().find(|c| c.role == Role::Balancer);
        let servers: Vec<&Container> = servers(&all).collect();
        let address = balancer.or(servers.first().copied()).and_then(|c| c.address.clone());
        let server = |c: &Container| ServerObservation { name: c.name.clone(), state: c.state, image: c.image.clone() };
        Ok(ClusterObservation {
            servers: servers.into_iter().map(server).collect(),
            balancer: balancer.map(|c| c.state),
            address,
            aside: all.iter().any(|c| upgrade::is_aside(&c.name)),
            nodes: all.iter().filter_map(|c| node(c, |_| true)).collect(),
        })
    }

    fn observe_nodes(&self, plan: &NodegroupPlan) -> Result<Vec<NodeObservation>, Error> {
        Ok(self.world.of(&plan.cluster)?.iter().filter_map(|c| node(c, |group| group == plan.name)).collect())
    }

    fn clusters(&self) -> Result<Vec<ClusterId>, Error> {
        self.world.clusters()
    }

    fn cluster_name(&self, id: &ClusterId) -> String {
        self.name_of(id)
    }

    fn image(&self, version: &str) -> Result<String, Error> {
        self.settings.images.get(version)
    }

    async fn create_cluster(&self, plan: &ClusterPlan, progress: &Progress) -> Result<(), Error> {
        cluster::create(self, plan, progress).await
    }

    async fn start_cluster(&self, plan: &ClusterPlan, progress: &Progress) -> Result<(), Error> {
        Box::pin(cluster::start(self, plan, progress)).await
    }

    async fn stop_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        cluster::stop(self, id).await
    }

    async fn upgrade_cluster(&self, plan: &ClusterPlan, progress: &Progress) -> Result<(), Error> {
        upgrade::upgrade(self, plan, progress).await
    }

    async fn restart_cluster(&self, plan: &ClusterPlan, progress: &Progress) -> Result<(), Error> {
        upgrade::restart(self, plan, progress).await
    }

    async fn configure_cluster(&self, id: &ClusterId, settings: &ServerSettings) -> Result<bool, Error> {
        cluster::configure(self, id, settings).await
    }

    async fn lead_pods(&self, id: &ClusterId, address: &str, to: (&str, u16)) -> Result<(), Error> {
        pods::lead(self, id, address, to.0, to.1).await
    }

    async fn authority(&self, plan: &ClusterPlan) -> Result<Option<Authority>, Error> {
        authority::read(self, plan).await
    }

    async fn certify_cluster(&self, plan: &ClusterPlan, to: &Authorities, progress: &Progress) -> Result<(), Error> {
        authority::certify(self, plan, to, progress).await
    }

    async fn used(&self, id: &ClusterId) -> Result<Option<u64>, Error> {
        cluster::used(self, id).await
    }

    async fn access(&self, plan: &ClusterPlan) -> Result<Option<Access>, Error> {
        match &plan.import {
            Some(Import::Named(name)) => imported::access(self, plan, name).await,
            _ => cluster::access(self, plan).await,
        }
    }

    async fn release_cluster(&self, plan: &ClusterPlan) -> Result<(), Error> {
        match &plan.import {
            Some(Import::Named(name)) => imported::release(self, plan, name).await,
            _ => Ok(()),
        }
    }

    async fn delete_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        cluster::delete(self, id).await
    }

    async fn create_nodes(&self, plan: &NodegroupPlan, count: usize, progress: &Progress) -> Result<(), Error> {
        nodes::create(self, plan, count, progress).await
    }

    async fn delete_nodes(&self, id: &ClusterId, names: &[String]) -> Result<(), Error> {
        nodes::delete(self, id, names).await
    }

    fn changes(&self) -> broadcast::Receiver<ClusterId> {
        self.world.changes()
    }
}
