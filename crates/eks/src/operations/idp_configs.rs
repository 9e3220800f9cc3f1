//! Identity provider configs: associate, describe, list, disassociate.

use std::sync::Arc;

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ready::{check_ready, wake};
use super::token::Stamp;
use super::updates::{Target, idle};
use super::{RequestContext, updates};
use crate::convert::cluster::version;
use crate::convert::idp_config::AssociateIdentityProviderConfig;
use crate::convert::member::wire_status;
use crate::error::EksError;
use crate::rules::{check, idp_config as rules};
use arn::{EksArn, NamedKind};
use aws::error::ApiError;
use crd::idp::IdentityProviderConfigSpec;
use crd::names::Identity;
use crd::update::UpdateParam;
use crd::{EKSClusterConfig, IdentityProviderConfig, Member, member};
use store::identity;

/// The only type that there is.
const OIDC: &str = "oidc";

/// Type and name of a config.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Name {
    #[serde(rename = "type")]
    type_: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByName {
    cluster_name: String,
    identity_provider_config: Name,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InCluster {
    cluster_name: String,
}

/// ARN of a config.
pub(super) fn arn(config: &IdentityProviderConfig, cluster: &EKSClusterConfig) -> String {
    let identity = Identity::of(cluster);
    let parts = [identity.name.as_str(), OIDC, &config.eks_name(), &config.arn_id()];
    EksArn::typed(&identity.region, &identity.account, NamedKind::IdentityProviderConfig, parts).to_string()
}

fn find(cx: &RequestContext, input: &ByName) -> Result<(Arc<EKSClusterConfig>, Arc<IdentityProviderConfig>), ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let name = &input.identity_provider_config;
    let found = cx.state.store.member::<IdentityProviderConfig>(&cluster, &name.name);
    let found = found.filter(|_| name.type_ == OIDC).ok_or_else(|| {
        let (cluster, type_, name) = (&input.cluster_name, &name.type_, &name.name);
        let text = format!("No config found for cluster: {cluster}, config type: {type_}, config name: {name}");
        ApiError::resource_not_found(text).cluster(&input.cluster_name)
    })?;
    Ok((cluster, found))
}

/// The update that stands for a change of the config, at this generation of it.
async fn record(
    cx: &RequestContext,
    cluster: &EKSClusterConfig,
    config: &IdentityProviderConfig,
    type_: &str,
) -> Result<Value, ApiError> {
    updates::done(cx, cluster, config, type_, params(config)).await
}

fn params(config: &IdentityProviderConfig) -> Vec<UpdateParam> {
    let value = json!([{"type": OIDC, "name": config.eks_name()}]).to_string();
    vec![UpdateParam { type_: "IdentityProviderConfig".into(), value }]
}

pub(super) async fn associate(cx: RequestContext, request: AssociateIdentityProviderConfig) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let named = |error: ApiError| error.cluster(&request.cluster_name);
    let operation = "AssociateIdentityProviderConfig";
    let stamp = Stamp::new(operation, &cx.caller, request.client_request_token.as_deref(), &request)?;
    let _lock = cx.state.lock_cluster(identity(&cx.caller, &request.cluster_name)).await;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    let all = store.members::<IdentityProviderConfig>(&cluster);
    if let Some(found) = all.iter().find(|found| stamp.made(&***found)) {
        return Ok(json!({"update": record(&cx, &cluster, found, operation).await?, "tags": found.spec.tags}));
    }
    let others: Vec<&IdentityProviderConfig> = all.iter().map(|other| &**other).collect();
    let version = version(&cluster, &cx.state.settings.default_version);
    check(rules::ASSOCIATE, &request, &rules::Facts { cluster: &cluster, version, others: &others }).map_err(named)?;
    check_ready(&cluster).map_err(named)?;
    idle(store, &cluster, &Target::default(), operation)?;
    let oidc = request.oidc.clone();
    let spec = IdentityProviderConfigSpec {
        cluster_name: cluster.name_any(),
        identity_provider_config_name: oidc.identity_provider_config_name,
        issuer_url: oidc.issuer_url,
        client_id: oidc.client_id,
        username_claim: oidc.username_claim,
        username_prefix: oidc.username_prefix,
        groups_claim: oidc.groups_claim,
        groups_prefix: oidc.groups_prefix,
        required_claims: oidc.required_claims,
        certificate_authority: None,
        tags: request.tags.clone(),
    };
    let mut config = IdentityProviderConfig::new("", spec);
    config.metadata = member::metadata(&cluster, "idp", &request.oidc.identity_provider_config_name);
    config.metadata.annotations = Some(stamp.annotations());
    let name = &request.oidc.identity_provider_config_name;
    let other = member::other_name(&cluster, "idp", &[name]);
    wake(store, &cluster).await.map_err(named)?;
    let made = store.create_member(&cluster, config, other, |found| found.eks_name() == *name).await;
    let made = made.map_err(|error| named(error.into()))?;
    Ok(json!({"update": record(&cx, &cluster, &made, operation).await?, "tags": made.spec.tags}))
}

pub(super) async fn describe(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, config) = find(&cx, &input)?;
    let spec = &config.spec;
    Ok(json!({"identityProviderConfig": {OIDC: {
        "identityProviderConfigName": spec.identity_provider_config_name,
        "identityProviderConfigArn": arn(&config, &cluster),
        "clusterName": Identity::of(&cluster).name,
        "issuerUrl": spec.issuer_url,
        "clientId": spec.client_id,
        "usernameClaim": spec.username_claim.as_deref().unwrap_or("sub"),
        "usernamePrefix": spec.username_prefix,
        "groupsClaim": spec.groups_claim,
        "groupsPrefix": spec.groups_prefix,
        "requiredClaims": spec.required_claims,
        "tags": spec.tags,
        "status": if wire_status(&*config) == "CREATING" { "CREATING" } else { "ACTIVE" },
    }}}))
}

pub(super) async fn list(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let all = cx.state.store.members::<IdentityProviderConfig>(&cluster);
    let page = cx.page(all.iter().map(|config| config.eks_name()).collect(), String::clone);
    let items: Vec<Value> = page.items.iter().map(|name: &String| json!({"type": OIDC, "name": name})).collect();
    Ok(json!({"identityProviderConfigs": items, "nextToken": page.next_token}))
}

pub(super) async fn disassociate(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let _lock = cx.state.lock_cluster(identity(&cx.caller, &input.cluster_name)).await;
    let (cluster, config) = find(&cx, &input)?;
    let operation = "DisassociateIdentityProviderConfig";
    idle(&cx.state.store, &cluster, &Target::default(), operation)?;
    cx.state.store.delete(&config).await?;
    let update = updates::done_by_deletion(&cx, &cluster, &*config, operation, params(&config)).await?;
    Ok(json!({"update": update}))
}
