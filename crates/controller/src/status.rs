//! The only writer of status, and only where something differs.

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

use super::error::Error;
use telemetry::metrics::{Kind, Metrics};

/// Writes `new` as the status of `object` unless it has it already. Returns whether it wrote.
pub async fn write<K, S>(
    client: &kube::Client,
    metrics: &Metrics,
    manager: &'static str,
    object: &K,
    old: Option<&S>,
    new: &S,
) -> Result<bool, Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
    S: Serialize + PartialEq,
{
    if old == Some(new) {
        return Ok(false);
    }
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let doing = || format!("writing the status of {} {namespace}/{name}", K::kind(&()));
    // Server-side apply doesn't look at the uid of a status: late words about a resource would become those of the next one
    // with its name.
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": object.uid()},
        {"op": "add", "path": "/status", "value": new},
    ]);
    let patch: json_patch::Patch =
        serde_json::from_value(operations).map_err(|e| Error::kubernetes(doing())(kube::Error::SerdeError(e)))?;
    metrics.writes.get_or_create(&Kind { kind: manager }).inc();
    let api = Api::<K>::namespaced(client.clone(), &namespace);
    let params = PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() };
    match api.patch_status(&name, &params, &Patch::Json::<()>(patch)).await {
        Ok(_) => Ok(true),
        // The resource is gone: there is nothing to report on.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(kube::Error::Api(status)) if status.code == 422 && is_another(&api, object).await? => Ok(false),
        Err(e) => Err(Error::kubernetes(doing())(e)),
    }
}

/// Whether `object` was deleted, or another object has its name now.
async fn is_another<K>(api: &Api<K>, object: &K) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug,
{
    let name = object.name_any();
    let now =
        api.get_metadata_opt(&name).await.map_err(Error::kubernetes(format!("looking at {} {name}", K::kind(&()))))?;
    Ok(now.is_none_or(|now| now.uid() != object.uid()))
}

/// Adds or removes our finalizer. A resource that is gone is as good as one without. Returns false where the resource was
/// changed since it was read, which leads to another reconcile.
pub async fn finalizer<K>(client: &kube::Client, object: &K, present: bool) -> Result<bool, Error>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
{
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let mut finalizers: Vec<String> =
        object.finalizers().iter().filter(|f| *f != crd::keys::FINALIZER).cloned().collect();
    if present {
        finalizers.push(crd::keys::FINALIZER.into());
    }
    // The resource version makes sure that no other finalizer gets lost.
    let body = json!({"metadata": {"finalizers": finalizers, "resourceVersion": object.resource_version()}});
    let api = Api::<K>::namespaced(client.clone(), &namespace);
    match api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&body)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(status.code == 404),
        Err(e) => Err(Error::kubernetes(format!("changing the finalizers of {} {namespace}/{name}", K::kind(&())))(e)),
    }
}
