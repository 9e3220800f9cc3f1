//! The certificate authorities of a cluster in memory.

use std::collections::BTreeMap;

use provider::{Authorities, Authority, DesiredNodegroup, KeyPair};

/// Who signs for a cluster, whom it trusts, and who signed when its nodes were made.
pub struct Certified {
    signer: KeyPair,
    trusted: Vec<String>,
    nodes: BTreeMap<String, String>,
}

impl Default for Certified {
    fn default() -> Self {
        let made = rcgen::generate_simple_self_signed(["memory".to_owned()]).unwrap();
        let signer = KeyPair { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() };
        Self { signer, trusted: Vec::new(), nodes: BTreeMap::new() }
    }
}

impl Certified {
    /// A node came into being.
    pub fn met(&mut self, node: &str, plan: &DesiredNodegroup) {
        self.nodes.extend(plan.authorities.first().map(|signer| (node.to_owned(), signer.clone())));
    }

    /// Who signed when the node was made.
    pub fn of(&self, node: &str) -> Option<String> {
        self.nodes.get(node).cloned()
    }

    /// Who signs.
    pub fn signer(&self) -> Authority {
        Authority { server: self.signer.clone(), client: self.signer.clone() }
    }

    /// Others sign, and are trusted.
    pub fn by(&mut self, to: &Authorities) {
        self.signer = to.signer.server.clone();
        self.trusted = to.trusted.iter().map(|one| one.server.clone()).collect();
    }

    /// The certificates, that of who signs first.
    pub fn pem(&self) -> String {
        format!("{}{}", self.signer.certificate, self.trusted.concat())
    }
}
