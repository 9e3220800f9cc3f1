//! What a change of one resource means for others: mappers over the watch streams, as kube's `Controller::watches` has
//! them. A stream tells an object once its store shows what happened to it, so a reconcile that it triggers sees the change.

use std::collections::HashMap;

use kube::Resource;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;

use super::cluster::validate;
use super::nodegroup::validate::cluster_id;
use super::wake::Wake;
use crd::{EKSClusterConfig, Nodegroup, Phase};

/// Whether the object of a stream's event is gone.
pub fn is_gone<K: Resource<DynamicType = ()> + Clone>(object: &K, store: &Store<K>) -> bool {
    store.get(&ObjectRef::from_obj(object)).is_none()
}

/// A cluster's phase decides what its node groups do: wakes them when it changes.
///
/// The phases told before are the mapper's own, and lost with it: at the start of a process all node groups are looked at
/// anyway.
pub fn phase_to_nodegroups(
    store: Store<EKSClusterConfig>,
    wake: Wake,
) -> impl FnMut(&watcher::Result<EKSClusterConfig>) {
    let mut phases = Phases::default();
    move |event| {
        let Ok(cluster) = event else { return };
        if phases.changes(cluster, is_gone(cluster, &store)) {
            wake.nodegroups_of(&validate::id(cluster));
        }
    }
}

/// The phase in which each cluster was last seen.
#[derive(Default)]
struct Phases(HashMap<ObjectRef<EKSClusterConfig>, Option<Phase>>);

impl Phases {
    /// Whether the cluster has another phase than before. One that is new has no before.
    fn changes(&mut self, cluster: &EKSClusterConfig, gone: bool) -> bool {
        let key = ObjectRef::from_obj(cluster);
        if gone {
            self.0.remove(&key);
            return false;
        }
        let phase = cluster.status.as_ref().and_then(|status| status.phase);
        self.0.insert(key, phase).is_some_and(|before| before != phase)
    }
}

/// A cluster reports on its node groups, and waits for them to go: wakes it when one comes, changes or goes.
pub fn nodegroup_to_cluster(wake: Wake) -> impl FnMut(&watcher::Result<Nodegroup>) {
    move |event| {
        if let Ok(group) = event {
            wake.cluster(&cluster_id(group));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::fixtures::{cluster, nodegroup};

    #[test]
    fn node_groups_are_woken_when_the_phase_of_their_cluster_changes() {
        let at = |phase: &str| cluster(json!({}), json!({"phase": phase}));
        let mut phases = Phases::default();
        assert!(!phases.changes(&cluster(json!({}), Value::Null), false), "its groups are looked at anyway");
        assert!(phases.changes(&at("Creating"), false));
        assert!(!phases.changes(&at("Creating"), false));
        assert!(phases.changes(&at("Active"), false));
        assert!(!phases.changes(&at("Active"), true) && phases.0.is_empty(), "it is gone");
        assert!(!phases.changes(&at("Creating"), false), "another one of its name");
    }

    #[test]
    fn a_node_group_wakes_the_cluster_that_it_names() {
        let (clusters, mut woken) = unbounded_channel();
        let (nodegroups, _groups) = unbounded_channel();
        let (known, _writer) = kube::runtime::reflector::store();
        let mut tell = nodegroup_to_cluster(Wake { clusters, nodegroups, known });
        tell(&Ok(nodegroup(json!({}), Value::Null)));
        assert_eq!(woken.try_recv().ok(), Some(ObjectRef::new("demo").within("default")));
    }
}
