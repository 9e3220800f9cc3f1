//! A proxy to child clusters' API servers: it sends a user's requests with the user's own token of `aws eks get-token`.
//!
//! The clients here have no credentials. They take the address and certificate authority from the kubeconfig, and never
//! the administrator's key. So a request can only do what the cluster allows the token's owner.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use kube::config::AuthInfo;
use kube::{Client, Config};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::clients::{Clients, timed_out, unreachable};
use super::token::{AuthError, PREFIX};
use aws::error::ApiError;
use crd::EKSClusterConfig;
use limits::bounded;
use store::Store;

/// The user agent of these requests in the clusters' audit logs. The console page recognizes its own requests by it.
const AGENT: &str = "k3eks-console";
/// The longest wait for the head of an answer, and then for the end of its body.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest wait for a permit.
const PATIENCE: Duration = Duration::from_secs(5);
/// Limits of an answer, and of one line of a log that is followed.
const LIMITS: bounded::Limits = bounded::Limits::of(8 * 1024 * 1024, 1024 * 1024);
/// Answers that are read at once: together they take no more than so many times [`LIMITS`]' memory.
const READS: usize = 6;
/// Logs that are followed at once. None is ever in memory as a whole.
const STREAMS: usize = 64;

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The cluster can't be reached, or its answer is late, broken or too long.
    #[error("{0}")]
    Unreachable(#[from] AuthError),
    /// Too many concurrent requests.
    #[error("too many requests to clusters at once; try again")]
    Busy,
    /// The token is malformed.
    #[error("the token must be one of `aws eks get-token`")]
    MalformedToken,
}

impl From<ProxyError> for ApiError {
    fn from(error: ProxyError) -> Self {
        let text = error.to_string();
        match error {
            ProxyError::MalformedToken => Self::access_denied(text),
            ProxyError::Unreachable(_) | ProxyError::Busy => Self::unavailable(text),
        }
    }
}

/// Sends requests to clusters with the tokens of users.
pub struct ChildProxy {
    clients: Clients,
    reads: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// An answer that has begun.
pub struct Answer {
    /// Its HTTP status.
    pub status: StatusCode,
    /// Its body, of which nothing was read yet.
    pub body: kube::client::Body,
    /// Held for as long as the answer is read.
    pub permit: OwnedSemaphorePermit,
}

impl ChildProxy {
    /// A proxy without connections. `internal`: it reaches clusters from inside the management cluster.
    pub fn new(internal: bool) -> Self {
        let permits = |number| Arc::new(Semaphore::new(number));
        Self { clients: Clients::new(internal, LIMITS), reads: permits(READS), streams: permits(STREAMS) }
    }

    /// The whole answer of the cluster's API server to `request`, sent with `token`.
    ///
    /// # Errors
    /// [`ProxyError`]; a refusal by the API server is an answer.
    pub async fn read(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        token: &str,
        request: Request<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), ProxyError> {
        let permit = acquire(&self.reads).await?;
        let Answer { status, body, permit: _permit } = self.ask(store, cluster, token, request, permit).await?;
        let whole = tokio::time::timeout(ANSWER, body.collect_bytes()).await.map_err(|_| timed_out())?;
        Ok((status, whole.map_err(|error| unreachable(&text::sentence(&error)))?))
    }

    /// An answer that may go on for long.
    ///
    /// # Errors
    /// As those of [`read`](Self::read).
    pub async fn follow(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        token: &str,
        request: Request<Vec<u8>>,
    ) -> Result<Answer, ProxyError> {
        let permit = acquire(&self.streams).await?;
        self.ask(store, cluster, token, request, permit).await
    }

    async fn ask(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        token: &str,
        request: Request<Vec<u8>>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Answer, ProxyError> {
        // Only tokens that people sign in with: a pod's token is refused.
        if !token.starts_with(PREFIX) {
            return Err(ProxyError::MalformedToken);
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ProxyError::MalformedToken)?;
        bearer.set_sensitive(true);
        let client = self.client(store, cluster).await?;
        let (mut head, body) = request.into_parts();
        head.headers.insert(header::AUTHORIZATION, bearer);
        head.headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        let request = Request::from_parts(head, kube::client::Body::from(body));
        let answer = tokio::time::timeout(ANSWER, client.send(request)).await.map_err(|_| timed_out());
        let answer = answer.and_then(|answer| answer.map_err(|error| unreachable(&text::sentence(&error))));
        let (head, body) = answer.inspect_err(|_| self.clients.forget(cluster))?.into_parts();
        Ok(Answer { status: head.status, body, permit })
    }

    async fn client(&self, store: &Store, cluster: &EKSClusterConfig) -> Result<Client, ProxyError> {
        let own = |config: &mut Config| {
            config.auth_info = AuthInfo::default();
            config.headers.clear();
            config.connect_timeout = Some(ANSWER);
        };
        Ok(self.clients.of(store, cluster, own).await?)
    }
}

async fn acquire(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ProxyError> {
    let permit = tokio::time::timeout(PATIENCE, Arc::clone(permits).acquire_owned()).await;
    permit.ok().and_then(Result::ok).ok_or(ProxyError::Busy)
}
