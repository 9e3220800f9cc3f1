//! The port between the controllers and the providers that run clusters.
//!
//! In go plain plans ([`DesiredCluster`] with its [`ControlPlane`], [`DesiredNodegroup`]), out come plain observations
//! ([`ClusterObservation`], [`NodeObservation`]) and the way to an API server ([`Access`]). They say what is meant, never
//! how an engine is told: a server or a node is a machine, whatever that is to the provider. A provider knows no custom
//! resource.
//!
//! Every call that does work may take long and can be repeated after a crash: it first looks at what exists. What a
//! provider can't do it says in its [`Capabilities`]. [`conformance`] has the suite that every provider passes;
//! [`metadata`] is the one that keeps records alone.

mod authority;
mod capabilities;
pub mod conformance;
mod control_plane;
mod error;
pub mod metadata;
mod registries;
mod types;

pub use authority::{Authorities, Authority, KeyPair, Trusted, fingerprints, is_self_signed};
pub use capabilities::Capabilities;
pub use control_plane::{Claim, ControlPlane, IdentityWebhooks, OidcProvider, ServerKeys};
pub use error::{Error, Retry};
pub use registries::{Credentials, Mirror, NodeRegistries, NodeRegistry, RegistryConfig};
pub use types::{
    Access, ClusterId, ClusterObservation, DesiredCluster, DesiredNodegroup, Import, MachineState, NodeObservation,
    Progress, PublicEndpoint, Resources, ServerObservation, Step, Zone,
};

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

/// Runs clusters and their nodes.
#[async_trait]
pub trait ClusterProvider: Send + Sync + 'static {
    /// The name that `spec.provider` and `status.applied.provider` use.
    fn name(&self) -> &'static str;

    /// What it can do. The same at every call.
    fn capabilities(&self) -> Capabilities;

    /// What exists of the cluster, as last seen. No I/O.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the world isn't known (the engine is away).
    fn observe_cluster(&self, plan: &DesiredCluster) -> Result<ClusterObservation, Error>;

    /// What exists of a node group, as last seen. No I/O.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the world isn't known (the engine is away).
    fn observe_nodes(&self, plan: &DesiredNodegroup) -> Result<Vec<NodeObservation>, Error>;

    /// The clusters of which anything exists, with or without a resource. No I/O. A provider that runs nothing has
    /// none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the world isn't known (the engine is away).
    fn clusters(&self) -> Result<Vec<ClusterId>, Error> {
        Ok(Vec::new())
    }

    /// The provider's own name for the cluster.
    fn cluster_name(&self, id: &ClusterId) -> String;

    /// Image that runs `version` (a minor version such as `1.35`).
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] with the versions that are known.
    fn image(&self, version: &str) -> Result<String, Error>;

    /// Makes the cluster's control plane, or completes it after a crash. Returns when the provider has finished;
    /// [`Self::access`] gives [`Access`] earlier. Removes leftovers of a failed attempt or of another image.
    ///
    /// # Errors
    /// Any; what was made by the failed attempt is removed by the next attempt or by [`Self::delete_cluster`].
    async fn create_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error>;

    /// Starts servers and nodes that are stopped.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn start_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error>;

    /// Stops servers and nodes and keeps their data. Succeeds if they are stopped already.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn stop_cluster(&self, id: &ClusterId) -> Result<(), Error>;

    /// Upgrades servers to the plan's image. Data, endpoint and certificate authority stay. Repeated after a crash, it
    /// finishes or starts over.
    ///
    /// # Errors
    /// Any; the servers run on their former image again, or will after [`Self::start_cluster`].
    async fn upgrade_cluster(&self, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error>;

    /// Restarts the servers, so that they take what they take at their start alone. Nodes and pods keep running. Does
    /// the restart that [`Self::configure_cluster`] reported as pending. Needs [`Capabilities::configure`].
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn restart_cluster(&self, _plan: &DesiredCluster, _progress: &Progress) -> Result<(), Error> {
        Err(self.unsupported("restart the servers of a cluster"))
    }

    /// Gives the servers the plan's control plane and sets the rules for the endpoint. Returns whether a restart is
    /// pending, from now or from an earlier call. Needs [`Capabilities::configure`].
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn configure_cluster(&self, _plan: &DesiredCluster) -> Result<bool, Error> {
        Err(self.unsupported("change the settings of servers that run"))
    }

    /// Redirects requests of pods to `address`, port 80, to the address and port `to`, also on later nodes. Needs
    /// [`Capabilities::pod_credentials`].
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn lead_pods(&self, _id: &ClusterId, _address: &str, _to: (&str, u16)) -> Result<(), Error> {
        Err(self.unsupported("lead pods to their credentials"))
    }

    /// Has the servers and nodes of the cluster pull images as `registries` says, also those that come later. Pods keep
    /// running. Needs [`Capabilities::registries`].
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn set_registries(&self, _id: &ClusterId, _registries: &NodeRegistries) -> Result<(), Error> {
        Err(self.unsupported("tell nodes of container registries"))
    }

    /// Changes whenever nodes reach other registries of the engine's own than before, and are to be told of theirs again by
    /// [`Self::set_registries`]. `None`: never.
    fn registry_changes(&self) -> Option<watch::Receiver<()>> {
        None
    }

    /// The certificate authority that signs for the cluster; `None` if the cluster doesn't exist. Needs
    /// [`Capabilities::authorities`].
    ///
    /// # Errors
    /// Any.
    async fn authority(&self, _plan: &DesiredCluster) -> Result<Option<Authority>, Error> {
        Err(self.unsupported("read certificate authorities"))
    }

    /// Changes the certificate authorities and restarts the servers one by one. Clients that trust the previous signer
    /// keep trusting the servers as long as it stays trusted. Needs [`Capabilities::authorities`].
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn certify_cluster(
        &self,
        _plan: &DesiredCluster,
        _to: &Authorities,
        _progress: &Progress,
    ) -> Result<(), Error> {
        Err(self.unsupported("change certificate authorities"))
    }

    /// A counter of the public endpoint's use, which grows with traffic; `None` if unknown. Needs
    /// [`Capabilities::use_counter`], and an endpoint that is counted.
    ///
    /// # Errors
    /// Any.
    async fn used(&self, _id: &ClusterId) -> Result<Option<u64>, Error> {
        Err(self.unsupported("tell whether a cluster is used"))
    }

    /// How to reach the API server as administrator, also for an imported cluster. `None` while the cluster doesn't
    /// offer it yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Engine`].
    async fn access(&self, plan: &DesiredCluster) -> Result<Option<Access>, Error>;

    /// Releases an imported cluster, unchanged; nothing is to be done for one that was made here. Needs
    /// [`Capabilities::import`].
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn release_cluster(&self, _plan: &DesiredCluster) -> Result<(), Error> {
        Err(self.unsupported("release an imported cluster"))
    }

    /// Removes the cluster with all its nodes, volumes and its own network. Succeeds if nothing is there.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn delete_cluster(&self, id: &ClusterId) -> Result<(), Error>;

    /// Adds `count` nodes to the group, in parallel.
    ///
    /// # Errors
    /// Any; nodes that came into being stay and are seen by [`Self::observe_nodes`].
    async fn create_nodes(&self, plan: &DesiredNodegroup, count: usize, progress: &Progress) -> Result<(), Error>;

    /// Removes nodes by name, with their machines and data. Succeeds if nothing is there.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn delete_nodes(&self, id: &ClusterId, names: &[String]) -> Result<(), Error>;

    /// Reports which cluster changed. A receiver that lags must resync everything.
    fn changes(&self) -> broadcast::Receiver<ClusterId>;

    /// The answer to what isn't among the capabilities.
    fn unsupported(&self, what: &'static str) -> Error {
        Error::Unsupported { provider: self.name(), what }
    }
}
