//! Everything that a node group's plan is made from, gathered in one place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::validate;
use crate::context::Context;
use crate::decision::Problem;
use crate::jobs::JobView;
use crd::nodegroup::NodeMarks;
use crd::{EKSClusterConfig, Nodegroup, Phase, keys, names};
use provider::{DesiredNodegroup, Error, NodeObservation};

/// What is known of the group's cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Owner {
    /// There is no such resource.
    Missing,
    /// The cluster is being deleted, and takes the nodes with it.
    Deleting,
    /// It isn't Active yet; with its phase.
    NotReady(Option<Phase>),
    /// The cluster can take nodes.
    Active,
}

/// What is known of a cluster's API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Nothing is known yet.
    Looking,
    /// It answers.
    Answers,
    /// It doesn't.
    Silent,
}

/// How nodes are replaced by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling {
    /// How many nodes may be replaced at a time.
    pub surge: usize,
    /// Whether nodes are removed even if pods stay.
    pub force: bool,
    /// Whether a drain that failed is tried again without being asked.
    pub again: bool,
}

/// State of a node group at the moment of a reconcile.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The moment.
    pub now: Time,
    /// The cluster's state.
    pub owner: Owner,
    /// The cluster.
    pub cluster: Option<Arc<EKSClusterConfig>>,
    /// What the group is to be, or what is wrong with the spec.
    pub plan: Result<DesiredNodegroup, Problem>,
    /// Containers of the group, or why they aren't known.
    pub machines: Result<Vec<NodeObservation>, Error>,
    /// Node objects of the group, by name, and whether they are Ready; `None` where there is no API server to ask, or it hasn't answered.
    pub nodes: Option<BTreeMap<String, bool>>,
    /// Labels and taints of these nodes.
    pub marks: BTreeMap<String, NodeMarks>,
    /// What is known of the cluster's API server.
    pub api: Api,
    /// Whether there is an API server to ask.
    pub has_api_server: bool,
    /// Long work.
    pub job: JobView,
    /// How long a failed group still has to wait for its next try.
    pub wait: Option<Duration>,
    /// Whether the status describes the current spec.
    pub reported: bool,
    /// How the nodes are replaced, where they are to be: for another version, or another certificate authority.
    pub rolling: Option<Rolling>,
    /// An older resource with the same name in the same cluster.
    pub conflict: Option<String>,
}

/// Gathers everything. No I/O: watches keep the caches up to date.
pub fn observe(group: &Nodegroup, ctx: &Context) -> Observed {
    let id = validate::cluster_id(group);
    let cluster = ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace));
    let provider = cluster.as_deref().and_then(|cluster| ctx.providers.of(cluster));
    let owner = owner(cluster.as_deref());
    let plan = match (&cluster, provider) {
        (Some(cluster), Some(provider)) => validate::validate(group, cluster, provider),
        _ => Err(Problem::waiting(crd::conditions::Reason::WaitingForCluster, missing(group))),
    };
    // Those that are there are there whatever the spec says.
    let machines = match (&plan, provider) {
        (Ok(plan), Some(provider)) => provider.observe_nodes(plan),
        (Err(_), Some(provider)) => provider.observe_nodes(&validate::bare(group)),
        (_, None) => Ok(Vec::new()),
    };
    // Nodes from before another certificate authority signed for the cluster.
    let left_behind = match (&plan, &machines) {
        (Ok(plan), Ok(machines)) => machines.iter().any(|m| !m.is_certified(&plan.authorities)),
        _ => false,
    };
    let name = names::nodegroup_name(group);
    let child = ctx.children.view(&id);
    let api = match (child.is_known(), child.ready) {
        (false, _) => Api::Looking,
        (true, true) if child.nodes.is_none() => Api::Looking,
        (true, true) => Api::Answers,
        (true, false) => Api::Silent,
    };
    let ours = child.nodes.map(|nodes| {
        let ours = nodes.into_iter().filter(|(_, node)| node.nodegroup.as_deref() == Some(&name));
        ours.collect::<BTreeMap<_, _>>()
    });
    let nodes = ours.as_ref().map(|ours| ours.iter().map(|(node, seen)| (node.clone(), seen.ready)).collect());
    let marks = ours.into_iter().flatten().map(|(node, seen)| (node, seen.marks)).collect();
    let key = group.uid().unwrap_or_default();
    Observed {
        now: Time(Timestamp::now()),
        owner,
        plan,
        machines,
        nodes,
        marks,
        api,
        has_api_server: provider.is_some_and(|p| p.capabilities().api_server),
        job: ctx.jobs.view(&key),
        wait: ctx.jobs.wait(&key, group.metadata.generation.unwrap_or_default()),
        conflict: find_conflict(group, ctx),
        reported: group.status.as_ref().and_then(|s| s.observed_generation) == group.metadata.generation,
        rolling: cluster.as_deref().filter(|c| outdated(group, c) || left_behind).map(|_| Rolling {
            surge: surge(group),
            force: group.annotations().get(keys::ANNOTATION_FORCE).is_some_and(|force| force == "true"),
            again: left_behind,
        }),
        cluster,
    }
}

/// Whether the nodes have the wrong version. A new image of the same version doesn't count.
fn outdated(group: &Nodegroup, cluster: &EKSClusterConfig) -> bool {
    let status = group.status.as_ref().filter(|s| s.active_since.is_some());
    status.and_then(|s| s.version.as_ref()).is_some_and(|version| *version != validate::version(group, cluster))
}

/// How many nodes may be replaced at a time: `maxUnavailable`, or that share of the nodes; one if neither is set.
fn surge(group: &Nodegroup) -> usize {
    let config = group.spec.update_config.clone().unwrap_or_default();
    let share = config.max_unavailable_percentage.map(|percent| group.spec.scaling_config.desired_size * percent / 100);
    let number = config.max_unavailable.or(share).unwrap_or(1).max(1);
    usize::try_from(number).unwrap_or(1)
}

/// What to tell where the cluster is missing.
pub fn missing(group: &Nodegroup) -> String {
    format!(
        "waiting for EKSClusterConfig {}, which doesn't exist; create it, or correct spec.clusterName in a new resource",
        validate::cluster_id(group)
    )
}

fn owner(cluster: Option<&EKSClusterConfig>) -> Owner {
    let Some(cluster) = cluster else { return Owner::Missing };
    if cluster.metadata.deletion_timestamp.is_some() && cluster.spec.deletion_protection != Some(true) {
        return Owner::Deleting;
    }
    let phase = cluster.status.as_ref().and_then(|s| s.phase);
    match phase {
        Some(Phase::Active) => Owner::Active,
        phase => Owner::NotReady(phase),
    }
}

/// Another resource of the same cluster that the name belongs to.
fn find_conflict(group: &Nodegroup, ctx: &Context) -> Option<String> {
    let (mine, name) = (names::nodegroup_precedence(group), names::nodegroup_name(group));
    let siblings = ctx.nodegroups_of(&validate::cluster_id(group));
    let conflict = siblings.iter().find(|g| {
        g.uid() != group.uid() && names::nodegroup_name(g) == name && names::nodegroup_precedence(g) < mine
    })?;
    Some(conflict.name_any())
}
