//! Capabilities of clusters: create, describe, list, update, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::RequestContext;
use super::ready::{check_ready, wake};
use super::token::Stamp;
use super::updates::{Request, Target, under_way};
use crate::convert::member::{changing_status, created, gone, modified};
use crate::convert::update::Change;
use crate::error::EksError;
use crate::rules::capability::{CREATE, FORM, Facts, UPDATE};
use crate::rules::check;
use arn::{EksArn, NamedKind};
use aws::error::ApiError;
use crd::capability::{
    Ack, CapabilityConfiguration, CapabilitySpec, CapabilityType, DeletePropagationPolicy, NetworkAccess, RoleMapping,
};
use crd::names::Identity;
use crd::{Capability, EKSClusterConfig, Member, member};
use store::identity;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    cluster_name: String,
    capability_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InCluster {
    cluster_name: String,
}

/// What CreateCapability asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    cluster_name: String,
    capability_name: String,
    #[serde(rename = "type")]
    type_: CapabilityType,
    role_arn: String,
    configuration: Option<CapabilityConfiguration>,
    delete_propagation_policy: DeletePropagationPolicy,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

/// What UpdateCapability asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Update {
    cluster_name: String,
    capability_name: String,
    role_arn: Option<String>,
    configuration: Option<UpdateConfiguration>,
    delete_propagation_policy: Option<DeletePropagationPolicy>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateConfiguration {
    argo_cd: Option<UpdateArgoCd>,
    ack: Option<UpdateAck>,
}

/// What isn't named stays; a list that is named takes the place of the one that was there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateAck {
    enable_cross_namespace: Option<bool>,
    disabled_services: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateArgoCd {
    rbac_role_mappings: Option<UpdateRoleMappings>,
    network_access: Option<NetworkAccess>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateRoleMappings {
    #[serde(default)]
    add_or_update_role_mappings: Vec<RoleMapping>,
    #[serde(default)]
    remove_role_mappings: Vec<RoleMapping>,
}

/// ARN of a capability.
pub(super) fn arn(capability: &Capability, cluster: &EKSClusterConfig) -> String {
    let identity = Identity::of(cluster);
    let kind = json!(capability.spec.type_).as_str().unwrap_or_default().to_lowercase();
    let parts = [identity.name.as_str(), &kind, &capability.eks_name(), &capability.arn_id()];
    EksArn::typed(&identity.region, &identity.account, NamedKind::Capability, parts).to_string()
}

fn summary(cx: &RequestContext, capability: &Capability, cluster: &EKSClusterConfig) -> Value {
    let target = Target::capability(&capability.spec.capability_name);
    let updating = under_way(&cx.state.store, cluster, &target).is_some();
    json!({
        "capabilityName": capability.eks_name(),
        "arn": arn(capability, cluster),
        "type": capability.spec.type_,
        "status": changing_status(capability, updating),
        "createdAt": created(capability.meta()),
        "modifiedAt": modified(capability),
    })
}

fn answer(cx: &RequestContext, capability: &Capability, cluster: &EKSClusterConfig) -> Value {
    let spec = &capability.spec;
    let mut all = summary(cx, capability, cluster);
    all["clusterName"] = json!(Identity::of(cluster).name);
    all["roleArn"] = json!(spec.role_arn);
    all["configuration"] = json!(in_effect(spec));
    all["tags"] = json!(spec.tags);
    all["health"] = json!({"issues": []});
    all["deletePropagationPolicy"] = json!(spec.delete_propagation_policy);
    json!({"capability": all})
}

/// The configuration with what holds where nothing is said: ACK's references stay in their namespace.
fn in_effect(spec: &CapabilitySpec) -> Option<CapabilityConfiguration> {
    if spec.type_ != CapabilityType::Ack {
        return spec.configuration.clone();
    }
    let given = spec.configuration.clone().unwrap_or_default();
    let ack = given.ack.unwrap_or_default();
    let enable = ack.enable_cross_namespace.or(Some(false));
    Some(CapabilityConfiguration { ack: Some(Ack { enable_cross_namespace: enable, ..ack }), ..given })
}

fn find(cx: &RequestContext, cluster: &str, name: &str) -> Result<(Arc<EKSClusterConfig>, Arc<Capability>), ApiError> {
    let found = cx.state.store.cluster(&cx.caller, cluster)?;
    let capability = cx.state.store.member::<Capability>(&found, name).ok_or_else(|| {
        let text = format!("No capability found with name: {name} in cluster: {cluster}");
        ApiError::resource_not_found(text).cluster(cluster)
    })?;
    Ok((found, capability))
}

pub(super) async fn create(cx: RequestContext, request: Create) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let named = |error: ApiError| error.cluster(&request.cluster_name);
    let stamp = Stamp::new("CreateCapability", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let _lock = cx.state.lock_cluster(identity(&cx.caller, &request.cluster_name)).await;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    let facts = Facts { account: Identity::of(&cluster).account };
    let spec = CapabilitySpec {
        cluster_name: cluster.name_any(),
        capability_name: request.capability_name.clone(),
        type_: request.type_,
        role_arn: request.role_arn.clone(),
        delete_propagation_policy: Some(request.delete_propagation_policy),
        configuration: request.configuration.clone(),
        tags: request.tags.clone(),
    };
    check(FORM, &spec, &facts).map_err(named)?;
    let all = store.members::<Capability>(&cluster);
    if let Some(found) = all.iter().find(|c| c.eks_name() == request.capability_name) {
        let taken =
            || named(ApiError::resource_in_use(format!("Capability already exists with name: {}", found.eks_name())));
        return if stamp.made(&**found) { Ok(answer(&cx, found, &cluster)) } else { Err(taken()) };
    }
    if all.iter().any(|c| c.spec.type_ == request.type_) {
        let text = "A capability of this type exists in the cluster already; a cluster has one of each at most";
        return Err(named(ApiError::resource_in_use(text)));
    }
    check_ready(&cluster).map_err(named)?;
    check(CREATE, &spec, &facts).map_err(named)?;
    let mut capability = Capability::new("", spec);
    capability.metadata = member::metadata(&cluster, "capability", &request.capability_name);
    capability.metadata.annotations = Some(stamp.annotations());
    let name = &request.capability_name;
    let other = member::other_name(&cluster, "capability", &[name]);
    wake(store, &cluster).await.map_err(named)?;
    let made = store.create_member(&cluster, capability, other, |found| found.spec.capability_name == *name).await;
    Ok(answer(&cx, &*made.map_err(|error| named(error.into()))?, &cluster))
}

pub(super) async fn describe(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, capability) = find(&cx, &input.cluster_name, &input.capability_name)?;
    Ok(answer(&cx, &capability, &cluster))
}

pub(super) async fn list(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let page = cx.page(cx.state.store.members::<Capability>(&cluster), |capability| capability.eks_name());
    let items: Vec<Value> = page.items.iter().map(|capability| summary(&cx, capability, &cluster)).collect();
    Ok(json!({"capabilities": items, "nextToken": page.next_token}))
}

/// Brings the spec to what is asked for, and says what that is.
fn apply(request: &Update, spec: &mut CapabilitySpec) -> Result<Change, ApiError> {
    let mut change = Change::new("CapabilityUpdate");
    if let Some(role) = &request.role_arn {
        change.push("RoleArn", role);
        spec.role_arn.clone_from(role);
    }
    spec.delete_propagation_policy = request.delete_propagation_policy.or(spec.delete_propagation_policy);
    let Some(wanted) = &request.configuration else { return Ok(change) };
    if let Some(ack) = &wanted.ack {
        if spec.type_ != CapabilityType::Ack {
            return Err(ApiError::invalid_parameter("configuration.ack is only for capabilities of type ACK"));
        }
        let present = spec.configuration.get_or_insert_default().ack.get_or_insert_default();
        if let Some(enable) = ack.enable_cross_namespace {
            change.push("EnableCrossNamespace", &enable);
            present.enable_cross_namespace = Some(enable);
        }
        if let Some(disabled) = &ack.disabled_services {
            change.push("DisabledServices", disabled);
            present.disabled_services.clone_from(disabled);
        }
    }
    if let Some(wanted) = &wanted.argo_cd {
        let Some(present) = spec.configuration.as_mut().and_then(|c| c.argo_cd.as_mut()) else {
            return Err(ApiError::invalid_parameter("configuration.argoCd is only for capabilities of type ARGOCD"));
        };
        if let Some(access) = &wanted.network_access {
            change.push("NetworkAccess", access);
            present.network_access = Some(access.clone());
        }
        if let Some(mappings) = &wanted.rbac_role_mappings {
            change.push("RoleMappingsToAddOrUpdate", &mappings.add_or_update_role_mappings);
            change.push("RoleMappingsToRemove", &mappings.remove_role_mappings);
            remap(&mut present.rbac_role_mappings, mappings);
        }
    }
    Ok(change)
}

/// Takes identities away from their roles, then gives roles their identities.
fn remap(present: &mut Vec<RoleMapping>, wanted: &UpdateRoleMappings) {
    for taken in &wanted.remove_role_mappings {
        for mapping in present.iter_mut().filter(|mapping| mapping.role == taken.role) {
            mapping.identities.retain(|identity| !taken.identities.contains(identity));
        }
    }
    for given in &wanted.add_or_update_role_mappings {
        match present.iter_mut().find(|mapping| mapping.role == given.role) {
            Some(mapping) => {
                mapping.identities.retain(|identity| !given.identities.contains(identity));
                mapping.identities.extend(given.identities.clone());
            }
            None => present.push(given.clone()),
        }
    }
    present.retain(|mapping| !mapping.identities.is_empty());
}

pub(super) async fn update(cx: RequestContext, request: Update) -> Result<Value, ApiError> {
    let (cluster, capability) = find(&cx, &request.cluster_name, &request.capability_name)?;
    let stamp = Stamp::new("UpdateCapability", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let target = Target::capability(&request.capability_name);
    let begin = Request { cluster: &cluster, target, object: &capability, stamp };
    let facts = Facts { account: Identity::of(&cluster).account };
    begin
        .begin(&cx, |capability| {
            let change = apply(&request, &mut capability.spec)?;
            check(FORM, &capability.spec, &facts)?;
            check(UPDATE, &capability.spec, &facts)?;
            Ok(change)
        })
        .await
}

pub(super) async fn delete(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, capability) = find(&cx, &input.cluster_name, &input.capability_name)?;
    let left = cx.state.store.delete(&capability).await?;
    Ok(answer(&cx, &gone(&*left), &cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(role: &str, ids: &[&str]) -> Value {
        let identities: Vec<Value> = ids.iter().map(|id| json!({"id": id, "type": "SSO_USER"})).collect();
        json!({"role": role, "identities": identities})
    }

    #[test]
    fn role_mappings_are_added_and_taken_away() {
        let mut spec: CapabilitySpec = serde_json::from_value(json!({
            "clusterName": "c", "capabilityName": "n", "type": "ARGOCD", "roleArn": "r",
            "configuration": {"argoCd": {"awsIdc": {"idcInstanceArn": "a"},
                "rbacRoleMappings": [mapping("ADMIN", &["1", "2"]), mapping("VIEWER", &["3"])]}},
        }))
        .unwrap();
        let request = json!({"clusterName": "c", "capabilityName": "n", "configuration": {"argoCd": {"rbacRoleMappings": {
            "addOrUpdateRoleMappings": [mapping("ADMIN", &["4"]), mapping("EDITOR", &["5"])],
            "removeRoleMappings": [mapping("ADMIN", &["1"]), mapping("VIEWER", &["3"])]}}}});
        let change = apply(&serde_json::from_value(request).unwrap(), &mut spec).unwrap();
        assert_eq!(change.params.len(), 2);
        let left = spec.configuration.unwrap().argo_cd.unwrap().rbac_role_mappings;
        assert_eq!(json!(left), json!([mapping("ADMIN", &["2", "4"]), mapping("EDITOR", &["5"])]));
    }

    #[test]
    fn of_ack_only_what_is_named_changes() {
        let mut spec: CapabilitySpec = serde_json::from_value(json!({
            "clusterName": "c", "capabilityName": "n", "type": "ACK", "roleArn": "r",
        }))
        .unwrap();
        let shown = |spec: &CapabilitySpec| json!(in_effect(spec).unwrap().ack);
        assert_eq!(shown(&spec), json!({"enableCrossNamespace": false}), "what holds is told, asked for or not");
        let mut changed = |ack: Value| {
            let request = json!({"clusterName": "c", "capabilityName": "n", "configuration": {"ack": ack}});
            let change = apply(&serde_json::from_value(request).unwrap(), &mut spec).unwrap();
            (change.params.len(), shown(&spec))
        };
        let both = json!({"enableCrossNamespace": true, "disabledServices": ["s3", "ec2"]});
        assert_eq!(changed(both.clone()), (2, both));
        let one = json!({"enableCrossNamespace": false, "disabledServices": ["s3", "ec2"]});
        assert_eq!(changed(json!({"enableCrossNamespace": false})), (1, one));
        let other = json!({"enableCrossNamespace": false, "disabledServices": ["iam"]});
        assert_eq!(changed(json!({"disabledServices": ["iam"]})), (1, other), "the list is replaced, not joined");
        assert_eq!(changed(json!({"disabledServices": []})), (1, json!({"enableCrossNamespace": false})));
    }
}
