//! What stands behind a certificate authority: its key and its certificate, in a Secret.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};

use super::verdict::{Kind, Verdict};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{CertificateAuthority, EKSClusterConfig, Member, keys};

/// How long a certificate authority is good for, in days, as k3s has it.
const VALIDITY: i64 = 3650;

impl Kind for CertificateAuthority {
    async fn verdict(&self, _cluster: &EKSClusterConfig, ctx: &Context) -> Result<Verdict, Error> {
        let (namespace, name) = (self.namespace().unwrap_or_default(), self.name_any());
        if self.status.as_ref().is_none_or(|status| status.observed_generation != self.metadata.generation) {
            let secret = self.secret().map_err(|source| Error::Certificate {
                what: format!("CertificateAuthority {namespace}/{name}"),
                why: source.to_string(),
            })?;
            let params = PostParams { field_manager: Some(keys::MEMBER_MANAGER.into()), ..PostParams::default() };
            match Api::namespaced(ctx.client.clone(), &namespace).create(&params, &secret).await {
                Ok(_) => {}
                // It was made before, and its key stays.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(e) => {
                    return Err(Error::kubernetes(format!("writing Secret {namespace}/{}", self.secret_name()))(e));
                }
            }
        }
        Ok(Verdict::Refused(format!(
            "its key and certificate are in Secret {}, but the provider can't make the cluster's nodes trust them; the cluster keeps the certificate authority that it has",
            self.secret_name()
        )))
    }
}

impl CertificateAuthority {
    fn secret(&self) -> Result<Secret, rcgen::Error> {
        let (certificate, key) = issue(&self.eks_name())?;
        let mut secret = Secret { type_: Some("kubernetes.io/tls".into()), ..Secret::default() };
        secret.metadata.name = Some(self.secret_name());
        secret.metadata.namespace = self.namespace();
        secret.metadata.owner_references = self.controller_owner_ref(&()).map(|owner| vec![owner]);
        let data =
            [("tls.crt", certificate), ("tls.key", key)].map(|(k, v)| (k.to_owned(), ByteString(v.into_bytes())));
        secret.data = Some(BTreeMap::from(data));
        Ok(secret)
    }
}

/// A new certificate authority: its certificate and its key, in PEM.
fn issue(name: &str) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("kubernetes-{name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let now = chrono::Utc::now();
    let date = |at: chrono::DateTime<chrono::Utc>| {
        use chrono::Datelike;
        let two = |n: u32| u8::try_from(n).unwrap_or(1);
        rcgen::date_time_ymd(at.year(), two(at.month()), two(at.day()))
    };
    params.not_before = date(now);
    params.not_after = date(now + chrono::TimeDelta::days(VALIDITY));
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_authority_can_sign_and_each_has_a_key_of_its_own() {
        let (certificate, key) = issue("ca-1").unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).unwrap();
        let parsed = pem.parse_x509().unwrap();
        assert!(parsed.is_ca() && parsed.validity().is_valid());
        assert_eq!(parsed.subject().to_string(), "CN=kubernetes-ca-1");
        assert_ne!(key, issue("ca-1").unwrap().1);
    }
}
