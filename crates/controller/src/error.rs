//! What can go wrong in a reconcile, and when it is tried again.

use crd::conditions::{Health, Reason};

/// Errors of a reconcile. Each message names the operation and the resource.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The management cluster's API refused or didn't answer.
    #[error("{doing}: {}", text::sentence(.source.as_ref()))]
    Kubernetes {
        /// What was being done, to what.
        doing: String,
        /// The client's error.
        source: Box<kube::Error>,
    },
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] provider::Error),
    /// A kubeconfig can't be used.
    #[error("kubeconfig of cluster {cluster} can't be used: {why}")]
    Kubeconfig {
        /// The cluster.
        cluster: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate can't be made.
    #[error("making the certificate of {what}: {why}")]
    Certificate {
        /// The resource that it is for.
        what: String,
        /// What went wrong.
        why: String,
    },
    /// An object of this name exists and belongs to another owner.
    #[error("{what} exists and isn't cluster {cluster}'s; delete or rename it, or give the cluster another name")]
    Taken {
        /// The object.
        what: String,
        /// The cluster resource.
        cluster: String,
    },
    /// Somebody else changes a resource again and again.
    #[error("{doing}: others change it all the time; it is tried again")]
    Contended {
        /// What was being done, to what.
        doing: String,
    },
    /// A resource lacks something that the API server always sets.
    #[error("{what} has no {missing}: it wasn't read from an API server")]
    Incomplete {
        /// The resource.
        what: String,
        /// The missing field.
        missing: &'static str,
    },
}

impl Error {
    /// Adds what was being done to a client's error.
    pub fn kubernetes(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kubernetes { doing: doing.into(), source: Box::new(source) }
    }

    /// The health to report if a retry alone doesn't resolve the error.
    pub fn health(&self) -> Option<Health> {
        match self {
            Self::Kubernetes { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 422) => {
                Some(Health::Stalled(Reason::InvalidSpec, self.to_string()))
            }
            Self::Taken { .. } => Some(Health::Failing(Reason::NameTaken, self.to_string())),
            Self::Certificate { .. } => Some(Health::Failing(Reason::ProvisionFailed, self.to_string())),
            _ => None,
        }
    }

    /// A stable word for metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Kubernetes { .. } => "kubernetes",
            Self::Provider(_) => "provider",
            Self::Kubeconfig { .. } => "kubeconfig",
            Self::Certificate { .. } => "certificate",
            Self::Taken { .. } => "taken",
            Self::Contended { .. } => "contended",
            Self::Incomplete { .. } => "incomplete",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_category_of_its_own_and_says_what_was_done() {
        let kubernetes = Error::kubernetes("writing Secret a/b")(kube::Error::LinesCodecMaxLineLengthExceeded);
        let provider = Error::from(provider::Error::Timeout { doing: "making a/b".into(), seconds: 9 });
        let kubeconfig = Error::Kubeconfig { cluster: "a/b".into(), why: "empty".into() };
        let incomplete = Error::Incomplete { what: "Nodegroup a/b".into(), missing: "uid" };
        let certificate = Error::Certificate { what: "CertificateAuthority a/b".into(), why: "no key".into() };
        let contended = Error::Contended { doing: "releasing Addon a/b".into() };
        let taken = Error::Taken { what: "Secret a/b".into(), cluster: "b".into() };
        assert!(matches!(taken.health(), Some(Health::Failing(Reason::NameTaken, _))) && incomplete.health().is_none());
        for (error, category) in [
            (taken, "taken"),
            (contended, "contended"),
            (kubernetes, "kubernetes"),
            (provider, "provider"),
            (kubeconfig, "kubeconfig"),
            (certificate, "certificate"),
            (incomplete, "incomplete"),
        ] {
            assert_eq!(error.category(), category);
            assert!(error.to_string().contains("a/b"), "{error}");
        }
    }
}
