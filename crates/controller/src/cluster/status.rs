//! The status of a cluster, from what was observed and decided. Synchronous, no client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use super::next::ClusterAction;
use super::observe::Observed;
use super::{groups, hibernation};
use crate::decision::Decision;
use crate::jobs::{Stage, Turn, Work};
use crd::cluster::{Applied, CertificateAuthority, NodeCount};
use crd::conditions::{Health, Reason, conditions};
use crd::names::Identity;
use crd::phase::Phase;
use crd::{EKSClusterConfig, EKSClusterConfigStatus, keys};
use provider::Import;

/// The provider has finished its background work for an Active cluster (k3d's host records).
pub const PROVISIONED: &str = "Provisioned";

/// The status to report.
pub fn status(
    cluster: &EKSClusterConfig,
    seen: &Observed,
    decision: &Decision<ClusterAction>,
) -> EKSClusterConfigStatus {
    let old = cluster.status.clone().unwrap_or_default();
    let identity = Identity::of(cluster);
    let active = decision.phase == Phase::Active;
    let conflict = matches!(&decision.health, Health::Stalled(Reason::Conflict, _));
    let groups = groups::health(cluster, &seen.nodegroups, active);
    let groups = groups.map(|groups| groups::beside(&decision.health, groups));
    // The phase speaks of the cluster itself, as EKS's status does.
    let health = match &groups {
        Some(groups) if active && decision.health == Health::Ready => groups,
        _ => &decision.health,
    };
    let generation = cluster.metadata.generation;
    let mut status = EKSClusterConfigStatus {
        phase: Some(old.phase.filter(|p| !p.may_become(decision.phase)).unwrap_or(decision.phase)),
        provider: Some(seen.provider.into()),
        observed_generation: generation,
        conditions: conditions(health, generation, &seen.now, &old.conditions),
        failure_message: failure(&decision.health),
        arn: (!conflict).then(|| identity.arn()),
        platform_version: Some(keys::PLATFORM_VERSION.into()),
        oidc_issuer: Some(identity.oidc_issuer()),
        nodes: Some(count(cluster, seen)),
        hibernated: seen.sleeps.then(|| hibernation::mark(cluster, &seen.nodegroups)),
        hibernated_since: seen.sleeps.then(|| hibernation::since(cluster, &seen.now)),
        active_since: old.active_since.clone().or_else(|| active.then(|| seen.now.0.to_string())),
        ..old.clone()
    };
    provided_network(cluster, &identity, &mut status);
    status.conditions.extend(groups.map(|groups| groups::condition(&groups, generation, &seen.now, &old.conditions)));
    status.conditions.extend(provisioned(seen, &old, generation));
    if active {
        running(cluster, seen, &mut status);
    }
    // What is lost must not open what was closed.
    if !seen.webhook_tokens.is_empty() {
        status.webhook_tokens.clone_from(&seen.webhook_tokens);
    }
    if seen.child.jwks.is_some() {
        status.service_account_keys.clone_from(&seen.child.jwks);
    }
    status
}

/// Fields that are known once the API server answered.
fn running(cluster: &EKSClusterConfig, seen: &Observed, status: &mut EKSClusterConfigStatus) {
    let Some(plan) = seen.running() else { return };
    let mut api_port = status.applied.as_ref().and_then(|a| a.api_port);
    if let Some(access) = &seen.child.access {
        status.endpoint = Some(access.endpoint.clone());
        status.certificate_authority = Some(CertificateAuthority {
            data: STANDARD.encode(&access.ca_pem),
            id: (!cluster.spec.imported).then(|| seen.authorities.signer_id(cluster)),
            signer: seen.authorities.signer(),
            trusted: seen.authorities.trusted(),
        });
        // Until it was written, a Secret of that name may be somebody else's.
        if seen.access_written {
            status.kubeconfig_secret = Some(format!("{}{}", cluster.name_any(), keys::KUBECONFIG_SUFFIX));
        }
        status.service = access.internal.as_ref().map(|_| format!("{}{}", cluster.name_any(), keys::SERVICE_SUFFIX));
        api_port = access.placement.map(i32::from).or(api_port);
    }
    if !seen.has_api_server {
        status.endpoint = Some(Identity::of(cluster).endpoint());
    }
    status.version = Some(plan.version.clone());
    status.applied = Some(Applied {
        provider: seen.provider.into(),
        name: match &plan.import {
            Some(Import::Named(name) | Import::Secret(name)) => name.clone(),
            None => seen.provider_name.clone(),
        },
        version: plan.version.clone(),
        image: plan.image.clone(),
        api_port,
        service_cidr: plan.service_cidr.clone(),
    });
}

/// Network ids that EKS users expect. Generated ids depend on the cluster's identity alone.
fn provided_network(cluster: &EKSClusterConfig, identity: &Identity, status: &mut EKSClusterConfigStatus) {
    let network = identity.network();
    status.virtual_network = network.vpc;
    status.subnets.clone_from(&cluster.spec.subnets);
    if status.subnets.is_empty() {
        status.subnets = network.subnets;
    }
    status.security_groups.clone_from(&cluster.spec.security_groups);
    let source = if cluster.spec.subnets.is_empty() { "generated" } else { "provided" };
    status.network_fields_source = Some(source.into());
    status.generated_node_role = identity.generated_role("node-role");
}

fn failure(health: &Health) -> String {
    match health {
        Health::Ready | Health::Noted(..) | Health::Progressing(..) => String::new(),
        Health::Stalled(_, message) | Health::Failing(_, message) => text::fit(message, text::MESSAGE),
    }
}

fn count(cluster: &EKSClusterConfig, seen: &Observed) -> NodeCount {
    let statuses = || seen.nodegroups.iter();
    if let (Ok(plan), Some(nodes)) = (&seen.plan, &seen.child.nodes)
        && plan.import.is_some()
    {
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let (ready, all) = (number(nodes.values().filter(|node| node.ready).count()), number(nodes.len()));
        return NodeCount { ready, desired: all, summary: format!("{ready}/{all}") };
    }
    let ready = statuses().map(|g| g.status.as_ref().map_or(0, |s| s.ready_replicas)).sum();
    let there: i32 = statuses().map(|g| g.spec.scaling_config.desired_size).sum();
    let desired = there + groups::missing_nodes(cluster, &seen.nodegroups);
    NodeCount { ready, desired, summary: format!("{ready}/{desired}") }
}

/// The condition about the provider's background work for an Active cluster. Unchanged if nothing new is known.
fn provisioned(seen: &Observed, old: &EKSClusterConfigStatus, generation: Option<i64>) -> Option<Condition> {
    let before = old.conditions.iter().find(|c| c.type_ == PROVISIONED);
    let (status, reason, message) = match seen.job.turn(Work::Create) {
        Turn::Mine(Stage::Running(_)) => ("False", "Provisioning", "the provider is at work".to_owned()),
        Turn::Finished => ("True", "Provisioned", "the provider has finished".to_owned()),
        Turn::Failed(error) => ("False", Reason::ProvisionFailed.as_str(), error.to_string()),
        _ => return before.cloned(),
    };
    Some(Condition {
        type_: PROVISIONED.into(),
        status: status.into(),
        reason: reason.into(),
        message: text::fit(&message, text::MESSAGE),
        observed_generation: generation,
        last_transition_time: before
            .filter(|c| c.status == status)
            .map_or_else(|| seen.now.clone(), |c| c.last_transition_time.clone()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::child_clusters::Child;
    use crate::fixtures::{active, cluster, nodegroup, seen_cluster};
    use crate::jobs::JobView;
    use provider::{Access, Step};

    fn ready(next: ClusterAction) -> Decision<ClusterAction> {
        Decision::new(next, Phase::Active, Health::Ready)
    }

    #[test]
    fn an_active_cluster_reports_the_way_in_and_what_runs() {
        let access = Access {
            kubeconfig: String::new(),
            endpoint: "https://host:16443".into(),
            internal: Some(("10.0.0.2".into(), 6443)),
            direct: None,
            placement: Some(16443),
            ca_pem: "pem".into(),
        };
        let seen =
            Observed { child: Child { access: Some(access), ready: true, ..Child::default() }, ..seen_cluster() };
        let status = status(&cluster(json!({}), json!(null)), &seen, &ready(ClusterAction::Nothing));
        assert_eq!(status.observed_generation, Some(3));
        assert_eq!(status.endpoint.as_deref(), Some("https://host:16443"));
        assert_eq!(status.certificate_authority.map(|c| c.data), Some(STANDARD.encode("pem")));
        assert_eq!(status.service.as_deref(), Some("demo-api"));
        assert_eq!(status.applied.map(|a| (a.version, a.api_port)), Some(("1.35".into(), Some(16443))));
        assert_eq!(status.active_since, Some(seen.now.0.to_string()));
    }

    #[test]
    fn the_same_input_gives_the_same_status_again() {
        let (seen, decision) = (seen_cluster(), ready(ClusterAction::Nothing));
        let first = status(&cluster(json!({}), active()), &seen, &decision);
        let later = Observed {
            now: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::now()),
            ..seen
        };
        assert_eq!(status(&cluster(json!({}), json!(first)), &later, &decision), first);
    }

    #[test]
    fn a_cluster_that_was_active_is_never_reported_as_creating() {
        let decision =
            Decision::new(ClusterAction::Nothing, Phase::Creating, Health::Progressing(Reason::Creating, "x".into()));
        assert_eq!(status(&cluster(json!({}), active()), &seen_cluster(), &decision).phase, Some(Phase::Active));
    }

    #[test]
    fn the_failure_s_message_stands_while_it_lasts_and_a_conflict_claims_no_arn() {
        let stalled =
            Decision::new(ClusterAction::Nothing, Phase::Failed, Health::Stalled(Reason::Conflict, "why".into()));
        let failed = status(&cluster(json!({}), json!(null)), &seen_cluster(), &stalled);
        assert_eq!((failed.failure_message.as_str(), failed.arn.as_deref()), ("why", None));
        let well = status(&cluster(json!({}), json!(failed)), &seen_cluster(), &ready(ClusterAction::Nothing));
        assert_eq!(well.failure_message, "");
        assert_eq!(well.arn.as_deref(), Some("arn:aws:eks:us-east-1:000000000000:cluster/demo"));
    }

    #[test]
    fn nodes_are_counted_over_all_groups() {
        let group = |desired: i32, ready: i32| {
            let scaling = json!({"minSize": 0, "maxSize": 9, "desiredSize": desired});
            Arc::new(nodegroup(json!({"scalingConfig": scaling}), json!({"readyReplicas": ready})))
        };
        let seen = Observed { nodegroups: vec![group(3, 1), group(2, 2)], ..seen_cluster() };
        let nodes = status(&cluster(json!({}), json!(null)), &seen, &ready(ClusterAction::Nothing)).nodes.unwrap();
        assert_eq!((nodes.ready, nodes.desired, nodes.summary.as_str()), (3, 5, "3/5"));
    }

    #[test]
    fn ready_needs_the_node_groups_of_the_spec_and_the_phase_does_not() {
        let demo = |groups| cluster(json!({"nodeGroups": groups}), json!(null));
        let ready_of = |status: &EKSClusterConfigStatus, type_: &str| {
            let found = status.conditions.iter().find(|c| c.type_ == type_);
            found.map(|c| (c.status.clone(), c.reason.clone()))
        };
        let wanted = demo(json!([{"nodegroupName": "workers", "desiredSize": 2}]));
        let without = status(&wanted, &seen_cluster(), &ready(ClusterAction::Nothing));
        assert_eq!((without.phase, without.failure_message.as_str()), (Some(Phase::Active), ""));
        let lacking = Some(("False".to_owned(), "NodegroupsNotReady".to_owned()));
        assert_eq!(ready_of(&without, "Ready"), lacking);
        assert_eq!(ready_of(&without, "NodegroupsReady"), lacking);
        assert_eq!(without.nodes.unwrap().summary, "0/2", "those of groups that are still to be made count");
        let none = status(&demo(json!(null)), &seen_cluster(), &ready(ClusterAction::Nothing));
        let well = |reason: &str| Some(("True".to_owned(), reason.to_owned()));
        assert_eq!((ready_of(&none, "Ready"), ready_of(&none, "NodegroupsReady")), (well("Ready"), None));
        let stopped =
            Decision::new(ClusterAction::Nothing, Phase::Updating, Health::Progressing(Reason::Updating, "x".into()));
        let going = status(&wanted, &seen_cluster(), &stopped);
        assert_eq!(ready_of(&going, "Ready").unwrap().1, "Updating", "what the cluster itself does comes first");
    }

    #[test]
    fn node_groups_that_are_stopped_with_their_cluster_are_said_to_be() {
        let rests = Health::Noted(Reason::Stopped, "stopped, as spec.state asks".into());
        let decision = Decision::new(ClusterAction::Nothing, Phase::Stopped, rests);
        let status = status(&cluster(json!({"nodeGroups": []}), active()), &seen_cluster(), &decision);
        let found = |type_: &str| status.conditions.iter().find(|c| c.type_ == type_).unwrap();
        for type_ in ["Ready", "NodegroupsReady"] {
            assert_eq!((found(type_).status.as_str(), found(type_).reason.as_str()), ("True", "Stopped"), "{type_}");
        }
        assert!(found("NodegroupsReady").message.contains("stopped with the cluster"));
    }

    #[test]
    fn provisioned_follows_the_making_and_then_stays() {
        let of = |job, old: serde_json::Value| {
            let seen = Observed { job, ..seen_cluster() };
            let status = status(&cluster(json!({}), old), &seen, &ready(ClusterAction::Nothing));
            let condition = status.conditions.iter().find(|c| c.type_ == PROVISIONED).map(|c| c.status.clone());
            (condition, status)
        };
        assert_eq!(of(JobView::Idle, json!(null)).0, None);
        assert_eq!(of(JobView::Running(Work::Create, Step::default()), json!(null)).0.as_deref(), Some("False"));
        let (made, status) = of(JobView::Finished(Work::Create), json!(null));
        assert_eq!(made.as_deref(), Some("True"));
        assert_eq!(of(JobView::Idle, json!(status)).0.as_deref(), Some("True"));
    }
}
