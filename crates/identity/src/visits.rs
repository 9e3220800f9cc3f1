//! Requests to child clusters' API servers on behalf of a user, with a token of `aws eks get-token`.
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

use super::clients::{Clients, away, late};
use super::token::{AuthError, PREFIX};
use aws::error::ApiError;
use crd::EKSClusterConfig;
use limits::bounded;
use store::Store;

/// What clusters write into their audit logs of who asked by the way of the page; the page knows its own requests by it.
const AGENT: &str = "k3eks-console";
/// The longest wait for an answer to begin, and then to end where it does.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest wait for a place.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of an answer, and of one line of a log that is followed.
const LIMITS: bounded::Limits = bounded::Limits::of(8 * 1024 * 1024, 1024 * 1024);
/// Answers that are read at once: together they take no more than so many times [`LIMITS`]' memory.
const READS: usize = 6;
/// Logs that are followed at once. None is ever in memory as a whole.
const STREAMS: usize = 64;

/// Why a cluster wasn't asked, or didn't answer.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// It can't be reached, or its answer is late, broken or too long.
    #[error("{0}")]
    Away(#[from] AuthError),
    /// Too many concurrent requests.
    #[error("too many requests to clusters at once; try again")]
    Busy,
    /// The token is malformed.
    #[error("the token must be one of `aws eks get-token`")]
    NoToken,
}

impl From<VisitError> for ApiError {
    fn from(error: VisitError) -> Self {
        let text = error.to_string();
        match error {
            VisitError::NoToken => Self::access_denied(text),
            VisitError::Away(_) | VisitError::Busy => Self::unavailable(text),
        }
    }
}

/// Client that carries tokens to clusters.
pub struct Visits {
    clients: Clients,
    reads: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// An answer that has begun.
pub struct Answer {
    /// What the API server says of it.
    pub status: StatusCode,
    /// The rest of it.
    pub body: kube::client::Body,
    /// Is held for as long as the answer is read.
    pub place: OwnedSemaphorePermit,
}

impl Visits {
    /// Knows no cluster yet. `internal`: they are reached from inside the management cluster.
    pub fn new(internal: bool) -> Self {
        let places = |number| Arc::new(Semaphore::new(number));
        Self { clients: Clients::new(internal, LIMITS), reads: places(READS), streams: places(STREAMS) }
    }

    /// The whole answer of the cluster's API server to `request`, asked by the bearer of `token`.
    ///
    /// # Errors
    /// [`VisitError`]; a refusal by the API server is an answer.
    pub async fn read(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        token: &str,
        request: Request<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), VisitError> {
        let place = place(&self.reads).await?;
        let Answer { status, body, place: _place } = self.ask(store, cluster, token, request, place).await?;
        let whole = tokio::time::timeout(ANSWER, body.collect_bytes()).await.map_err(|_| late())?;
        Ok((status, whole.map_err(|error| away(&text::sentence(&error)))?))
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
    ) -> Result<Answer, VisitError> {
        let place = place(&self.streams).await?;
        self.ask(store, cluster, token, request, place).await
    }

    async fn ask(
        &self,
        store: &Store,
        cluster: &EKSClusterConfig,
        token: &str,
        request: Request<Vec<u8>>,
        place: OwnedSemaphorePermit,
    ) -> Result<Answer, VisitError> {
        // Nothing but what people sign in with: a pod's token has no business here.
        if !token.starts_with(PREFIX) {
            return Err(VisitError::NoToken);
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| VisitError::NoToken)?;
        bearer.set_sensitive(true);
        let client = self.client(store, cluster).await?;
        let (mut head, body) = request.into_parts();
        head.headers.insert(header::AUTHORIZATION, bearer);
        head.headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        let request = Request::from_parts(head, kube::client::Body::from(body));
        let answer = tokio::time::timeout(ANSWER, client.send(request)).await.map_err(|_| late());
        let answer = answer.and_then(|answer| answer.map_err(|error| away(&text::sentence(&error))));
        let (head, body) = answer.inspect_err(|_| self.clients.forget(cluster))?.into_parts();
        Ok(Answer { status: head.status, body, place })
    }

    async fn client(&self, store: &Store, cluster: &EKSClusterConfig) -> Result<Client, VisitError> {
        let own = |config: &mut Config| {
            config.auth_info = AuthInfo::default();
            config.headers.clear();
            config.connect_timeout = Some(ANSWER);
        };
        Ok(self.clients.of(store, cluster, own).await?)
    }
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, VisitError> {
    let place = tokio::time::timeout(PATIENCE, Arc::clone(places).acquire_owned()).await;
    place.ok().and_then(Result::ok).ok_or(VisitError::Busy)
}
