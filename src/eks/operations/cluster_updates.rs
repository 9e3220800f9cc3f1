//! Changes of clusters: UpdateClusterConfig, UpdateClusterVersion, AssociateEncryptionConfig.

use std::sync::Arc;

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access_entries::{self, check_mode};
use super::nodegroups::minor;
use super::token::Stamp;
use super::updates::{Request, Target};
use super::{Api, Cx, Settings};
use crate::crd::{EKSClusterConfig, Nodegroup};
use crate::eks::convert::cluster::{EncryptionConfig, encrypt, version};
use crate::eks::convert::cluster_change::{self, UpdateClusterConfig};
use crate::eks::convert::update::Change;
use crate::eks::error::ApiError;
use crate::eks::registry::Registry;
use crate::eks::rules;

/// Minor versions that a node may be behind its control plane.
const NODE_SKEW: u32 = 3;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateVersion {
    name: String,
    version: String,
    #[serde(default)]
    force: bool,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Encrypt {
    cluster_name: String,
    encryption_config: Vec<EncryptionConfig>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

pub(super) fn register(registry: Registry<Api>) -> Registry<Api> {
    registry
        .on("UpdateClusterConfig", update_config)
        .on("UpdateClusterVersion", update_version)
        .on("AssociateEncryptionConfig", associate_encryption)
}

async fn update_config(cx: Cx, request: UpdateClusterConfig) -> Result<Value, ApiError> {
    let cluster = own(&cx, &request.name)?;
    let stamp = Stamp::new("UpdateClusterConfig", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let (settings, today) = (&cx.state.settings, chrono::Utc::now().date_naive());
    let decide = |cluster: &mut EKSClusterConfig| -> Result<Change, ApiError> {
        let before = cluster.spec.clone();
        let change = cluster_change::apply(&request, cluster)?;
        let version = version(cluster, &settings.default_version);
        let facts = rules::cluster_update::Facts { before: &before, after: &cluster.spec, version, today };
        rules::check(rules::cluster_update::CONFIG, &request, &facts)?;
        Ok(change)
    };
    let mut changed = EKSClusterConfig::clone(&cluster);
    if check_mode(&cluster).is_err() && decide(&mut changed).is_ok() {
        // First, so that nothing can go wrong in between that locks the creator out; the mode before knows no entries.
        access_entries::bootstrap(&cx, &changed).await?;
    }
    let begin = Request { cluster: &cluster, target: Target::default(), object: &cluster, stamp };
    begin.begin(&cx, decide).await
}

async fn update_version(cx: Cx, request: UpdateVersion) -> Result<Value, ApiError> {
    let cluster = own(&cx, &request.name)?;
    let stamp = Stamp::new("UpdateClusterVersion", &cx.caller, request.client_request_token.as_deref(), &request)?;
    let settings = &cx.state.settings;
    let groups = cx.state.store.members::<Nodegroup>(&cluster);
    let oldest = groups.iter().filter_map(|group| runs(group).and_then(minor)).min();
    let begin = Request { cluster: &cluster, target: Target::default(), object: &cluster, stamp };
    begin
        .begin_again(
            &cx,
            |cluster| back(cluster, &request.version, settings),
            |cluster| {
                check_upgrade(cluster, &request.version, oldest.filter(|_| !request.force), settings)?;
                cluster.spec.kubernetes_version = Some(request.version.clone());
                let mut change = Change::new("VersionUpdate");
                change.push("Version", &request.version);
                change.push("PlatformVersion", &crate::crd::keys::PLATFORM_VERSION);
                Ok(change)
            },
        )
        .await
}

/// The version of a group's nodes, where it is known.
fn runs(group: &Nodegroup) -> Option<&str> {
    group.status.as_ref().and_then(|status| status.version.as_deref()).or(group.spec.version.as_deref())
}

/// Where an upgrade to this version failed, the spec asks for it still: it goes back to the version that runs.
fn back(cluster: &mut EKSClusterConfig, wanted: &str, settings: &Settings) {
    if cluster.spec.kubernetes_version.as_deref() == Some(wanted) {
        cluster.spec.kubernetes_version = Some(version(cluster, &settings.default_version).to_owned());
    }
}

/// A cluster goes one minor version up at a time, and its nodes must not stay too far behind.
fn check_upgrade(
    cluster: &EKSClusterConfig,
    wanted: &str,
    oldest_node: Option<u32>,
    settings: &Settings,
) -> Result<(), ApiError> {
    let refuse = |text: String| Err(ApiError::invalid_parameter(text));
    if !settings.versions.iter().any(|version| version == wanted) {
        return refuse("unsupported Kubernetes version".into());
    }
    let present = version(cluster, &settings.default_version);
    let (from, to) = (minor(present), minor(wanted));
    if from.map(|minor| minor + 1) != to {
        return refuse(format!("Unsupported Kubernetes minor version update from {present} to {wanted}"));
    }
    if let (Some(oldest), Some(to)) = (oldest_node, to)
        && oldest + NODE_SKEW < to
    {
        return Err(ApiError::invalid_request(format!(
            "A node group of version 1.{oldest} is too old for a control plane of version {wanted}; update it first"
        )));
    }
    Ok(())
}

async fn associate_encryption(cx: Cx, request: Encrypt) -> Result<Value, ApiError> {
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
fn own(cx: &Cx, name: &str) -> Result<Arc<EKSClusterConfig>, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, name)?;
    if cluster.spec.connector_config.is_some() {
        let text = format!("Cluster '{}' is a connected cluster and is not changed here", cluster.name_any());
        return Err(ApiError::invalid_request(text).cluster(name));
    }
    Ok(cluster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::EKSClusterConfigSpec;
    use crate::eks::operations::Quotas;

    fn refusal(present: &str, wanted: &str, oldest: Option<u32>) -> Option<String> {
        let settings = Settings {
            account: String::new(),
            region: String::new(),
            default_version: "1.35".into(),
            versions: (24..=36).map(|minor| format!("1.{minor}")).collect(),
            quotas: Quotas::default(),
        };
        let spec = EKSClusterConfigSpec { kubernetes_version: Some(present.into()), ..EKSClusterConfigSpec::default() };
        let cluster = EKSClusterConfig::new("c", spec);
        check_upgrade(&cluster, wanted, oldest, &settings).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn versions_go_one_minor_up() {
        assert_eq!(refusal("1.34", "1.35", None), None);
        for (from, to) in [("1.34", "1.36"), ("1.34", "1.31"), ("1.34", "1.34")] {
            let text = refusal(from, to, None).unwrap();
            assert_eq!(text, format!("Unsupported Kubernetes minor version update from {from} to {to}"));
        }
        assert_eq!(refusal("1.36", "1.37", None).unwrap(), "unsupported Kubernetes version");
    }

    #[test]
    fn nodes_are_not_left_too_far_behind() {
        assert_eq!(refusal("1.34", "1.35", Some(32)), None);
        assert!(refusal("1.34", "1.35", Some(31)).is_some());
    }
}
