//! Records an Update for a change that didn't come through the EKS API, but by `kubectl` or GitOps.

use std::sync::Arc;
use std::time::Duration;

use kube::api::PostParams;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;

use crate::context::Context;
use crd::update::{Update, UpdateParam, UpdateSpec};
use crd::{EKSClusterConfig, keys};

/// The EKS API makes the Update of its own change a moment after the change.
const GRACE: Duration = Duration::from_secs(3);

/// Makes the Update for the change that brought `object` to its present generation, unless the EKS API makes it. Returns
/// at once. `type_` and `params` are EKS's words for the change.
pub fn record<K>(
    ctx: &Arc<Context>,
    cluster: &EKSClusterConfig,
    object: &K,
    nodegroup: Option<String>,
    change: (&'static str, Vec<UpdateParam>),
) where
    K: Resource<DynamicType = ()> + Serialize,
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
    let worker = Arc::clone(ctx);
    let make = async move {
        let ctx = worker;
        tokio::time::sleep(GRACE).await;
        let namespace = update.namespace().unwrap_or_default();
        if ctx.updates.get(&ObjectRef::new(&update.name_any()).within(&namespace)).is_some() {
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
