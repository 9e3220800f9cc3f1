//! Connected clusters: RegisterCluster, DeregisterCluster.
//!
//! A registered cluster is a resource with `imported` and a `connectorConfig`. It stays `PENDING`, since nothing connects
//! it. Nothing is created for it, and deregistering it leaves the real cluster alone.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

use super::RequestContext;
use super::clusters::{ByName, answer, check_quota, deleted, make};
use super::token::Stamp;
use crate::error::EksError;
use crate::rules::values::{self, is_role};
use aws::error::ApiError;
use aws::times;
use crd::EKSClusterConfigSpec;
use crd::cluster_settings::ConnectorConfig;
use store::{identity, no_cluster};

/// Days that an activation can be used.
const ACTIVATION_DAYS: i64 = 3;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Register {
    name: String,
    connector_config: ConnectorConfig,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

pub(super) async fn register(cx: RequestContext, request: Register) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let stamp = Stamp::new("RegisterCluster", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let identity = identity(&cx.caller, &request.name);
    let _lock = cx.state.lock_account(&cx.caller).await;
    if let Some(found) = store.find_cluster(&identity) {
        let same = stamp.made(&*found);
        return if same { Ok(answer(&cx.state, &found)) } else { Err(ApiError::cluster_exists(&request.name)) };
    }
    values::tags(&request.tags)?;
    if !is_role(&request.connector_config.role_arn) {
        let text = format!("Invalid roleArn: {} is not the ARN of an IAM role", request.connector_config.role_arn);
        return Err(ApiError::invalid_parameter(text).cluster(&request.name));
    }
    check_quota(&cx)?;
    let expiry = Timestamp::now() + SignedDuration::from_hours(24 * ACTIVATION_DAYS);
    let connector = ConnectorConfig {
        activation_id: Some(Uuid::new_v4().to_string()),
        activation_expiry: Some(times::to_seconds(expiry)),
        ..request.connector_config
    };
    let spec = EKSClusterConfigSpec {
        display_name: Some(request.name.clone()),
        account_id: identity.account.clone(),
        region: identity.region.clone(),
        imported: true,
        tags: request.tags.clone(),
        connector_config: Some(connector),
        ..EKSClusterConfigSpec::default()
    };
    let made = make(store, &cx.state.settings, &identity, spec, &stamp).await?;
    let mut answer = answer(&cx.state, &made);
    // Only this answer has the code; nothing here would ever check it.
    answer["cluster"]["connectorConfig"]["activationCode"] = json!(Uuid::new_v4().simple().to_string());
    Ok(answer)
}

pub(super) async fn deregister(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.name)?;
    if cluster.spec.connector_config.is_none() {
        return Err(no_cluster(&input.name));
    }
    deleted(&cx, &cluster).await
}
