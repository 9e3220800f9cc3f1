//! Which certificate authorities a cluster trusts and which one signs for it, and what is to change. Synchronous, no client.
//!
//! All servers trust a new authority before it signs. They trust an old one until no node has a certificate of it.

pub mod apply;
pub mod plan;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::ResourceExt;

use crate::context::Context;
use crd::{CertificateAuthority, EKSClusterConfig, Member};
use provider::fingerprints;

/// Authorities trusted at a time: the signer, and the one before or after it. The previous one vouches for the signer;
/// nothing vouches for a third.
pub const MOST: usize = 2;

/// On the Secret of a certificate authority: the fingerprint of its key.
pub const FINGERPRINT: &str = "k3eks.io/fingerprint";

/// A CertificateAuthority resource of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its id in EKS.
    pub id: String,
    /// Whether the cluster was made with it.
    pub is_first: bool,
    /// Fingerprint of its key; `None` while its Secret isn't there.
    pub fingerprint: Option<String>,
}

/// State of a cluster's certificate authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The resources.
    pub known: Vec<Known>,
    /// Fingerprints of those that the servers trust, the one that signs first.
    pub now: Vec<String>,
}

/// What the cluster is to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The resource that signs.
    pub signer: String,
    /// Resources that are trusted beside it.
    pub trusted: Vec<String>,
    /// Fingerprints of those without a resource that are trusted for a while yet.
    pub kept: Vec<String>,
}

impl Seen {
    /// From what is in caches.
    pub fn of(cluster: &EKSClusterConfig, ctx: &Context, ca_pem: Option<&str>) -> Self {
        let id = super::validate::id(cluster);
        let all = ctx.stores.members.of::<CertificateAuthority>(&id).into_iter().filter(|one| one.is_of(cluster));
        let known = all.map(|authority| Known {
            name: authority.name_any(),
            id: authority.eks_name(),
            is_first: authority.is_first(),
            fingerprint: ctx
                .stores
                .owned
                .secret_annotations(&id.namespace, &authority.secret_name())
                .and_then(|annotations| annotations.get(FINGERPRINT).cloned()),
        });
        Self { known: known.collect(), now: ca_pem.map(fingerprints).unwrap_or_default() }
    }

    /// Usable authorities with their fingerprints: those with a key, trusted and requested ones first, up to the limit.
    fn counted(&self, asked: Option<&str>) -> Vec<(&Known, &str)> {
        let place = |print: &str| self.now.iter().position(|known| known == print).unwrap_or(usize::MAX);
        let mut all: Vec<_> = self.known.iter().filter_map(|k| Some((k, k.fingerprint.as_deref()?))).collect();
        all.sort_by_key(|(known, print)| (place(print), Some(known.name.as_str()) != asked));
        all.truncate(MOST);
        all
    }

    /// Why the resource of this name isn't usable.
    fn why_not(&self, name: &str) -> String {
        let bare = self.known.iter().any(|known| known.name == *name && known.fingerprint.is_none());
        if bare {
            return format!(
                "waiting for the key of CertificateAuthority {name}; if the key is lost, delete the resource"
            );
        }
        format!("a cluster trusts at most {MOST} certificate authorities; delete one to let it trust {name}")
    }

    fn named(&self, fingerprint: &str) -> Option<&Known> {
        self.known.iter().find(|known| known.fingerprint.as_deref() == Some(fingerprint))
    }

    /// The resource that signs.
    pub fn signer(&self) -> Option<String> {
        self.named(self.now.first()?).map(|known| known.name.clone())
    }

    /// Id of the one that signs: that of its resource, if it has one.
    pub fn signer_id(&self, cluster: &EKSClusterConfig) -> String {
        let signer = self.now.first().and_then(|print| self.named(print));
        signer.map_or_else(|| CertificateAuthority::first_id(cluster), |known| known.id.clone())
    }

    /// The resources that are trusted.
    pub fn trusted(&self) -> Vec<String> {
        self.now.iter().filter_map(|print| self.named(print)).map(|known| known.name.clone()).collect()
    }
}

/// Fingerprints of the certificate authorities that the cluster trusts by its status, the one that signs first.
pub fn trusted_by(cluster: &EKSClusterConfig) -> Vec<String> {
    let authority = cluster.status.as_ref().and_then(|status| status.certificate_authority.as_ref());
    let pem = authority.and_then(|authority| STANDARD.decode(&authority.data).ok()).unwrap_or_default();
    fingerprints(&String::from_utf8_lossy(&pem))
}

/// Whether everything that the cluster trusts, by its status, has a resource.
pub fn trusts_only_known(cluster: &EKSClusterConfig, ctx: &Context) -> bool {
    let authority = cluster.status.as_ref().and_then(|status| status.certificate_authority.clone()).unwrap_or_default();
    let known = ctx.stores.members.of::<CertificateAuthority>(&super::validate::id(cluster));
    let has = |name: &String| known.iter().any(|one| one.name_any() == *name);
    trusted_by(cluster).len() <= authority.trusted.len().max(1) && authority.trusted.iter().all(has)
}
