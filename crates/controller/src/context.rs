//! What every reconcile has at hand.

use std::sync::Arc;

use kube::Client;
use kube::runtime::reflector::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::accounts::Accounts;
use super::backoff::Backoff;
use super::caches::Caches;
use super::child_clusters::Children;
use super::identity_service::IdentityService;
use super::jobs::Jobs;
use super::late::NodegroupsNow;
use super::members::Members;
use super::owned_objects::Owned;
use super::providers::Providers;
use super::registries::DefaultRegistries;
use super::report::Reports;
use super::service_account::ServiceAccount;
use super::wake::{Wake, belongs};
use crd::{EKSClusterConfig, Nodegroup};
use provider::ClusterId;
use telemetry::metrics::Metrics;

/// Settings of the controllers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Kubernetes minor version of clusters that name none.
    pub default_version: String,
    /// Limit of concurrent long work.
    pub max_concurrent_provisions: usize,
    /// Only resources of this namespace; all where `None`.
    pub watch_namespace: Option<String>,
    /// How long containers without a resource are left alone.
    pub orphan_grace: std::time::Duration,
    /// Number of updates of a cluster that are kept after they ended.
    pub keep_updates: usize,
    /// Argo CD's namespace; `None` turns registration off.
    pub argocd_namespace: Option<String>,
    /// The AWS accounts of each namespace.
    pub accounts: Accounts,
    /// Whether child API servers are reached by their address on the Docker network instead of the host's port.
    pub children_by_network: bool,
    /// The service account of the EKS API, which may read the clusters' kubeconfigs; `None` for nobody.
    pub reader: Option<ServiceAccount>,
    /// The helm program.
    pub helm: std::path::PathBuf,
    /// Folder of the addons' charts.
    pub charts: Option<std::path::PathBuf>,
    /// Registries of all clusters.
    pub registries: DefaultRegistries,
    /// Where child clusters reach the identity service; `None` leaves them with certificates only.
    pub identity: Option<IdentityService>,
}

/// What the watches have of the resources and of the objects that we wrote.
pub struct Stores {
    /// All node groups.
    pub nodegroups: Store<Nodegroup>,
    /// The node groups as the API server has them at this moment.
    pub nodegroups_now: NodegroupsNow,
    /// All updates.
    pub updates: Store<crd::Update>,
    /// Other resources that belong to clusters.
    pub members: Members,
    /// Objects that we wrote.
    pub owned: Owned,
    /// For each watch, whether its store was filled once. A store's own `wait_until_ready` wakes only one waiter.
    pub listed: Vec<watch::Receiver<bool>>,
}

/// What every reconcile has at hand.
pub struct Context {
    /// Client of the management cluster.
    pub client: Client,
    /// Settings of the controllers.
    pub settings: Settings,
    /// The providers.
    pub providers: Providers,
    /// All clusters, from the watch.
    pub clusters: Store<EKSClusterConfig>,
    /// What else the watches have.
    pub stores: Stores,
    /// Child API servers.
    pub children: Children,
    /// Long work.
    pub jobs: Jobs,
    /// What may be forgotten at any time.
    pub caches: Caches,
    /// Back-off of reconciles, by uid.
    pub backoff: Backoff,
    /// Log, Event and metric of each outcome.
    pub reports: Reports,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Wakes other reconciles.
    pub wake: Wake,
    /// Helm, and the charts that are there.
    pub helm: Arc<helm::Helm>,
    /// Shutdown of the process.
    pub shutdown: CancellationToken,
}

impl Context {
    /// Waits until every watch has its first full list. Before that, unknown objects look like missing ones.
    pub async fn all_listed(&self) {
        for listed in &self.stores.listed {
            // An error means that the watch has ended, as it does at shutdown.
            let _ = listed.clone().wait_for(|listed| *listed).await;
        }
    }

    /// The node groups of a cluster resource.
    pub fn nodegroups_of(&self, id: &ClusterId) -> Vec<Arc<Nodegroup>> {
        self.stores.nodegroups.state().into_iter().filter(|g| belongs(g, id)).collect()
    }
}
