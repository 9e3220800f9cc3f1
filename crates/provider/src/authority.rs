//! Certificate authorities on the provider port.

use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;

/// A certificate and its key, both PEM. `Debug` leaves the key out.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The certificate.
    pub certificate: String,
    /// The key, in any form that OpenSSL writes for elliptic curves.
    pub key: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// A certificate authority with its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Signs for servers.
    pub server: KeyPair,
    /// Signs for clients. The same, where one does both.
    pub client: KeyPair,
}

/// The signer of a cluster and the authorities that it trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// Signs, and is trusted.
    pub signer: Authority,
    /// Other trusted authorities.
    pub trusted: Vec<Trusted>,
}

/// A certificate authority that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Certificate that servers are checked with, PEM.
    pub server: String,
    /// Certificate that clients are checked with, PEM; `None`: those that are trusted now stay.
    pub client: Option<String>,
}

/// The keys of the certificates in `pem`, each as the first 16 hexadecimal digits of its digest, in order and each once: two certificates of
/// one key are one authority.
pub fn fingerprints(pem: &str) -> Vec<String> {
    let mut all = Vec::new();
    for pem in Pem::iter_from_buffer(pem.as_bytes()).flatten() {
        let Ok(certificate) = pem.parse_x509() else { continue };
        let digest = Sha256::digest(certificate.public_key().raw);
        let print = digest.iter().take(8).fold(0u64, |all, byte| (all << 8) | u64::from(*byte));
        let print = format!("{print:016x}");
        if !all.contains(&print) {
            all.push(print);
        }
    }
    all
}

/// Whether the first certificate in `pem` is self-signed.
pub fn is_self_signed(pem: &str) -> bool {
    let first = Pem::iter_from_buffer(pem.as_bytes()).flatten().next();
    first.is_some_and(|pem| pem.parse_x509().is_ok_and(|one| one.issuer() == one.subject()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_known_by_its_key() {
        let made = || rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem();
        let (one, two) = (made(), made());
        let prints = fingerprints(&format!("{one}{two}{one}"));
        assert_eq!(prints.len(), 2);
        assert_eq!(prints[0], fingerprints(&one)[0]);
        assert_eq!(prints[1].len(), 16);
        assert!(fingerprints("no certificate").is_empty());
        assert!(is_self_signed(&one) && !is_self_signed("no certificate"));
    }
}
