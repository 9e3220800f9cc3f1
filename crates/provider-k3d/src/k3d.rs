//! The provider: its settings, its connection to Docker, and what it knows of the containers there.

use std::sync::Arc;

use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;

use super::containers::servers;
use super::docker::Connection;
use super::inventory::Inventory;
use super::ports::Ports;
use super::runner::Runner;
use super::settings::K3dSettings;
use super::{k3d_registries, names, restart_repair};
use provider::{ClusterId, DesiredCluster, Error};

/// Runs clusters in Docker through k3d.
#[derive(Debug)]
pub struct K3d {
    pub(crate) settings: K3dSettings,
    pub(crate) docker: Arc<Connection>,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) runner: Runner,
    pub(crate) ports: Arc<Ports>,
    /// Tag of k3d's own images, once it was asked.
    pub(crate) helper_tag: OnceCell<Option<String>>,
    /// Changes when a registry of k3d's starts or ends.
    pub(crate) registries: watch::Receiver<()>,
    /// Follows Docker's events and reacts to them.
    followers: [JoinHandle<()>; 3],
}

impl K3d {
    /// Begins to follow Docker. Works without Docker too: what needs it fails with [`Error::Unavailable`] until it
    /// answers. Must be called within a tokio runtime.
    pub fn start(settings: K3dSettings) -> Arc<Self> {
        let docker = Arc::new(Connection::new(settings.docker_host.clone()));
        let inventory = Inventory::new(&settings.instance);
        let repair = tokio::spawn(restart_repair::repair(inventory.clone(), docker.clone(), inventory.changes()));
        let (changed, registries) = watch::channel(());
        let listen = tokio::spawn(k3d_registries::follow(docker.clone(), changed));
        let followers = [tokio::spawn(inventory.clone().follow(docker.clone())), repair, listen];
        let runner = Runner::new(settings.binary.clone(), settings.docker_host.clone());
        let ports = Ports::new(settings.api_ports.clone());
        Arc::new(Self {
            settings,
            docker,
            inventory,
            runner,
            ports,
            helper_tag: OnceCell::new(),
            registries,
            followers,
        })
    }

    /// Whether Docker answers and its containers are known.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason.
    pub fn ready(&self) -> Result<(), Error> {
        self.inventory.clusters().map(drop)
    }

    pub(crate) fn name_of(&self, id: &ClusterId) -> String {
        names::cluster(&self.settings.instance, id)
    }

    /// The containers that make the control plane: servers, and the balancer before several.
    pub(crate) fn own_containers(&self, plan: &DesiredCluster) -> Vec<String> {
        let name = self.name_of(&plan.id);
        let mut all = names::servers(&name, plan.servers);
        all.extend((plan.servers > 1).then(|| names::balancer(&name)));
        all
    }

    /// Containers of the cluster's servers, as last seen.
    pub(crate) fn servers_of(&self, id: &ClusterId) -> Result<Vec<String>, Error> {
        Ok(servers(&self.inventory.of(id)?).map(|c| c.name.clone()).collect())
    }

    pub(crate) fn joined(&self) -> Option<&str> {
        self.settings.network.as_deref()
    }
}

impl Drop for K3d {
    fn drop(&mut self) {
        self.followers.iter().for_each(JoinHandle::abort);
    }
}
