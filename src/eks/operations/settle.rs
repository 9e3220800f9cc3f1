//! Records are as they were asked for when the call returns.
//!
//! Real clusters, and what belongs to them, come and go as slowly as on EKS. Behind a record (`provider: metadata`) nothing
//! runs: the operator has written what there is to write within milliseconds, and whoever asked needn't come back for it.

use std::sync::Arc;

use super::Api;
use crate::crd::cluster::ProviderName;
use crate::crd::{EKSClusterConfig, Member};
use crate::eks::convert::member::wire_status;
use crate::eks::store::{Kind, Store};

/// Waits until `done`, if the cluster is a record, for [`Settings::settle`](super::Settings::settle) at most.
pub(super) async fn settled(api: &Api, cluster: &EKSClusterConfig, done: impl Fn(&Store) -> bool) {
    let mut changes = api.store.changes();
    let waiting = async {
        while is_record(&api.store, cluster) && !done(&api.store) {
            if changes.changed().await.is_err() {
                break;
            }
        }
    };
    // Whoever waited too long is told what there is, as on EKS.
    let _ = tokio::time::timeout(api.settings.settle, waiting).await;
}

/// The new member as it is once it is in force.
pub(super) async fn in_force<K: Kind + Member>(api: &Api, cluster: &EKSClusterConfig, made: Arc<K>) -> Arc<K> {
    settled(api, cluster, |store| store.now(&*made).is_none_or(|now| wire_status(&*now) != "CREATING")).await;
    api.store.now(&*made).unwrap_or(made)
}

/// Waits until the object isn't there any more.
pub(super) async fn gone<K: Kind>(api: &Api, cluster: &EKSClusterConfig, object: &K) {
    settled(api, cluster, |store| store.now(object).is_none()).await;
}

/// Whether nothing runs behind the cluster. Of one that the operator hasn't looked at yet nobody knows.
fn is_record(store: &Store, cluster: &EKSClusterConfig) -> bool {
    let now = store.now(cluster);
    let now = now.as_deref().unwrap_or(cluster);
    if let Some(provider) = &now.spec.provider {
        return *provider == ProviderName::Metadata;
    }
    let seen = now.status.as_ref().filter(|status| status.phase.is_some());
    seen.is_none_or(|status| status.provider.as_deref() == Some("metadata"))
}
