//! Clients of child clusters' API servers, each kept for as long as the cluster's endpoint stays.

use std::collections::{HashMap, HashSet};

use kube::config::KubeConfigOptions;
use kube::{Client, Config, ResourceExt};
use parking_lot::Mutex;

use super::token::AuthError;
use crd::{EKSClusterConfig, keys, kubeconfig};
use limits::bounded::{self, Limits};
use store::Store;

/// The clients, by cluster.
pub(super) struct Clients {
    internal: bool,
    limits: Limits,
    /// Endpoint and client, by the cluster's uid.
    known: Mutex<HashMap<String, (String, Client)>>,
}

impl Clients {
    /// No clients yet. `internal`: they reach clusters from inside the management cluster.
    pub fn new(internal: bool, limits: Limits) -> Self {
        Self { internal, limits, known: Mutex::default() }
    }

    /// The cluster's client. `own` changes the configuration of a new one, made from the administrator's kubeconfig.
    ///
    /// # Errors
    /// The cluster has no kubeconfig, or one that can't be used.
    pub async fn of(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        own: impl FnOnce(&mut Config),
    ) -> Result<Client, AuthError> {
        let endpoint = cluster.status.as_ref().and_then(|status| status.endpoint.clone()).unwrap_or_default();
        let uid = cluster.uid().unwrap_or_default();
        let known = self.known.lock().get(&uid).cloned();
        if let Some((_, client)) = known.filter(|(of, _)| *of == endpoint) {
            return Ok(client);
        }
        let mut config = config(self.internal, store, cluster).await?;
        own(&mut config);
        let client = bounded::client(config, self.limits).map_err(|error| unreachable(&text::sentence(&error)))?;
        let mut known = self.known.lock();
        // Clusters go, and their clients with them.
        let there: HashSet<String> = store.list::<EKSClusterConfig>().iter().filter_map(|c| c.uid()).collect();
        known.retain(|uid, _| there.contains(uid));
        known.insert(uid, (endpoint, client.clone()));
        Ok(client)
    }

    /// Uids of the clusters whose clients are kept.
    #[cfg(test)]
    pub fn kept(&self) -> std::collections::BTreeSet<String> {
        self.known.lock().keys().cloned().collect()
    }

    /// Drops a failed client. The next one reads the cluster's Secret again: the certificate authority may have
    /// changed.
    pub fn forget(&self, cluster: &EKSClusterConfig) {
        self.known.lock().remove(&cluster.uid().unwrap_or_default());
    }
}

/// The cluster's API server can't be reached, for this reason.
pub(super) fn unreachable(why: &str) -> AuthError {
    AuthError::new(format!("the cluster's API server can't be asked: {why}"))
}

/// The API server didn't answer.
pub(super) fn timed_out() -> AuthError {
    AuthError::new("the cluster's API server takes too long to answer")
}

/// The configuration of a client of the cluster's API server, from the kubeconfig of its administrator. `internal`: from inside the management cluster.
///
/// # Errors
/// It has no kubeconfig, or one that can't be used.
async fn config(internal: bool, store: &Store, cluster: &EKSClusterConfig) -> Result<Config, AuthError> {
    let secret = cluster.status.as_ref().and_then(|status| status.kubeconfig_secret.as_deref());
    let secret = secret.ok_or_else(|| unreachable("it isn't up yet"))?;
    let key = if internal { keys::KUBECONFIG_INTERNAL_KEY } else { keys::KUBECONFIG_KEY };
    let text = store.secret(cluster, secret, key).await.map_err(|error| unreachable(&error.to_string()))?;
    let text = text.ok_or_else(|| unreachable("it has no kubeconfig yet"))?;
    // The Secret may have been changed since it was written.
    let kubeconfig = kubeconfig::read(&String::from_utf8_lossy(&text))
        .map_err(|why| unreachable(&format!("its kubeconfig can't be used: {why}")))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    config.map_err(|error| unreachable(&error.to_string()))
}
