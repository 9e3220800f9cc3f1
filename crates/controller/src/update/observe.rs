//! Everything that an update's plan is made from, gathered in one place.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use crate::cluster::authority;
use crate::context::Context;
use crd::update::Update;
use crd::{EKSClusterConfig, MemberStatus, Nodegroup, names};
use provider::ClusterId;

/// State of an update's resource at the moment of a reconcile.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The moment.
    pub now: Timestamp,
    /// The resource that is changed.
    pub resource: Resource,
}

/// The resource that an update changes.
#[derive(Clone, Debug)]
pub enum Resource {
    /// There is none.
    Missing,
    /// A cluster.
    Cluster(Arc<EKSClusterConfig>),
    /// A node group.
    Nodegroup(Arc<Nodegroup>),
    /// The status of another resource that belongs to a cluster.
    Member(MemberStatus),
    /// A certificate authority that has no resource.
    NoAuthority {
        /// The cluster that it was one of.
        cluster: Option<Arc<EKSClusterConfig>>,
        /// Whether everything that the cluster trusts has a resource.
        trusts_only_known: bool,
    },
}

/// Gathers everything. No I/O: watches keep the caches up to date.
pub fn observe(update: &Update, ctx: &Context) -> Observed {
    Observed { now: Timestamp::now(), resource: resource(update, ctx) }
}

fn resource(update: &Update, ctx: &Context) -> Resource {
    let namespace = update.namespace().unwrap_or_default();
    let id = ClusterId { namespace, name: update.spec.cluster_name.clone() };
    let (spec, made) = (&update.spec, update.metadata.creation_timestamp.as_ref());
    if let Some(name) = &spec.nodegroup_name {
        let group = ctx.nodegroups_of(&id).into_iter().find(|g| names::nodegroup_name(g) == *name);
        return group.map_or(Resource::Missing, Resource::Nodegroup);
    }
    let member = |kind, name| ctx.stores.members.find(kind, &id, name, made).map(Resource::Member);
    if let Some(name) = &spec.addon_name {
        return member("Addon", name).unwrap_or(Resource::Missing);
    }
    if let Some(name) = &spec.capability_name {
        return member("Capability", name).unwrap_or(Resource::Missing);
    }
    let cluster: Option<Arc<EKSClusterConfig>> = ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace));
    if let Some(name) = &spec.certificate_authority_id {
        return member("CertificateAuthority", name).unwrap_or_else(|| Resource::NoAuthority {
            trusts_only_known: cluster.as_deref().is_some_and(|cluster| authority::trusts_only_known(cluster, ctx)),
            cluster,
        });
    }
    cluster.map_or(Resource::Missing, Resource::Cluster)
}
