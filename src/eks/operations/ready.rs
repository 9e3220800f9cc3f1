//! Whether a cluster takes changes, and how one that sleeps is woken.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::crd::names::Identity;
use crate::crd::{EKSClusterConfig, Phase, keys};
use crate::eks::convert::cluster::wire_status;
use crate::eks::error::ApiError;
use crate::eks::store::Store;

/// Refuses changes of a cluster that isn't there yet, or not any more. One that sleeps takes them and wakes.
pub(super) fn check_ready(cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    if matches!(wire_status(cluster, false), "ACTIVE" | "UPDATING") || sleeps(cluster) {
        return Ok(());
    }
    let name = Identity::of(cluster).name;
    Err(ApiError::invalid_request(format!("Cluster '{name}' is not in ACTIVE status")).cluster(&name))
}

/// Whether it is stopped only because nobody used it (`hibernateAfter`).
fn sleeps(cluster: &EKSClusterConfig) -> bool {
    let asleep = |status: &crate::crd::EKSClusterConfigStatus| {
        status.phase == Some(Phase::Stopped) && status.hibernated.is_some()
    };
    cluster.metadata.deletion_timestamp.is_none() && cluster.status.as_ref().is_some_and(asleep)
}

/// Wakes the cluster if it sleeps, for what changes neither its own spec nor its node groups.
pub(super) async fn wake(store: &Store, cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    let Some(cluster) = store.now(cluster).filter(|cluster| sleeps(cluster)) else { return Ok(()) };
    let now = Timestamp::now().to_string();
    let wake = |cluster: &mut EKSClusterConfig| {
        cluster.annotations_mut().insert(keys::ANNOTATION_WAKE.to_owned(), now.clone());
        Ok(())
    };
    store.change(&cluster, wake).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(status: Value) -> bool {
        let mut cluster = EKSClusterConfig::new("c", crate::crd::EKSClusterConfigSpec::default());
        cluster.status = serde_json::from_value(status).unwrap();
        check_ready(&cluster).is_err()
    }

    #[test]
    fn a_cluster_that_sleeps_takes_changes_and_one_that_was_stopped_does_not() {
        assert!(!refused(json!({"phase": "Active"})) && !refused(json!({"phase": "Updating"})));
        assert!(!refused(json!({"phase": "Stopped", "hibernated": "0123456789abcdef"})));
        assert!(refused(json!({"phase": "Stopped"})));
        assert!(refused(json!({"phase": "Creating"})) && refused(Value::Null));
    }
}
