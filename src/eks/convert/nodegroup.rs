//! Node groups: CreateNodegroup's request to a resource, and a resource to the API's `nodegroup`.

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::role_arn;
use crate::crd::names::{self, Identity};
use crate::crd::nodegroup::UpdateConfig;
use crate::crd::phase::Phase;
use crate::crd::{EKSClusterConfig, Nodegroup, NodegroupSpec, NodegroupStatus};
use crate::kubernetes_versions;

/// What CreateNodegroup asks for. Its members are those of the resource's spec; only `clusterName` means something
/// else there: the cluster's name in EKS.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateNodegroup {
    /// Token of the request.
    #[serde(skip_serializing)]
    pub client_request_token: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub spec: NodegroupSpec,
}

/// Instance type where the request names none.
const INSTANCE_TYPE: &str = "t3.medium";
/// AMI type where the request names none.
const AMI_TYPE: &str = "AL2023_x86_64_STANDARD";
/// Size of a disk in GiB where the request names none.
const DISK_SIZE: i32 = 20;

/// The spec of the resource. The version is written down, because a node group of EKS keeps its version when its
/// cluster gets another one.
pub fn spec(request: &CreateNodegroup, cluster: &EKSClusterConfig, cluster_version: &str) -> NodegroupSpec {
    let mut spec = request.spec.clone();
    spec.cluster_name = cluster.name_any();
    spec.version.get_or_insert_with(|| cluster_version.to_owned());
    spec
}

/// What the API says of a node group of this cluster. `updating` is whether a change of it is under way.
pub fn describe(group: &Nodegroup, cluster: &EKSClusterConfig, updating: bool, cluster_version: &str) -> Value {
    let identity = Identity::of(cluster);
    let spec = &group.spec;
    let none = NodegroupStatus::default();
    let status = group.status.as_ref().unwrap_or(&none);
    let name = names::nodegroup_name(group);
    let arn = names::nodegroup_arn(&identity, group);
    let id = arn.rsplit('/').next().unwrap_or_default();
    let version = status.version.as_deref().or(spec.version.as_deref()).unwrap_or(cluster_version);
    let created = group.creation_timestamp();
    let templated = spec.launch_template.is_some();
    let types = if spec.instance_types.is_empty() && !templated {
        vec![INSTANCE_TYPE.to_owned()]
    } else {
        spec.instance_types.clone()
    };
    json!({
        "nodegroupName": name,
        "nodegroupArn": arn,
        "clusterName": identity.name,
        "version": version,
        "releaseVersion": release_version(group, version),
        "createdAt": created.as_ref().map(|time| time.0.to_string()),
        "modifiedAt": modified(group),
        "status": wire_status(group, updating),
        "capacityType": spec.capacity_type.unwrap_or_default().as_str(),
        "scalingConfig": spec.scaling_config,
        "instanceTypes": types,
        "subnets": subnets(spec, cluster, &identity),
        "remoteAccess": spec.remote_access,
        "amiType": spec.ami_type.as_deref().unwrap_or(AMI_TYPE),
        "nodeRole": role_arn(spec.node_role.as_deref(), &identity, "node-role"),
        "labels": spec.labels,
        "taints": (!spec.taints.is_empty()).then_some(&spec.taints),
        "resources": {"autoScalingGroups": [{"name": format!("eks-{name}-{id}")}]},
        "diskSize": spec.disk_size.or((!templated).then_some(DISK_SIZE)),
        "health": {"issues": issues(status)},
        "updateConfig": spec.update_config.clone().unwrap_or(UpdateConfig { max_unavailable: Some(1), ..UpdateConfig::default() }),
        "nodeRepairConfig": spec.node_repair_config,
        "launchTemplate": spec.launch_template,
        "tags": spec.tags,
        "warmPoolConfig": spec.warm_pool_config,
    })
}

/// The API's word for the state of a node group.
pub fn wire_status(group: &Nodegroup, updating: bool) -> &'static str {
    if group.metadata.deletion_timestamp.is_some() {
        return "DELETING";
    }
    let status = group.status.as_ref();
    let worked = status.is_some_and(|status| status.active_since.is_some());
    match status.and_then(|status| status.phase) {
        Some(Phase::Active) if updating => "UPDATING",
        Some(Phase::Active) if status.is_some_and(|status| status.issues.is_empty()) => "ACTIVE",
        Some(Phase::Active | Phase::Stopped) => "DEGRADED",
        Some(Phase::Updating) => "UPDATING",
        Some(Phase::Deleting) => "DELETING",
        Some(Phase::Failed) if worked => "DEGRADED",
        Some(Phase::Failed) => "CREATE_FAILED",
        Some(Phase::Creating | Phase::Importing) | None => "CREATING",
    }
}

fn issues(status: &NodegroupStatus) -> Vec<Value> {
    let issue = |issue: &crate::crd::nodegroup::Issue| json!({"code": issue.code, "message": issue.message, "resourceIds": issue.resource_ids});
    status.issues.iter().map(issue).collect()
}

fn subnets(spec: &NodegroupSpec, cluster: &EKSClusterConfig, identity: &Identity) -> Vec<String> {
    if !spec.subnets.is_empty() {
        return spec.subnets.clone();
    }
    if cluster.spec.subnets.is_empty() { identity.network().subnets } else { cluster.spec.subnets.clone() }
}

/// `<Kubernetes release>-<day of creation>` where the spec has none; an AMI of one's own has none at all.
fn release_version(group: &Nodegroup, version: &str) -> Option<String> {
    if group.spec.ami_type.as_deref() == Some("CUSTOM") {
        return None;
    }
    let day = || group.creation_timestamp().map(|time| time.0.strftime("%Y%m%d").to_string()).unwrap_or_default();
    let patch = || kubernetes_versions::find(version).map_or_else(|| format!("{version}.0"), |v| v.patch().to_owned());
    Some(group.spec.release_version.clone().unwrap_or_else(|| format!("{}-{}", patch(), day())))
}

/// When anything about the resource but its status was last written.
fn modified(group: &Nodegroup) -> Option<String> {
    let written = group.metadata.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref());
    let created = group.metadata.creation_timestamp.as_ref();
    written.chain(created).max().map(|time| time.0.to_string())
}
