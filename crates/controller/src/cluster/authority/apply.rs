//! Applies changes of a cluster's certificate authorities.

use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::{FINGERPRINT, Wanted};
use crate::cluster::apply::start;
use crate::context::Context;
use crate::error::Error;
use crate::jobs::Work;
use crate::owned_objects::labels;
use crate::secrets;
use crd::certificate_authority::CertificateAuthoritySpec;
use crd::{CertificateAuthority, EKSClusterConfig, keys, member};
use provider::{Authorities, Authority, DesiredCluster, KeyPair, Trusted, fingerprints, is_self_signed};

/// Keys of a certificate authority's Secret: of what signs for servers, and for clients where that is another.
const KEYS: [(&str, &str); 2] = [("tls.crt", "tls.key"), ("client.crt", "client.key")];

/// The Secret of a certificate authority.
pub fn secret(of: &CertificateAuthority, authority: &Authority) -> Secret {
    let mut secret = Secret { type_: Some("kubernetes.io/tls".into()), ..Secret::default() };
    secret.metadata.name = Some(of.secret_name());
    secret.metadata.namespace = of.namespace();
    secret.metadata.owner_references = of.controller_owner_ref(&()).map(|owner| vec![owner]);
    secret.metadata.labels = Some(labels(&of.spec.cluster_name));
    let print = fingerprints(&authority.server.certificate).into_iter().next();
    secret.metadata.annotations = print.map(|print| [(FINGERPRINT.to_owned(), print)].into());
    let pairs = [&authority.server, &authority.client]
        .into_iter()
        .zip(KEYS)
        .take(if authority.client == authority.server { 1 } else { 2 });
    let entry = |name: &str, text: &str| (name.to_owned(), ByteString(text.as_bytes().to_vec()));
    let data =
        pairs.flat_map(|(pair, (certificate, key))| [entry(certificate, &pair.certificate), entry(key, &pair.key)]);
    secret.data = Some(data.collect());
    secret
}

/// What is in the Secret of a certificate authority; `None` where something is missing.
fn authority(secret: &Secret) -> Option<Authority> {
    let text = |name: &str| secrets::text(secret, name);
    let [server, client] =
        KEYS.map(|(certificate, key)| Some(KeyPair { certificate: text(certificate)?, key: text(key)? }));
    let server = server?;
    Some(Authority { client: client.unwrap_or_else(|| server.clone()), server })
}

/// Makes a resource for the cluster's first certificate authority, so that the cluster can return to it or drop it.
pub async fn adopt(cluster: &EKSClusterConfig, plan: &DesiredCluster, ctx: &Context) -> Result<(), Error> {
    let Some(provider) = ctx.providers.of(cluster) else { return Ok(()) };
    let Some(found) = provider.authority(plan).await? else { return Ok(()) };
    let id = CertificateAuthority::first_id(cluster);
    let spec =
        CertificateAuthoritySpec { cluster_name: cluster.name_any(), certificate_authority_id: Some(id.clone()) };
    let mut resource = CertificateAuthority::new("", spec);
    resource.metadata = member::metadata(cluster, "certificate-authority", &id);
    let name = resource.name_any();
    let api = Api::<CertificateAuthority>::namespaced(ctx.client.clone(), &plan.id.namespace);
    let params = PatchParams::apply(keys::CLUSTER_MANAGER).force();
    let body = json!({
        "apiVersion": CertificateAuthority::api_version(&()), "kind": CertificateAuthority::kind(&()),
        "metadata": resource.metadata, "spec": resource.spec,
    });
    let made = api.patch(&name, &params, &Patch::Apply(&body)).await;
    let made =
        made.map_err(Error::kubernetes(format!("writing CertificateAuthority {name} of cluster {}", plan.id)))?;
    let secret = secret(&made, &found);
    if write(&secret, ctx).await? {
        return publish(&made, ctx).await;
    }
    let why = format!("Secret {} exists and belongs to somebody else; delete or rename it", secret.name_any());
    Err(Error::Certificate { what: format!("CertificateAuthority {name}"), why })
}

/// Writes the Secret of a certificate authority, or keeps the existing one. Returns whether the Secret is the
/// resource's own.
pub async fn write(secret: &Secret, ctx: &Context) -> Result<bool, Error> {
    let name = secret.name_any();
    let api = Api::<Secret>::namespaced(ctx.client.clone(), &secret.namespace().unwrap_or_default());
    let params = PostParams { field_manager: Some(keys::MEMBER_MANAGER.into()), ..PostParams::default() };
    match api.create(&params, secret).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let found = api.get_metadata(&name).await.map_err(Error::kubernetes(format!("reading Secret {name}")))?;
            Ok(found.owner_references() == secret.owner_references())
        }
        Err(e) => Err(Error::kubernetes(format!("writing Secret {name}"))(e)),
    }
}

/// Publishes the certificate to users who may read the resource but not its Secret.
pub async fn publish(of: &CertificateAuthority, ctx: &Context) -> Result<(), Error> {
    let (namespace, name, secret) = (of.namespace().unwrap_or_default(), of.name_any(), of.secret_name());
    let found = Api::<Secret>::namespaced(ctx.client.clone(), &namespace).get(&secret).await;
    let found = found.map_err(Error::kubernetes(format!("reading Secret {namespace}/{secret}")))?;
    let Some(certificate) = found.data.as_ref().and_then(|data| data.get(KEYS[0].0)) else { return Ok(()) };
    let certificate = String::from_utf8_lossy(&certificate.0);
    let body = json!({"metadata": {"annotations": {keys::ANNOTATION_CERTIFICATE: certificate}}});
    let api = Api::<CertificateAuthority>::namespaced(ctx.client.clone(), &namespace);
    let patched = api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&body)).await;
    patched.map_err(Error::kubernetes(format!("annotating CertificateAuthority {namespace}/{name}")))?;
    Ok(())
}

/// Starts to give the servers the desired certificate authorities.
pub async fn certify(
    cluster: &EKSClusterConfig,
    plan: DesiredCluster,
    wanted: &Wanted,
    ctx: &Arc<Context>,
) -> Result<(), Error> {
    let signer = read(&wanted.signer, &plan, ctx).await?;
    let mut trusted = Vec::new();
    for name in &wanted.trusted {
        let authority = read(name, &plan, ctx).await?;
        trusted.push(Trusted { server: authority.server.certificate, client: Some(authority.client.certificate) });
    }
    if !wanted.kept.is_empty() {
        let known = ctx.children.view(&plan.id).access.map(|access| access.ca_pem).unwrap_or_default();
        trusted.push(Trusted { server: known, client: None });
    }
    let (to, owner) = (Authorities { signer, trusted }, ctx.clone());
    start(cluster, Work::Certify, ctx, move |provider, progress| async move {
        let ended = provider.certify_cluster(&plan, &to, &progress).await;
        // Other credentials let in now.
        owner.children.answers_again(&plan.id).await;
        ended
    });
    Ok(())
}

async fn read(name: &str, plan: &DesiredCluster, ctx: &Context) -> Result<Authority, Error> {
    let secret = CertificateAuthority::secret_of(name);
    let api = Api::<Secret>::namespaced(ctx.client.clone(), &plan.id.namespace);
    let found = api.get(&secret).await.map_err(Error::kubernetes(format!("reading Secret {secret}")))?;
    usable(&found).ok_or_else(|| {
        let why = format!(
            "Secret {secret} no longer has its self-signed certificate and key; delete the CertificateAuthority and create a new one"
        );
        Error::Certificate { what: format!("CertificateAuthority {name}"), why }
    })
}

/// Content of the Secret, unless somebody changed it.
fn usable(secret: &Secret) -> Option<Authority> {
    let found = authority(secret)?;
    let print = secret.annotations().get(FINGERPRINT)?;
    (is_self_signed(&found.server.certificate) && fingerprints(&found.server.certificate).first() == Some(print))
        .then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_a_secret_comes_out_of_it() {
        let pair = |name: &str| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            KeyPair { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
        };
        let of = CertificateAuthority::new("one", CertificateAuthoritySpec::default());
        let (server, client) = (pair("a"), pair("b"));
        let two = Authority { server: server.clone(), client };
        assert_eq!(authority(&secret(&of, &two)), Some(two));
        let one = Authority { server: server.clone(), client: server.clone() };
        let written = secret(&of, &one);
        assert_eq!(written.data.as_ref().map(std::collections::BTreeMap::len), Some(2));
        assert_eq!(written.annotations()[FINGERPRINT], fingerprints(&server.certificate)[0]);
        assert_eq!(usable(&written), Some(one));
        let another = secret(&of, &Authority { server: pair("c"), client: pair("c") });
        assert_eq!(usable(&Secret { data: another.data, ..written }), None, "that isn't who it is known as");
        assert_eq!(authority(&Secret::default()), None);
    }
}
