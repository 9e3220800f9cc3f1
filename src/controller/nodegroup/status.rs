//! The status of a node group, from what was observed and decided. Synchronous, no client.

use super::observe::Observed;
use super::plan::{Next, is_ready};
use super::validate;
use crate::controller::decision::Decision;
use crate::crd::conditions::{Health, Reason, conditions};
use crate::crd::names::Identity;
use crate::crd::nodegroup::{Issue, NodeStatus};
use crate::crd::phase::Phase;
use crate::crd::{Nodegroup, NodegroupStatus, keys, names};

/// The status to report.
pub fn status(group: &Nodegroup, seen: &Observed, decision: &Decision<Next>) -> NodegroupStatus {
    let old = group.status.clone().unwrap_or_default();
    let active = decision.phase == Phase::Active;
    let nodes: Vec<NodeStatus> = match &seen.machines {
        Ok(machines) => {
            machines.iter().map(|m| NodeStatus { name: m.name.clone(), ready: is_ready(seen, &m.name) }).collect()
        }
        Err(_) => old.nodes.clone(),
    };
    let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let cluster = seen.cluster.as_deref();
    NodegroupStatus {
        phase: Some(old.phase.filter(|p| !p.may_become(decision.phase)).unwrap_or(decision.phase)),
        observed_generation: group.metadata.generation,
        conditions: conditions(&decision.health, group.metadata.generation, &seen.now, &old.conditions),
        arn: cluster.map(|c| names::nodegroup_arn(&Identity::of(c), group)).or(old.arn),
        version: cluster.map(|c| validate::version(group, c)).filter(|v| !v.is_empty()).or(old.version),
        replicas: number(nodes.len()),
        ready_replicas: number(nodes.iter().filter(|n| n.ready).count()),
        selector: Some(format!("{}={}", keys::NODE_NODEGROUP, names::nodegroup_name(group))),
        active_since: old.active_since.or_else(|| active.then(|| seen.now.0.to_string())),
        issues: issues(&decision.health, &nodes),
        nodes,
    }
}

/// What is wrong, in the codes that EKS has for it.
fn issues(health: &Health, nodes: &[NodeStatus]) -> Vec<Issue> {
    let (Health::Stalled(reason, message) | Health::Failing(reason, message)) = health else { return Vec::new() };
    let code = match reason {
        Reason::ImageUnavailable => "AmiIdNotFound",
        Reason::Unreachable => "ClusterUnreachable",
        Reason::ProvisionFailed => "NodeCreationFailure",
        _ => "InternalFailure",
    };
    let resource_ids = nodes.iter().filter(|n| !n.ready).map(|n| n.name.clone()).collect();
    vec![Issue { code: code.into(), message: message.clone(), resource_ids }]
}
