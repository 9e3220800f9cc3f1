//! Access entries: create, describe, list, update, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::token::Stamp;
use super::{Api, Cx, check_tags};
use crate::crd::access_entry::{AccessEntrySpec, AccessScope, AssociatedPolicy, STANDARD, TYPES};
use crate::crd::cluster_settings::AuthenticationMode;
use crate::crd::names::Identity;
use crate::crd::{AccessEntry, EKSClusterConfig, Member, keys, member};
use crate::eks::arn::{Arn, EksArn, access_policy};
use crate::eks::convert::member::{created, modified};
use crate::eks::error::ApiError;
use crate::eks::registry::Registry;
use crate::eks::store::{Store, StoreError};

/// How names of users and groups begin that Kubernetes and EKS keep for themselves.
const RESERVED: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByPrincipal {
    cluster_name: String,
    principal_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    cluster_name: String,
    associated_policy_arn: Option<String>,
}

/// What CreateAccessEntry asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    cluster_name: String,
    principal_arn: String,
    #[serde(default)]
    kubernetes_groups: Vec<String>,
    username: Option<String>,
    #[serde(rename = "type")]
    type_: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

/// What UpdateAccessEntry asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    cluster_name: String,
    principal_arn: String,
    kubernetes_groups: Option<Vec<String>>,
    username: Option<String>,
}

pub(super) fn register(registry: Registry<Api>) -> Registry<Api> {
    registry
        .on("CreateAccessEntry", create)
        .on("DescribeAccessEntry", describe)
        .on("ListAccessEntries", list)
        .on("UpdateAccessEntry", update)
        .on("DeleteAccessEntry", delete)
}

/// ARN of an access entry.
pub(super) fn arn(entry: &AccessEntry, cluster: &EKSClusterConfig) -> String {
    let identity = Identity::of(cluster);
    let arn = entry.spec.principal_arn.parse::<Arn>().map(|principal| {
        EksArn::access_entry(&identity.region, &identity.account, &identity.name, &principal, &entry.arn_id())
            .to_string()
    });
    arn.unwrap_or_default()
}

fn answer(entry: &AccessEntry, cluster: &EKSClusterConfig) -> Value {
    let spec = &entry.spec;
    json!({"accessEntry": {
        "clusterName": Identity::of(cluster).name,
        "principalArn": spec.principal_arn,
        "kubernetesGroups": spec.eks_groups(),
        "accessEntryArn": arn(entry, cluster),
        "createdAt": created(entry.meta()),
        "modifiedAt": modified(entry),
        "tags": spec.tags,
        "username": spec.username(),
        "type": spec.type_,
    }})
}

/// The cluster and the access entry that a request names.
pub(super) fn find(
    cx: &Cx,
    cluster: &str,
    principal: &str,
) -> Result<(Arc<EKSClusterConfig>, Arc<AccessEntry>), ApiError> {
    let found = cx.state.store.cluster(&cx.caller, cluster)?;
    let entry = cx.state.store.member::<AccessEntry>(&found, principal).ok_or_else(|| {
        let text = format!("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries': {principal}");
        ApiError::resource_not_found(text).cluster(cluster)
    })?;
    Ok((found, entry))
}

/// What CreateAccessEntry refuses.
fn check(request: &Create) -> Result<(), ApiError> {
    check_tags(&request.tags)?;
    let refuse = |text: &str| Err(ApiError::invalid_parameter(text));
    if !is_role_or_user(&request.principal_arn) {
        return refuse("The principalArn parameter format is not valid: the ARN of an IAM role or user is expected");
    }
    if let Some(type_) = request.type_.as_deref().filter(|type_| !TYPES.contains(type_)) {
        return refuse(&format!("The access entry type {type_} is not valid: it must be one of {}", TYPES.join(", ")));
    }
    let standard = request.type_.as_deref().is_none_or(|t| t == STANDARD);
    if !standard && (!request.kubernetes_groups.is_empty() || request.username.is_some()) {
        return refuse(
            "You cannot specify kubernetesGroups or a username for an access entry whose type is not STANDARD",
        );
    }
    check_names(&request.kubernetes_groups, request.username.as_deref())
}

/// Nobody gets the rights of Kubernetes's own users and groups by taking their names.
fn check_names(groups: &[String], username: Option<&str>) -> Result<(), ApiError> {
    let reserved = |name: &str| RESERVED.iter().any(|prefix| name.starts_with(prefix));
    let refuse = |what: &str, name: &str| {
        let prefixes = RESERVED.join(", ");
        let text = format!("The {what} {name} is invalid, it cannot start with any of {prefixes}");
        Err(ApiError::invalid_parameter(text))
    };
    if let Some(group) = groups.iter().find(|group| reserved(group)) {
        return refuse("kubernetes group name", group);
    }
    match username {
        Some(name) if reserved(name) => refuse("username", name),
        _ => Ok(()),
    }
}

/// Access entries need an authentication mode that knows them.
pub(super) fn check_mode(cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    if cluster.spec.authentication_mode() == AuthenticationMode::ConfigMap {
        let text = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.";
        return Err(ApiError::invalid_request(text));
    }
    Ok(())
}

async fn create(cx: Cx, request: Create) -> Result<Value, ApiError> {
    let (api, store) = (&cx.state, &cx.state.store);
    let named = |error: ApiError| error.cluster(&request.cluster_name);
    let stamp = Stamp::new("CreateAccessEntry", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let _turn = api.turn.lock().await;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    check_mode(&cluster).map_err(named)?;
    check(&request).map_err(named)?;
    if let Some(found) = store.member::<AccessEntry>(&cluster, &request.principal_arn) {
        let taken =
            || ApiError::resource_in_use("The specified access entry resource is already in use on this cluster.");
        return if stamp.made(&*found) { Ok(answer(&found, &cluster)) } else { Err(named(taken())) };
    }
    let spec = AccessEntrySpec {
        cluster_name: cluster.name_any(),
        principal_arn: request.principal_arn.clone(),
        type_: request.type_.clone().unwrap_or_else(|| STANDARD.into()),
        kubernetes_groups: request.kubernetes_groups.clone(),
        username: request.username.clone(),
        access_policies: Vec::new(),
        tags: request.tags.clone(),
    };
    let mut entry = AccessEntry::new("", spec);
    entry.metadata = member::metadata(&cluster, "access", &request.principal_arn);
    entry.metadata.annotations = Some(stamp.annotations());
    let made = put(store, &cluster, entry).await.map_err(|error| named(error.into()))?;
    Ok(answer(&made, &cluster))
}

async fn put(store: &Store, cluster: &EKSClusterConfig, entry: AccessEntry) -> Result<Arc<AccessEntry>, StoreError> {
    let principal = entry.spec.principal_arn.clone();
    let other = member::other_name(cluster, "access", &[&principal]);
    store.create_member(cluster, entry, other, |found| found.spec.principal_arn == principal).await
}

/// Makes who created the cluster an administrator of it, whoever asks now, unless the cluster says otherwise or knows no
/// access entries.
pub(super) async fn bootstrap(cx: &Cx, cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    let store = &cx.state.store;
    let Some(principal) = cluster.annotations().get(keys::ANNOTATION_CREATOR).cloned() else { return Ok(()) };
    if !cluster.spec.creator_is_admin() || check_mode(cluster).is_err() || !is_role_or_user(&principal) {
        return Ok(());
    }
    if store.member::<AccessEntry>(cluster, &principal).is_some() {
        return Ok(());
    }
    let now = Timestamp::now().to_string();
    let policy = AssociatedPolicy {
        policy_arn: access_policy(&cx.caller.region, "AmazonEKSClusterAdminPolicy"),
        access_scope: AccessScope { type_: "cluster".into(), namespaces: Vec::new() },
        associated_at: Some(now.clone()),
        modified_at: Some(now),
    };
    let spec = AccessEntrySpec {
        cluster_name: cluster.name_any(),
        principal_arn: principal.clone(),
        type_: STANDARD.into(),
        access_policies: vec![policy],
        ..AccessEntrySpec::default()
    };
    let mut entry = AccessEntry::new("", spec);
    entry.metadata = member::metadata(cluster, "access", &principal);
    match put(store, cluster, entry).await {
        Ok(_) | Err(StoreError::Exists) => Ok(()),
        Err(error) => Err(ApiError::from(error).cluster(&Identity::of(cluster).name)),
    }
}

fn is_role_or_user(principal: &str) -> bool {
    principal.parse::<Arn>().is_ok_and(|arn| arn.is_role() || arn.is_user())
}

async fn describe(cx: Cx, input: ByPrincipal) -> Result<Value, ApiError> {
    let (cluster, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    Ok(answer(&entry, &cluster))
}

async fn list(cx: Cx, input: Filter) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    check_mode(&cluster).map_err(|error| error.cluster(&input.cluster_name))?;
    let mut all = cx.state.store.members::<AccessEntry>(&cluster);
    if let Some(policy) = &input.associated_policy_arn {
        all.retain(|entry| entry.spec.access_policies.iter().any(|p| p.policy_arn == *policy));
    }
    let page = cx.page(all.iter().map(|entry| entry.spec.principal_arn.clone()).collect(), String::clone);
    Ok(json!({"accessEntries": page.items, "nextToken": page.next_token}))
}

async fn update(cx: Cx, input: Update) -> Result<Value, ApiError> {
    let (cluster, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    let named = |error: ApiError| error.cluster(&input.cluster_name);
    let groups = input.kubernetes_groups.as_deref().unwrap_or_default();
    check_names(groups, input.username.as_deref()).map_err(named)?;
    if entry.spec.type_ != STANDARD {
        let text = "You cannot update an access entry whose type is not STANDARD";
        return Err(named(ApiError::invalid_request(text)));
    }
    let change = |entry: &mut AccessEntry| {
        if let Some(groups) = &input.kubernetes_groups {
            entry.spec.kubernetes_groups.clone_from(groups);
        }
        entry.spec.username = input.username.clone().or_else(|| entry.spec.username.clone());
        Ok(())
    };
    let (changed, _) = cx.state.store.change(&entry, change).await?;
    Ok(answer(&changed, &cluster))
}

async fn delete(cx: Cx, input: ByPrincipal) -> Result<Value, ApiError> {
    let (_, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    cx.state.store.delete(&entry).await?;
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_refused() {
        assert!(check_names(&["viewers".into()], Some("me")).is_ok());
        assert!(check_names(&["viewers".into(), "system:masters".into()], None).is_err());
        for name in ["system:kube-controller-manager", "eks:x", "aws:x", "amazon:x", "iam:x"] {
            assert!(check_names(&[], Some(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn an_entry_has_a_type_that_there_is() {
        let refusal = |type_: Option<&str>| {
            let request = json!({"clusterName": "c", "principalArn": "arn:aws:iam::1:role/r", "type": type_});
            check(&serde_json::from_value(request).unwrap()).err().map(|error| error.message().to_owned())
        };
        assert!(TYPES.iter().all(|type_| refusal(Some(type_)).is_none()) && refusal(None).is_none());
        let text = refusal(Some("EC2_MAC")).unwrap();
        assert!(TYPES.iter().all(|type_| text.contains(type_)), "{text}");
    }
}
