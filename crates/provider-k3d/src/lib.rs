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
mod containers;
mod dns;
mod docker;
mod endpoint;
mod images;
mod imported;
mod inventory;
mod k3d;
mod k3d_config;
mod k3d_registries;
mod k3s_process;
mod logs;
mod names;
mod node_container;
mod node_script;
mod nodegroup;
mod ports;
mod registries_script;
mod restart_repair;
mod runner;
mod server_recovery;
mod settings;
mod upgrade;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

pub use k3d::K3d;
pub use names::server_number as server_container;
pub use settings::{K3dSettings, Limits, NodeImages, VersionImage};

use containers::{Container, Role, servers};
use provider::{
    Access, Authorities, Authority, Capabilities, ClusterId, ClusterObservation, ClusterProvider, DesiredCluster,
    DesiredNodegroup, Error, Import, NodeObservation, NodeRegistries, Progress, ServerObservation,
};

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

/// The name that resources have for this provider.
pub const NAME: &str = "k3d";
/// What it can do.
pub const CAPABILITIES: Capabilities = Capabilities::ALL;

#[async_trait]
impl ClusterProvider for K3d {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn observe_cluster(&self, plan: &DesiredCluster) -> Result<ClusterObservation, Error> {
        if let Some(port) = plan.placement {
            self.ports.remember(&plan.id, port);
        }
        let all = self.inventory.of(&plan.id)?;
        let balancer = all.iter().find(|c| c.role == Role::Balancer);
        let servers: Vec<&Container> = servers(&all).collect();
        let address = balancer.or(servers.first().copied()).and_then(|c| c.address.clone());
        let server = |c: &Container| ServerObservation { name: c.name.clone(), state: c.state, image: c.image.clone() };
        Ok(ClusterObservation {
            servers: servers.into_iter().map(server).collect(),
            balancer: balancer.map(|c| c.state),
            address,
            old_server: all.iter().any(|c| names::is_old_server(&c.name)),
            nodes: all.iter().filter_map(|c| node(c, |_| true)).collect(),
        })
    }

    fn observe_nodes(&self, plan: &DesiredNodegroup) -> Result<Vec<NodeObservation>, Error> {
        Ok(self.inventory.of(&plan.cluster)?.iter().filter_map(|c| node(c, |group| group == plan.name)).collect())
    }

    fn clusters(&self) -> Result<Vec<ClusterId>, Error> {
        self.inventory.clusters()
    }

    fn cluster_name(&self, id: &ClusterId) -> String {
        self.name_of(id)
    }

    fn image(&self, version: &str) -> Result<String, Error> {
        self.settings.images.get(version)
    }

    async fn create_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
        cluster::create(self, plan, progress).await
    }

    async fn start_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
        Box::pin(cluster::start(self, plan, progress)).await
    }

    async fn stop_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        cluster::stop(self, id).await
    }

    async fn upgrade_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
        upgrade::upgrade(self, plan, progress).await
    }

    async fn restart_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
        upgrade::restart(self, plan, progress).await
    }

    async fn configure_cluster(&self, plan: &DesiredCluster) -> Result<bool, Error> {
        cluster::configure(self, plan).await
    }

    async fn lead_pods(&self, id: &ClusterId, address: &str, to: (&str, u16)) -> Result<(), Error> {
        node_script::lead(self, id, address, to).await
    }

    async fn set_registries(&self, id: &ClusterId, registries: &NodeRegistries) -> Result<(), Error> {
        registries_script::set(self, id, registries).await
    }

    fn registry_changes(&self) -> Option<watch::Receiver<()>> {
        Some(self.registries.clone())
    }

    async fn authority(&self, plan: &DesiredCluster) -> Result<Option<Authority>, Error> {
        authority::read(self, plan).await
    }

    async fn certify_cluster(&self, plan: &DesiredCluster, to: &Authorities, progress: &Progress) -> Result<(), Error> {
        authority::certify(self, plan, to, progress).await
    }

    async fn used(&self, id: &ClusterId) -> Result<Option<u64>, Error> {
        cluster::used(self, id).await
    }

    async fn access(&self, plan: &DesiredCluster) -> Result<Option<Access>, Error> {
        match &plan.import {
            Some(Import::Named(name)) => imported::access(self, plan, name).await,
            _ => cluster::access(self, plan).await,
        }
    }

    async fn release_cluster(&self, plan: &DesiredCluster) -> Result<(), Error> {
        match &plan.import {
            Some(Import::Named(name)) => imported::release(self, plan, name).await,
            _ => Ok(()),
        }
    }

    async fn delete_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        cluster::delete(self, id).await
    }

    async fn create_nodes(&self, plan: &DesiredNodegroup, count: usize, progress: &Progress) -> Result<(), Error> {
        nodegroup::create(self, plan, count, progress).await
    }

    async fn delete_nodes(&self, id: &ClusterId, names: &[String]) -> Result<(), Error> {
        nodegroup::delete(self, id, names).await
    }

    fn changes(&self) -> broadcast::Receiver<ClusterId> {
        self.inventory.changes()
    }
}
