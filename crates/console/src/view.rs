//! Clusters as the page shows them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use serde::Serialize;
use serde_json::{Value, json};

use aws::error::ApiError;
use aws::sigv4::Caller;
use crd::cluster::{NodeCount, PowerState, ProviderName};
use crd::keys::{ANNOTATION_CREATOR, METADATA};
use crd::names::{Identity, nodegroup_name};
use crd::{
    AccessEntry, Addon, EKSClusterConfig, EKSClusterConfigStatus, FargateProfile, IdentityProviderConfig, Nodegroup,
    Phase, PodIdentityAssociation, Update,
};
use eks::extra_routes::AppState;
use store::{Kind, Store, no_cluster};

/// Updates that are shown of a cluster: the newest.
const UPDATES: usize = 50;

/// A cluster's line in the table. A type, not a [`Value`]: a page's first news are of all clusters.
#[derive(Serialize)]
// They are facts beside each other, and the page's to combine.
#[allow(clippy::struct_excessive_bools)]
pub struct Line<'a, G> {
    key: String,
    namespace: Option<String>,
    resource: String,
    name: String,
    account: &'a str,
    region: &'a str,
    phase: Option<Phase>,
    says: Option<&'a str>,
    ready: bool,
    version: Option<&'a str>,
    endpoint: Option<&'a str>,
    imported: bool,
    /// It was stopped, or is to be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
    /// It is stopped only because nobody used it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    asleep: bool,
    /// Nothing runs: it is kept as a record.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    recorded: bool,
    /// It has deletion protection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    protected: bool,
    created: Option<String>,
    nodes: NodeCount,
    groups: Vec<G>,
}

/// The line of a cluster, with what `of_group` says of its node groups.
pub fn line<'a, G>(
    cluster: &'a EKSClusterConfig,
    groups: &'a [Arc<Nodegroup>],
    of_group: impl Fn(&'a Nodegroup) -> G,
) -> Line<'a, G> {
    let (spec, status) = (&cluster.spec, cluster.status.as_ref());
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let deleting = cluster.metadata.deletion_timestamp.is_some();
    let version = status.and_then(|status| status.version.as_deref());
    Line {
        key: key(cluster),
        namespace: cluster.namespace(),
        resource: cluster.name_any(),
        name: Identity::of(cluster).name,
        account: &spec.account_id,
        region: &spec.region,
        phase: if deleting { Some(Phase::Deleting) } else { status.and_then(|status| status.phase) },
        says: says(conditions),
        ready: ready(conditions),
        version: version.or(spec.kubernetes_version.as_deref()),
        endpoint: status.and_then(|status| status.endpoint.as_deref()),
        imported: spec.imported,
        stopped: spec.state == Some(PowerState::Stopped),
        asleep: status.is_some_and(|status| status.phase == Some(Phase::Stopped) && status.hibernated.is_some()),
        recorded: recorded(cluster),
        protected: spec.deletion_protection == Some(true),
        created: cluster.creation_timestamp().map(|time| time.0.to_string()),
        nodes: status.and_then(|status| status.nodes.clone()).unwrap_or_default(),
        groups: groups.iter().map(|group| of_group(group)).collect(),
    }
}

/// Whether a cluster is a record only, as its status says, or before there is one its spec. One that is imported runs elsewhere.
fn recorded(cluster: &EKSClusterConfig) -> bool {
    let (spec, status) = (&cluster.spec, cluster.status.as_ref().and_then(|status| status.provider.as_deref()));
    !spec.imported && status.map_or(spec.provider == Some(ProviderName::Metadata), |provider| provider == METADATA)
}

/// The line with its node groups in full.
pub fn summary(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>]) -> Value {
    json!(line(cluster, groups, of_group))
}

/// What a cluster is known by on the page.
pub fn key(cluster: &EKSClusterConfig) -> String {
    format!("{}/{}", cluster.namespace().unwrap_or_default(), cluster.name_any())
}

fn of_group(group: &Nodegroup) -> Value {
    let status = group.status.clone().unwrap_or_default();
    json!({
        "name": nodegroup_name(group),
        "phase": status.phase,
        "says": says(&status.conditions),
        "version": status.version,
        "ready": status.ready_replicas,
        "scaling": group.spec.scaling_config,
        "instanceTypes": group.spec.instance_types,
        "labels": group.spec.labels,
        "taints": group.spec.taints,
        "nodes": status.nodes,
    })
}

fn says(conditions: &[Condition]) -> Option<&str> {
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.as_str())
}

fn ready(conditions: &[Condition]) -> bool {
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The cluster of a path, if the caller may see it.
///
/// # Errors
/// There is none, or it is another account's.
pub fn find(app: &AppState, caller: &Caller, namespace: &str, name: &str) -> Result<Arc<EKSClusterConfig>, ApiError> {
    let found = app.api.store.get::<EKSClusterConfig>(namespace, name);
    found.filter(|cluster| may_see(caller, cluster)).ok_or_else(|| no_cluster(name))
}

/// Whose signature was checked sees the account's own; where nothing is checked there is nothing to keep apart.
pub fn may_see(caller: &Caller, cluster: &EKSClusterConfig) -> bool {
    !caller.verified || cluster.spec.account_id == caller.account
}

/// One cluster with everything that belongs to it, its Events, and the calls that changed it.
pub async fn one(
    State(app): State<Arc<AppState>>,
    Path((namespace, name)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let caller = app.caller(&request)?;
    let cluster = find(&app, &caller, &namespace, &name)?;
    let store = &app.api.store;
    let mut updates = store.list::<Update>();
    updates.retain(|update| update.spec.cluster_name == name && update.namespace().as_deref() == Some(&namespace));
    updates.sort_by_key(|update| std::cmp::Reverse(update.creation_timestamp()));
    updates.truncate(UPDATES);
    let eks_name = Identity::of(&cluster).name;
    let mut calls = app.events.about(&cluster.spec.account_id, &eks_name);
    calls.reverse();
    Ok(Json(json!({
        "summary": summary(&cluster, &store.members(&cluster)),
        "spec": cluster.spec,
        "creator": cluster.annotations().get(ANNOTATION_CREATOR),
        "conditions": cluster.status.as_ref().map(|status| &status.conditions),
        "status": status(&cluster),
        "nodegroups": members::<Nodegroup>(store, &cluster),
        "addons": members::<Addon>(store, &cluster),
        "access": members::<AccessEntry>(store, &cluster),
        "podIdentity": members::<PodIdentityAssociation>(store, &cluster),
        "identityProviders": members::<IdentityProviderConfig>(store, &cluster),
        "fargate": members::<FargateProfile>(store, &cluster),
        "updates": updates.iter().map(|update| json!(**update)).collect::<Vec<_>>(),
        "events": store.events::<EKSClusterConfig>(&namespace, &name).await?,
        "calls": calls,
    })))
}

/// The Events about a node group: the steps of its updates.
pub async fn group_events(
    State(app): State<Arc<AppState>>,
    Path((namespace, name, group)): Path<(String, String, String)>,
    request: Request,
) -> Result<Json<Vec<Value>>, ApiError> {
    let caller = app.caller(&request)?;
    let cluster = find(&app, &caller, &namespace, &name)?;
    let store = &app.api.store;
    let Some(group) = store.member::<Nodegroup>(&cluster, &group) else { return Ok(Json(Vec::new())) };
    Ok(Json(store.events::<Nodegroup>(&namespace, &group.name_any()).await?))
}

/// The status without what only servers have a use for.
fn status(cluster: &EKSClusterConfig) -> Option<EKSClusterConfigStatus> {
    let mut status = cluster.status.clone()?;
    status.webhook_tokens.clear();
    status.service_account_keys = None;
    Some(status)
}

fn members<K: Kind + crd::Member>(store: &Store, cluster: &EKSClusterConfig) -> Vec<Value> {
    store.members::<K>(cluster).iter().map(|member| json!(**member)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_sleeps_from_who_was_stopped() {
        let told = |spec: Value, status: Value| {
            let mut cluster = EKSClusterConfig::new("c", serde_json::from_value(spec).unwrap());
            cluster.status = serde_json::from_value(status).unwrap();
            let summary = summary(&cluster, &[]);
            (summary["stopped"] == true, summary["asleep"] == true)
        };
        assert_eq!(told(json!({}), json!({"phase": "Active"})), (false, false));
        assert_eq!(told(json!({"state": "Stopped"}), json!({"phase": "Active"})), (true, false));
        assert_eq!(told(json!({"state": "Stopped"}), json!({"phase": "Stopped"})), (true, false));
        assert_eq!(told(json!({}), json!({"phase": "Stopped", "hibernated": "0123"})), (false, true));
    }

    #[test]
    fn a_line_says_what_is_a_record_only_and_what_is_protected() {
        let told = |spec: Value, status: Value| {
            let mut cluster = EKSClusterConfig::new("c", serde_json::from_value(spec).unwrap());
            cluster.status = serde_json::from_value(status).unwrap();
            let summary = summary(&cluster, &[]);
            (summary["recorded"] == true, summary["protected"] == true)
        };
        assert_eq!(told(json!({}), json!({"provider": "k3d"})), (false, false));
        assert_eq!(told(json!({}), json!({"provider": "metadata"})), (true, false));
        assert_eq!(told(json!({"provider": "metadata"}), Value::Null), (true, false));
        assert_eq!(told(json!({"deletionProtection": true}), Value::Null), (false, true));
    }
}
