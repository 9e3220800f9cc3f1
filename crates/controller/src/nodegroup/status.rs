//! The status of a node group, from what was observed and decided. Synchronous, no client.

use super::observe::Observed;
use super::plan::{NodegroupAction, is_ready};
use super::{labels_taints, validate};
use crate::decision::Decision;
use crd::conditions::{Health, Reason, conditions};
use crd::names::Identity;
use crd::nodegroup::{Issue, NodeStatus};
use crd::phase::Phase;
use crd::{Nodegroup, NodegroupStatus, keys, names};

/// The status to report.
pub fn status(group: &Nodegroup, seen: &Observed, decision: &Decision<NodegroupAction>) -> NodegroupStatus {
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
    let wanted = cluster.map(|c| validate::version(group, c)).filter(|v| !v.is_empty());
    NodegroupStatus {
        phase: Some(old.phase.filter(|p| !p.may_become(decision.phase)).unwrap_or(decision.phase)),
        observed_generation: group.metadata.generation,
        conditions: conditions(&decision.health, group.metadata.generation, &seen.now, &old.conditions),
        applied: match &seen.plan {
            Ok(plan) if decision.health == Health::Ready && active => Some(labels_taints::wanted(plan)),
            _ => old.applied,
        },
        arn: cluster.map(|c| names::nodegroup_arn(&Identity::of(c), group)).or(old.arn),
        version: if rolled(seen) { wanted.or(old.version) } else { old.version },
        replicas: number(nodes.len()),
        ready_replicas: number(nodes.iter().filter(|n| n.ready).count()),
        selector: Some(format!("{}={}", keys::NODE_NODEGROUP, names::nodegroup_name(group))),
        active_since: old.active_since.or_else(|| active.then(|| seen.now.0.to_string())),
        issues: issues(&decision.health, &nodes),
        nodes,
    }
}

/// Whether every machine has the version that is wanted.
fn rolled(seen: &Observed) -> bool {
    let (Ok(plan), Ok(machines)) = (&seen.plan, &seen.machines) else { return seen.rolling.is_none() };
    seen.rolling.is_none() || machines.iter().all(|m| m.fits(plan))
}

/// What is wrong, in the codes that EKS has for it.
fn issues(health: &Health, nodes: &[NodeStatus]) -> Vec<Issue> {
    let (reason, message) = match health {
        Health::Noted(reason, message) | Health::Stalled(reason, message) | Health::Failing(reason, message) => {
            (reason, message)
        }
        Health::Ready | Health::Progressing(..) => return Vec::new(),
    };
    let code = match reason {
        Reason::Stopped | Reason::Sleeping => "ClusterUnreachable",
        Reason::ImageUnavailable => "AmiIdNotFound",
        Reason::Unreachable => "ClusterUnreachable",
        Reason::ProvisionFailed | Reason::InvalidSpec => "NodeCreationFailure",
        _ => "InternalFailure",
    };
    let resource_ids = nodes.iter().filter(|n| !n.ready).map(|n| n.name.clone()).collect();
    vec![Issue { code: code.into(), message: text::fit(message, text::MESSAGE), resource_ids }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::fixtures::{active, cluster, machines, nodegroup, seen_group};
    use provider::{Error, MachineState};

    fn seen() -> Observed {
        Observed {
            cluster: Some(Arc::new(cluster(json!({}), active()))),
            machines: Ok(machines(&[("a", MachineState::Running), ("b", MachineState::Running)])),
            nodes: Some(BTreeMap::from([("a".to_owned(), true), ("b".to_owned(), false)])),
            ..seen_group(2)
        }
    }

    fn failing(reason: Reason) -> Decision<NodegroupAction> {
        Decision::new(NodegroupAction::Nothing, Phase::Failed, Health::Failing(reason, "why".into()))
    }

    #[test]
    fn every_machine_is_listed_and_only_ready_ones_count_as_ready() {
        let decision = Decision::new(NodegroupAction::Nothing, Phase::Active, Health::Ready);
        let status = status(&nodegroup(json!({}), json!(null)), &seen(), &decision);
        assert_eq!((status.replicas, status.ready_replicas, status.observed_generation), (2, 1, Some(2)));
        assert_eq!(status.version.as_deref(), Some("1.35"));
        assert_eq!(status.selector.as_deref(), Some("eks.amazonaws.com/nodegroup=workers"));
        assert!(status.arn.unwrap().starts_with("arn:aws:eks:us-east-1:000000000000:nodegroup/demo/workers/"));
        assert_eq!(status.issues, []);
    }

    #[test]
    fn what_was_known_stays_while_the_engine_or_the_cluster_is_away() {
        let group =
            nodegroup(json!({}), json!({"arn": "arn", "version": "1.34", "nodes": [{"name": "a", "ready": true}]}));
        let away = Error::Unavailable { engine: "Docker", doing: "looking".into(), why: "refused".into() };
        let seen = Observed { machines: Err(away), nodes: None, ..seen_group(1) };
        let status = status(&group, &seen, &failing(Reason::ProviderUnavailable));
        assert_eq!((status.replicas, status.arn.as_deref(), status.version.as_deref()), (1, Some("arn"), Some("1.34")));
    }

    #[test]
    fn what_is_wrong_has_eks_s_code_and_the_nodes_concerned() {
        for (reason, code) in [
            (Reason::ImageUnavailable, "AmiIdNotFound"),
            (Reason::Unreachable, "ClusterUnreachable"),
            (Reason::ProvisionFailed, "NodeCreationFailure"),
            (Reason::InvalidSpec, "NodeCreationFailure"),
        ] {
            let status = status(&nodegroup(json!({}), json!(null)), &seen(), &failing(reason));
            assert_eq!(
                status.issues,
                [Issue { code: code.into(), message: "why".into(), resource_ids: vec!["b".into()] }]
            );
        }
    }
}
