//! Objects that give access to a child cluster: the kubeconfig Secret, Rancher's Secret, and a Service for pods of the
//! management cluster.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::argocd;
use super::grant::{self, READER};
use super::owned_access::{apply, digest, own_or_none};
use crate::context::{Context, Settings};
use crate::error::Error;
use crate::owned_objects::{Owned, WRITTEN_FROM, labels};
use crd::{EKSClusterConfig, keys};
use provider::Access;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

/// Port of the Service.
const SERVICE_PORT: u16 = 6443;

/// Whether everything is there and was written from this very `access`.
pub fn written(cluster: &EKSClusterConfig, access: &Access, settings: &Settings, owned: &Owned) -> bool {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    let digest = digest(cluster, access);
    let kubeconfig = format!("{name}{}", keys::KUBECONFIG_SUFFIX);
    owned.secret(&namespace, &kubeconfig, &digest)
        && readable(owned.secret_annotations(&namespace, &kubeconfig), settings)
        && owned.secret(&namespace, &name, &digest)
        && (access.internal.is_none() || owned.service(&namespace, &format!("{name}{}", keys::SERVICE_SUFFIX), &digest))
        && argocd::written(cluster, access, settings, owned)
}

/// Writes everything, by server-side apply.
pub async fn write(cluster: &EKSClusterConfig, access: &Access, ctx: &Context) -> Result<(), Error> {
    let internal = internal(cluster, access);
    write_here(cluster, access, internal.clone(), ctx).await?;
    // Last: a name that is taken there keeps nobody here from the cluster.
    argocd::write(cluster, access, internal.as_ref().unwrap_or(&access.kubeconfig), ctx).await
}

/// The kubeconfig for pods of the management cluster, where there is one.
fn internal(cluster: &EKSClusterConfig, access: &Access) -> Option<String> {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    access.internal.as_ref()?;
    let url = format!("https://{name}{}.{namespace}.svc:{SERVICE_PORT}", keys::SERVICE_SUFFIX);
    // The certificate of a cluster that was made elsewhere doesn't have the Service's name.
    with_server(&access.kubeconfig, &url, cluster.spec.imported.then_some("kubernetes"))
}

async fn write_here(
    cluster: &EKSClusterConfig,
    access: &Access,
    internal: Option<String>,
    ctx: &Context,
) -> Result<(), Error> {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    let service = format!("{name}{}", keys::SERVICE_SUFFIX);
    let meta = |name: &str| metadata(cluster, name, &digest(cluster, access));
    let kubeconfig = format!("{name}{}", keys::KUBECONFIG_SUFFIX);
    let mut of_secret = meta(&kubeconfig);
    // Before the Secret, which says that it was done; not for one that is somebody else's.
    let free = own_or_none::<Secret>(ctx, &namespace, &kubeconfig, cluster).await;
    if let Err(Error::Taken { .. }) = free {
        grant::withdraw(cluster, meta, ctx).await?;
    }
    free?;
    if let Some(reader) = &ctx.settings.reader {
        grant::write(cluster, reader, meta, ctx).await?;
        of_secret["annotations"][READER] = reader.to_string().into();
    }
    let mut data = json!({keys::KUBECONFIG_KEY: access.kubeconfig});
    if let Some(internal) = internal {
        data[keys::KUBECONFIG_INTERNAL_KEY] = internal.into();
    }
    let secret = json!({"type": "cluster.x-k8s.io/secret", "metadata": of_secret, "stringData": data});
    apply::<Secret>(ctx, &namespace, &kubeconfig, secret).await?;
    let data = json!({"endpoint": access.endpoint, "ca": STANDARD.encode(&access.ca_pem)});
    let secret = json!({"type": "Opaque", "metadata": meta(&name), "stringData": data});
    apply::<Secret>(ctx, &namespace, &name, secret).await?;
    let Some((address, port)) = &access.internal else { return Ok(()) };
    let ports = json!([{"name": "https", "port": SERVICE_PORT, "targetPort": port, "protocol": "TCP"}]);
    apply::<Service>(ctx, &namespace, &service, json!({"metadata": meta(&service), "spec": {"ports": ports}})).await?;
    let mut slice = meta(&service);
    slice["labels"]["kubernetes.io/service-name"] = service.clone().into();
    let body = json!({
        "metadata": slice,
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    });
    apply::<EndpointSlice>(ctx, &namespace, &service, body).await
}

/// Whether the reader that these annotations ask for has been granted access.
fn readable(annotations: Option<BTreeMap<String, String>>, settings: &Settings) -> bool {
    let reader = annotations.and_then(|mut annotations| annotations.remove(READER));
    settings.reader.as_ref().is_none_or(|wanted| reader == Some(wanted.to_string()))
}

fn metadata(cluster: &EKSClusterConfig, name: &str, digest: &str) -> Value {
    json!({
        "name": name,
        "namespace": cluster.namespace(),
        "labels": labels(&cluster.name_any()),
        "annotations": {WRITTEN_FROM: digest},
        "ownerReferences": cluster.controller_owner_ref(&()),
    })
}

/// The same kubeconfig with another server, whose certificate has `name` where that is given.
fn with_server(kubeconfig: &str, server: &str, name: Option<&str>) -> Option<String> {
    let mut value: Value = yaml::read(kubeconfig).ok()?;
    if let Some(clusters) = value.get_mut("clusters").and_then(Value::as_array_mut) {
        for cluster in clusters {
            if let Some(map) = cluster.get_mut("cluster").and_then(Value::as_object_mut) {
                map.insert("server".into(), server.into());
                if let Some(name) = name {
                    map.insert("tls-server-name".into(), name.into());
                }
            }
        }
    }
    yaml::write(&value).ok()
}
