//! The keys that tokens of a cluster's service accounts are signed with. They are kept in a Secret, so that a new one can come
//! while tokens that are signed with the one before are still good.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::inline::label_value;
use super::server::{CHECKING, SIGNING};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::owned::Owned;
use crate::crd::{EKSClusterConfig, keys};
use crate::provider::ServerFile;

/// Key of the Secret with the private keys, PEM: the one that signs, then the one before.
const DATA: &str = "keys.pem";
/// On the Secret: for which wish the first of its keys was made.
const MADE_FOR: &str = "k3eks.io/made-for";
/// On the Secret: which wish was last carried out.
const DONE_FOR: &str = "k3eks.io/done-for";
/// What a private key ends with.
const END: &str = "-----END PRIVATE KEY-----\n";

fn secret_name(cluster: &EKSClusterConfig) -> String {
    format!("{}-service-account-keys", cluster.name_any())
}

/// The wish for another key that isn't carried out; `None` also for a cluster that has no keys of ours.
pub fn wish(cluster: &EKSClusterConfig, owned: &Owned) -> Option<String> {
    let wanted = cluster.annotations().get(keys::ANNOTATION_ROTATE)?;
    let annotations = owned.secret_annotations(&cluster.namespace()?, &secret_name(cluster))?;
    (annotations.get(DONE_FOR) != Some(wanted)).then(|| wanted.clone())
}

/// The files with the cluster's keys. They are made where there are none.
pub async fn files(cluster: &EKSClusterConfig, ctx: &Context) -> Result<Vec<ServerFile>, Error> {
    let secret = match found(cluster, ctx).await? {
        Some(secret) => secret,
        None => make(cluster, ctx).await?,
    };
    written(cluster, &pem(&secret))
}

/// The API server signs with the first key, and takes what any of them has signed.
fn written(cluster: &EKSClusterConfig, pem: &str) -> Result<Vec<ServerFile>, Error> {
    let mut public = String::new();
    for key in pem.split_inclusive(END) {
        let pair = rcgen::KeyPair::from_pem(key).map_err(unusable(cluster))?;
        public.push_str(&pair.public_key_pem().replace("\r\n", "\n"));
    }
    let first = pem.split_inclusive(END).next().unwrap_or_default().to_owned();
    Ok(vec![ServerFile { path: SIGNING.into(), content: first }, ServerFile { path: CHECKING.into(), content: public }])
}

fn unusable(cluster: &EKSClusterConfig) -> impl Fn(rcgen::Error) -> Error {
    let what = format!("the service accounts of cluster {}", cluster.name_any());
    move |source| Error::Certificate { what: what.clone(), why: source.to_string() }
}

/// Puts a new key before the one that there is, for this wish; once, however often it is called.
pub async fn renew(cluster: &EKSClusterConfig, wish: &str, ctx: &Context) -> Result<Vec<ServerFile>, Error> {
    let Some(secret) = found(cluster, ctx).await? else { return files(cluster, ctx).await };
    if secret.annotations().get(MADE_FOR).is_some_and(|made| made == wish) {
        return written(cluster, &pem(&secret));
    }
    let old = pem(&secret);
    let current = old.split_inclusive(END).next().unwrap_or_default();
    let content = format!("{}{current}", key(cluster)?);
    let body = json!({
        "metadata": {"annotations": {MADE_FOR: wish}, "resourceVersion": secret.resource_version()},
        "stringData": {DATA: content},
    });
    patch(cluster, &body, ctx).await?;
    written(cluster, &content)
}

/// The servers sign with the key that was made for this wish.
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
    secret.metadata.labels = Some(BTreeMap::from([
        (keys::LABEL_CLUSTER.to_owned(), label_value(&cluster.name_any())),
        ("app.kubernetes.io/managed-by".to_owned(), "k3eks".to_owned()),
    ]));
    if let Some(wanted) = cluster.annotations().get(keys::ANNOTATION_ROTATE) {
        secret.annotations_mut().insert(DONE_FOR.into(), wanted.clone());
    }
    secret.data = Some(BTreeMap::from([(DATA.to_owned(), ByteString(key(cluster)?.into_bytes()))]));
    let params = PostParams { field_manager: Some(keys::CLUSTER_MANAGER.into()), ..PostParams::default() };
    let made = api(cluster, ctx).create(&params, &secret).await;
    made.map_err(Error::kubernetes(format!("writing Secret {}", secret_name(cluster))))
}

fn pem(secret: &Secret) -> String {
    let bytes = secret.data.as_ref().and_then(|data| data.get(DATA));
    bytes.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
}

fn key(cluster: &EKSClusterConfig) -> Result<String, Error> {
    let pair = rcgen::KeyPair::generate().map_err(unusable(cluster))?;
    Ok(pair.serialize_pem().replace("\r\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_as_is_expected_so_that_two_can_be_told_apart() {
        let cluster = EKSClusterConfig::new("demo", crate::crd::EKSClusterConfigSpec::default());
        let (one, two) = (key(&cluster).unwrap(), key(&cluster).unwrap());
        assert!(one.ends_with(END) && one != two);
        let files = written(&cluster, &format!("{one}{two}")).unwrap();
        assert_eq!(files[0].content, one);
        assert_eq!(files[1].content.matches("BEGIN PUBLIC KEY").count(), 2);
    }
}
