//! Clusters: create, describe, list, delete.

use std::sync::Arc;

use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::record_wait::{wait_until, wait_until_gone};
use super::token::Stamp;
use super::updates::{self, Target};
use super::{EksState, RequestContext, Settings, access_entries};
use crate::convert::cluster::{self, CreateCluster};
use crate::error::EksError;
use crate::rules;
use crate::rules::cluster::Facts;
use aws::error::ApiError;
use aws::times;
use crd::names::{self, Identity};
use crd::{Capability, EKSClusterConfig, EKSClusterConfigSpec, FargateProfile, Nodegroup, Phase, keys};
use store::{Store, StoreError, identity};

/// Longest name of a cluster's resource: names of objects that belong to it are made from it.
const NAME_LIMIT: usize = 50;

/// A request that names a cluster.
#[derive(Deserialize)]
pub(super) struct ByName {
    /// The cluster's name.
    pub name: String,
}

#[derive(Deserialize)]
pub(super) struct ListClusters {
    #[serde(default)]
    include: Vec<String>,
}

/// The answer of most operations on a cluster.
pub(super) fn answer(api: &EksState, cluster: &EKSClusterConfig) -> Value {
    let updating = updates::under_way(&api.store, cluster, &Target::default()).is_some();
    json!({"cluster": cluster::describe(cluster, updating, &api.settings.default_version)})
}

pub(super) async fn create(cx: RequestContext, request: CreateCluster) -> Result<Value, ApiError> {
    let (api, made) = (&cx.state, accept(&cx, &request).await?);
    let made_now = |store: &Store| store.now(&*made).is_none_or(|now| cluster::wire_status(&now, false) != "CREATING");
    wait_until(api, &made, made_now).await;
    Ok(answer(api, &api.store.now(&*made).unwrap_or(made)))
}

/// Makes the resource, or finds the one that this very request made before.
async fn accept(cx: &RequestContext, request: &CreateCluster) -> Result<Arc<EKSClusterConfig>, ApiError> {
    let (store, settings) = (&cx.state.store, &cx.state.settings);
    let stamp = Stamp::new("CreateCluster", &cx.caller, request.client_request_token.as_deref(), request)?;
    let identity = identity(&cx.caller, &request.name);
    let _counted = cx.state.lock_account(&cx.caller).await;
    // Its creator's access entry comes before anybody else's.
    let _made = cx.state.lock_cluster(identity.clone()).await;
    if let Some(found) = store.find_cluster(&identity) {
        if !stamp.made(&*found) {
            return Err(ApiError::cluster_exists(&request.name));
        }
        if stamp.made_lately(&*found) {
            access_entries::bootstrap(cx, &found).await?;
        }
        return Ok(found);
    }
    let facts = facts(&identity, settings);
    rules::check(rules::cluster::CREATE, request, &facts).map_err(|error| error.cluster(&request.name))?;
    check_quota(cx)?;
    let mut spec = cluster::spec(request, &identity.account, &identity.region);
    spec.kubernetes_version.get_or_insert_with(|| settings.default_version.clone());
    let made = make(store, settings, &identity, spec, &stamp).await?;
    access_entries::bootstrap(cx, &made).await?;
    Ok(made)
}

/// What the rules of clusters know.
pub(super) fn facts<'a>(identity: &'a Identity, settings: &'a Settings) -> Facts<'a> {
    let (versions, default_version) = (settings.versions.as_slice(), settings.default_version.as_str());
    let (account, region) = (identity.account.as_str(), identity.region.as_str());
    Facts { account, region, versions, default_version, today: times::today() }
}

/// Refuses one cluster too many.
pub(super) fn check_quota(cx: &RequestContext) -> Result<(), ApiError> {
    let quota = cx.state.settings.quotas.clusters;
    if cx.state.store.clusters(&cx.caller).len() >= quota {
        return Err(ApiError::limit_exceeded(format!("You've reached your quota of {quota} clusters in this region.")));
    }
    Ok(())
}

/// Creates the resource under the first name that is free.
pub(super) async fn make(
    store: &Store,
    settings: &Settings,
    identity: &Identity,
    spec: EKSClusterConfigSpec,
    stamp: &Stamp,
) -> Result<Arc<EKSClusterConfig>, ApiError> {
    let mut spec = Some(spec);
    for name in resource_names(identity, settings) {
        let mut cluster = EKSClusterConfig::new(&name, spec.clone().unwrap_or_default());
        cluster.metadata.namespace = Some(store.namespace().to_owned());
        cluster.metadata.annotations = Some(stamp.annotations());
        match store.create(&cluster).await {
            // Another request may have made this very cluster just now; another cluster may have the name as well.
            Err(StoreError::Exists) if store.find_cluster(identity).is_none() => spec = Some(cluster.spec),
            Err(StoreError::Exists) => break,
            result => return result.map_err(|error| ApiError::from(error).cluster(&identity.name)),
        }
    }
    Err(ApiError::cluster_exists(&identity.name))
}

/// Names for the resource: in the default account and region the cluster's own if it can serve, else one with a hash. One that looks
/// like that of another account's cluster can't serve: objects that are kept for that one have its name.
fn resource_names(identity: &Identity, settings: &Settings) -> Vec<String> {
    let Identity { account, region, name } = identity;
    let parts = [account.as_str(), region.as_str(), name.as_str()];
    let hashed = names::hashed(name, NAME_LIMIT, &parts);
    if *account != settings.account || *region != settings.region || is_beside(name) {
        return vec![hashed];
    }
    let plain = names::object_name(name, NAME_LIMIT, &parts);
    if plain == hashed { vec![hashed] } else { vec![plain, hashed] }
}

/// Whether the name is one that another account's cluster, or an object that is kept for a cluster, could have.
fn is_beside(name: &str) -> bool {
    const BESIDE: [&str; 4] =
        [keys::KUBECONFIG_SUFFIX, keys::SERVER_KEYS_SUFFIX, keys::CONNECTOR_SUFFIX, keys::TLS_SUFFIX];
    let of = BESIDE.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    names::looks_hashed(of)
}

pub(super) async fn describe(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.name)?;
    Ok(answer(&cx.state, &cluster))
}

pub(super) async fn list(cx: RequestContext, input: ListClusters) -> Result<Value, ApiError> {
    let connected_too = match input.include.as_slice() {
        [] => false,
        [all] if all == "all" => true,
        _ => return Err(ApiError::invalid_parameter("The only value of include is all")),
    };
    let mut clusters = cx.state.store.clusters(&cx.caller);
    clusters.retain(|cluster| connected_too || cluster.spec.connector_config.is_none());
    let names = clusters.iter().map(|cluster| Identity::of(cluster).name).collect();
    let page = cx.page(names, String::clone);
    Ok(json!({"clusters": page.items, "nextToken": page.next_token}))
}

pub(super) async fn delete(cx: RequestContext, input: ByName) -> Result<Value, ApiError> {
    let (cluster, answer) = dismiss(&cx, &input).await?;
    wait_until_gone(&cx.state, &cluster, &*cluster).await;
    Ok(answer)
}

/// Deletes the resource, where EKS would.
async fn dismiss(cx: &RequestContext, input: &ByName) -> Result<(Arc<EKSClusterConfig>, Value), ApiError> {
    let store = &cx.state.store;
    let _lock = cx.state.lock_cluster(identity(&cx.caller, &input.name)).await;
    let cluster = store.cluster(&cx.caller, &input.name)?;
    let facts = rules::cluster_delete::Facts {
        connected: cluster.spec.connector_config.is_some(),
        nodegroups: store.members::<Nodegroup>(&cluster).len(),
        fargate_profiles: store.members::<FargateProfile>(&cluster).len(),
        capabilities: store.members::<Capability>(&cluster).len(),
        protected: cluster.spec.deletion_protection.unwrap_or_default(),
    };
    let asked = rules::check(rules::cluster_delete::DELETE, &*input.name, &facts);
    asked.map_err(|error| error.cluster(&input.name))?;
    // Of a stopped cluster an update waits for its start, which may never come.
    let stopped = cluster.status.as_ref().and_then(|status| status.phase) == Some(Phase::Stopped);
    if !stopped {
        updates::idle(store, &cluster, &Target::default(), "delete")?;
    }
    let answer = deleted(cx, &cluster).await?;
    Ok((cluster, answer))
}

/// Deletes the cluster, and answers with what it is then.
pub(super) async fn deleted(cx: &RequestContext, cluster: &Arc<EKSClusterConfig>) -> Result<Value, ApiError> {
    let gone = cx.state.store.delete(cluster).await?;
    let mut left = EKSClusterConfig::clone(&gone);
    left.metadata.deletion_timestamp = left.metadata.deletion_timestamp.or_else(|| gone.creation_timestamp());
    Ok(answer(&cx.state, &left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::Quotas;

    fn settings() -> Settings {
        Settings {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            default_version: "1.35".into(),
            versions: vec!["1.34".into(), "1.35".into()],
            quotas: Quotas::default(),
            settle: std::time::Duration::ZERO,
        }
    }

    fn identity(account: &str, name: &str) -> Identity {
        Identity { account: account.into(), region: "us-east-1".into(), name: name.into() }
    }

    #[test]
    fn the_default_world_has_plain_names_and_others_never_meet_it() {
        let names = |account: &str, name: &str| resource_names(&identity(account, name), &settings());
        assert_eq!(names("000000000000", "demo")[0], "demo");
        assert_eq!(names("000000000000", "demo").len(), 2);
        assert_ne!(names("111111111111", "demo")[0], names("222222222222", "demo")[0]);
        assert_eq!(names("000000000000", "Demo_1").len(), 1);
        let other = &names("111111111111", "demo")[0];
        for beside in ["", "-kubeconfig", "-connector", "-server-keys", "-tls"] {
            let taken = format!("{other}{beside}");
            assert!(
                !names("000000000000", &taken).contains(&taken),
                "nobody has another's name by asking for it: {taken}"
            );
        }
        assert_eq!(names("000000000000", "demo-tls")[0], "demo-tls");
        let long = "x".repeat(100);
        assert!(names("000000000000", &long).iter().all(|name| name.len() <= NAME_LIMIT));
    }
}
