//! Objects that we write for resources (Secrets, a Service, an EndpointSlice). An annotation holds a digest of each
//! object's input, so that only a difference or a loss leads to a write.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};

use crd::{keys, names};

/// Labels of what we write for the cluster resource of this name.
pub fn labels(cluster: &str) -> BTreeMap<String, String> {
    let labels = [(keys::LABEL_CLUSTER, label_value(cluster)), ("app.kubernetes.io/managed-by", "k3eks".to_owned())];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A resource name as a label's value, which is at most 63 characters long.
pub fn label_value(name: &str) -> String {
    if name.len() <= 63 { name.to_owned() } else { names::hashed(name, 63, &[name]) }
}

/// Annotation with a digest of what the object was written from.
pub const WRITTEN_FROM: &str = "k3eks.io/written-from";

/// Existing objects, metadata only: no secret is kept in memory.
#[derive(Clone)]
pub struct Owned {
    /// Secrets with our label.
    pub secrets: Store<PartialObjectMeta<Secret>>,
    /// Services with our label.
    pub services: Store<PartialObjectMeta<Service>>,
    /// EndpointSlices with our label.
    pub slices: Store<PartialObjectMeta<EndpointSlice>>,
}

impl Owned {
    /// Whether the Secret `name` was written from `digest`.
    pub fn secret(&self, namespace: &str, name: &str, digest: &str) -> bool {
        written(&self.secrets, namespace, name, digest)
    }

    /// The annotations of the Secret `name`.
    pub fn secret_annotations(&self, namespace: &str, name: &str) -> Option<BTreeMap<String, String>> {
        self.secrets.get(&ObjectRef::new(name).within(namespace)).map(|secret| secret.annotations().clone())
    }

    /// Whether the Service and the EndpointSlice `name` were written from `digest`.
    pub fn service(&self, namespace: &str, name: &str, digest: &str) -> bool {
        written(&self.services, namespace, name, digest) && written(&self.slices, namespace, name, digest)
    }
}

fn written<K>(store: &Store<PartialObjectMeta<K>>, namespace: &str, name: &str, digest: &str) -> bool
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    let found = store.get(&ObjectRef::new(name).within(namespace));
    found.is_some_and(|object| object.annotations().get(WRITTEN_FROM).is_some_and(|d| d == digest))
}
