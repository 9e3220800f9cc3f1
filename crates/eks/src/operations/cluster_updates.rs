//! Changes of clusters: UpdateClusterConfig, UpdateClusterVersion, AssociateEncryptionConfig.

use std::sync::Arc;

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access_entries;
use super::ready::check_managed;
use super::token::Stamp;
use super::updates::{Request, Target};
use super::{RequestContext, Settings};
use crate::convert::cluster::{EncryptionConfig, encrypt, version};
use crate::convert::cluster_change::{self, UpdateClusterConfig};
use crate::convert::update::Change;
use crate::error::EksError;
use crate::rules;
use aws::error::ApiError;
use aws::times;
use crd::insights::InsightStatus;
use crd::{ClusterInsights, EKSClusterConfig, Nodegroup, names};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateVersion {
    name: String,
    version: String,
    #[serde(default)]
    force: bool,
    rollback_config: Option<RollbackConfig>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct RollbackConfig {
    timeout_minutes: Option<i64>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Encrypt {
    cluster_name: String,
    encryption_config: Vec<EncryptionConfig>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

pub(super) async fn update_config(cx: RequestContext, request: UpdateClusterConfig) -> Result<Value, ApiError> {
    let cluster = own(&cx, &request.name)?;
    let stamp = Stamp::new("UpdateClusterConfig", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let (settings, today) = (&cx.state.settings, times::today());
    let decide = |cluster: &mut EKSClusterConfig| -> Result<Change, ApiError> {
        let before = cluster.spec.clone();
        let change = cluster_change::apply(&request, cluster)?;
        let version = version(cluster, &settings.default_version);
        let facts = rules::cluster_update::Facts { before: &before, after: &cluster.spec, version, today };
        rules::check(rules::cluster_update::CONFIG, &request, &facts)?;
        Ok(change)
    };
    let mut changed = EKSClusterConfig::clone(&cluster);
    if rules::access_entry::mode(&cluster).is_err() && decide(&mut changed).is_ok() {
        // First, so that nothing can go wrong in between that locks the creator out; the mode before knows no entries.
        access_entries::bootstrap(&cx, &changed).await?;
    }
    let begin = Request { cluster: &cluster, target: Target::default(), object: &cluster, stamp };
    begin.begin(&cx, decide).await
}

pub(super) async fn update_version(cx: RequestContext, request: UpdateVersion) -> Result<Value, ApiError> {
    let cluster = own(&cx, &request.name)?;
    check_managed(&cluster)?;
    let stamp = Stamp::new("UpdateClusterVersion", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let settings = &cx.state.settings;
    let groups = groups(&cx, &cluster);
    let blocked = !request.force && stands_in_the_way(&cx, &cluster, &request.version);
    let begin = Request { cluster: &cluster, target: Target::default(), object: &cluster, stamp };
    begin
        .begin_again(
            &cx,
            |cluster| back(cluster, &request.version, settings),
            |cluster| {
                let present = version(cluster, &settings.default_version);
                let facts = rules::cluster_version::Facts {
                    present,
                    versions: &settings.versions,
                    groups: &groups,
                    blocked,
                    rollback_minutes: request.rollback_config.as_ref().and_then(|config| config.timeout_minutes),
                };
                rules::check(rules::cluster_version::UPDATE, &*request.version, &facts)?;
                cluster.spec.kubernetes_version = Some(request.version.clone());
                let mut change = Change::new("VersionUpdate");
                change.push("Version", &request.version);
                change.push("PlatformVersion", &crd::keys::PLATFORM_VERSION);
                Ok(change)
            },
        )
        .await
}

/// Names and versions of the cluster's node groups, as far as these are known and stay.
fn groups(cx: &RequestContext, cluster: &EKSClusterConfig) -> Vec<(String, String)> {
    let groups = cx.state.store.members::<Nodegroup>(cluster);
    let runs = |group: &Nodegroup| {
        let status = group.status.as_ref().and_then(|status| status.version.clone());
        status.or_else(|| group.spec.version.clone())
    };
    let stay = groups.iter().filter(|group| group.metadata.deletion_timestamp.is_none());
    stay.filter_map(|group| Some((names::nodegroup_name(group), runs(group)?))).collect()
}

/// Whether the cluster's insights, where anybody asked for them, found an error that is in the way of this version.
fn stands_in_the_way(cx: &RequestContext, cluster: &EKSClusterConfig, version: &str) -> bool {
    let all = cx.state.store.members::<ClusterInsights>(cluster);
    let mut found = all.iter().flat_map(|report| &report.status).flat_map(|status| &status.insights);
    found.any(|insight| insight.kubernetes_version == version && insight.status == InsightStatus::Error)
}

/// Where an upgrade to this version failed, the spec asks for it still: it goes back to the version that runs.
fn back(cluster: &mut EKSClusterConfig, wanted: &str, settings: &Settings) {
    if cluster.spec.kubernetes_version.as_deref() == Some(wanted) {
        cluster.spec.kubernetes_version = Some(version(cluster, &settings.default_version).to_owned());
    }
}

pub(super) async fn associate_encryption(cx: RequestContext, request: Encrypt) -> Result<Value, ApiError> {
    let cluster = own(&cx, &request.cluster_name)?;
    let token = request.client_request_token.as_deref();
    let stamp = Stamp::new("AssociateEncryptionConfig", &cx.caller, token, &request)?;
    let begin = Request { cluster: &cluster, target: Target::default(), object: &cluster, stamp };
    begin
        .begin(&cx, |cluster| {
            if request.encryption_config.is_empty() {
                return Err(ApiError::invalid_parameter("encryptionConfig must have an entry"));
            }
            rules::cluster::encryption_config(&request.encryption_config, &cx.caller.region)?;
            if cluster.spec.secrets_encryption.unwrap_or_default() {
                return Err(ApiError::invalid_parameter("Cluster already has an encryption configuration"));
            }
            encrypt(&mut cluster.spec, &request.encryption_config);
            let mut change = Change::new("AssociateEncryptionConfig");
            change.push("EncryptionConfig", &request.encryption_config);
            Ok(change)
        })
        .await
}

/// A cluster of this name that isn't only connected.
fn own(cx: &RequestContext, name: &str) -> Result<Arc<EKSClusterConfig>, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, name)?;
    if cluster.spec.connector_config.is_some() {
        let text = format!("Cluster '{}' is a connected cluster and is not changed here", cluster.name_any());
        return Err(ApiError::invalid_request(text).cluster(name));
    }
    Ok(cluster)
}
