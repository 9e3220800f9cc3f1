//! `Update`: one change of a cluster, or of something that belongs to it, under way or done.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{CustomResource, KubeSchema, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::EKSClusterConfig;

/// An update: one change of an EKS cluster or of a resource that belongs to it. The resource's name is the update's id
/// in EKS.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "Update",
    category = "k3eks",
    namespaced,
    status = "UpdateStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"TYPE","type":"string","jsonPath":".spec.type"}"#,
    printcolumn = r#"{"name":"NODEGROUP","type":"string","jsonPath":".spec.nodegroupName"}"#,
    printcolumn = r#"{"name":"ADDON","type":"string","jsonPath":".spec.addonName"}"#,
    printcolumn = r#"{"name":"STATE","type":"string","jsonPath":".status.state"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("clusterName can't be changed"))]
    pub cluster_name: String,
    /// EKS name of the changed node group. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodegroup_name: Option<String>,
    /// Name of the changed addon. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addon_name: Option<String>,
    /// Name of the changed capability. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability_name: Option<String>,
    /// Id of the new certificate authority. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority_id: Option<String>,
    /// Type of the update, in EKS's words, such as `VersionUpdate`. Required. Immutable.
    #[serde(rename = "type")]
    pub type_: String,
    /// Changed values. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<UpdateParam>,
    /// Generation of the object that contains the change. Required. Immutable.
    #[serde(default)]
    pub generation: i64,
    /// Cancels the update. Recorded only: nothing is undone. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<bool>,
}

/// A changed value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateParam {
    /// Name of the value, in EKS's words, such as `Version`. Required. Immutable.
    #[serde(rename = "type")]
    pub type_: String,
    /// New value; lists and structures as JSON. Default: empty. Immutable.
    #[serde(default)]
    pub value: String,
}

/// Status of an update. Only the operator writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStatus {
    /// State of the update. Default: `InProgress`.
    #[serde(default)]
    pub state: UpdateState,
    /// Errors of a failed update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<UpdateError>,
}

/// State of an update, in EKS's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdateState {
    /// Under way.
    #[default]
    InProgress,
    /// Done.
    Successful,
    /// Failed; the errors say why.
    Failed,
    /// Cancelled on request.
    Cancelled,
}

/// Why an update failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateError {
    /// EKS's code, such as `NodeCreationFailure`.
    pub code: String,
    /// What happened and what to do.
    #[serde(default)]
    pub message: String,
    /// Affected resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_ids: Vec<String>,
}

impl Update {
    /// The update that stands for the change of `object` to its present generation. Whoever makes it gives it the same
    /// name, so that it is there once.
    pub fn of<K: Resource>(object: &K, cluster: &EKSClusterConfig, spec: UpdateSpec) -> Self {
        let generation = object.meta().generation.unwrap_or_default();
        let mut update = Self::new(&id_of(object.meta()), UpdateSpec { generation, ..spec });
        update.metadata.namespace = cluster.namespace();
        // It goes with the cluster.
        update.metadata.owner_references = cluster
            .owner_ref(&())
            .map(|owner| vec![OwnerReference { controller: Some(false), block_owner_deletion: None, ..owner }]);
        update
    }

    /// Where it stands.
    pub fn state(&self) -> UpdateState {
        self.status.as_ref().map(|status| status.state).unwrap_or_default()
    }
}

/// Id of the change that brought an object to its present generation.
pub fn id_of(meta: &ObjectMeta) -> String {
    id(meta.uid.as_deref().unwrap_or_default(), meta.generation.unwrap_or_default())
}

/// Id of the change that brought the object with this uid to this generation.
pub fn id(uid: &str, generation: i64) -> String {
    let space = Uuid::parse_str(uid).unwrap_or(Uuid::NAMESPACE_OID);
    Uuid::new_v5(&space, generation.to_string().as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_one_id_and_each_change_its_own() {
        let uid = "6d9ddd5d-9d0b-4215-87cd-ca85a865a9c7";
        assert_eq!(id(uid, 2), id(uid, 2));
        assert_ne!(id(uid, 2), id(uid, 3));
        assert_ne!(id(uid, 2), id("7d9ddd5d-9d0b-4215-87cd-ca85a865a9c7", 2));
    }
}
