//! State of a certificate authority: its Secret with key and certificate, and whether the cluster trusts it.

use k8s_openapi::jiff::civil::Date;
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Timestamp, ToSpan};
use kube::ResourceExt;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyUsagePurpose};

use super::health::{Kind, MemberHealth};
use crate::cluster::authority::{FINGERPRINT, MOST, apply};
use crate::context::Context;
use crate::error::Error;
use crd::{CertificateAuthority, EKSClusterConfig, Member, MemberIssue, MemberPhase, keys};
use provider::{Authority, KeyPair};

/// Lifetime of a certificate authority in days, as k3s has it.
const VALIDITY: i64 = 3650;

impl Kind for CertificateAuthority {
    const WAKES_CLUSTER: bool = true;

    async fn assess(&self, cluster: &EKSClusterConfig, ctx: &Context) -> Result<MemberHealth, Error> {
        if !self.is_of(cluster) {
            let message = "certificateAuthorityId isn't the cluster's; remove the field: the operator sets it";
            return Ok(MemberHealth::Refused(message.into()));
        }
        if let Some(refused) = keyed(self, ctx).await? {
            return Ok(refused);
        }
        let chosen = ctx.providers.choose(cluster);
        let can = chosen.provider.map(|provider| provider.capabilities());
        let runs = can.is_some_and(|can| can.api_server);
        if cluster.spec.imported || !runs {
            let why = if cluster.spec.imported { "is imported" } else { "is recorded only" };
            let (secret, cluster) = (self.secret_name(), cluster.name_any());
            let message = format!(
                "its key and certificate are in Secret {secret}, but cluster {cluster} {why}: no server can trust it; delete this resource"
            );
            return Ok(MemberHealth::Refused(message));
        }
        if !can.is_some_and(|can| can.authorities) {
            let message = format!(
                "cluster {} can't trust it: provider {} can't change certificate authorities; delete this resource",
                cluster.name_any(),
                chosen.name
            );
            return Ok(MemberHealth::Refused(message));
        }
        let status = cluster.status.as_ref().and_then(|status| status.certificate_authority.as_ref());
        if status.is_some_and(|status| status.trusted.contains(&self.name_any())) {
            return Ok(MemberHealth::Working);
        }
        let full = status.is_some_and(|status| status.trusted.len() >= MOST);
        let message = if full {
            format!(
                "cluster {} trusts {MOST} certificate authorities, which is the most: delete one of them",
                cluster.name_any()
            )
        } else {
            format!("waiting for cluster {} to trust it", cluster.name_any())
        };
        Ok(MemberHealth::Impaired(vec![MemberIssue {
            code: "ClusterUnreachable".into(),
            message,
            ..MemberIssue::default()
        }]))
    }
}

/// Ensures that the authority has a key; else says why not.
async fn keyed(authority: &CertificateAuthority, ctx: &Context) -> Result<Option<MemberHealth>, Error> {
    let (namespace, secret) = (authority.namespace().unwrap_or_default(), authority.secret_name());
    let known = ctx.stores.owned.secret_annotations(&namespace, &secret);
    let has_key = known.is_some_and(|known| known.contains_key(FINGERPRINT));
    if has_key && !authority.annotations().contains_key(keys::ANNOTATION_CERTIFICATE) {
        apply::publish(authority, ctx).await?;
    }
    // The cluster's own has its key from the cluster.
    if has_key || authority.is_first() {
        return Ok(None);
    }
    let never =
        authority.status.as_ref().is_none_or(|s| matches!(s.phase, MemberPhase::Creating | MemberPhase::Failed));
    if !never {
        let why = format!("Secret {secret} is gone, and the key with it; delete this resource and make a new one");
        return Ok(Some(MemberHealth::Refused(why)));
    }
    let made = issue(&authority.eks_name()).map_err(|source| Error::Certificate {
        what: format!("CertificateAuthority {}", authority.name_any()),
        why: source.to_string(),
    })?;
    let keys = Authority { server: made.clone(), client: made };
    let ours = apply::write(&apply::secret(authority, &keys), ctx).await?;
    if ours {
        apply::publish(authority, ctx).await?;
    }
    let why = || format!("Secret {secret} is there and isn't this resource's; delete or rename that one");
    Ok((!ours).then(|| MemberHealth::Refused(why())))
}

/// A new certificate authority.
fn issue(name: &str) -> Result<KeyPair, rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("kubernetes-{name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let date = |at: Date| {
        let two = |n: i8| u8::try_from(n).unwrap_or(1);
        rcgen::date_time_ymd(at.year().into(), two(at.month()), two(at.day()))
    };
    params.not_before = date(today);
    params.not_after = date(today.saturating_add(VALIDITY.days()));
    let certificate = params.self_signed(&key)?;
    Ok(KeyPair { certificate: certificate.pem(), key: key.serialize_pem() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_authority_can_sign_and_each_has_a_key_of_its_own() {
        let KeyPair { certificate, key } = issue("ca-1").unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).unwrap();
        let parsed = pem.parse_x509().unwrap();
        assert!(parsed.is_ca() && parsed.validity().is_valid());
        assert_eq!(parsed.subject().to_string(), "CN=kubernetes-ca-1");
        assert_ne!(key, issue("ca-1").unwrap().key);
    }
}
