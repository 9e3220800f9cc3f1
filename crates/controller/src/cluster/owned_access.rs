//! How objects that give access are written: each is its cluster's own, and says from what it was made.

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Error;
use crd::member::is_owned_by;
use crd::{EKSClusterConfig, keys, names};
use provider::Access;

/// Digest that tells objects of this `access` from older ones.
pub fn digest(cluster: &EKSClusterConfig, access: &Access) -> String {
    let internal = access.internal.as_ref().map(|(a, p)| format!("{a}:{p}")).unwrap_or_default();
    let argocd = if cluster.spec.registers_with_argocd() { "argocd, by namespace" } else { "" };
    names::digest(&[&access.kubeconfig, &internal, argocd])[..32].to_owned()
}

/// Writes an object, by server-side apply.
pub async fn apply<K>(ctx: &Context, namespace: &str, name: &str, mut body: Value) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    body["apiVersion"] = K::api_version(&()).into();
    body["kind"] = K::kind(&()).into();
    if let owner @ Value::Object(_) = body["metadata"]["ownerReferences"].take() {
        body["metadata"]["ownerReferences"] = json!([owner]);
    }
    let api = Api::<K>::namespaced(ctx.client.clone(), namespace);
    let owner = &body["metadata"]["ownerReferences"][0];
    if let (Some(uid), Some(owner)) = (owner["uid"].as_str(), owner["name"].as_str()) {
        // What is written goes with the cluster, so it must not be anybody else's.
        is_free(&api, namespace, name, (owner, uid)).await?;
    }
    api.patch(name, &PatchParams::apply(keys::CLUSTER_MANAGER).force(), &Patch::Apply(&body))
        .await
        .map_err(Error::kubernetes(format!("writing {} {namespace}/{name}", K::kind(&()))))?;
    Ok(())
}

/// Fails where there is an object of this name that isn't the cluster's; whether the cluster has one.
pub async fn own_or_none<K>(
    ctx: &Context,
    namespace: &str,
    name: &str,
    cluster: &EKSClusterConfig,
) -> Result<bool, Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(ctx.client.clone(), namespace);
    let uid = cluster.metadata.uid.as_deref().unwrap_or_default();
    is_free(&api, namespace, name, (&cluster.name_any(), uid)).await
}

/// Fails where there is an object of this name that isn't its owner's; whether the owner has one.
async fn is_free<K>(api: &Api<K>, namespace: &str, name: &str, (owner, uid): (&str, &str)) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + serde::de::DeserializeOwned + Clone + std::fmt::Debug,
{
    let what = format!("{} {namespace}/{name}", K::kind(&()));
    let found = api.get_metadata_opt(name).await.map_err(Error::kubernetes(format!("reading {what}")))?;
    match found {
        Some(found) if !is_owned_by(&found, Some(uid)) => Err(Error::Taken { what, cluster: owner.to_owned() }),
        found => Ok(found.is_some()),
    }
}
