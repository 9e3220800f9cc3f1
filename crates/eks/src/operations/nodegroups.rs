//! Node groups: create, describe, list, delete.

use std::sync::Arc;

use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ready::{check_managed, check_ready};
use super::record_wait::{wait_until, wait_until_gone};
use super::token::Stamp;
use super::updates::{self, Target};
use super::{EksState, RequestContext};
use crate::convert::cluster::version as cluster_version;
use crate::convert::nodegroup::{self, CreateNodegroup};
use crate::error::EksError;
use crate::rules::check;
use crate::rules::nodegroup::{CREATE, FORM, Facts};
use aws::error::ApiError;
use crd::names::Identity;
use crd::nodegroup::LaunchTemplate;
use crd::{EKSClusterConfig, Nodegroup, member, names};
use store::{Store, StoreError, identity};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    cluster_name: String,
    nodegroup_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InCluster {
    cluster_name: String,
}

/// The cluster and the node group that a request names.
pub(super) fn find(
    cx: &RequestContext,
    cluster: &str,
    name: &str,
) -> Result<(Arc<EKSClusterConfig>, Arc<Nodegroup>), ApiError> {
    let found = cx.state.store.cluster(&cx.caller, cluster)?;
    let group = cx.state.store.member::<Nodegroup>(&found, name).ok_or_else(|| {
        let text = format!("No node group found for name: {name}.");
        ApiError::resource_not_found(text).cluster(cluster).nodegroup(name)
    })?;
    Ok((found, group))
}

fn answer(api: &EksState, group: &Nodegroup, cluster: &EKSClusterConfig) -> Value {
    let version = cluster_version(cluster, &api.settings.default_version);
    let target = Target::nodegroup(&names::nodegroup_name(group));
    let updating = updates::under_way(&api.store, cluster, &target).is_some();
    json!({"nodegroup": nodegroup::describe(group, cluster, updating, version)})
}

pub(super) async fn create(cx: RequestContext, request: CreateNodegroup) -> Result<Value, ApiError> {
    let api = &cx.state;
    let (cluster, made) = accept(&cx, &request).await?;
    let in_force = |group: Arc<Nodegroup>| nodegroup::wire_status(&group, false) != "CREATING";
    wait_until(api, &cluster, |store| store.now(&*made).is_none_or(in_force)).await;
    Ok(answer(api, &api.store.now(&*made).unwrap_or(made), &cluster))
}

/// Makes the resource, or finds the one that this very request made before.
async fn accept(
    cx: &RequestContext,
    request: &CreateNodegroup,
) -> Result<(Arc<EKSClusterConfig>, Arc<Nodegroup>), ApiError> {
    let (api, store) = (&cx.state, &cx.state.store);
    let (cluster_name, name) =
        (request.spec.cluster_name.clone(), request.spec.nodegroup_name.clone().unwrap_or_default());
    let named = |error: ApiError| error.cluster(&cluster_name).nodegroup(&name);
    let stamp = Stamp::new("CreateNodegroup", &cx.caller, request.client_request_token.as_deref(), request)?;
    let taken = || {
        named(ApiError::resource_in_use(format!(
            "NodeGroup already exists with name {name} and cluster name {cluster_name}"
        )))
    };
    let _lock = api.lock_cluster(identity(&cx.caller, &cluster_name)).await;
    let cluster = store.cluster(&cx.caller, &cluster_name)?;
    let facts = facts(api, &cluster);
    check(FORM, &request.spec, &facts).map_err(named)?;
    if let Some(found) = store.member::<Nodegroup>(&cluster, &name) {
        return if stamp.made(&*found) { Ok((cluster, found)) } else { Err(taken()) };
    }
    check_managed(&cluster).map_err(named)?;
    check_ready(&cluster).map_err(named)?;
    check(CREATE, &request.spec, &facts).map_err(named)?;
    let quota = api.settings.quotas.nodegroups;
    if store.members::<Nodegroup>(&cluster).len() >= quota {
        let text = format!("You've reached your quota of {quota} managed node groups in this cluster.");
        return Err(named(ApiError::limit_exceeded(text)));
    }
    let resource = names::nodegroup_resource(&cluster.name_any(), &name);
    let newest = request.spec.launch_template.as_ref().map_or(1, |wanted| newest_template(store, &cluster, wanted));
    let mut group = Nodegroup::new(&resource, nodegroup::spec(request, &cluster, &facts.cluster_version, newest));
    group.metadata.namespace = cluster.namespace();
    group.metadata.annotations = Some(stamp.annotations());
    let other = member::other_name(&cluster, "nodegroup", &[&name]);
    match store.create_member(&cluster, group, other, |found| names::nodegroup_name(found) == name).await {
        Err(StoreError::Exists) => Err(taken()),
        result => Ok((cluster, result.map_err(|error| named(error.into()))?)),
    }
}

/// What rules know besides a request about a node group of this cluster.
pub(super) fn facts(api: &EksState, cluster: &EKSClusterConfig) -> Facts {
    Facts {
        account: Identity::of(cluster).account,
        cluster_version: cluster_version(cluster, &api.settings.default_version).to_owned(),
        quotas: api.settings.quotas,
    }
}

/// The highest known version of a launch template that the cluster's node groups have.
pub(super) fn newest_template(store: &Store, cluster: &EKSClusterConfig, template: &LaunchTemplate) -> u64 {
    let all = store.members::<Nodegroup>(cluster);
    let same = |known: &&LaunchTemplate| {
        (known.id.is_some() && known.id == template.id) || (known.name.is_some() && known.name == template.name)
    };
    let versions = all.iter().filter_map(|group| group.spec.launch_template.as_ref()).filter(same);
    versions.filter_map(|known| known.version.as_ref()?.parse().ok()).max().unwrap_or(1)
}

pub(super) async fn describe(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, group) = find(&cx, &input.cluster_name, &input.nodegroup_name)?;
    Ok(answer(&cx.state, &group, &cluster))
}

pub(super) async fn list(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let groups = cx.state.store.members::<Nodegroup>(&cluster);
    let page = cx.page(groups.iter().map(|group| names::nodegroup_name(group)).collect(), String::clone);
    Ok(json!({"nodegroups": page.items, "nextToken": page.next_token}))
}

pub(super) async fn delete(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, group) = find(&cx, &input.cluster_name, &input.nodegroup_name)?;
    disown(&cx, &cluster, &input.nodegroup_name).await?;
    let last = cx.state.store.delete(&group).await?;
    let mut left = Nodegroup::clone(&last);
    left.metadata.deletion_timestamp = left.metadata.deletion_timestamp.or_else(|| last.creation_timestamp());
    let answer = answer(&cx.state, &left, &cluster);
    wait_until_gone(&cx.state, &cluster, &*group).await;
    Ok(answer)
}

/// Takes the group's entry out of the cluster's inline list, from which it would be made again.
async fn disown(cx: &RequestContext, cluster: &Arc<EKSClusterConfig>, name: &str) -> Result<(), ApiError> {
    let forget = |cluster: &mut EKSClusterConfig| {
        if let Some(groups) = &mut cluster.spec.node_groups {
            groups.retain(|group| group.nodegroup_name != name);
        }
        Ok(())
    };
    cx.state.store.change(cluster, forget).await.map(|_| ())
}
