//! Whether a cluster takes changes, and how a hibernated one wakes.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::convert::cluster::wire_status;
use crate::error::EksError;
use aws::error::ApiError;
use crd::cluster::PowerState;
use crd::names::Identity;
use crd::{EKSClusterConfig, Phase, keys};
use store::Store;

/// Refuses changes of a cluster that isn't active. A hibernated one takes them and wakes.
pub(super) fn check_ready(cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    if matches!(wire_status(cluster, false), "ACTIVE" | "UPDATING") || hibernates(cluster) {
        return Ok(());
    }
    Err(ApiError::invalid_request(not_active(cluster)).cluster(&Identity::of(cluster).name))
}

/// Refuses changes of an imported cluster's version and nodes, which its owner manages.
pub(super) fn check_managed(cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    if !cluster.spec.imported {
        return Ok(());
    }
    let name = Identity::of(cluster).name;
    let text = format!("Cluster '{name}' is imported: its version and its nodes aren't managed here");
    Err(ApiError::invalid_request(text).cluster(&name))
}

/// Message about a cluster that isn't ACTIVE: EKS's words, and how to start a stopped one.
pub(super) fn not_active(cluster: &EKSClusterConfig) -> String {
    let (name, resource) = (Identity::of(cluster).name, cluster.name_any());
    let said = format!("Cluster '{name}' is not in ACTIVE status");
    if !is_stopped(cluster) {
        return said;
    }
    if hibernates(cluster) && cluster.spec.state != Some(PowerState::Stopped) {
        return format!("{said}: it sleeps, with all data kept; wake it with: k3eks wake {resource}");
    }
    let namespace = cluster.namespace().unwrap_or_default();
    format!(
        "{said}: it is stopped, as spec.state asks, with all data kept; start it with: \
         kubectl -n {namespace} patch eks {resource} --type merge -p '{{\"spec\":{{\"state\":\"Running\"}}}}'"
    )
}

/// Whether it is stopped, which no cluster of EKS is. Changes that need no running cluster are possible nevertheless.
pub(super) fn is_stopped(cluster: &EKSClusterConfig) -> bool {
    let stopped = cluster.status.as_ref().and_then(|status| status.phase) == Some(Phase::Stopped);
    stopped && cluster.metadata.deletion_timestamp.is_none()
}

/// Whether it hibernates: it was stopped because it was idle (`hibernateAfter`).
fn hibernates(cluster: &EKSClusterConfig) -> bool {
    let asleep =
        |status: &crd::EKSClusterConfigStatus| status.phase == Some(Phase::Stopped) && status.hibernated.is_some();
    cluster.metadata.deletion_timestamp.is_none() && cluster.status.as_ref().is_some_and(asleep)
}

/// Wakes the cluster if it hibernates, for changes that touch neither its own spec nor its node groups.
pub(super) async fn wake(store: &Store, cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    let Some(cluster) = store.now(cluster).filter(|cluster| hibernates(cluster)) else { return Ok(()) };
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
        let mut cluster = EKSClusterConfig::new("c", crd::EKSClusterConfigSpec::default());
        cluster.status = serde_json::from_value(status).unwrap();
        check_ready(&cluster).is_err()
    }

    #[test]
    fn an_imported_cluster_s_version_and_nodes_are_its_owner_s() {
        let imported = |imported| {
            let spec = crd::EKSClusterConfigSpec { imported, ..crd::EKSClusterConfigSpec::default() };
            check_managed(&EKSClusterConfig::new("c", spec))
        };
        assert!(imported(false).is_ok());
        assert!(imported(true).unwrap_err().to_string().contains("Cluster 'c' is imported"));
    }

    #[test]
    fn a_cluster_that_rests_says_so_and_how_to_start_it() {
        let said = |status: Value| {
            let mut cluster = EKSClusterConfig::new("c", crd::EKSClusterConfigSpec::default());
            cluster.metadata.namespace = Some("default".into());
            cluster.status = serde_json::from_value(status).unwrap();
            not_active(&cluster)
        };
        let plain = "Cluster 'c' is not in ACTIVE status";
        assert_eq!(said(json!({"phase": "Creating"})), plain);
        assert_eq!(
            said(json!({"phase": "Stopped"})),
            format!(
                "{plain}: it is stopped, as spec.state asks, with all data kept; start it with: \
                 kubectl -n default patch eks c --type merge -p '{}'",
                json!({"spec": {"state": "Running"}})
            )
        );
        let asleep = said(json!({"phase": "Stopped", "hibernated": "0123456789abcdef"}));
        assert!(asleep.starts_with(plain) && asleep.ends_with("wake it with: k3eks wake c"), "{asleep}");
    }

    #[test]
    fn a_cluster_that_sleeps_takes_changes_and_one_that_was_stopped_does_not() {
        assert!(!refused(json!({"phase": "Active"})) && !refused(json!({"phase": "Updating"})));
        assert!(!refused(json!({"phase": "Stopped", "hibernated": "0123456789abcdef"})));
        assert!(refused(json!({"phase": "Stopped"})));
        assert!(refused(json!({"phase": "Creating"})) && refused(Value::Null));
    }
}
