//! Reads from child clusters: the ConfigMap `aws-auth`, and the role of a service account. Answers are cached for a
//! moment, since many requests come at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;

use super::clients::{Clients, timed_out};
use super::token::AuthError;
use crd::EKSClusterConfig;
use limits::bounded;
use store::Store;

/// Lifetime of a cached answer.
const FRESH: Duration = Duration::from_secs(1);
/// The longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest wait for a connection, which leaves time for a second attempt.
const CONNECT: Duration = Duration::from_secs(2);

/// A ConfigMap or a service account is no larger.
const SMALL: bounded::Limits = bounded::Limits::of(2 * 1024 * 1024, 0);

type Answers<T> = Mutex<HashMap<String, (Instant, T)>>;

/// Reads from child clusters as their administrator.
pub struct ChildReader {
    clients: Clients,
    aws_auth: Answers<Option<Arc<ConfigMap>>>,
}

impl ChildReader {
    /// A reader without connections. `internal`: it reaches clusters from inside the management cluster.
    pub fn new(internal: bool) -> Self {
        Self { clients: Clients::new(internal, SMALL), aws_auth: Mutex::default() }
    }

    /// The ConfigMap `aws-auth` of the cluster.
    ///
    /// # Errors
    /// The cluster's API server can't be reached or refuses.
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
    /// The cluster's API server can't be reached or refuses.
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

    /// Sends a request, and sends it again with a fresh kubeconfig if the cached one fails: the certificate authority may have
    /// changed.
    async fn ask<T, Answer>(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        request: impl Fn(Client) -> Answer,
    ) -> Result<T, AuthError>
    where
        Answer: Future<Output = Result<T, kube::Error>>,
    {
        let first = within(request(self.client(store, cluster).await?)).await;
        let failed = match &first {
            Ok(answer) => answer.as_ref().is_err_and(is_unreachable_or_unauthorized),
            Err(_) => true,
        };
        if failed {
            self.clients.forget(cluster);
        }
        let answer = match first? {
            Err(error) if is_unreachable_or_unauthorized(&error) => {
                within(request(self.client(store, cluster).await?)).await?
            }
            answer => answer,
        };
        answer.map_err(|e| AuthError::new(format!("the cluster's API server didn't answer: {}", text::sentence(&e))))
    }

    async fn client(&self, store: &Store, cluster: &EKSClusterConfig) -> Result<Client, AuthError> {
        self.clients.of(store, cluster, |config| config.connect_timeout = Some(CONNECT)).await
    }
}

/// Whether the API server was unreachable or rejected the credentials.
fn is_unreachable_or_unauthorized(error: &kube::Error) -> bool {
    !matches!(error, kube::Error::Api(status) if status.code != 401)
}

async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<Result<T, kube::Error>, AuthError> {
    let answer = tokio::time::timeout(ANSWER, request).await;
    answer.map_err(|_| timed_out())
}

#[cfg(test)]
mod tests;
