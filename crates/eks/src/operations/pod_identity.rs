//! Pod identity associations: create, describe, list, update, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pod_identity_records::{arn, put};
use super::token::Stamp;
use super::{RequestContext, addon_associations, addons};
use crate::convert::member::{created, modified};
use crate::error::EksError;
use crate::rules::check;
use crate::rules::pod_identity::{ALWAYS, CREATE, Facts};
use aws::error::ApiError;
use crd::names::Identity;
use crd::pod_identity::PodIdentityAssociationSpec;
use crd::{EKSClusterConfig, Member, PodIdentityAssociation, member};
use store::identity;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ById {
    cluster_name: String,
    association_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    cluster_name: String,
    namespace: Option<String>,
    service_account: Option<String>,
}

/// What CreatePodIdentityAssociation asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    cluster_name: String,
    namespace: String,
    service_account: String,
    role_arn: String,
    target_role_arn: Option<String>,
    disable_session_tags: Option<bool>,
    policy: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

/// What UpdatePodIdentityAssociation asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Update {
    cluster_name: String,
    association_id: String,
    role_arn: Option<String>,
    target_role_arn: Option<String>,
    disable_session_tags: Option<bool>,
    policy: Option<String>,
}

fn summary(cx: &RequestContext, association: &PodIdentityAssociation, cluster: &EKSClusterConfig) -> Value {
    let owner = addon_associations::owner(&cx.state.store, association, cluster);
    json!({
        "clusterName": Identity::of(cluster).name,
        "namespace": association.spec.namespace,
        "serviceAccount": association.spec.service_account,
        "associationArn": arn(association, cluster),
        "associationId": association.eks_name(),
        "ownerArn": owner.map(|addon| addons::arn(&addon, cluster)),
    })
}

fn answer(cx: &RequestContext, association: &PodIdentityAssociation, cluster: &EKSClusterConfig) -> Value {
    let spec = &association.spec;
    let mut all = summary(cx, association, cluster);
    all["roleArn"] = json!(spec.role_arn);
    all["tags"] = json!(spec.tags);
    all["createdAt"] = json!(created(association.meta()));
    all["modifiedAt"] = json!(modified(association));
    all["disableSessionTags"] = json!(spec.disable_session_tags.unwrap_or_default());
    all["targetRoleArn"] = json!(spec.target_role_arn);
    all["externalId"] = json!(spec.target_role_arn.as_ref().map(|_| association.arn_id()));
    all["policy"] = json!(spec.policy);
    json!({"association": all})
}

fn find(
    cx: &RequestContext,
    cluster: &str,
    id: &str,
) -> Result<(Arc<EKSClusterConfig>, Arc<PodIdentityAssociation>), ApiError> {
    let found = cx.state.store.cluster(&cx.caller, cluster)?;
    let association = cx.state.store.member::<PodIdentityAssociation>(&found, id).ok_or_else(|| {
        ApiError::resource_not_found(format!("No pod identity association found with id: {id}.")).cluster(cluster)
    })?;
    Ok((found, association))
}

pub(super) async fn create(cx: RequestContext, request: Create) -> Result<Value, ApiError> {
    let (api, store) = (&cx.state, &cx.state.store);
    let named = |error: ApiError| error.cluster(&request.cluster_name);
    let operation = "CreatePodIdentityAssociation";
    let stamp = Stamp::new(operation, &cx.caller, request.client_request_token.as_deref(), &request)?;
    let _lock = api.lock_cluster(identity(&cx.caller, &request.cluster_name)).await;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    let facts = facts(&cluster);
    let spec = PodIdentityAssociationSpec {
        cluster_name: cluster.name_any(),
        namespace: request.namespace.clone(),
        service_account: request.service_account.clone(),
        role_arn: request.role_arn.clone(),
        target_role_arn: request.target_role_arn.clone().filter(|target| !target.is_empty()),
        disable_session_tags: request.disable_session_tags,
        policy: request.policy.clone().filter(|policy| !policy.is_empty()),
        tags: request.tags.clone(),
    };
    check(ALWAYS, &spec, &facts).and_then(|()| check(CREATE, &spec, &facts)).map_err(named)?;
    let all = store.members::<PodIdentityAssociation>(&cluster);
    let same = |a: &&Arc<PodIdentityAssociation>| {
        a.spec.namespace == request.namespace && a.spec.service_account == request.service_account
    };
    if let Some(found) = all.iter().find(same) {
        let taken = || ApiError::resource_in_use(format!("Association already exists: {}", found.eks_name()));
        return if stamp.made(&**found) { Ok(answer(&cx, found, &cluster)) } else { Err(named(taken())) };
    }
    let quota = api.settings.quotas.pod_identity_associations;
    if all.len() >= quota {
        let text = format!("You've reached your quota of {quota} pod identity associations in this cluster.");
        return Err(named(ApiError::limit_exceeded(text)));
    }
    let mut association = PodIdentityAssociation::new("", spec);
    let name = format!("{}-{}", request.namespace, request.service_account);
    association.metadata = member::metadata(&cluster, "pod-identity", &name);
    association.metadata.annotations = Some(stamp.annotations());
    let made = put(store, &cluster, association).await.map_err(|error| named(error.into()))?;
    Ok(answer(&cx, &made, &cluster))
}

pub(super) async fn describe(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let (cluster, association) = find(&cx, &input.cluster_name, &input.association_id)?;
    Ok(answer(&cx, &association, &cluster))
}

pub(super) async fn list(cx: RequestContext, input: Filter) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let mut all = cx.state.store.members::<PodIdentityAssociation>(&cluster);
    all.retain(|a| input.namespace.as_ref().is_none_or(|n| *n == a.spec.namespace));
    all.retain(|a| input.service_account.as_ref().is_none_or(|s| *s == a.spec.service_account));
    let page = cx.page(all, |association| association.eks_name());
    let items: Vec<Value> = page.items.iter().map(|association| summary(&cx, association, &cluster)).collect();
    Ok(json!({"associations": items, "nextToken": page.next_token}))
}

pub(super) async fn update(cx: RequestContext, input: Update) -> Result<Value, ApiError> {
    let (cluster, association) = find(&cx, &input.cluster_name, &input.association_id)?;
    let named = |error: ApiError| error.cluster(&input.cluster_name);
    unowned(&cx, &association, &cluster).map_err(named)?;
    let Update { role_arn, target_role_arn, disable_session_tags, policy, .. } = &input;
    if role_arn.is_none() && target_role_arn.is_none() && disable_session_tags.is_none() && policy.is_none() {
        let text = "At least one of roleArn, targetRoleArn, disableSessionTags and policy must be specified";
        return Err(named(ApiError::invalid_parameter(text)));
    }
    let facts = facts(&cluster);
    let change = |association: &mut PodIdentityAssociation| {
        let spec = &mut association.spec;
        if let Some(role) = &input.role_arn {
            spec.role_arn.clone_from(role);
        }
        // An empty text takes the value away.
        if let Some(target) = &input.target_role_arn {
            spec.target_role_arn = (!target.is_empty()).then(|| target.clone());
        }
        if let Some(policy) = &input.policy {
            spec.policy = (!policy.is_empty()).then(|| policy.clone());
        }
        spec.disable_session_tags = input.disable_session_tags.or(spec.disable_session_tags);
        check(ALWAYS, spec, &facts).map_err(named)
    };
    let (changed, _) = cx.state.store.change(&association, change).await?;
    Ok(answer(&cx, &changed, &cluster))
}

/// An addon's own association goes with the addon.
fn unowned(
    cx: &RequestContext,
    association: &PodIdentityAssociation,
    cluster: &EKSClusterConfig,
) -> Result<(), ApiError> {
    let Some(addon) = addon_associations::owner(&cx.state.store, association, cluster) else { return Ok(()) };
    let (id, name) = (association.eks_name(), addon.eks_name());
    Err(ApiError::invalid_request(format!("The association {id} is owned by addon {name}: change it with UpdateAddon")))
}

fn facts(cluster: &EKSClusterConfig) -> Facts {
    Facts { account: Identity::of(cluster).account }
}

pub(super) async fn delete(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let (cluster, association) = find(&cx, &input.cluster_name, &input.association_id)?;
    unowned(&cx, &association, &cluster).map_err(|error| error.cluster(&input.cluster_name))?;
    cx.state.store.delete(&association).await?;
    Ok(answer(&cx, &association, &cluster))
}
