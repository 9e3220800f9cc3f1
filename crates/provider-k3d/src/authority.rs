//! Changes a cluster's certificate authorities. On request, k3s reads new ones from a folder in the server's container,
//! and signs with them from its next start on.

use bollard::Docker;
use p256::SecretKey;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
};
use x509_parser::der_parser::asn1_rs::Tag;
use x509_parser::extensions::ParsedExtension;
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;

use super::archive::File;
use super::docker::within;
use super::k3d::K3d;
use super::{archive, balancer, docker, names, upgrade};
use k3s::paths::{self, TLS};
use provider::{Authorities, Authority, DesiredCluster, Error, KeyPair, Progress, fingerprints, is_self_signed};

/// Folder that k3s reads new ones from.
const STAGE: &str = "/etc/k3eks/rotate-ca";
/// Marker: k3s read new ones but still has to restart.
const OWED: &str = "restart";

/// The certificate authority that signs now, from a server that runs.
pub async fn read(k3d: &K3d, plan: &DesiredCluster) -> Result<Option<Authority>, Error> {
    let doing = format!("reading the certificate authority of cluster {}", plan.id);
    let docker = k3d.docker.client(&doing).await?;
    for server in names::servers(&k3d.name_of(&plan.id), plan.servers) {
        if let Some(found) = pair(&docker, &server, "server").await? {
            let first = |pair: KeyPair| KeyPair { certificate: self_signed(&pair.certificate), ..pair };
            let client = pair(&docker, &server, "client").await?.unwrap_or_else(|| found.clone());
            return Ok(Some(Authority { server: first(found), client: first(client) }));
        }
    }
    Ok(None)
}

/// Gives the cluster the authorities and restarts every server. Skips what an earlier attempt did: restarts disturb
/// clients.
pub async fn certify(k3d: &K3d, plan: &DesiredCluster, to: &Authorities, progress: &Progress) -> Result<(), Error> {
    let doing = format!("giving cluster {} its certificate authorities", plan.id);
    let docker = k3d.docker.client(&doing).await?;
    let name = k3d.name_of(&plan.id);
    let servers = names::servers(&name, plan.servers);
    within(k3d.settings.limits.create, &doing, take(&docker, &servers, to)).await?;
    // The first one, which is asked how things stand, last: while one has to follow, it isn't done.
    for server in servers.iter().rev() {
        if archive::read(&docker, server, &format!("{STAGE}/{OWED}")).await?.is_none() {
            continue;
        }
        let restarted = async {
            // What was signed before is signed anew when it starts again.
            archive::run(&docker, server, &["k3s", "certificate", "rotate"]).await?;
            upgrade::restart_one(&docker, server, progress).await?;
            archive::run(&docker, server, &["rm", "-r", STAGE]).await
        };
        within(k3d.settings.limits.create, &doing, restarted).await?;
        balancer::follow(&docker, plan, &name).await?;
    }
    Ok(())
}

/// Has k3s take the authorities, once for all servers: it keeps them where it keeps everything. Owes each server a restart.
async fn take(docker: &Docker, servers: &[String], to: &Authorities) -> Result<(), Error> {
    let Some((first, others)) = servers.split_first() else { return Ok(()) };
    let (files, changed) = files(docker, first, to).await?;
    if !changed {
        return Ok(());
    }
    for server in servers {
        archive::write(docker, server, &[File::secret(format!("{STAGE}/{OWED}"), "")]).await?;
    }
    // k3s compares these times with those of the files that it has, and refuses to start where its own are newer.
    let now = docker::now(docker, "reading Docker's clock").await?;
    let staged: Vec<File> =
        files.iter().map(|(name, content)| File::secret(format!("{STAGE}/tls/{name}"), content.as_str())).collect();
    archive::write_as_of(docker, first, &staged, now).await?;
    let address = "--server=https://127.0.0.1:6443";
    let path = format!("--path={STAGE}");
    let taken = archive::run(docker, first, &["k3s", "certificate", "rotate-ca", &path, address, "--force"]).await;
    // No key stays behind, whatever came of it.
    archive::run(docker, first, &["rm", "-r", &format!("{STAGE}/tls")]).await?;
    taken?;
    // A server that starts again asks the one that it joined what it has before it asks the datastore.
    let own: Vec<File> =
        files.iter().map(|(name, content)| File::secret(format!("{TLS}/{name}"), content.as_str())).collect();
    for server in others.iter().chain((!others.is_empty()).then_some(first)) {
        archive::write_as_of(docker, server, &own, now).await?;
    }
    Ok(())
}

async fn pair(docker: &Docker, server: &str, of: &str) -> Result<Option<KeyPair>, Error> {
    let (certificate, key) = paths::authority(of);
    let certificate = archive::read(docker, server, &format!("{TLS}/{certificate}")).await?;
    let key = archive::read(docker, server, &format!("{TLS}/{key}")).await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(certificate.zip(key).map(|(certificate, key)| KeyPair { certificate: text(certificate), key: text(key) }))
}

/// What the server is to take, by the name of the file, and whether it has anything else now.
async fn files(docker: &Docker, server: &str, to: &Authorities) -> Result<(Vec<(String, String)>, bool), Error> {
    let doing = || format!("signing certificate authorities of server {server}");
    let unusable = |why: Unusable| Error::Engine { doing: doing(), why: why.0 };
    let missing = || Error::Engine { doing: doing(), why: format!("it has no certificate authority in {TLS}") };
    let now = pair(docker, server, "server").await?.ok_or_else(missing)?;
    let trusted: Vec<&str> = to.trusted.iter().map(|one| one.server.as_str()).collect();
    let bundled = bundle(&to.signer.server, &trusted, &now).map_err(unusable)?;
    let mut changed = bundled != now.certificate;
    let mut all = vec![("server", bundled, &to.signer.server.key)];
    if let Some(now) = pair(docker, server, "client").await? {
        let trusted = to.trusted.iter().map(|one| one.client.as_deref().unwrap_or(&now.certificate));
        let bundled = bundle(&to.signer.client, &trusted.collect::<Vec<_>>(), &now).map_err(unusable)?;
        changed |= bundled != now.certificate;
        all.push(("client", bundled, &to.signer.client.key));
    }
    let both = |(of, bundle, key): (&str, String, &String)| {
        let (certificate, private) = paths::authority(of);
        [(certificate, bundle), (private, key.clone())]
    };
    Ok((all.into_iter().flat_map(both).collect(), changed))
}

/// Why a certificate or a key can't be used.
#[derive(Debug)]
struct Unusable(String);

impl<E: std::error::Error> From<E> for Unusable {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The signer's certificates, then the other trusted ones. If the previous signer is among them, it cross-signs the new
/// one: servers show that certificate, so clients that only know the old authority trust new certificates.
fn bundle(signer: &KeyPair, trusted: &[&str], now: &KeyPair) -> Result<String, Unusable> {
    let own = fingerprints(&signer.certificate);
    let before = fingerprints(&now.certificate);
    let mut all = if trusted.is_empty() {
        Vec::new()
    } else if own.first() == before.first() {
        let vouched = |text: &String| fingerprints(text).first() == own.first() && !is_self_signed(text);
        texts(&now.certificate).into_iter().filter(vouched).collect()
    } else if before.first().is_some_and(|before| trusted.iter().any(|one| fingerprints(one).contains(before))) {
        vec![cross_signed(signer, now)?]
    } else {
        Vec::new()
    };
    all.push(self_signed(&signer.certificate));
    let mut known = own;
    for text in trusted.iter().flat_map(|one| texts(one)) {
        let print = fingerprints(&text);
        if is_self_signed(&text) && !known.contains(&print[0]) {
            known.extend(print);
            all.push(text);
        }
    }
    Ok(all.concat())
}

/// A certificate for the signer's key that the one before has signed.
fn cross_signed(signer: &KeyPair, before: &KeyPair) -> Result<String, Unusable> {
    let (own, issuing) = (self_signed(&signer.certificate), self_signed(&before.certificate));
    let issuing = params(&first(&issuing)?.parse_x509()?)?;
    let own = first(&own)?;
    let own = own.parse_x509()?;
    let mut params = params(&own)?;
    (params.not_before, params.not_after) =
        (own.validity().not_before.to_datetime(), own.validity().not_after.to_datetime());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(issuing, key_pair(&before.key)?);
    Ok(params.signed_by(&key_pair(&signer.key)?, &issuer)?.pem())
}

/// Subject, key usage and label of a certificate.
fn params(certificate: &X509Certificate<'_>) -> Result<CertificateParams, Unusable> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for attribute in certificate.subject().iter_attributes() {
        let oid = attribute.attr_type().iter().map(Iterator::collect::<Vec<u64>>).unwrap_or_default();
        // Names are compared byte by byte.
        let value = match attribute.attr_value().tag() {
            Tag::PrintableString => DnValue::PrintableString(attribute.as_str()?.try_into()?),
            _ => DnValue::from(attribute.as_str()?),
        };
        params.distinguished_name.push(DnType::CustomDnType(oid), value);
    }
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    for extension in certificate.extensions() {
        if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() {
            params.key_identifier_method = KeyIdMethod::PreSpecified(id.0.to_vec());
        }
    }
    Ok(params)
}

/// Converts k3s's key format.
fn key_pair(pem: &str) -> Result<rcgen::KeyPair, Unusable> {
    if pem.contains("BEGIN EC PRIVATE KEY") {
        let key = SecretKey::from_sec1_pem(pem)?;
        return Ok(rcgen::KeyPair::from_pem(&key.to_pkcs8_pem(LineEnding::LF)?)?);
    }
    Ok(rcgen::KeyPair::from_pem(pem)?)
}

fn first(pem: &str) -> Result<Pem, Unusable> {
    Pem::iter_from_buffer(pem.as_bytes())
        .next()
        .ok_or_else(|| Unusable("there is no certificate".into()))?
        .map_err(Into::into)
}

/// The certificates in `pem`, one by one.
fn texts(pem: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = pem.split_inclusive(END).filter(|block| block.ends_with(END));
    blocks.map(|block| format!("{}\n", block.trim().replace("\r\n", "\n"))).collect()
}

/// Of the certificates for the first key in `pem`, the one that nobody else has signed.
fn self_signed(pem: &str) -> String {
    let own = fingerprints(pem);
    let is_own = |text: &String| is_self_signed(text) && fingerprints(text).first() == own.first();
    texts(pem).into_iter().find(is_own).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str) -> KeyPair {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        KeyPair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Who is certified by whom, in order.
    fn chain(bundle: &str) -> Vec<String> {
        let name = |text: &String| {
            let pem = first(text).unwrap();
            let one = pem.parse_x509().unwrap();
            format!("{} by {}", one.subject(), one.issuer())
        };
        texts(bundle).iter().map(name).collect()
    }

    #[test]
    fn the_old_one_vouches_for_the_new_one_until_it_goes() {
        let (old, new) = (made("old"), made("new"));
        let both = bundle(&old, &[&new.certificate], &old).unwrap();
        assert_eq!(chain(&both), ["CN=old by CN=old", "CN=new by CN=new"]);
        let now = KeyPair { certificate: both, ..old.clone() };
        let switched = bundle(&new, &[&old.certificate], &now).unwrap();
        assert_eq!(chain(&switched), ["CN=new by CN=old", "CN=new by CN=new", "CN=old by CN=old"]);
        let now = KeyPair { certificate: switched.clone(), ..new.clone() };
        assert_eq!(bundle(&new, &[&old.certificate], &now).unwrap(), switched, "done once, it stays");
        let back = bundle(&old, &[&new.certificate], &now).unwrap();
        assert_eq!(chain(&back), ["CN=old by CN=new", "CN=old by CN=old", "CN=new by CN=new"]);
        assert_eq!(chain(&bundle(&new, &[], &now).unwrap()), ["CN=new by CN=new"]);
    }

    #[test]
    fn the_certificate_of_the_old_one_has_the_key_id_of_the_new_one() {
        let (old, new) = (made("old"), made("new"));
        let vouched = cross_signed(&new, &old).unwrap();
        assert_eq!(fingerprints(&vouched), fingerprints(&new.certificate));
        let id = |text: &str| params(&first(text).unwrap().parse_x509().unwrap()).unwrap().key_identifier_method;
        assert_eq!(id(&vouched), id(&new.certificate));
    }

    #[test]
    fn keys_are_read_as_k3s_writes_them() {
        let key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49\nAwEHoUQDQgAEPR3tU2Fta9ktY+6P9G0cWO+0kETA6SFs38GecTyudlHz6xvCdz8q\nEKTcWGekdmdDPsHloRNtsiCa697B2O9IFA==\n-----END EC PRIVATE KEY-----\n";
        assert!(key_pair(key).is_ok());
        assert!(key_pair(&made("a").key).is_ok());
        assert!(key_pair("nothing").is_err());
    }
}
