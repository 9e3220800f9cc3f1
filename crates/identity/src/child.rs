//! Reads from child clusters: the ConfigMap `aws-auth`, and the role of a service account. Answers are cached for a
//! moment, since many requests come at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;

use super::clients::{Clients, late};
use super::token::AuthError;
use crd::EKSClusterConfig;
use limits::bounded;
use store::Store;

/// Lifetime of a cached answer.
const FRESH: Duration = Duration::from_secs(1);
/// The longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest wait for a connection, so that there is time to ask elsewhere.
const CONNECT: Duration = Duration::from_secs(2);

/// A ConfigMap or a service account is no larger.
const SMALL: bounded::Limits = bounded::Limits::of(2 * 1024 * 1024, 0);

type Answers<T> = Mutex<HashMap<String, (Instant, T)>>;

/// The child clusters' own API servers.
pub struct Children {
    clients: Clients,
    aws_auth: Answers<Option<Arc<ConfigMap>>>,
}

impl Children {
    /// Knows nobody yet. `internal`: they are reached from inside the management cluster.
    pub fn new(internal: bool) -> Self {
        Self { clients: Clients::new(internal, SMALL), aws_auth: Mutex::default() }
    }

    /// The ConfigMap `aws-auth` of the cluster.
    ///
    /// # Errors
    /// Where the cluster can't be asked.
    pub async fn aws_auth(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
    ) -> Result<Option<Arc<ConfigMap>>, AuthError> {
        let uid = cluster.uid().unwrap_or_default();
        let known = self.aws_auth.lock().get(&uid).cloned();
        if let Some((_, found)) = known.filter(|(asked, _)| asked.elapsed() < FRESH) {
            return Ok(found);
        }
        let map = |client| async move { Api::<ConfigMap>::namespaced(client, "kube-system").get_opt("aws-auth").await };
        let found = self.ask(store, cluster, map).await?.map(Arc::new);
        let mut answers = self.aws_auth.lock();
        answers.retain(|_, (asked, _)| asked.elapsed() < FRESH);
        answers.insert(uid, (Instant::now(), found.clone()));
        Ok(found)
    }

    /// A service account of the cluster.
    ///
    /// # Errors
    /// Where the cluster can't be asked.
    pub async fn service_account(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        namespace: &str,
        name: &str,
    ) -> Result<Option<ServiceAccount>, AuthError> {
        let account = |client| async move { Api::<ServiceAccount>::namespaced(client, namespace).get_opt(name).await };
        self.ask(store, cluster, account).await
    }

    /// Asks, and asks again with a fresh kubeconfig if the cached one fails: the certificate authority may have
    /// changed.
    async fn ask<T, Answer>(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        question: impl Fn(Client) -> Answer,
    ) -> Result<T, AuthError>
    where
        Answer: Future<Output = Result<T, kube::Error>>,
    {
        let first = within(question(self.client(store, cluster).await?)).await;
        let led_nowhere = match &first {
            Ok(answer) => answer.as_ref().is_err_and(shut_out),
            Err(_) => true,
        };
        if led_nowhere {
            self.clients.forget(cluster);
        }
        let answer = match first? {
            Err(error) if shut_out(&error) => within(question(self.client(store, cluster).await?)).await?,
            answer => answer,
        };
        answer.map_err(|e| AuthError::new(format!("the cluster's API server didn't answer: {}", text::sentence(&e))))
    }

    async fn client(&self, store: &Store, cluster: &EKSClusterConfig) -> Result<Client, AuthError> {
        self.clients.of(store, cluster, |config| config.connect_timeout = Some(CONNECT)).await
    }
}

/// Whether the API server was unreachable or rejected the credentials.
fn shut_out(error: &kube::Error) -> bool {
    !matches!(error, kube::Error::Api(status) if status.code != 401)
}

async fn within<T>(
    question: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Result<T, kube::Error>, AuthError> {
    let answer = tokio::time::timeout(ANSWER, question).await;
    answer.map_err(|_| late())
}

#[cfg(test)]
mod tests;
