//! From a node group's spec to a plan, or to what is wrong with it. Synchronous, no client.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;

use super::instance_types;
use crate::controller::decision::Problem;
use crate::crd::conditions::Reason;
use crate::crd::{EKSClusterConfig, Nodegroup, keys, names};
use crate::provider::{ClusterId, ClusterProvider, NodegroupPlan, Resources};

/// The cluster resource that the group belongs to.
pub fn cluster_id(group: &Nodegroup) -> ClusterId {
    ClusterId { namespace: group.namespace().unwrap_or_default(), name: group.spec.cluster_name.clone() }
}

/// Version of the group's nodes: its own, or that of its cluster.
pub fn version(group: &Nodegroup, cluster: &EKSClusterConfig) -> String {
    let running = cluster.status.as_ref().and_then(|s| s.version.clone()).unwrap_or_default();
    group.spec.version.clone().unwrap_or(running)
}

/// What the group is to be.
pub fn validate(
    group: &Nodegroup,
    cluster: &EKSClusterConfig,
    provider: &Arc<dyn ClusterProvider>,
) -> Result<NodegroupPlan, Problem> {
    let invalid = |message: String| Problem::stalled(Reason::InvalidSpec, message);
    let scaling = &group.spec.scaling_config;
    if scaling.min_size > scaling.desired_size || scaling.desired_size > scaling.max_size {
        return Err(invalid(format!(
            "scalingConfig must hold minSize <= desiredSize <= maxSize, and is {} <= {} <= {}",
            scaling.min_size, scaling.desired_size, scaling.max_size
        )));
    }
    let (running, version) = (cluster.status.as_ref().and_then(|s| s.version.clone()), version(group, cluster));
    if let Some(running) = &running
        && minor(&version) > minor(running)
    {
        return Err(invalid(format!(
            "version {version} is newer than the cluster's {running}; a node group is never newer than its control plane"
        )));
    }
    let image = match &cluster.status.as_ref().and_then(|s| s.applied.as_ref()) {
        Some(applied) if applied.version == version => applied.image.clone(),
        _ => provider.image(&version).map_err(|e| Problem::of(&e))?,
    };
    let region = &cluster.spec.region;
    Ok(NodegroupPlan {
        cluster: cluster_id(group),
        name: names::nodegroup_name(group),
        desired: usize::try_from(scaling.desired_size).unwrap_or_default(),
        image,
        labels: labels(group, region),
        taints: taints(group),
        resources: instance_types::resources(instance_type(group))
            .unwrap_or(Resources { cpus: u32::MAX, memory_mib: u64::MAX }),
        zones: ["a", "b", "c"].map(|zone| format!("{region}{zone}")).to_vec(),
    })
}

/// The instance type that counts: the first one.
pub fn instance_type(group: &Nodegroup) -> &str {
    group.spec.instance_types.first().map_or(instance_types::DEFAULT, String::as_str)
}

fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|m| m.parse().ok()).unwrap_or_default()
}

/// EKS's labels, then the group's own. The zone comes from the provider, which spreads the nodes.
fn labels(group: &Nodegroup, region: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (keys::NODE_NODEGROUP.to_owned(), names::nodegroup_name(group)),
        (keys::NODE_INSTANCE_TYPE.to_owned(), instance_type(group).to_owned()),
        (keys::NODE_CAPACITY_TYPE.to_owned(), group.spec.capacity_type.unwrap_or_default().as_str().to_owned()),
        (keys::NODE_REGION.to_owned(), region.to_owned()),
    ]);
    labels.extend(group.spec.labels.clone());
    labels
}

fn taints(group: &Nodegroup) -> Vec<String> {
    let taints = group.spec.taints.iter();
    taints.map(|t| format!("{}={}:{}", t.key, t.value.as_deref().unwrap_or_default(), t.effect.kubernetes())).collect()
}
