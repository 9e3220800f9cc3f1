//! Wakes reconciles of other resources.

use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::mpsc::UnboundedSender;

use crd::{EKSClusterConfig, Nodegroup};
use provider::ClusterId;

/// Wakes reconciles of other resources.
#[derive(Clone, Debug)]
pub struct Wake {
    /// For clusters.
    pub clusters: UnboundedSender<ObjectRef<EKSClusterConfig>>,
    /// For node groups.
    pub nodegroups: UnboundedSender<ObjectRef<Nodegroup>>,
    /// The node groups known, to find those of a cluster.
    pub known: Store<Nodegroup>,
}

impl Wake {
    /// Wakes a cluster. A no-op after shutdown.
    pub fn cluster(&self, id: &ClusterId) {
        let _ = self.clusters.send(ObjectRef::new(&id.name).within(&id.namespace));
    }

    /// Wakes all node groups of a cluster.
    pub fn nodegroups_of(&self, id: &ClusterId) {
        for group in self.known.state() {
            if belongs(&group, id) {
                let _ = self.nodegroups.send(ObjectRef::from_obj(&*group));
            }
        }
    }

    /// Wakes a cluster and all of its node groups.
    pub fn all_of(&self, id: &ClusterId) {
        self.cluster(id);
        self.nodegroups_of(id);
    }
}

/// Whether `group` is a node group of the cluster resource `id`.
pub fn belongs(group: &Nodegroup, id: &ClusterId) -> bool {
    group.spec.cluster_name == id.name && group.metadata.namespace.as_deref() == Some(&id.namespace)
}
