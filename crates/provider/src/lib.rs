//! The port between the controllers and what really runs clusters.
//!
//! A provider is told what to make by plain plans and tells what exists by plain observations. It knows no custom
//! resource. Every call that does work may take long and is safe to repeat after a crash: it first looks at what is there.

mod authority;
mod error;
pub mod metadata;
mod types;

pub use authority::{Authorities, Authority, KeyPair, Trusted, fingerprints, is_self_signed};
pub use error::{Error, Retry};
pub use types::{
    Access, ClusterId, ClusterObservation, ClusterPlan, ContainerState, FileKind, Import, NodeObservation,
    NodegroupPlan, OPERATOR_PORT, Progress, PublicEndpoint, Resources, ServerFile, ServerObservation, ServerSettings,
    Step,
};

use async_trait::async_trait;
use tokio::sync::broadcast;

/// Runs clusters and their nodes.
#[async_trait]
pub trait ClusterProvider: Send + Sync + 'static {
    /// The name that `spec.provider` and `status.applied.provider` use.
    fn name(&self) -> &'static str;

    /// Whether clusters have an API server that can be asked. Where not, what was planned counts as running.
    fn has_api_server(&self) -> bool;

    /// What exists of the cluster, from the world as last seen; does no I/O.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the world isn't known (the engine is away).
    fn observe_cluster(&self, plan: &ClusterPlan) -> Result<ClusterObservation, Error>;

    /// What exists of a node group, from the world as last seen; does no I/O.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the world isn't known (the engine is away).
    fn observe_nodes(&self, plan: &NodegroupPlan) -> Result<Vec<NodeObservation>, Error>;

    /// The clusters of which anything exists, known to a resource or not; does no I/O. Where nothing runs: none.
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

    /// Makes the cluster's control plane, or makes it whole after a crash. Returns when the provider has finished;
    /// [`Access`] can be had earlier by [`Self::access`]. Removes what a failed attempt left, or one for another image.
    ///
    /// # Errors
    /// Any; what was made by the failed attempt is removed by the next attempt or by [`Self::delete_cluster`].
    async fn create_cluster(&self, plan: &ClusterPlan, progress: &Progress) -> Result<(), Error>;

    /// Starts servers and nodes that are stopped.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn start_cluster(&self, plan: &ClusterPlan, progress: &Progress) -> Result<(), Error>;

    /// Stops servers and nodes, their data kept. Stopped already is a success.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn stop_cluster(&self, id: &ClusterId) -> Result<(), Error>;

    /// Brings servers to the plan's image, their data, endpoint and certificate authority kept. Repeated after a crash, it
    /// finishes what it began or begins anew.
    ///
    /// # Errors
    /// Any; the servers run on their former image again, or will after [`Self::start_cluster`].
    async fn upgrade_cluster(&self, plan: &ClusterPlan, progress: &Progress) -> Result<(), Error>;

    /// Restarts the servers, so that they read their files again; nodes and their pods go on. Where nothing runs: nothing to do.
    /// What [`Self::configure_cluster`] said is owed is done then.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn restart_cluster(&self, _plan: &ClusterPlan, _progress: &Progress) -> Result<(), Error> {
        Ok(())
    }

    /// Gives the servers their files, where they haven't got them already, and sets the rules for the endpoint; whether a restart is owed to
    /// them for the files, now or since an earlier call. Where nothing runs: nothing to do.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn configure_cluster(&self, _id: &ClusterId, _settings: &ServerSettings) -> Result<bool, Error> {
        Ok(false)
    }

    /// Has what pods of the cluster ask at `address`, port 80, answered at `to`, an address and a port; nodes that are added later do the same.
    /// Where nothing runs: nothing to do.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn lead_pods(&self, _id: &ClusterId, _address: &str, _to: (&str, u16)) -> Result<(), Error> {
        Ok(())
    }

    /// The certificate authority that signs for the cluster. `None` where nothing runs.
    ///
    /// # Errors
    /// Any.
    async fn authority(&self, _plan: &ClusterPlan) -> Result<Option<Authority>, Error> {
        Ok(None)
    }

    /// Has certificates of the cluster signed and checked as given, and restarts the servers, one after the other. Whoever trusts the one that
    /// signed before goes on trusting the servers for as long as it stays trusted itself. Where nothing runs: nothing to do.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn certify_cluster(&self, _plan: &ClusterPlan, _to: &Authorities, _progress: &Progress) -> Result<(), Error> {
        Ok(())
    }

    /// How often the cluster's public endpoint was used since some moment: a number that grows with use. `None`: that isn't known.
    ///
    /// # Errors
    /// Any.
    async fn used(&self, _id: &ClusterId) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// How to reach the API server as administrator, also of a cluster that is found by name; `None` while the cluster doesn't offer it yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Engine`].
    async fn access(&self, plan: &ClusterPlan) -> Result<Option<Access>, Error>;

    /// Lets go of a cluster that was found, not made: it stays as it is. Where nothing runs: nothing to do.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn release_cluster(&self, _plan: &ClusterPlan) -> Result<(), Error> {
        Ok(())
    }

    /// Removes the cluster with all its nodes, volumes and its own network. Nothing there is a success.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn delete_cluster(&self, id: &ClusterId) -> Result<(), Error>;

    /// Adds `count` nodes to the group, side by side.
    ///
    /// # Errors
    /// Any; nodes that came into being stay and are seen by [`Self::observe_nodes`].
    async fn create_nodes(&self, plan: &NodegroupPlan, count: usize, progress: &Progress) -> Result<(), Error>;

    /// Removes nodes by name, containers and volumes. Nothing there is a success.
    ///
    /// # Errors
    /// Any; safe to repeat.
    async fn delete_nodes(&self, id: &ClusterId, names: &[String]) -> Result<(), Error>;

    /// Says which cluster's world changed. A receiver that lags must look at everything.
    fn changes(&self) -> broadcast::Receiver<ClusterId>;
}
