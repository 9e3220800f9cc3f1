//! What the kinds have in common that belong to a cluster and have a name in EKS.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{Identity, digest, short_digest};
use super::{EKSClusterConfig, Nodegroup, keys, names};

/// A kind whose objects belong to a cluster and have a name in EKS.
pub trait Member: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Sized {
    /// Name of the cluster resource in the same namespace.
    fn cluster(&self) -> &str;
    /// Name, or id, in EKS.
    fn eks_name(&self) -> String;
    /// What the operator reports; `None` where it hasn't yet, and for kinds with a status of their own.
    fn member_status(&self) -> Option<&MemberStatus> {
        None
    }
    /// A letter or word and the first 16 digits of a digest of the resource's uid: an id that another one made later
    /// doesn't have.
    fn generated_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", short_digest(&[&self.uid().unwrap_or_default()]))
    }
    /// The id at the end of ARNs, in the form of a UUID.
    fn arn_id(&self) -> String {
        names::uuid_like(&digest(&[&self.uid().unwrap_or_default()]))
    }
    /// ARN `<kind>/<cluster>/<rest>`.
    fn arn_in(&self, identity: &Identity, kind: &str, rest: &str) -> String {
        identity.arn_of(kind, &format!("{}/{rest}", identity.name))
    }
}

impl Member for Nodegroup {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    fn eks_name(&self) -> String {
        names::nodegroup_name(self)
    }
}

/// Name and place of a new object that belongs to the cluster and goes with it.
pub fn metadata(cluster: &EKSClusterConfig, kind: &str, eks_name: &str) -> ObjectMeta {
    let of = cluster.name_any();
    let owner = cluster.owner_ref(&());
    ObjectMeta {
        name: Some(names::object_name(&format!("{of}-{eks_name}"), 63, &[kind, &of, eks_name])),
        namespace: cluster.namespace(),
        owner_references: owner
            .map(|owner| vec![OwnerReference { controller: Some(false), block_owner_deletion: None, ..owner }]),
        ..ObjectMeta::default()
    }
}

/// Another name for it, where something else has the one that [`metadata`] gives: `dev` and `eu-workers` come to the
/// same text as `dev-eu` and `workers`. `parts` are those of its name in EKS.
pub fn other_name(cluster: &EKSClusterConfig, kind: &str, parts: &[&str]) -> String {
    let of = cluster.name_any();
    names::hashed(&format!("{of}-{}", parts.join("-")), 63, &[&[kind, of.as_str()][..], parts].concat())
}

/// Whether the object has our finalizer.
pub fn has_finalizer<K: Resource>(object: &K) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == keys::FINALIZER)
}

/// Whether one of the object's owners has this uid.
pub fn is_owned_by<K: Resource>(object: &K, uid: Option<&str>) -> bool {
    object.owner_references().iter().any(|owner| Some(owner.uid.as_str()) == uid)
}

/// Whether the object belongs to a cluster that had this one's name before it, and goes with that one.
pub fn is_left_behind<K: Resource>(object: &K, cluster: &EKSClusterConfig) -> bool {
    let group = EKSClusterConfig::group(&());
    let is_named_so = |owner: &&OwnerReference| {
        owner.kind == EKSClusterConfig::kind(&())
            && owner.api_version.split('/').next() == Some(&*group)
            && Some(&owner.name) == cluster.metadata.name.as_ref()
    };
    let mut owners = object.owner_references().iter().filter(is_named_so).peekable();
    owners.peek().is_some() && owners.all(|owner| Some(&owner.uid) != cluster.metadata.uid.as_ref())
}

/// Status of a resource that belongs to a cluster. Only the operator writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// State of the resource. Default: `Creating`.
    #[serde(default)]
    pub phase: MemberPhase,
    /// Generation of the spec that this status describes. Default: -1, before the operator has seen the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = -1))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Time when the operator first saw this generation, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
    /// Problems of the resource, with EKS's codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<MemberIssue>,
}

/// State of a resource that belongs to a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MemberPhase {
    /// Not in effect yet.
    #[default]
    Creating,
    /// In effect.
    Active,
    /// A change is not in effect yet.
    Updating,
    /// In effect, with problems; the issues say which.
    Degraded,
    /// Can't take effect; the issues say why.
    Failed,
    /// A change couldn't take effect; the issues say why.
    UpdateFailed,
}

/// A problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberIssue {
    /// EKS's code, such as `InsufficientNumberOfReplicas`.
    pub code: String,
    /// What happened and what to do.
    #[serde(default)]
    pub message: String,
    /// Affected resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_ids: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, uid: &str) -> EKSClusterConfig {
        let mut cluster = EKSClusterConfig::new(name, super::super::EKSClusterConfigSpec::default());
        cluster.metadata.uid = Some(uid.into());
        cluster
    }

    #[test]
    fn what_comes_to_one_text_has_another_name() {
        let (one, other) = (cluster("dev", "1"), cluster("dev-eu", "2"));
        let plain = |cluster, name: &str| metadata(cluster, "nodegroup", name).name.unwrap();
        assert_eq!(plain(&one, "eu-workers"), plain(&other, "workers"));
        let hashed = [
            other_name(&one, "nodegroup", &["eu-workers"]),
            other_name(&other, "nodegroup", &["workers"]),
            other_name(&one, "pod-identity", &["prod", "api-worker"]),
            other_name(&one, "pod-identity", &["prod-api", "worker"]),
        ];
        assert_eq!(hashed.iter().collect::<std::collections::BTreeSet<_>>().len(), hashed.len());
        assert!(hashed.iter().all(|name| name.len() <= 63 && *name != plain(&one, "eu-workers")));
    }

    #[test]
    fn what_only_a_former_cluster_owns_is_left_behind() {
        let (former, present) = (cluster("a", "1"), cluster("a", "2"));
        let mut group = Nodegroup::new("g", super::super::NodegroupSpec::default());
        assert!(!is_left_behind(&group, &present), "nobody's yet");
        group.metadata.owner_references = metadata(&former, "nodegroup", "g").owner_references;
        assert!(is_left_behind(&group, &present) && !is_left_behind(&group, &former));
        assert!(!is_left_behind(&group, &cluster("b", "2")), "another cluster's");
        group.owner_references_mut().extend(present.owner_ref(&()));
        assert!(!is_left_behind(&group, &present));
        group.owner_references_mut().iter_mut().for_each(|owner| owner.kind = "Addon".into());
        assert!(!is_left_behind(&group, &cluster("a", "3")));
    }
}
