//! Fargate profiles: create, describe, list, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ready::{check_ready, wake};
use super::token::Stamp;
use super::{Api, Cx, check_tags};
use crate::crd::fargate::{FargateProfileSpec, FargateSelector};
use crate::crd::names::Identity;
use crate::crd::{EKSClusterConfig, FargateProfile, Member, member};
use crate::eks::convert::member::{created, gone, issues, wire_status};
use crate::eks::error::ApiError;
use crate::eks::registry::Registry;

/// Selectors of one profile.
const SELECTORS: usize = 5;
/// Labels of one selector.
const LABELS: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByName {
    cluster_name: String,
    fargate_profile_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InCluster {
    cluster_name: String,
}

/// What CreateFargateProfile asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Create {
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

pub(super) fn register(registry: Registry<Api>) -> Registry<Api> {
    registry
        .on("CreateFargateProfile", create)
        .on("DescribeFargateProfile", describe)
        .on("ListFargateProfiles", list)
        .on("DeleteFargateProfile", delete)
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
        "subnets": spec.subnets,
        "selectors": spec.selectors,
        "status": wire_status(profile),
        "tags": spec.tags,
        "health": {"issues": issues(profile)},
    }})
}

fn find(cx: &Cx, input: &ByName) -> Result<(Arc<EKSClusterConfig>, Arc<FargateProfile>), ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let found = cx.state.store.member::<FargateProfile>(&cluster, &input.fargate_profile_name).ok_or_else(|| {
        let text = format!("No Fargate Profile found with name: {}.", input.fargate_profile_name);
        ApiError::resource_not_found(text).cluster(&input.cluster_name).fargate_profile(&input.fargate_profile_name)
    })?;
    Ok((cluster, found))
}

/// What CreateFargateProfile refuses.
fn check(request: &Create) -> Result<(), ApiError> {
    check_tags(&request.tags)?;
    let refuse = |text: String| Err(ApiError::invalid_parameter(text));
    if request.fargate_profile_name.starts_with("eks-") {
        return refuse("fargateProfileName must not begin with the reserved prefix eks-".into());
    }
    if request.selectors.is_empty() || request.selectors.len() > SELECTORS {
        return refuse(format!("A Fargate profile must have 1 to {SELECTORS} selectors"));
    }
    if request.selectors.iter().any(|s| s.namespace.as_deref().is_none_or(str::is_empty)) {
        return refuse("Every selector of a Fargate profile must have a namespace".into());
    }
    if request.selectors.iter().any(|s| s.labels.len() > LABELS) {
        return refuse(format!("A selector of a Fargate profile can have at most {LABELS} labels"));
    }
    Ok(())
}

async fn create(cx: Cx, request: Create) -> Result<Value, ApiError> {
    let (api, store) = (&cx.state, &cx.state.store);
    let named = |error: ApiError| error.cluster(&request.cluster_name).fargate_profile(&request.fargate_profile_name);
    let stamp = Stamp::new("CreateFargateProfile", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let _turn = api.turn.lock().await;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    if let Some(found) = store.member::<FargateProfile>(&cluster, &request.fargate_profile_name) {
        let taken = || ApiError::resource_in_use("A Fargate Profile already exists with this name in this cluster.");
        return if stamp.made(&*found) { Ok(answer(&found, &cluster)) } else { Err(named(taken())) };
    }
    check_ready(&cluster).map_err(named)?;
    check(&request).map_err(named)?;
    let quota = api.settings.quotas.fargate_profiles;
    if store.members::<FargateProfile>(&cluster).len() >= quota {
        let text = format!("You've reached your quota of {quota} Fargate profiles in this cluster.");
        return Err(named(ApiError::limit_exceeded(text)));
    }
    let spec = FargateProfileSpec {
        cluster_name: kube::ResourceExt::name_any(&*cluster),
        fargate_profile_name: request.fargate_profile_name.clone(),
        pod_execution_role_arn: request.pod_execution_role_arn.clone(),
        subnets: request.subnets.clone(),
        selectors: request.selectors.clone(),
        tags: request.tags.clone(),
    };
    let mut profile = FargateProfile::new("", spec);
    profile.metadata = member::metadata(&cluster, "fargate", &request.fargate_profile_name);
    profile.metadata.annotations = Some(stamp.annotations());
    let name = &request.fargate_profile_name;
    let other = member::other_name(&cluster, "fargate", &[name]);
    wake(store, &cluster).await.map_err(named)?;
    let made = store.create_member(&cluster, profile, other, |found| found.spec.fargate_profile_name == *name).await;
    Ok(answer(&*made.map_err(|error| named(error.into()))?, &cluster))
}

async fn describe(cx: Cx, input: ByName) -> Result<Value, ApiError> {
    let (cluster, profile) = find(&cx, &input)?;
    Ok(answer(&profile, &cluster))
}

async fn list(cx: Cx, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let all = cx.state.store.members::<FargateProfile>(&cluster);
    let page = cx.page(all.iter().map(|profile| profile.eks_name()).collect(), String::clone);
    Ok(json!({"fargateProfileNames": page.items, "nextToken": page.next_token}))
}

async fn delete(cx: Cx, input: ByName) -> Result<Value, ApiError> {
    let (cluster, profile) = find(&cx, &input)?;
    let left = cx.state.store.delete(&profile).await?;
    Ok(answer(&gone(&*left), &cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(selectors: Value) -> bool {
        let request =
            json!({"clusterName": "c", "fargateProfileName": "p", "podExecutionRoleArn": "r", "selectors": selectors});
        check(&serde_json::from_value(request).unwrap()).is_err()
    }

    #[test]
    fn selectors_have_a_namespace_and_few_labels() {
        assert!(!refused(json!([{"namespace": "a"}])));
        assert!(refused(json!([])));
        assert!(refused(json!([{"labels": {"a": "b"}}])));
        assert!(refused(json!([{"namespace": "a", "labels": {"a": "", "b": "", "c": "", "d": "", "e": "", "f": ""}}])));
        let many: Vec<Value> = (0..6).map(|n| json!({"namespace": n.to_string()})).collect();
        assert!(refused(Value::Array(many)));
    }
}
