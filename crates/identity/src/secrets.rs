//! The installation's own secrets: the certificate authority that child clusters trust, the certificate of the
//! webhooks, and the key that signs sessions. The first process that needs them creates them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::sessions::{Keyring, Sessions};
use crd::identity_service::{SECRET, SERVER_NAME};

const CA: &str = "ca.crt";
const CERT: &str = "tls.crt";
const KEY: &str = "tls.key";
const SESSIONS: &str = "session.key";
/// The revoked sessions: JSON, from an identity to seconds since 1970.
const REVOKED: &str = "revoked.json";
/// Longest session, in seconds. Older revocations are dropped.
const LONGEST: u64 = 129_600;
/// Interval of reading revocations.
const EVERY: Duration = Duration::from_secs(5);

/// What the Secret holds.
#[derive(Clone)]
pub struct Secrets {
    /// The certificate authority, PEM.
    pub ca_pem: String,
    /// The webhooks' certificate, PEM.
    pub cert_pem: String,
    /// Its key, PEM.
    pub key_pem: String,
    /// The key that signs sessions.
    pub sessions: Keyring,
}

/// Why the secrets are missing.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The management cluster refused to read or write the Secret.
    #[error("reading or creating Secret {0}/{SECRET}: {said}", said = text::sentence(.1.as_ref()))]
    Kubernetes(String, Box<kube::Error>),
    /// The Secret lacks an entry.
    #[error(
        "Secret {0}/{SECRET} has no {1}; delete it so that k3eks recreates it, then delete the clusters that trust the old one"
    )]
    Incomplete(String, &'static str),
    /// Certificates can't be created.
    #[error("making the certificates of the identity service: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Poll interval while another process makes the Secret.
const POLL: Duration = Duration::from_millis(500);
/// The longest wait for it.
const CREATED_WITHIN: Duration = Duration::from_secs(45);

/// Reads the Secret of `namespace`, or creates it; waits for it where this process may read but not create it.
///
/// # Errors
/// [`SecretsError`]
pub async fn ensure(client: &Client, namespace: &str) -> Result<Secrets, SecretsError> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let failed = |error: kube::Error| SecretsError::Kubernetes(namespace.to_owned(), Box::new(error));
    if let Some(found) = api.get_opt(SECRET).await.map_err(failed)? {
        return read(&found, namespace);
    }
    match create(&api, SECRET, generate()?).await {
        Ok(created) => read(&created, namespace),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            tracing::info!("waiting for Secret {namespace}/{SECRET}, which the operator creates");
            let created = tokio::time::timeout(CREATED_WITHIN, created(&api)).await;
            let created = created
                .map_err(|_| SecretsError::Kubernetes(namespace.to_owned(), Box::new(kube::Error::Api(status))))?;
            read(&created.map_err(failed)?, namespace)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Creates a Secret. Where another process created it first, that one's counts.
///
/// # Errors
/// The Kubernetes client's.
pub async fn create(api: &Api<Secret>, name: &str, data: BTreeMap<String, ByteString>) -> Result<Secret, kube::Error> {
    let mut secret = Secret { data: Some(data), type_: Some("Opaque".into()), ..Secret::default() };
    secret.metadata.name = Some(name.into());
    match api.create(&PostParams::default(), &secret).await {
        Err(kube::Error::Api(status)) if status.code == 409 => api.get(name).await,
        created => created,
    }
}

/// The Secret, as soon as another process has created it.
async fn created(api: &Api<Secret>) -> Result<Secret, kube::Error> {
    loop {
        if let Some(found) = api.get_opt(SECRET).await? {
            return Ok(found);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn read(secret: &Secret, namespace: &str) -> Result<Secrets, SecretsError> {
    let bytes = |key: &'static str| {
        let value = secret.data.as_ref().and_then(|data| data.get(key));
        value.map(|v| v.0.clone()).ok_or_else(|| SecretsError::Incomplete(namespace.to_owned(), key))
    };
    let text = |key| bytes(key).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let revoked = match bytes(REVOKED) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| SecretsError::Incomplete(namespace.into(), REVOKED))?,
        Err(_) => BTreeMap::new(),
    };
    let (ca_pem, cert_pem, key_pem) = (text(CA)?, text(CERT)?, text(KEY)?);
    Ok(Secrets { ca_pem, cert_pem, key_pem, sessions: Keyring { key: bytes(SESSIONS)?, revoked } })
}

/// Keeps `sessions` in sync with the Secret until `shutdown`.
pub fn follow(client: &Client, namespace: &str, sessions: Arc<Sessions>, shutdown: CancellationToken) {
    let (api, namespace) = (Api::<Secret>::namespaced(client.clone(), namespace), namespace.to_owned());
    let run = async move {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            let found = api.get(SECRET).await.map_err(|e| SecretsError::Kubernetes(namespace.clone(), Box::new(e)));
            match found.and_then(|found| read(&found, &namespace)) {
                Ok(secrets) => sessions.renew(secrets.sessions),
                Err(error) => tracing::warn!(%error, "revocations can't be read; sessions stay as they are"),
            }
        }
    };
    tokio::spawn(async move { shutdown.run_until_cancelled(run).await.unwrap_or(()) });
}

/// Revokes the sessions of these identities; without any, all sessions.
///
/// # Errors
/// There is no Secret in the namespace, or it can't be changed.
pub async fn revoke(client: &Client, namespace: &str, identities: &[String]) -> Result<(), SecretsError> {
    let failed = |error: kube::Error| SecretsError::Kubernetes(namespace.to_owned(), Box::new(error));
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let found = api.get(SECRET).await.map_err(failed)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut data = BTreeMap::new();
    if identities.is_empty() {
        data.insert(SESSIONS, ByteString(random_key()));
    } else {
        let mut revoked = read(&found, namespace)?.sessions.revoked;
        revoked.retain(|_, since| *since + LONGEST > now);
        revoked.extend(identities.iter().map(|identity| (identity.clone(), now)));
        data.insert(REVOKED, ByteString(json!(revoked).to_string().into_bytes()));
    }
    // Another process may revoke at the same time.
    let body = json!({"metadata": {"resourceVersion": found.resource_version()}, "data": data});
    api.patch(SECRET, &PatchParams::default(), &Patch::Merge(&body)).await.map(drop).map_err(failed)
}

/// A key of 48 random bytes.
pub fn random_key() -> Vec<u8> {
    [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()].iter().flat_map(|id| *id.as_bytes()).collect()
}

fn generate() -> Result<BTreeMap<String, ByteString>, rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.distinguished_name.push(DnType::CommonName, "k3eks identity");
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let key = KeyPair::generate()?;
    let mut own = CertificateParams::new([SERVER_NAME.to_owned()])?;
    own.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    let cert = own.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let entries = [
        (CA, ca_pem.into_bytes()),
        (CERT, cert.pem().into_bytes()),
        (KEY, key.serialize_pem().into_bytes()),
        (SESSIONS, random_key()),
    ];
    Ok(entries.into_iter().map(|(name, value)| (name.to_owned(), ByteString(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_can_be_read_and_is_never_the_same() {
        let secret = |data| Secret { data: Some(data), ..Secret::default() };
        let one = read(&secret(generate().unwrap()), "default").unwrap();
        assert!(one.ca_pem.contains("BEGIN CERTIFICATE") && one.key_pem.contains("PRIVATE KEY"));
        assert_eq!(one.sessions.key.len(), 48);
        assert_ne!(one.sessions.key, read(&secret(generate().unwrap()), "default").unwrap().sessions.key);
        let error = read(&Secret::default(), "default").err().unwrap().to_string();
        assert!(error.contains("default/k3eks-identity") && error.contains("ca.crt"), "{error}");
    }
}
