//! The keys of a cluster's servers, in a Secret: the keys that sign service account tokens, and the key that encrypts
//! Secrets. A new signing key can come while tokens of the previous one are still valid.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::context::Context;
use crate::error::Error;
use crate::owned_objects::{Owned, labels};
use crd::member::is_owned_by;
use crd::{EKSClusterConfig, keys};
use provider::ServerKeys;

/// Key of the Secret with the private keys, PEM: the one that signs, then the one before.
const SIGNERS: &str = "service-account.pem";
/// Key of the Secret with the encryption key: 32 bytes in base64.
const ENCRYPTION: &str = "encryption.key";
/// Key of the Secret with the API server's tokens for the identity service, one per line: current, then previous.
const TOKENS: &str = "webhook.tokens";
/// Annotation: digests of the tokens that the API server is known to use.
const SHOWN: &str = "k3eks.io/webhook-tokens";
/// Annotation: the rotation request that made the first key.
const MADE_FOR: &str = "k3eks.io/made-for";
/// Annotation: the rotation request carried out last.
const DONE_FOR: &str = "k3eks.io/done-for";
/// Last line of a private key.
const END: &str = "-----END PRIVATE KEY-----\n";

fn secret_name(cluster: &EKSClusterConfig) -> String {
    format!("{}{}", cluster.name_any(), keys::SERVER_KEYS_SUFFIX)
}

/// The pending rotation request; `None` also for a cluster without our keys.
pub fn wish(cluster: &EKSClusterConfig, owned: &Owned) -> Option<String> {
    let wanted = cluster.annotations().get(keys::ANNOTATION_ROTATE)?;
    let annotations = owned.secret_annotations(&cluster.namespace()?, &secret_name(cluster))?;
    (annotations.get(DONE_FOR) != Some(wanted)).then(|| wanted.clone())
}

/// Digests of the API server's tokens for the identity service; none if it may have none.
pub fn shown(cluster: &EKSClusterConfig, owned: &Owned) -> Vec<String> {
    let annotations = cluster.namespace().and_then(|n| owned.secret_annotations(&n, &secret_name(cluster)));
    let digests = annotations.unwrap_or_default().remove(SHOWN).unwrap_or_default();
    digests.split(',').filter(|digest| !digest.is_empty()).map(str::to_owned).collect()
}

/// The API server restarted: it now sends its token.
pub async fn shows(cluster: &EKSClusterConfig, ctx: &Context) -> Result<(), Error> {
    let Some(secret) = found(cluster, ctx).await? else { return Ok(()) };
    let digests = digests(&text(&secret, TOKENS));
    if digests.is_empty() || secret.annotations().contains_key(SHOWN) {
        return Ok(());
    }
    patch(cluster, &json!({"metadata": {"annotations": {SHOWN: digests}}}), ctx).await
}

fn digests(tokens: &str) -> String {
    let digests: Vec<String> = tokens.lines().map(|token| format!("{:x}", Sha256::digest(token))).collect();
    digests.join(",")
}

/// The cluster's keys. Only a `new` cluster gets new keys: for existing data they would invalidate all
/// tokens and make encrypted Secrets unreadable.
pub async fn keys(cluster: &EKSClusterConfig, new: bool, ctx: &Context) -> Result<ServerKeys, Error> {
    let name = secret_name(cluster);
    let wrong =
        |why: String| Error::Certificate { what: format!("the servers of cluster {}", cluster.name_any()), why };
    let secret = match found(cluster, ctx).await? {
        Some(secret) if !is_owned_by(&secret, cluster.metadata.uid.as_deref()) => {
            return Err(wrong(format!("Secret {name} exists and isn't this cluster's; delete or rename it")));
        }
        Some(secret) => secret,
        None if new => make(cluster, ctx).await?,
        None => {
            return Err(wrong(format!(
                "Secret {name} with their keys is gone; restore it from a backup: new keys would invalidate the cluster's tokens and encrypted Secrets"
            )));
        }
    };
    let mut secret = secret;
    // Those of before had none.
    if text(&secret, TOKENS).is_empty() {
        let token = format!("{}\n", random());
        patch(cluster, &json!({"stringData": {TOKENS: token}}), ctx).await?;
        secret.data.get_or_insert_default().insert(TOKENS.into(), ByteString(token.into_bytes()));
    }
    kept(cluster, &secret)
}

/// What the Secret has. The API server signs with the first key and accepts signatures of all.
pub(super) fn kept(cluster: &EKSClusterConfig, secret: &Secret) -> Result<ServerKeys, Error> {
    let signers = text(secret, SIGNERS);
    let mut checking = String::new();
    for key in signers.split_inclusive(END) {
        let pair = rcgen::KeyPair::from_pem(key).map_err(unusable(cluster))?;
        checking.push_str(&pair.public_key_pem().replace("\r\n", "\n"));
    }
    Ok(ServerKeys {
        signing: signers.split_inclusive(END).next().unwrap_or_default().to_owned(),
        checking,
        webhook_token: text(secret, TOKENS).lines().next().unwrap_or_default().to_owned(),
        encryption: text(secret, ENCRYPTION),
    })
}

fn unusable(cluster: &EKSClusterConfig) -> impl Fn(rcgen::Error) -> Error {
    let what = format!("the service accounts of cluster {}", cluster.name_any());
    move |source| Error::Certificate { what: what.clone(), why: source.to_string() }
}

/// Puts a new key first, for this rotation request. Idempotent.
pub async fn renew(cluster: &EKSClusterConfig, wish: &str, ctx: &Context) -> Result<(), Error> {
    let Some(secret) = found(cluster, ctx).await? else { return Ok(()) };
    if secret.annotations().get(MADE_FOR).is_some_and(|made| made == wish) {
        return Ok(());
    }
    let old = text(&secret, SIGNERS);
    let current = old.split_inclusive(END).next().unwrap_or_default();
    let content = format!("{}{current}", key(cluster)?);
    let tokens = text(&secret, TOKENS);
    let tokens: Vec<String> = std::iter::once(random()).chain(tokens.lines().take(1).map(str::to_owned)).collect();
    let tokens = tokens.join("\n");
    let mut annotations = json!({MADE_FOR: wish});
    if secret.annotations().contains_key(SHOWN) {
        annotations[SHOWN] = digests(&tokens).into();
    }
    let body = json!({
        "metadata": {"annotations": annotations, "resourceVersion": secret.resource_version()},
        "stringData": {SIGNERS: content, TOKENS: tokens},
    });
    patch(cluster, &body, ctx).await
}

/// Records that the servers sign with the key of this rotation request.
pub async fn done(cluster: &EKSClusterConfig, wish: &str, ctx: &Context) -> Result<(), Error> {
    patch(cluster, &json!({"metadata": {"annotations": {DONE_FOR: wish}}}), ctx).await
}

fn api(cluster: &EKSClusterConfig, ctx: &Context) -> Api<Secret> {
    Api::namespaced(ctx.client.clone(), &cluster.namespace().unwrap_or_default())
}

async fn found(cluster: &EKSClusterConfig, ctx: &Context) -> Result<Option<Secret>, Error> {
    let name = secret_name(cluster);
    api(cluster, ctx).get_opt(&name).await.map_err(Error::kubernetes(format!("reading Secret {name}")))
}

async fn patch(cluster: &EKSClusterConfig, body: &serde_json::Value, ctx: &Context) -> Result<(), Error> {
    let name = secret_name(cluster);
    let params = PatchParams { field_manager: Some(keys::CLUSTER_MANAGER.into()), ..PatchParams::default() };
    let patched = api(cluster, ctx).patch(&name, &params, &Patch::Merge(body)).await;
    patched.map(drop).map_err(Error::kubernetes(format!("writing Secret {name}")))
}

async fn make(cluster: &EKSClusterConfig, ctx: &Context) -> Result<Secret, Error> {
    let mut secret = Secret { type_: Some("Opaque".into()), ..Secret::default() };
    secret.metadata.name = Some(secret_name(cluster));
    secret.metadata.namespace = cluster.namespace();
    secret.metadata.owner_references = cluster.controller_owner_ref(&()).map(|owner| vec![owner]);
    secret.metadata.labels = Some(labels(&cluster.name_any()));
    if let Some(wanted) = cluster.annotations().get(keys::ANNOTATION_ROTATE) {
        secret.annotations_mut().insert(DONE_FOR.into(), wanted.clone());
    }
    let tokens = random();
    secret.annotations_mut().insert(SHOWN.into(), digests(&tokens));
    let data = [(SIGNERS, key(cluster)?), (ENCRYPTION, random()), (TOKENS, tokens)];
    secret.data = Some(data.map(|(name, value)| (name.to_owned(), ByteString(value.into_bytes()))).into());
    let params = PostParams { field_manager: Some(keys::CLUSTER_MANAGER.into()), ..PostParams::default() };
    let made = api(cluster, ctx).create(&params, &secret).await;
    made.map_err(Error::kubernetes(format!("writing Secret {}", secret_name(cluster))))
}

fn text(secret: &Secret, key: &str) -> String {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    bytes.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
}

/// 32 bytes, in base64.
fn random() -> String {
    STANDARD.encode(Sha256::digest([Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat()))
}

fn key(cluster: &EKSClusterConfig) -> Result<String, Error> {
    let pair = rcgen::KeyPair::generate().map_err(unusable(cluster))?;
    Ok(pair.serialize_pem().replace("\r\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_signs_and_both_are_taken() {
        let cluster = EKSClusterConfig::new("demo", crd::EKSClusterConfigSpec::default());
        let (one, two) = (key(&cluster).unwrap(), key(&cluster).unwrap());
        assert!(one.ends_with(END) && one != two);
        let tokens = format!("{}\n{}", random(), random());
        let data = [(SIGNERS, format!("{one}{two}")), (ENCRYPTION, "a2V5".to_owned()), (TOKENS, tokens.clone())];
        let data = data.map(|(name, value)| (name.to_owned(), ByteString(value.into_bytes()))).into();
        let keys = kept(&cluster, &Secret { data: Some(data), ..Secret::default() }).unwrap();
        assert_eq!(keys.signing, one);
        assert_eq!(keys.checking.matches("BEGIN PUBLIC KEY").count(), 2);
        let (first, second) = tokens.split_once('\n').unwrap();
        assert_eq!(keys.webhook_token, first);
        assert!(first.len() == 44 && first != second && digests(&tokens).len() == 2 * 64 + 1);
        assert_eq!(keys.encryption, "a2V5", "whether it is used is for the spec to say");
    }
}
