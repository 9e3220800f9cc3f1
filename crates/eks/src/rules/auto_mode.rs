//! EKS Auto Mode: `computeConfig`, `storageConfig.blockStorage` and `kubernetesNetworkConfig.elasticLoadBalancing`.

use super::{Verdict, invalid, values};
use crd::cluster_settings::{AuthenticationMode, ComputeConfig, ElasticLoadBalancing, StorageConfig};
use crd::forms;
use crd::names::minor;

/// The first minor version with Auto Mode.
const FIRST: u32 = 29;

/// What a cluster is to have after the request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Compute.
    pub compute: Option<&'a ComputeConfig>,
    /// Storage.
    pub storage: Option<&'a StorageConfig>,
    /// Load balancing.
    pub balancing: Option<&'a ElasticLoadBalancing>,
    /// Where it is written who may do what.
    pub mode: AuthenticationMode,
    /// Kubernetes version.
    pub version: &'a str,
}

impl Asked<'_> {
    /// Whether compute is on.
    pub fn is_on(&self) -> bool {
        self.compute.and_then(|compute| compute.enabled).unwrap_or_default()
    }
}

/// It is on as a whole or off as a whole; what it needs is there; its nodes have a role where there are pools.
pub fn check(asked: &Asked<'_>) -> Verdict {
    let on = asked.is_on();
    let storage = asked.storage.and_then(|storage| storage.block_storage.as_ref()).and_then(|block| block.enabled);
    let balancing = asked.balancing.and_then(|balancing| balancing.enabled);
    if [storage, balancing].iter().any(|other| other.unwrap_or_default() != on) {
        return invalid(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled.",
        );
    }
    if on {
        world(asked)?;
    }
    asked.compute.map_or(Ok(()), |compute| nodes(compute, on))
}

/// Nodes of Auto Mode are let in by access entries, and by versions that know them.
fn world(asked: &Asked<'_>) -> Verdict {
    if asked.mode == AuthenticationMode::ConfigMap {
        return invalid("EKS Auto Mode is only supported with the authentication modes API and API_AND_CONFIG_MAP");
    }
    if minor(asked.version).is_some_and(|minor| minor < FIRST) {
        return invalid(format!("EKS Auto Mode is only supported with Kubernetes version 1.{FIRST} and later"));
    }
    Ok(())
}

/// Pools and the role of their nodes come together, or not at all.
fn nodes(compute: &ComputeConfig, on: bool) -> Verdict {
    let pools = compute.node_pools.as_deref().unwrap_or_default();
    let role = compute.node_role_arn.as_deref().filter(|role| !role.is_empty());
    if !on && (role.is_some() || !pools.is_empty()) {
        return invalid("When Compute Config is disabled, nodeRoleArn and nodePools can not be specified.");
    }
    if let Some(pool) = pools.iter().find(|pool| !forms::NODE_POOL.fits(pool)) {
        return invalid(format!("Invalid node pool {pool}: it {}", forms::NODE_POOL.words));
    }
    match role {
        None if !pools.is_empty() => {
            invalid("When Compute Config nodeRoleArn is null or empty, nodePool list cannot be populated.")
        }
        Some(_) if pools.is_empty() => {
            invalid("When Compute Config nodeRoleArn is not null or empty, nodePool value(s) must be provided.")
        }
        Some(role) if !values::is_role(role) => {
            invalid(format!("Invalid Compute Config nodeRoleArn: {role} is not the ARN of an IAM role"))
        }
        _ => Ok(()),
    }
}
