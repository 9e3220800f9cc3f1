//! Node groups: create, describe, list, delete.

use std::sync::Arc;

use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ready::check_ready;
use super::token::Stamp;
use super::updates::{self, Target};
use super::{Api, Cx, Quotas, check_tags};
use crate::crd::nodegroup::{LaunchTemplate, ScalingConfig};
use crate::crd::{EKSClusterConfig, Nodegroup, NodegroupSpec, member, names};
use crate::eks::convert::cluster::version as cluster_version;
use crate::eks::convert::nodegroup::{self, CreateNodegroup};
use crate::eks::error::ApiError;
use crate::eks::registry::Registry;
use crate::eks::store::StoreError;

/// Longest name of a node group.
const NAME_LIMIT: usize = 63;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByName {
    cluster_name: String,
    nodegroup_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InCluster {
    cluster_name: String,
}

pub(super) fn register(registry: Registry<Api>) -> Registry<Api> {
    registry
        .on("CreateNodegroup", create)
        .on("DescribeNodegroup", describe)
        .on("ListNodegroups", list)
        .on("DeleteNodegroup", delete)
}

/// The cluster and the node group that a request names.
pub(super) fn find(cx: &Cx, cluster: &str, name: &str) -> Result<(Arc<EKSClusterConfig>, Arc<Nodegroup>), ApiError> {
    let found = cx.state.store.cluster(&cx.caller, cluster)?;
    let group = cx.state.store.member::<Nodegroup>(&found, name).ok_or_else(|| {
        let text = format!("No node group found for name: {name}.");
        ApiError::resource_not_found(text).cluster(cluster).nodegroup(name)
    })?;
    Ok((found, group))
}

fn answer(api: &Api, group: &Nodegroup, cluster: &EKSClusterConfig) -> Value {
    let version = cluster_version(cluster, &api.settings.default_version);
    let target = Target::nodegroup(&names::nodegroup_name(group));
    let updating = updates::under_way(&api.store, cluster, &target).is_some();
    json!({"nodegroup": nodegroup::describe(group, cluster, updating, version)})
}

async fn create(cx: Cx, request: CreateNodegroup) -> Result<Value, ApiError> {
    let (api, store) = (&cx.state, &cx.state.store);
    let (cluster_name, name) =
        (request.spec.cluster_name.clone(), request.spec.nodegroup_name.clone().unwrap_or_default());
    let named = |error: ApiError| error.cluster(&cluster_name).nodegroup(&name);
    let stamp = Stamp::new("CreateNodegroup", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let taken = || {
        named(ApiError::resource_in_use(format!(
            "NodeGroup already exists with name {name} and cluster name {cluster_name}"
        )))
    };
    let _turn = api.turn.lock().await;
    let cluster = store.cluster(&cx.caller, &cluster_name)?;
    if let Some(found) = store.member::<Nodegroup>(&cluster, &name) {
        return if stamp.made(&*found) { Ok(answer(api, &found, &cluster)) } else { Err(taken()) };
    }
    check_ready(&cluster).map_err(named)?;
    let version = cluster_version(&cluster, &api.settings.default_version);
    check(&request.spec, version, api.settings.quotas).map_err(named)?;
    let quota = api.settings.quotas.nodegroups;
    if store.members::<Nodegroup>(&cluster).len() >= quota {
        let text = format!("You've reached your quota of {quota} managed node groups in this cluster.");
        return Err(named(ApiError::limit_exceeded(text)));
    }
    let resource = names::nodegroup_resource(&cluster.name_any(), &name);
    let mut group = Nodegroup::new(&resource, nodegroup::spec(&request, &cluster, version));
    group.metadata.namespace = cluster.namespace();
    group.metadata.annotations = Some(stamp.annotations());
    let other = member::other_name(&cluster, "nodegroup", &[&name]);
    match store.create_member(&cluster, group, other, |found| names::nodegroup_name(found) == name).await {
        Err(StoreError::Exists) => Err(taken()),
        result => Ok(answer(api, &*result.map_err(|error| named(error.into()))?, &cluster)),
    }
}

/// What CreateNodegroup refuses.
fn check(spec: &NodegroupSpec, cluster_version: &str, quotas: Quotas) -> Result<(), ApiError> {
    let refuse = |text: &str| Err(ApiError::invalid_parameter(text));
    check_tags(&spec.tags)?;
    let name = spec.nodegroup_name.as_deref().unwrap_or_default();
    if name.len() > NAME_LIMIT {
        return refuse("nodegroupName can't be longer than 63 characters!");
    }
    check_scaling(&spec.scaling_config, quotas)?;
    if let Some(version) = &spec.version {
        check_version(version, cluster_version)?;
    }
    let custom = spec.ami_type.as_deref() == Some("CUSTOM");
    let Some(template) = &spec.launch_template else {
        return if custom {
            refuse("Launch template details can't be null for Custom ami type node group")
        } else {
            Ok(())
        };
    };
    check_template(template)?;
    if spec.disk_size.is_some() {
        return refuse("Disk size must be specified within the launch template.");
    }
    if spec.remote_access.is_some() {
        return refuse("Remote access configuration cannot be specified with a launch template.");
    }
    if custom && (spec.version.is_some() || spec.release_version.is_some()) {
        return refuse("You cannot specify the field version or releaseVersion with a custom AMI.");
    }
    Ok(())
}

/// Refuses sizes that contradict each other or the quota.
pub(super) fn check_scaling(scaling: &ScalingConfig, quotas: Quotas) -> Result<(), ApiError> {
    let ScalingConfig { min_size: min, max_size: max, desired_size: desired } = *scaling;
    if min > desired {
        return Err(ApiError::invalid_parameter(format!(
            "Minimum capacity {min} can't be greater than desired size {desired}"
        )));
    }
    if desired > max {
        return Err(ApiError::invalid_parameter(format!(
            "desired capacity {desired} can't be greater than max size {max}"
        )));
    }
    if max > quotas.nodes {
        let quota = quotas.nodes;
        return Err(ApiError::limit_exceeded(format!(
            "You've reached your quota of {quota} nodes in a managed node group."
        )));
    }
    Ok(())
}

/// A template is named by its id or by its name.
pub(super) fn check_template(template: &LaunchTemplate) -> Result<(), ApiError> {
    match (&template.id, &template.name) {
        (Some(_), Some(_)) => Err(ApiError::invalid_parameter(
            "Either the launch template's id or its name can be specified, but not both.",
        )),
        (None, None) => Err(ApiError::invalid_parameter("The launch template's id or its name must be specified.")),
        _ => Ok(()),
    }
}

/// Nodes are never newer than their control plane.
pub(super) fn check_version(version: &str, cluster_version: &str) -> Result<(), ApiError> {
    let Some(minor) = minor(version) else { return Err(ApiError::invalid_parameter("unsupported Kubernetes version")) };
    if Some(minor) > self::minor(cluster_version) {
        return Err(ApiError::invalid_parameter(format!(
            "Nodegroup Kubernetes version should be equal to Cluster kubernetes version {cluster_version}"
        )));
    }
    Ok(())
}

/// The minor part of a version such as `1.35`.
pub(super) fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.parse().ok()
}

async fn describe(cx: Cx, input: ByName) -> Result<Value, ApiError> {
    let (cluster, group) = find(&cx, &input.cluster_name, &input.nodegroup_name)?;
    Ok(answer(&cx.state, &group, &cluster))
}

async fn list(cx: Cx, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let groups = cx.state.store.members::<Nodegroup>(&cluster);
    let page = cx.page(groups.iter().map(|group| names::nodegroup_name(group)).collect(), String::clone);
    Ok(json!({"nodegroups": page.items, "nextToken": page.next_token}))
}

async fn delete(cx: Cx, input: ByName) -> Result<Value, ApiError> {
    let (cluster, group) = find(&cx, &input.cluster_name, &input.nodegroup_name)?;
    disown(&cx, &cluster, &input.nodegroup_name).await?;
    let gone = cx.state.store.delete(&group).await?;
    let mut left = Nodegroup::clone(&gone);
    left.metadata.deletion_timestamp = left.metadata.deletion_timestamp.or_else(|| gone.creation_timestamp());
    Ok(answer(&cx.state, &left, &cluster))
}

/// Takes the group's entry out of the cluster's inline list, from which it would be made again.
async fn disown(cx: &Cx, cluster: &Arc<EKSClusterConfig>, name: &str) -> Result<(), ApiError> {
    let forget = |cluster: &mut EKSClusterConfig| {
        if let Some(groups) = &mut cluster.spec.node_groups {
            groups.retain(|group| group.nodegroup_name != name);
        }
        Ok(())
    };
    cx.state.store.change(cluster, forget).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: Value) -> Option<String> {
        let mut spec = json!({"clusterName": "c", "nodegroupName": "g"});
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let spec: NodegroupSpec = serde_json::from_value(spec).unwrap();
        check(&spec, "1.35", Quotas::default()).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn sizes_must_agree() {
        let sizes = |min, max, desired| {
            refusal(json!({"scalingConfig": {"minSize": min, "maxSize": max, "desiredSize": desired}}))
        };
        assert_eq!(sizes(1, 3, 2), None);
        assert_eq!(sizes(0, 1, 0), None);
        assert_eq!(sizes(3, 4, 2).unwrap(), "Minimum capacity 3 can't be greater than desired size 2");
        assert_eq!(sizes(1, 2, 3).unwrap(), "desired capacity 3 can't be greater than max size 2");
        assert!(sizes(1, 451, 1).unwrap().contains("quota"));
    }

    #[test]
    fn a_launch_template_takes_over() {
        assert_eq!(refusal(json!({"launchTemplate": {"id": "lt-1"}})), None);
        assert!(refusal(json!({"launchTemplate": {"id": "lt-1", "name": "x"}})).is_some());
        assert!(refusal(json!({"launchTemplate": {"version": "1"}})).is_some());
        assert!(refusal(json!({"launchTemplate": {"id": "lt-1"}, "diskSize": 5})).is_some());
        assert!(refusal(json!({"launchTemplate": {"id": "lt-1"}, "remoteAccess": {}})).is_some());
        assert!(refusal(json!({"amiType": "CUSTOM"})).is_some());
        assert_eq!(refusal(json!({"amiType": "CUSTOM", "launchTemplate": {"name": "x"}})), None);
    }

    #[test]
    fn nodes_are_never_newer_than_the_control_plane() {
        assert_eq!(refusal(json!({"version": "1.35"})), None);
        assert_eq!(refusal(json!({"version": "1.9"})), None);
        assert!(refusal(json!({"version": "1.36"})).is_some());
        assert!(refusal(json!({"version": "latest"})).is_some());
    }
}
