//! Access entries: create, describe, list, update, delete.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::RequestContext;
use super::token::Stamp;
use crate::convert::access_entry::{CreateAccessEntry, UpdateAccessEntry};
use crate::convert::member::{created, modified};
use crate::error::EksError;
use crate::rules::{access_entry as rules, check};
use arn::{Arn, EksArn};
use aws::error::ApiError;
use crd::access_entry::{AccessEntrySpec, STANDARD};
use crd::names::Identity;
use crd::{AccessEntry, EKSClusterConfig, Member, member, own_entries};
use store::{Store, StoreError, identity};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByPrincipal {
    cluster_name: String,
    principal_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    cluster_name: String,
    associated_policy_arn: Option<String>,
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

/// The cluster that a request names, if it has access entries.
fn cluster(cx: &RequestContext, name: &str) -> Result<Arc<EKSClusterConfig>, ApiError> {
    let found = cx.state.store.cluster(&cx.caller, name)?;
    rules::mode(&found).map_err(|error| error.cluster(name))?;
    Ok(found)
}

/// The cluster and the access entry that a request names.
pub(super) fn find(
    cx: &RequestContext,
    cluster: &str,
    principal: &str,
) -> Result<(Arc<EKSClusterConfig>, Arc<AccessEntry>), ApiError> {
    let name = cluster;
    let found = self::cluster(cx, name)?;
    let entry = cx.state.store.member::<AccessEntry>(&found, principal).ok_or_else(|| {
        let text = format!("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries': {principal}");
        ApiError::resource_not_found(text).cluster(name)
    })?;
    Ok((found, entry))
}

pub(super) async fn create(cx: RequestContext, request: CreateAccessEntry) -> Result<Value, ApiError> {
    let (api, store) = (&cx.state, &cx.state.store);
    let named = |error: ApiError| error.cluster(&request.cluster_name);
    let stamp = Stamp::new("CreateAccessEntry", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let _lock = api.lock_cluster(identity(&cx.caller, &request.cluster_name)).await;
    let cluster = cluster(&cx, &request.cluster_name)?;
    check(rules::CREATE, &request, &*Identity::of(&cluster).account).map_err(named)?;
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
pub(super) async fn bootstrap(cx: &RequestContext, cluster: &EKSClusterConfig) -> Result<(), ApiError> {
    let store = &cx.state.store;
    let Some(spec) = own_entries::of_creator(cluster, &Timestamp::now().to_string()) else { return Ok(()) };
    let principal = spec.principal_arn.clone();
    if store.member::<AccessEntry>(cluster, &principal).is_some() {
        return Ok(());
    }
    let mut entry = AccessEntry::new("", spec);
    entry.metadata = member::metadata(cluster, "access", &principal);
    match put(store, cluster, entry).await {
        Ok(_) | Err(StoreError::Exists) => Ok(()),
        Err(error) => Err(ApiError::from(error).cluster(&Identity::of(cluster).name)),
    }
}

pub(super) async fn describe(cx: RequestContext, input: ByPrincipal) -> Result<Value, ApiError> {
    let (cluster, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    Ok(answer(&entry, &cluster))
}

pub(super) async fn list(cx: RequestContext, input: Filter) -> Result<Value, ApiError> {
    let cluster = cluster(&cx, &input.cluster_name)?;
    let mut all = cx.state.store.members::<AccessEntry>(&cluster);
    if let Some(policy) = &input.associated_policy_arn {
        all.retain(|entry| entry.spec.access_policies.iter().any(|p| p.policy_arn == *policy));
    }
    let page = cx.page(all.iter().map(|entry| entry.spec.principal_arn.clone()).collect(), String::clone);
    Ok(json!({"accessEntries": page.items, "nextToken": page.next_token}))
}

pub(super) async fn update(cx: RequestContext, input: UpdateAccessEntry) -> Result<Value, ApiError> {
    let (cluster, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    check(rules::UPDATE, &input, &*entry).map_err(|error| error.cluster(&input.cluster_name))?;
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

pub(super) async fn delete(cx: RequestContext, input: ByPrincipal) -> Result<Value, ApiError> {
    let (_, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    cx.state.store.delete(&entry).await?;
    Ok(json!({}))
}
