//! Everything that a cluster's plan is made from, gathered in one place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::{
    access, argocd, authority, control_plane_config, endpoint_access, hibernation, idle, inline_nodegroups,
    server_keys, unfinished, validate,
};
use crate::caches::MappedRoles;
use crate::child_clusters::Child;
use crate::context::Context;
use crate::decision::Problem;
use crate::jobs::{JobView, Stage, Turn, Work};
use crd::names::{Identity, minor, precedence};
use crd::{Addon, EKSClusterConfig, Nodegroup};
use provider::{ClusterId, ClusterObservation, ClusterProvider, DesiredCluster, Error};

/// State of a cluster at the moment of a reconcile.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The moment.
    pub now: Time,
    /// The desired cluster, or what is wrong with the spec.
    pub plan: Result<DesiredCluster, Problem>,
    /// Name of the provider.
    pub provider: &'static str,
    /// What to do where the provider is off.
    pub turn_on: &'static str,
    /// The provider's own name for the cluster.
    pub provider_name: String,
    /// Whether there is an API server to ask.
    pub has_api_server: bool,
    /// Target of a version change, or why it is impossible.
    pub target: Option<Result<DesiredCluster, Problem>>,
    /// What the provider found, or why it can't tell.
    pub world: Result<ClusterObservation, Error>,
    /// Long work.
    pub job: JobView,
    /// How long a failed cluster still has to wait for its next try.
    pub wait: Option<Duration>,
    /// The API server.
    pub child: Child,
    /// The cluster's node groups.
    pub nodegroups: Vec<Arc<Nodegroup>>,
    /// An older resource with the same identity.
    pub conflict: Option<String>,
    /// Inline node groups that differ from the resources made of them.
    pub inline: Vec<inline_nodegroups::Change>,
    /// Digests of the tokens by which the identity service knows its API server.
    pub webhook_tokens: Vec<String>,
    /// Requested rotation of the service account keys.
    pub rotation: Option<String>,
    /// Its certificate authorities.
    pub authorities: authority::Seen,
    /// Whether the cluster is hibernated or about to be.
    pub sleeps: bool,
    /// Whether the servers have the desired files; `None` before the first check of this process.
    pub configured: Option<bool>,
    /// Whether the Secrets and the Service are up to date.
    pub access_written: bool,
    /// The roles of nodes in the ConfigMap `aws-auth`.
    pub mapped_roles: MappedRoles,
}

impl Observed {
    /// The plan of the running cluster: the target once it is reached.
    pub fn running(&self) -> Option<&DesiredCluster> {
        match &self.target {
            Some(Ok(target)) if self.reached(target) => Some(target),
            _ => self.plan.as_ref().ok(),
        }
    }

    /// Whether the servers have the target's image, and the API server says that it has its version.
    pub fn reached(&self, target: &DesiredCluster) -> bool {
        if !self.has_api_server {
            return true;
        }
        let said = self.child.version.as_deref().and_then(minor);
        self.on_image(target) && self.child.ready && said.is_some() && said == minor(&target.version)
    }

    /// Whether the servers have the target's image.
    pub fn on_image(&self, target: &DesiredCluster) -> bool {
        self.world.as_ref().is_ok_and(|w| !w.servers.is_empty() && w.servers.iter().all(|s| s.image == target.image))
    }
}

/// Whether Helm is at work on the addon.
fn is_at_work(addon: &Addon, ctx: &Context) -> bool {
    ctx.jobs.view(&addon.uid().unwrap_or_default()).is_under_way()
}

/// Gathers everything. No I/O: watches keep the caches up to date.
pub fn observe(cluster: &EKSClusterConfig, ctx: &Context) -> Observed {
    let id = validate::id(cluster);
    let chosen = ctx.providers.choose(cluster);
    let provider = chosen.provider;
    let can = provider.map(|provider| provider.capabilities());
    let imported = cluster.spec.imported;
    let has_api_server = imported || can.is_some_and(|can| can.api_server);
    let mut plan = desired(cluster, &id, has_api_server && !imported, ctx);
    let world = match (&plan, provider) {
        (Ok(plan), Some(provider)) if !imported => provider.observe_cluster(plan),
        _ => Ok(ClusterObservation::default()),
    };
    let key = cluster.uid().unwrap_or_default();
    let child = ctx.children.view(&id);
    let said = child.version.as_deref().and_then(minor).filter(|_| imported);
    if let (Ok(plan), Some(minor)) = (&mut plan, said) {
        plan.version = format!("1.{minor}");
    }
    let nodegroups = ctx.nodegroups_of(&id);
    let job = ctx.jobs.view(&key);
    // Of most clusters nobody asks for the mark.
    let idle = idle::after(cluster)
        .and_then(|_| ctx.caches.idle.of(&id, &hibernation::mark(cluster, &nodegroups), Instant::now()));
    // Nor, where it is in use, whether anything is under way.
    let addons = idle.map(|_| ctx.stores.members.with_deleted::<Addon>(&id)).unwrap_or_default();
    let is_busy = job.is_under_way()
        || nodegroups.iter().any(|group| !hibernation::is_idle(group))
        || addons.iter().any(|addon| unfinished::is_unfinished(addon) || is_at_work(addon, ctx));
    let access_written =
        child.access.as_ref().is_none_or(|a| access::written(cluster, a, &ctx.settings, &ctx.stores.owned));
    let takes_settings = can.is_none_or(|can| can.configure);
    // What can't be changed is nobody's resource.
    let certified = can.is_none_or(|can| can.authorities || !can.api_server);
    let ca_pem = child.access.as_ref().filter(|_| certified).map(|access| access.ca_pem.as_str());
    Observed {
        now: Time(Timestamp::now()),
        provider: chosen.name,
        turn_on: chosen.turn_on,
        provider_name: provider.map(|p| p.cluster_name(&id)).unwrap_or_default(),
        has_api_server,
        target: plan.as_ref().ok().and_then(|plan| target(cluster, provider, plan, &world, &job, &nodegroups)),
        world,
        job,
        sleeps: hibernation::sleeps(cluster, &nodegroups, idle, is_busy),
        wait: ctx.jobs.wait(&key, cluster.meta().generation.unwrap_or_default()),
        webhook_tokens: server_keys::shown(cluster, &ctx.stores.owned),
        rotation: server_keys::wish(cluster, &ctx.stores.owned).filter(|_| takes_settings),
        configured: configured(&plan, &child, takes_settings),
        authorities: authority::Seen::of(cluster, ctx, ca_pem),
        child,
        inline: inline_nodegroups::changes(cluster, &nodegroups),
        nodegroups,
        conflict: find_conflict(cluster, ctx),
        access_written,
        mapped_roles: ctx.settings.identity.as_ref().map_or(MappedRoles::NotKept, |_| ctx.caches.roles.view(&key)),
        plan,
    }
}

/// The desired cluster; of one that is `made_here`, also what its control plane is to do.
fn desired(
    cluster: &EKSClusterConfig,
    id: &ClusterId,
    made_here: bool,
    ctx: &Context,
) -> Result<DesiredCluster, Problem> {
    ctx.settings.accounts.check(cluster)?;
    argocd::check(cluster, &ctx.settings)?;
    let mut plan = validate::validate(cluster, &ctx.settings.default_version, &ctx.providers)?;
    if made_here {
        let (identity, providers) = (ctx.settings.identity.as_ref(), ctx.stores.members.of(id));
        plan.public_endpoint = endpoint_access::endpoint(cluster);
        plan.control_plane = Some(control_plane_config::control_plane(&plan, cluster, identity, &providers));
    }
    Ok(plan)
}

/// Whether the servers have what the plan asks for; `None` before the first check of this process.
fn configured(plan: &Result<DesiredCluster, Problem>, child: &Child, takes_settings: bool) -> Option<bool> {
    let plan = plan.as_ref().ok()?;
    if plan.control_plane.is_none() || !takes_settings {
        return Some(true);
    }
    child.configured.as_ref().map(|given| *given == control_plane_config::digest(plan))
}

/// Target of a version change, or why it is impossible. A started upgrade continues.
fn target(
    cluster: &EKSClusterConfig,
    provider: Option<&Arc<dyn ClusterProvider>>,
    plan: &DesiredCluster,
    world: &Result<ClusterObservation, Error>,
    job: &JobView,
    groups: &[Arc<Nodegroup>],
) -> Option<Result<DesiredCluster, Problem>> {
    let target = validate::target(cluster, provider, plan)?;
    let at_work = matches!(job.turn(Work::Upgrade), Turn::Mine(Stage::Queued | Stage::Running(_)));
    let begun = world.as_ref().is_ok_and(|world| world.servers.iter().any(|server| server.image != plan.image));
    Some(if at_work || begun { target } else { validate::groups_first(target, plan, groups) })
}

/// Another resource that the identity belongs to.
fn find_conflict(cluster: &EKSClusterConfig, ctx: &Context) -> Option<String> {
    let identity = Identity::of(cluster);
    let mine = precedence(cluster);
    let other =
        ctx.clusters.state().into_iter().find(|other| {
            other.uid() != cluster.uid() && Identity::of(other) == identity && precedence(other) < mine
        })?;
    Some(format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
}
