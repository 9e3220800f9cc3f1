//! Waits for records (`provider: metadata`), so that they are ready when the call returns.
//!
//! Real clusters, and what belongs to them, come and go as slowly as on EKS. A record has nothing that runs: the operator
//! writes its status within milliseconds, and clients needn't poll for it.

use std::sync::Arc;
use std::time::Duration;

use super::EksState;
use kube::ResourceExt;

use crate::convert::member::wire_status;
use crd::cluster::ProviderName;
use crd::keys::METADATA;
use crd::{EKSClusterConfig, Member};
use store::{Kind, Store};

/// The longest wait for an operator whose default provider is unknown: it may be down.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Waits until `done`, if the cluster is a record, for [`Settings::settle`](super::Settings::settle) at most.
pub(super) async fn wait_until(api: &EksState, cluster: &EKSClusterConfig, done: impl Fn(&Store) -> bool) {
    let finished = || !is_record(&api.store, cluster) || done(&api.store);
    // An operator that has written no status yet may be down.
    let first = api.settings.settle.min(FIRST_LOOK);
    if !wait(api, first, || finished() || is_provider_known(&api.store, cluster)).await {
        return;
    }
    // After the longest wait the answer has the state of that moment, as on EKS.
    wait(api, api.settings.settle, finished).await;
}

/// Waits until `holds`, for `longest` at most. Returns whether it does.
async fn wait(api: &EksState, longest: Duration, holds: impl Fn() -> bool) -> bool {
    let mut changes = api.store.changes();
    let waiting = async {
        while !holds() {
            if changes.changed().await.is_err() {
                break;
            }
        }
    };
    tokio::time::timeout(longest, waiting).await.is_ok()
}

/// The new member as it is once it is in force.
pub(super) async fn wait_until_in_force<K: Kind + Member>(
    api: &EksState,
    cluster: &EKSClusterConfig,
    made: Arc<K>,
) -> Arc<K> {
    wait_until(api, cluster, |store| store.now(&*made).is_none_or(|now| wire_status(&*now) != "CREATING")).await;
    api.store.now(&*made).unwrap_or(made)
}

/// Waits until the object is gone.
pub(super) async fn wait_until_gone<K: Kind>(api: &EksState, cluster: &EKSClusterConfig, object: &K) {
    wait_until(api, cluster, |store| store.now(object).is_none()).await;
}

/// Whether the cluster is a record. Before the operator has written its status, the default provider decides.
fn is_record(store: &Store, cluster: &EKSClusterConfig) -> bool {
    let now = store.now(cluster);
    let now = now.as_deref().unwrap_or(cluster);
    if let Some(provider) = &now.spec.provider {
        return *provider == ProviderName::Metadata;
    }
    match now.status.as_ref().filter(|status| status.phase.is_some()) {
        Some(status) => status.provider.as_deref() == Some(METADATA),
        None => default_provider(store).is_none_or(|provider| provider == METADATA),
    }
}

/// Whether the cluster's provider is known: by its spec, its status, or the default provider.
fn is_provider_known(store: &Store, cluster: &EKSClusterConfig) -> bool {
    let seen =
        store.now(cluster).is_some_and(|now| now.status.as_ref().is_some_and(|status| status.provider.is_some()));
    seen || cluster.spec.provider.is_some() || default_provider(store).is_some()
}

/// The operator's default provider: that of the youngest cluster whose spec names none.
fn default_provider(store: &Store) -> Option<String> {
    let seen = |cluster: &Arc<EKSClusterConfig>| {
        cluster.spec.provider.is_none() && cluster.status.as_ref().is_some_and(|status| status.provider.is_some())
    };
    let clusters = store.list::<EKSClusterConfig>();
    let youngest = clusters.into_iter().filter(seen).max_by_key(|cluster| cluster.creation_timestamp());
    youngest.and_then(|cluster| cluster.status.as_ref()?.provider.clone())
}
