//! Records are as they were asked for when the call returns.
//!
//! Real clusters, and what belongs to them, come and go as slowly as on EKS. Behind a record (`provider: metadata`) nothing
//! runs: the operator has written what there is to write within milliseconds, and whoever asked needn't come back for it.

use std::sync::Arc;
use std::time::Duration;

use super::EksState;
use kube::ResourceExt;

use crate::convert::member::wire_status;
use crd::cluster::ProviderName;
use crd::keys::METADATA;
use crd::{EKSClusterConfig, Member};
use store::{Kind, Store};

/// The longest wait for an operator that never said what it runs: it may be away.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Waits until `done`, if the cluster is a record, for [`Settings::settle`](super::Settings::settle) at most.
pub(super) async fn settled(api: &EksState, cluster: &EKSClusterConfig, done: impl Fn(&Store) -> bool) {
    let finished = || !is_record(&api.store, cluster) || done(&api.store);
    // An operator that has said nothing yet may be away.
    let first = api.settings.settle.min(FIRST_LOOK);
    if !until(api, first, || finished() || known(&api.store, cluster)).await {
        return;
    }
    // Whoever waited too long is told what there is, as on EKS.
    until(api, api.settings.settle, finished).await;
}

/// Waits until something holds, so long at most; says whether it does.
async fn until(api: &EksState, longest: Duration, holds: impl Fn() -> bool) -> bool {
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
pub(super) async fn in_force<K: Kind + Member>(api: &EksState, cluster: &EKSClusterConfig, made: Arc<K>) -> Arc<K> {
    settled(api, cluster, |store| store.now(&*made).is_none_or(|now| wire_status(&*now) != "CREATING")).await;
    api.store.now(&*made).unwrap_or(made)
}

/// Waits until the object isn't there any more.
pub(super) async fn gone<K: Kind>(api: &EksState, cluster: &EKSClusterConfig, object: &K) {
    settled(api, cluster, |store| store.now(object).is_none()).await;
}

/// Whether nothing runs behind the cluster. Of one that the operator hasn't looked at yet nobody knows.
fn is_record(store: &Store, cluster: &EKSClusterConfig) -> bool {
    let now = store.now(cluster);
    let now = now.as_deref().unwrap_or(cluster);
    if let Some(provider) = &now.spec.provider {
        return *provider == ProviderName::Metadata;
    }
    match now.status.as_ref().filter(|status| status.phase.is_some()) {
        Some(status) => status.provider.as_deref() == Some(METADATA),
        None => usual(store).is_none_or(|provider| provider == METADATA),
    }
}

/// Whether anything says what runs the cluster: its spec, the operator, or what it said of others.
fn known(store: &Store, cluster: &EKSClusterConfig) -> bool {
    let seen =
        store.now(cluster).is_some_and(|now| now.status.as_ref().is_some_and(|status| status.provider.is_some()));
    seen || cluster.spec.provider.is_some() || usual(store).is_some()
}

/// What the operator was started with: the provider of the youngest cluster that didn't ask for one.
fn usual(store: &Store) -> Option<String> {
    let seen = |cluster: &Arc<EKSClusterConfig>| {
        cluster.spec.provider.is_none() && cluster.status.as_ref().is_some_and(|status| status.provider.is_some())
    };
    let clusters = store.list::<EKSClusterConfig>();
    let youngest = clusters.into_iter().filter(seen).max_by_key(|cluster| cluster.creation_timestamp());
    youngest.and_then(|cluster| cluster.status.as_ref()?.provider.clone())
}
