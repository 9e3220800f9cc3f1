//! The actions that a cluster's plan chooses among, and what its parts ask alike.

use std::collections::BTreeSet;
use std::time::Duration;

use super::authority::Wanted;
use super::inline_nodegroups::Change;
use super::observe::Observed;
use super::own_entries;
use crate::decision::Decision;
use crate::nodegroup::labels_taints;
use crd::EKSClusterConfig;
use crd::cluster::PowerState;
use crd::conditions::Health;
use crd::phase::Phase;
use provider::{ClusterId, ClusterObservation, DesiredCluster};

/// Requeue interval while waiting for something that sends no events.
pub const SOON: Duration = Duration::from_millis(300);
/// Periodic resync, in case an event was missed.
pub const ROUTINE: Duration = Duration::from_secs(600);

/// One action.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterAction {
    /// Put our finalizer on the resource.
    AddFinalizer,
    /// Take our finalizer off: nothing is left.
    Finish,
    /// Release an imported cluster and take our finalizer off.
    Release(Option<DesiredCluster>),
    /// Delete these Nodegroup resources.
    DeleteNodegroups(Vec<String>),
    /// Tell running work to stop.
    Cancel,
    /// Begin to remove the cluster.
    StartDelete,
    /// Begin to make the cluster.
    StartCreate(DesiredCluster),
    /// Begin to start what is stopped.
    StartStart(DesiredCluster),
    /// Begin to stop what runs.
    StartStop,
    /// Begin to upgrade the cluster.
    StartUpgrade(DesiredCluster),
    /// Reconcile inline node groups with their resources.
    SyncNodegroups(Vec<Change>),
    /// Write the Secrets and the Service.
    WriteAccess,
    /// Write the servers' files, and restart the servers if needed. With a new service account key if one was
    /// requested.
    Configure(DesiredCluster, Option<String>),
    /// Change the taint that keeps pods off the servers.
    TaintServers(Vec<labels_taints::Change>),
    /// Evict the pods of these servers.
    ClearServers(Vec<String>),
    /// Delete these Node objects, which have neither a machine nor a node group.
    DeleteNodeObjects(Vec<String>),
    /// Make a resource for the cluster's first certificate authority.
    AdoptAuthority(DesiredCluster),
    /// Begin to give the servers other certificate authorities.
    Certify(DesiredCluster, Wanted),
    /// Follow the cluster's API server, if it isn't followed already.
    Follow(DesiredCluster),
    /// Look the API server's address up again.
    FindAgain(ClusterId),
    /// Make and remove access entries that EKS makes by itself.
    KeepEntries(own_entries::Step),
    /// Begin to write these roles of nodes into the ConfigMap `aws-auth`.
    MapRoles(BTreeSet<String>),
    /// Only report.
    Nothing,
    /// Keep the status and reconcile again in a moment: the state isn't known yet.
    LookAgain,
}

impl ClusterAction {
    /// Whether the status stays as it is: nothing is left to report on, or the state isn't known yet.
    pub const fn is_silent(&self) -> bool {
        matches!(self, Self::Finish | Self::LookAgain)
    }
}

/// What is decided for a cluster.
pub type Plan = Decision<ClusterAction>;

/// Whether the cluster was Active before.
pub fn was_active(cluster: &EKSClusterConfig) -> bool {
    cluster.status.as_ref().is_some_and(|s| s.active_since.is_some())
}

/// Whether the cluster must not run: stopped by its spec, or hibernated.
pub fn must_stop(cluster: &EKSClusterConfig, seen: &Observed) -> bool {
    cluster.spec.state == Some(PowerState::Stopped) || seen.sleeps
}

/// Whether as many servers run as there are to be.
pub fn runs(seen: &Observed, spec: &DesiredCluster, world: &ClusterObservation) -> bool {
    !world.servers.is_empty() && world.runs(if seen.has_api_server { spec.servers } else { 1 })
}

/// Nothing is done until somebody changes something.
pub fn held(phase: Phase, health: Health) -> Plan {
    Decision::new(ClusterAction::Nothing, phase, health).after(ROUTINE)
}

/// Brings the resources of inline node groups to what the spec says; `None` where they are.
pub fn sync_nodegroups(seen: &Observed) -> Option<ClusterAction> {
    (!seen.inline.is_empty()).then(|| ClusterAction::SyncNodegroups(seen.inline.clone()))
}
