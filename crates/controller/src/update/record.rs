//! Records an Update for a change that didn't come through the EKS API, but by `kubectl` or GitOps.
//!
//! A change is seen where two states of an object follow each other: in the stream of a watch. The mapper keeps the last
//! spec of each object. That is lost with the process, so what changes while none runs isn't recorded.

use std::sync::Arc;
use std::time::Duration;

use kube::api::PostParams;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use super::changes::{self, Change, Specs};
use crate::context::Context;
use crate::triggers::is_gone;
use crd::update::{self, Update, UpdateSpec};
use crd::{EKSClusterConfig, Nodegroup, keys, names};

/// The EKS API makes the Update of its own change a moment after the change.
const GRACE: Duration = Duration::from_secs(3);

/// Records the changes of clusters that were Active before, as EKS does.
pub fn clusters(ctx: Arc<Context>) -> impl FnMut(&watcher::Result<EKSClusterConfig>) {
    let mut specs = Specs::default();
    move |event| {
        let Ok(cluster) = event else { return };
        let change = advanced(&mut specs, cluster, &ctx.clusters, &cluster.spec, changes::of_cluster);
        let was_active = cluster.status.as_ref().is_some_and(|status| status.active_since.is_some());
        if let Some(change) = change.filter(|_| was_active) {
            record(&ctx, cluster, cluster, ctx.clusters.clone(), None, change);
        }
    }
}

/// The same of node groups.
pub fn nodegroups(ctx: Arc<Context>) -> impl FnMut(&watcher::Result<Nodegroup>) {
    let mut specs = Specs::default();
    move |event| {
        let Ok(group) = event else { return };
        let change = advanced(&mut specs, group, &ctx.stores.nodegroups, &group.spec, changes::of_nodegroup);
        let was_active = group.status.as_ref().is_some_and(|status| status.active_since.is_some());
        let Some(change) = change.filter(|_| was_active) else { return };
        let cluster = ObjectRef::new(&group.spec.cluster_name).within(&group.namespace().unwrap_or_default());
        if let Some(cluster) = ctx.clusters.get(&cluster) {
            let all = ctx.stores.nodegroups.clone();
            record(&ctx, &cluster, group, all, Some(names::nodegroup_name(group)), change);
        }
    }
}

/// The change of the spec since the object was last seen, in EKS's words.
fn advanced<K>(
    specs: &mut Specs,
    object: &K,
    store: &Store<K>,
    spec: &impl Serialize,
    words: fn(&Value, &Value) -> Option<Change>,
) -> Option<Change>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let meta = object.meta();
    let uid = meta.uid.as_deref().unwrap_or_default();
    if meta.deletion_timestamp.is_some() || is_gone(object, store) {
        specs.forget(uid);
        return None;
    }
    let (old, new) = specs.advanced(uid, meta.generation.unwrap_or_default(), spec)?;
    words(&old, &new)
}

/// Makes the Update for the change that brought `object` to its present generation, unless the EKS API makes it. Returns
/// at once.
fn record<K>(
    ctx: &Arc<Context>,
    cluster: &EKSClusterConfig,
    object: &K,
    all: Store<K>,
    nodegroup: Option<String>,
    change: Change,
) where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    let (type_, params) = change;
    let spec = UpdateSpec {
        cluster_name: cluster.name_any(),
        nodegroup_name: nodegroup,
        type_: type_.into(),
        params,
        ..UpdateSpec::default()
    };
    let update = Update::of(object, cluster, spec);
    let (worker, object) = (Arc::clone(ctx), ObjectRef::from_obj(object));
    let make = async move {
        let ctx = worker;
        tokio::time::sleep(GRACE).await;
        let namespace = update.namespace().unwrap_or_default();
        let is_there = |name: &str| ctx.stores.updates.get(&ObjectRef::new(name).within(&namespace)).is_some();
        // The EKS API takes back what failed and asks for it again in two steps, and makes the Update of the second.
        let newest = all.get(&object).map(|newest| update::id_of(newest.meta()));
        if is_there(&update.name_any()) || newest.is_some_and(|newest| is_there(&newest)) {
            return;
        }
        let params = PostParams { field_manager: Some(keys::UPDATE_MANAGER.into()), ..PostParams::default() };
        match Api::<Update>::namespaced(ctx.client.clone(), &namespace).create(&params, &update).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => tracing::warn!(resource = %update.name_any(), %error, "recording an update"),
        }
    };
    tokio::spawn(ctx.shutdown.clone().run_until_cancelled_owned(make));
}
