//! The identity service: sign-in to clusters, a small STS, and credentials for pods.
//!
//! - [`sts`] serves the API of the Security Token Service; the credentials it issues are [`sessions`], which need no store.
//! - [`token_review`] checks the tokens that `aws eks get-token` makes, and finds the Kubernetes user that access entries and `aws-auth` make
//!   of their owner.
//! - [`admission`] mutates pods so that AWS SDKs in them request credentials, which [`pod_identity`] and [`sts`] issue.
//! - [`issuer`] publishes the keys of the clusters' service accounts, and checks tokens that are signed with them.
//! - [`child_proxy`] passes requests on to child clusters, with the token of the user who sent them.
//!
//! [`routes`] serves all of this on three ports: that of the EKS API, one for the webhooks of child clusters, and one for their pods.

pub mod admission;
pub mod aws_auth;
pub mod child_proxy;
pub mod child_reader;
mod clients;
pub mod issuer;
pub mod keys;
pub mod pod_identity;
pub mod principal;
pub mod remote_sts;
pub mod roles;
pub mod routes;
pub mod secrets;
pub mod sessions;
pub mod sts;
pub mod token;
pub mod token_review;

use std::sync::Arc;

use aws::body::Bodies;
use aws::sigv4::{KeyStore, Mode};
use eks::operations::EksState;

/// What the whole service shares.
pub struct IdentityState {
    /// The resources.
    pub api: Arc<EksState>,
    /// Whether only configured roles and keys count.
    pub mode: Mode,
    /// Every key that a request may be signed with.
    pub keys: Arc<dyn KeyStore>,
    /// Sessions.
    pub sessions: Arc<sessions::Sessions>,
    /// The configured roles.
    pub roles: Arc<dyn roles::RoleStore>,
    /// Reads from child clusters.
    pub children: child_reader::ChildReader,
    /// The STS that answers instead of k3eks, if one is configured.
    pub remote_sts: Option<remote_sts::RemoteSts>,
    /// Hosts, with their ports, that tokens may be signed for besides AWS's own.
    pub sts_hosts: Vec<String>,
    /// Memory for bodies.
    pub memory: Memory,
}

/// Memory for the bodies of requests.
pub struct Memory {
    /// Of requests from anywhere.
    pub public: Bodies,
    /// Of requests from API servers of child clusters.
    pub children: Bodies,
}

impl Default for Memory {
    fn default() -> Self {
        Self { public: Bodies::new(4 * 1024 * 1024), children: Bodies::new(16 * 1024 * 1024) }
    }
}
