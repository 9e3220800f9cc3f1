//! What is still to be done of a cluster's addons, for which it stays awake, or wakes. Synchronous, no client.

use std::sync::Arc;

use kube::ResourceExt;

use crd::member::has_finalizer;
use crd::{Addon, MemberPhase, names};

/// Whether the addon is still to be installed, changed or removed.
pub fn is_unfinished(addon: &Addon) -> bool {
    if addon.metadata.deletion_timestamp.is_some() {
        return has_finalizer(addon);
    }
    let Some(status) = &addon.status else { return true };
    let is_new = status.observed_generation != addon.metadata.generation;
    is_new || matches!(status.phase, MemberPhase::Creating | MemberPhase::Updating)
}

/// Whether the addon failed since its cluster couldn't be reached.
fn is_cut_off(addon: &Addon) -> bool {
    let Some(status) = &addon.status else { return false };
    let has_failed = matches!(status.phase, MemberPhase::Failed | MemberPhase::UpdateFailed);
    has_failed && status.issues.iter().any(|issue| issue.code == "ClusterUnreachable")
}

/// Digest of the changes that these addons wait for; `None` where there are none. The same for all of them: addons that
/// fail each time wake their cluster once, not in turns.
pub fn changes(addons: &[Arc<Addon>]) -> Option<String> {
    let waiting = addons.iter().filter(|addon| is_unfinished(addon) || is_cut_off(addon));
    let change = |addon: &Arc<Addon>| {
        format!("{}.{}", addon.uid().unwrap_or_default(), addon.metadata.generation.unwrap_or_default())
    };
    let mut changes: Vec<String> = waiting.map(change).collect();
    changes.sort();
    (!changes.is_empty()).then(|| names::short_digest(&[&changes.join(",")]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn addon(uid: &str, status: Value) -> Arc<Addon> {
        let object = json!({
            "apiVersion": "k3eks.io/v1alpha1", "kind": "Addon", "spec": {"clusterName": "demo", "addonName": uid},
            "metadata": {"name": uid, "uid": uid, "generation": 2, "finalizers": [crd::keys::FINALIZER]}, "status": status,
        });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn seen(uid: &str, phase: &str, code: &str) -> Arc<Addon> {
        addon(uid, json!({"phase": phase, "observedGeneration": 2, "issues": [{"code": code}]}))
    }

    #[test]
    fn an_addon_is_unfinished_until_its_change_or_its_removal_is_done() {
        for phase in ["Creating", "Updating"] {
            assert!(is_unfinished(&seen("a", phase, "")), "{phase}: seen, and not done");
        }
        for phase in ["Active", "Degraded", "Failed", "UpdateFailed"] {
            assert!(!is_unfinished(&seen("a", phase, "")), "{phase}");
            assert!(
                is_unfinished(&addon("a", json!({"phase": phase, "observedGeneration": 1}))),
                "{phase}, changed since"
            );
        }
        assert!(is_unfinished(&addon("a", Value::Null)));
        let mut going = crate::fixtures::deleted((*seen("a", "Active", "")).clone());
        assert!(is_unfinished(&going));
        going.metadata.finalizers = None;
        assert!(!is_unfinished(&going), "somebody else holds it");
    }

    #[test]
    fn what_is_unfinished_or_was_cut_off_wakes_the_cluster_once_for_each_change() {
        assert_eq!(changes(&[seen("a", "Active", ""), seen("b", "Degraded", "ClusterUnreachable")]), None);
        assert_eq!(changes(&[seen("a", "Failed", "ConfigurationConflict")]), None);
        let (creating, cut_off) = (seen("a", "Creating", ""), seen("b", "UpdateFailed", "ClusterUnreachable"));
        let both = changes(&[creating.clone(), cut_off.clone()]);
        assert!(both.is_some() && both == changes(&[cut_off.clone(), creating.clone()]), "whoever asks");
        assert_ne!(both, changes(&[cut_off]));
        let mut later = (*creating).clone();
        later.metadata.generation = Some(3);
        assert_ne!(changes(&[creating]), changes(&[Arc::new(later)]));
    }
}
