//! Node groups and addons of a new cluster. The EKS API takes them only once the cluster exists; here they become
//! resources at once, as with YAML, so that nobody has to wait at the page.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::view;
use crd::addon::AddonSpec;
use crd::cluster::InlineNodegroup;
use crd::names::nodegroup_name;
use crd::{Addon, EKSClusterConfig, Nodegroup, member};
use eks::error::ApiError;
use eks::extra_routes::AppState;
use eks::operations::Quotas;
use eks::store::StoreError;

/// The largest body that is read.
const LARGEST: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parts {
    #[serde(default)]
    node_groups: Vec<InlineNodegroup>,
    #[serde(default)]
    addons: Vec<Wanted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    addon_name: String,
    addon_version: Option<String>,
}

/// Adds node groups and addons to a cluster of the caller's account and region. What is there already under the same name stays.
pub async fn add(
    State(app): State<Arc<AppState>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (caller, body) = app.caller_with(request, LARGEST).await?;
    let store = &app.api.store;
    let cluster = store.cluster(&caller, &name)?;
    if cluster.spec.imported || cluster.metadata.deletion_timestamp.is_some() {
        let why = "The cluster is imported, or it is being deleted: nothing can be added to it";
        return Err(ApiError::invalid_request(why).cluster(&name));
    }
    let mut parts: Parts = serde_json::from_slice(&body.bytes)
        .map_err(|why| ApiError::invalid_parameter(format!("The body must have nodeGroups and addons: {why}")))?;
    let _lock = app.api.create_lock().await;
    let there: BTreeSet<String> = store.members::<Nodegroup>(&cluster).iter().map(|one| nodegroup_name(one)).collect();
    parts.node_groups.retain(|group| !there.contains(&group.nodegroup_name));
    check_quotas(&app.api.settings.quotas, &cluster, there, &parts.node_groups)
        .map_err(|error| error.cluster(&name))?;
    let cluster = if parts.node_groups.is_empty() {
        cluster
    } else {
        let change = |cluster: &mut EKSClusterConfig| {
            add_groups(cluster, &parts.node_groups);
            Ok(())
        };
        store.change(&cluster, change).await?.0
    };
    for wanted in &parts.addons {
        add_addon(&app, &cluster, wanted).await?;
    }
    Ok(Json(json!({"changed": view::key(&cluster)})))
}

/// The quotas hold here as for CreateNodegroup; `there` are the node groups that there are.
fn check_quotas(
    quotas: &Quotas,
    cluster: &EKSClusterConfig,
    there: BTreeSet<String>,
    wanted: &[InlineNodegroup],
) -> Result<(), ApiError> {
    let mut all = there;
    let inline = cluster.spec.node_groups.iter().flatten();
    all.extend(inline.chain(wanted).map(|group| group.nodegroup_name.clone()));
    if !wanted.is_empty() && all.len() > quotas.nodegroups {
        let text = format!("You've reached your quota of {} node groups in this cluster.", quotas.nodegroups);
        return Err(ApiError::limit_exceeded(text));
    }
    if wanted.iter().any(|group| group.max_size.or(group.desired_size).is_some_and(|most| most > quotas.nodes)) {
        let text = format!("You've reached your quota of {} nodes in a managed node group.", quotas.nodes);
        return Err(ApiError::limit_exceeded(text));
    }
    Ok(())
}

fn add_groups(cluster: &mut EKSClusterConfig, wanted: &[InlineNodegroup]) {
    let groups = cluster.spec.node_groups.get_or_insert_default();
    for group in wanted {
        if groups.iter().all(|there| there.nodegroup_name != group.nodegroup_name) {
            groups.push(group.clone());
        }
    }
}

async fn add_addon(app: &AppState, cluster: &EKSClusterConfig, wanted: &Wanted) -> Result<(), ApiError> {
    let name = &wanted.addon_name;
    let mut addon = Addon::new(
        "",
        AddonSpec {
            cluster_name: cluster.name_any(),
            addon_name: name.clone(),
            addon_version: wanted.addon_version.clone(),
            ..AddonSpec::default()
        },
    );
    addon.metadata = member::metadata(cluster, "addon", name);
    let other = member::other_name(cluster, "addon", &[name]);
    match app.api.store.create_member(cluster, addon, other, |found| found.spec.addon_name == *name).await {
        Ok(_) | Err(StoreError::Exists) => Ok(()),
        Err(error) => Err(ApiError::from(error).addon(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eks::error::ErrorCode;

    #[test]
    fn groups_are_added_once() {
        let mut cluster = EKSClusterConfig::new("c", crd::EKSClusterConfigSpec::default());
        let wanted: Parts = serde_json::from_value(json!({"nodeGroups": [
            {"nodegroupName": "a", "instanceType": "t3.small", "minSize": 0, "desiredSize": 1, "maxSize": 2},
        ]}))
        .unwrap();
        add_groups(&mut cluster, &wanted.node_groups);
        add_groups(&mut cluster, &wanted.node_groups);
        let groups = cluster.spec.node_groups.unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].desired_size, groups[0].instance_type.as_deref()), (Some(1), Some("t3.small")));
    }

    #[test]
    fn there_are_no_more_than_the_quotas_allow() {
        let mut cluster = EKSClusterConfig::new("c", crd::EKSClusterConfigSpec::default());
        let group = |name: &str, most: i32| -> InlineNodegroup {
            serde_json::from_value(json!({"nodegroupName": name, "maxSize": most})).unwrap()
        };
        cluster.spec.node_groups = Some(vec![group("a", 1)]);
        let quotas = Quotas { nodegroups: 3, nodes: 5, ..Quotas::default() };
        let add = |wanted: &[InlineNodegroup]| {
            let there = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
            check_quotas(&quotas, &cluster, there, wanted).map_err(|error| error.code())
        };
        assert_eq!(add(&[]), Ok(()));
        assert_eq!(add(&[group("c", 5)]), Ok(()));
        assert_eq!(add(&[group("c", 1), group("d", 1)]), Err(ErrorCode::ResourceLimitExceeded));
        assert_eq!(add(&[group("c", 6)]), Err(ErrorCode::ResourceLimitExceeded));
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        assert!(serde_json::from_value::<Parts>(json!({"nodegroups": []})).is_err());
    }
}
