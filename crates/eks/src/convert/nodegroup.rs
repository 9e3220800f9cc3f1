//! Node groups: CreateNodegroup's request to a resource, and a resource to the API's `nodegroup`.

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rules::instances::{System, ami, default_ami};
use crd::names::{self, Identity};
use crd::nodegroup::{LaunchTemplate, UpdateConfig};
use crd::phase::Phase;
use crd::{EKSClusterConfig, Nodegroup, NodegroupSpec, NodegroupStatus};

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
/// Size of a disk in GiB where the request names none: of Linux, and of Windows.
const DISK_SIZE: [i32; 2] = [20, 50];

/// The spec of the resource. What follows from the moment is written down: a node group of EKS keeps its version and its AMI
/// type when its cluster goes on, and its subnets and the number of its launch template's version when those change.
/// `newest` is the highest version that is known of the template.
pub fn spec(
    request: &CreateNodegroup,
    cluster: &EKSClusterConfig,
    cluster_version: &str,
    newest: u64,
) -> NodegroupSpec {
    let mut spec = request.spec.clone();
    spec.cluster_name = cluster.name_any();
    spec.version.get_or_insert_with(|| cluster_version.to_owned());
    spec.ami_type.get_or_insert_with(|| default_ami(cluster_version).to_owned());
    spec.subnets = subnets(&spec, cluster);
    if let Some(template) = &mut spec.launch_template {
        template.id = template.id.take().filter(|id| !id.is_empty());
        template.name = template.name.take().filter(|name| !name.is_empty());
        template.version = Some(template_version(template.version.as_deref(), newest));
    }
    spec
}

/// The number that a launch template's version comes to: the first version is the default one.
pub fn template_version(wanted: Option<&str>, newest: u64) -> String {
    match wanted {
        None | Some("" | "$Default") => "1".to_owned(),
        Some("$Latest") => newest.to_string(),
        Some(number) => number.to_owned(),
    }
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
    let ami_type = spec.ami_type.as_deref().unwrap_or_else(|| default_ami(version));
    let windows = ami(ami_type).is_some_and(|ami| ami.system == System::Windows);
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
        "releaseVersion": release_version(group, ami_type, version),
        "createdAt": created.as_ref().map(|time| time.0.to_string()),
        "modifiedAt": modified(group),
        "status": wire_status(group, updating),
        "capacityType": spec.capacity_type.unwrap_or_default().as_str(),
        "scalingConfig": spec.scaling_config,
        "instanceTypes": types,
        "subnets": subnets(spec, cluster),
        "remoteAccess": spec.remote_access,
        "amiType": ami_type,
        "nodeRole": identity.role(spec.node_role.as_deref(), "node-role"),
        "labels": spec.labels,
        "taints": (!spec.taints.is_empty()).then_some(&spec.taints),
        "resources": resources(spec, &name, id),
        "diskSize": spec.disk_size.or((!templated).then_some(DISK_SIZE[usize::from(windows)])),
        "health": {"issues": issues(status)},
        "updateConfig": spec.update_config.clone().unwrap_or(UpdateConfig { max_unavailable: Some(1), ..UpdateConfig::default() }),
        "nodeRepairConfig": spec.node_repair_config,
        "launchTemplate": spec.launch_template.as_ref().map(numbered),
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
    let issue = |issue: &crd::nodegroup::Issue| json!({"code": issue.code, "message": issue.message, "resourceIds": issue.resource_ids});
    status.issues.iter().map(issue).collect()
}

fn subnets(spec: &NodegroupSpec, cluster: &EKSClusterConfig) -> Vec<String> {
    if spec.subnets.is_empty() { cluster_subnets(cluster) } else { spec.subnets.clone() }
}

/// The cluster's subnets, which its node groups and Fargate profiles have if they name none.
pub fn cluster_subnets(cluster: &EKSClusterConfig) -> Vec<String> {
    if cluster.spec.subnets.is_empty() { Identity::of(cluster).network().subnets } else { cluster.spec.subnets.clone() }
}

/// `<Kubernetes release>-<day of creation>` where the spec has none, for Windows with the day alone; an AMI of one's own has none at
/// all.
fn release_version(group: &Nodegroup, ami_type: &str, version: &str) -> Option<String> {
    let system = ami(ami_type)?.system;
    let patch = || kubernetes_versions::find(version).map_or_else(|| format!("{version}.0"), |v| v.patch().to_owned());
    let day = |form: &str| group.creation_timestamp().map(|time| time.0.strftime(form).to_string()).unwrap_or_default();
    Some(group.spec.release_version.clone().unwrap_or_else(|| match system {
        System::Windows => format!("{version}-{}", day("%Y.%m.%d")),
        _ => format!("{}-{}", patch(), day("%Y%m%d")),
    }))
}

/// The template with the number of its version, whatever the spec has.
fn numbered(template: &LaunchTemplate) -> LaunchTemplate {
    LaunchTemplate { version: Some(template_version(template.version.as_deref(), 1)), ..template.clone() }
}

/// What EC2 would have made: the Auto Scaling group, and a security group where nodes are to be reached by SSH.
fn resources(spec: &NodegroupSpec, name: &str, id: &str) -> Value {
    let by_ssh = spec.remote_access.as_ref().is_some_and(|access| access.ec2_ssh_key.is_some());
    let security_group = by_ssh.then(|| format!("sg-0{}", &names::digest(&["remote access", id])[..16]));
    json!({
        "autoScalingGroups": [{"name": format!("eks-{name}-{id}")}],
        "remoteAccessSecurityGroup": security_group,
    })
}

/// When anything about the resource but its status was last written.
fn modified(group: &Nodegroup) -> Option<String> {
    let written = group.metadata.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref());
    let created = group.metadata.creation_timestamp.as_ref();
    written.chain(created).max().map(|time| time.0.to_string())
}
