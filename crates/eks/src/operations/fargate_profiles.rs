//! Fargate profiles: create, describe, list, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::RequestContext;
use super::ready::{check_ready, wake};
use super::record_wait::{self, wait_until_in_force};
use super::token::Stamp;
use crate::convert::member::{created, gone, issues, wire_status};
use crate::convert::nodegroup::cluster_subnets;
use crate::error::EksError;
use crate::rules::check;
use crate::rules::fargate_profile::{CREATE, FORM, Facts};
use aws::error::ApiError;
use crd::fargate::{FargateProfileSpec, FargateSelector};
use crd::names::Identity;
use crd::{EKSClusterConfig, FargateProfile, Member, member};
use store::{Store, identity};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    cluster_name: String,
    fargate_profile_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InCluster {
    cluster_name: String,
}

/// What CreateFargateProfile asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    cluster_name: String,
    fargate_profile_name: String,
    pod_execution_role_arn: String,
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    selectors: Vec<FargateSelector>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

/// ARN of a profile.
pub(super) fn arn(profile: &FargateProfile, cluster: &EKSClusterConfig) -> String {
    let rest = format!("{}/{}", profile.eks_name(), profile.arn_id());
    profile.arn_in(&Identity::of(cluster), "fargateprofile", &rest)
}

fn answer(profile: &FargateProfile, cluster: &EKSClusterConfig) -> Value {
    let spec = &profile.spec;
    json!({"fargateProfile": {
        "fargateProfileName": spec.fargate_profile_name,
        "fargateProfileArn": arn(profile, cluster),
        "clusterName": Identity::of(cluster).name,
        "createdAt": created(profile.meta()),
        "podExecutionRoleArn": spec.pod_execution_role_arn,
        "subnets": subnets(&spec.subnets, cluster),
        "selectors": spec.selectors,
        "status": wire_status(profile),
        "tags": spec.tags,
        "health": {"issues": issues(profile)},
    }})
}

fn find(cx: &RequestContext, input: &ByName) -> Result<(Arc<EKSClusterConfig>, Arc<FargateProfile>), ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let found = cx.state.store.member::<FargateProfile>(&cluster, &input.fargate_profile_name).ok_or_else(|| {
        let text = format!("No Fargate Profile found with name: {}.", input.fargate_profile_name);
        ApiError::resource_not_found(text).cluster(&input.cluster_name).fargate_profile(&input.fargate_profile_name)
    })?;
    Ok((cluster, found))
}

/// The spec of the profile that is asked for. Its subnets are written down: the cluster's may change.
fn spec(request: &Create, cluster: &EKSClusterConfig) -> FargateProfileSpec {
    FargateProfileSpec {
        cluster_name: kube::ResourceExt::name_any(cluster),
        fargate_profile_name: request.fargate_profile_name.clone(),
        pod_execution_role_arn: request.pod_execution_role_arn.clone(),
        subnets: subnets(&request.subnets, cluster),
        selectors: request.selectors.clone(),
        tags: request.tags.clone(),
    }
}

/// The subnets that are named, else the cluster's.
fn subnets(named: &[String], cluster: &EKSClusterConfig) -> Vec<String> {
    if named.is_empty() { cluster_subnets(cluster) } else { named.to_vec() }
}

/// One profile of a cluster comes or goes at a time.
fn alone(store: &Store, cluster: &EKSClusterConfig, name: &str, what: &str) -> Result<(), ApiError> {
    let all = store.members::<FargateProfile>(cluster);
    let moving = |profile: &&Arc<FargateProfile>| {
        profile.eks_name() != name && matches!(wire_status(&***profile), "CREATING" | "DELETING")
    };
    let Some(other) = all.iter().find(moving) else { return Ok(()) };
    let (of, status) = (Identity::of(cluster).name, wire_status(&**other));
    Err(ApiError::resource_in_use(format!(
        "Cannot {what} Fargate Profile {name} because cluster {of} currently has Fargate profile {} in status {status}",
        other.eks_name()
    )))
}

pub(super) async fn create(cx: RequestContext, request: Create) -> Result<Value, ApiError> {
    let (cluster, made) = accept(&cx, &request).await?;
    let made = wait_until_in_force(&cx.state, &cluster, made).await;
    Ok(answer(&made, &cluster))
}

/// Makes the resource, or finds the one that this very request made before.
async fn accept(
    cx: &RequestContext,
    request: &Create,
) -> Result<(Arc<EKSClusterConfig>, Arc<FargateProfile>), ApiError> {
    let (api, store) = (&cx.state, &cx.state.store);
    let named = |error: ApiError| error.cluster(&request.cluster_name).fargate_profile(&request.fargate_profile_name);
    let stamp = Stamp::new("CreateFargateProfile", &cx.caller, request.client_request_token.as_deref(), request)?;
    let _lock = api.lock_cluster(identity(&cx.caller, &request.cluster_name)).await;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    let spec = spec(request, &cluster);
    let facts = Facts { account: Identity::of(&cluster).account, quotas: api.settings.quotas };
    check(FORM, &spec, &facts).map_err(named)?;
    if let Some(found) = store.member::<FargateProfile>(&cluster, &request.fargate_profile_name) {
        let taken = || ApiError::resource_in_use("A Fargate Profile already exists with this name in this cluster.");
        return if stamp.made(&*found) { Ok((cluster, found)) } else { Err(named(taken())) };
    }
    check_ready(&cluster).map_err(named)?;
    check(CREATE, &spec, &facts).map_err(named)?;
    alone(store, &cluster, &request.fargate_profile_name, "create").map_err(named)?;
    let quota = api.settings.quotas.fargate_profiles;
    if store.members::<FargateProfile>(&cluster).len() >= quota {
        let text = format!("You've reached your quota of {quota} Fargate profiles in this cluster.");
        return Err(named(ApiError::limit_exceeded(text)));
    }
    let mut profile = FargateProfile::new("", spec);
    profile.metadata = member::metadata(&cluster, "fargate", &request.fargate_profile_name);
    profile.metadata.annotations = Some(stamp.annotations());
    let name = &request.fargate_profile_name;
    let other = member::other_name(&cluster, "fargate", &[name]);
    wake(store, &cluster).await.map_err(named)?;
    let made = store.create_member(&cluster, profile, other, |found| found.spec.fargate_profile_name == *name).await;
    let made = made.map_err(|error| named(error.into()))?;
    Ok((cluster, made))
}

pub(super) async fn describe(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, profile) = find(&cx, &input)?;
    Ok(answer(&profile, &cluster))
}

pub(super) async fn list(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let all = cx.state.store.members::<FargateProfile>(&cluster);
    let page = cx.page(all.iter().map(|profile| profile.eks_name()).collect(), String::clone);
    Ok(json!({"fargateProfileNames": page.items, "nextToken": page.next_token}))
}

pub(super) async fn delete(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, profile) = find(&cx, &input)?;
    let named = |error: ApiError| error.cluster(&input.cluster_name).fargate_profile(&input.fargate_profile_name);
    alone(&cx.state.store, &cluster, &input.fargate_profile_name, "delete").map_err(named)?;
    let left = cx.state.store.delete(&profile).await?;
    record_wait::wait_until_gone(&cx.state, &cluster, &*profile).await;
    Ok(answer(&gone(&*left), &cluster))
}
