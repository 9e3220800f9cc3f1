//! What is due for a cluster whatever its next action is. Synchronous, no client.

use crate::cluster::next::{ClusterAction, must_stop, was_active};
use crate::cluster::observe::Observed;
use crate::cluster::{aws_auth, own_entries};
use crd::EKSClusterConfig;
use provider::DesiredCluster;

/// The upkeep of `cluster`, in the order in which it is done.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Vec<ClusterAction> {
    let followed = followed(cluster, seen);
    let follow = followed.map(|plan| ClusterAction::Follow(plan.clone()));
    let moved = followed.filter(|_| has_moved(seen)).map(|plan| ClusterAction::FindAgain(plan.id.clone()));
    let entries = seen.conflict.is_none().then(|| own_entries::plan(cluster, &seen.nodegroups, &seen.now));
    let roles = aws_auth::plan(cluster, seen).map(ClusterAction::MapRoles);
    // The entries come before the status says that the cluster is there, so that whoever waits for that finds them.
    [follow, moved, entries.flatten().map(ClusterAction::KeepEntries), roles].into_iter().flatten().collect()
}

/// The cluster, if its API server is to be followed: that of an imported one, and of one that is older than this process.
fn followed<'a>(cluster: &EKSClusterConfig, seen: &'a Observed) -> Option<&'a DesiredCluster> {
    let (Ok(plan), Ok(world)) = (&seen.plan, &seen.world) else { return None };
    let stays = cluster.metadata.deletion_timestamp.is_none();
    let imported = plan.import.is_some() && seen.conflict.is_none();
    let runs = !world.servers.is_empty() && was_active(cluster) && !must_stop(cluster, seen);
    (stays && (imported || runs)).then_some(plan)
}

/// Whether the server has another address than the one at which its API server is known.
fn has_moved(seen: &Observed) -> bool {
    let imported = seen.plan.as_ref().is_ok_and(|plan| plan.import.is_some() && seen.conflict.is_none());
    let now = seen.world.as_ref().ok().and_then(|world| world.address.as_deref());
    let known = seen.child.access.as_ref().and_then(|access| access.internal.as_ref());
    !imported && matches!((now, known), (Some(now), Some((known, _))) if now != known)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::child_clusters::Child;
    use crate::fixtures::{active, cluster, deleted, seen_cluster, server};
    use provider::{Access, Error, Import, MachineState};

    /// A cluster whose server runs at the second address, and whose API server is known at the first one.
    fn seen(known: &str, now: &str) -> Observed {
        let access = Access {
            kubeconfig: String::new(),
            endpoint: String::new(),
            internal: Some((known.into(), 6443)),
            direct: None,
            placement: None,
            ca_pem: String::new(),
        };
        let mut world = server(MachineState::Running);
        world.address = Some(now.into());
        let child = Child { access: Some(access), ..Child::default() };
        Observed { world: Ok(world), child, ..seen_cluster() }
    }

    /// Whether the cluster is followed, and whether its address is looked up again.
    fn follows(cluster: &EKSClusterConfig, seen: &Observed) -> (bool, bool) {
        let all = plan(cluster, seen);
        let has = |is: fn(&ClusterAction) -> bool| all.iter().any(is);
        (has(|a| matches!(a, ClusterAction::Follow(_))), has(|a| matches!(a, ClusterAction::FindAgain(_))))
    }

    #[test]
    fn a_cluster_that_runs_is_followed_and_found_again_after_a_move() {
        let demo = cluster(json!({}), active());
        assert_eq!(follows(&demo, &seen("a", "a")), (true, false));
        assert_eq!(follows(&demo, &seen("a", "b")), (true, true));
        assert_eq!(follows(&demo, &seen_cluster()), (false, false), "nothing runs");
        assert_eq!(follows(&cluster(json!({}), Value::Null), &seen("a", "b")), (false, false), "it was never Active");
        assert_eq!(follows(&deleted(demo.clone()), &seen("a", "b")), (false, false));
        assert_eq!(follows(&cluster(json!({"state": "Stopped"}), active()), &seen("a", "b")), (false, false));
        let away = Error::Unavailable { engine: "e", doing: "looking".into(), why: "refused".into() };
        assert_eq!(follows(&demo, &Observed { world: Err(away), ..seen("a", "b") }), (false, false));
    }

    #[test]
    fn an_imported_cluster_is_followed_from_the_first_moment_unless_it_is_another_s() {
        let demo = cluster(json!({"imported": true}), Value::Null);
        let mut imported = seen("a", "b");
        imported.plan.as_mut().unwrap().import = Some(Import::Named("x".into()));
        assert_eq!(follows(&demo, &imported), (true, false));
        assert_eq!(follows(&demo, &Observed { conflict: Some("older".into()), ..imported }), (false, false));
    }

    #[test]
    fn no_entries_are_made_for_a_cluster_whose_identity_is_another_s() {
        let entries = |seen: &Observed| {
            let demo = cluster(json!({"accessConfig": {"authenticationMode": "API"}}), active());
            plan(&demo, seen).iter().any(|a| matches!(a, ClusterAction::KeepEntries(_)))
        };
        assert!(entries(&seen("a", "a")));
        assert!(!entries(&Observed { conflict: Some("older".into()), ..seen("a", "a") }));
    }
}
