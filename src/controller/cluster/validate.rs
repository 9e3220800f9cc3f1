//! From a spec to a plan, or to what is wrong with the spec. Synchronous, no client.

use std::sync::Arc;

use kube::ResourceExt;

use crate::controller::decision::Problem;
use crate::crd::conditions::Reason;
use crate::crd::names::Identity;
use crate::crd::{EKSClusterConfig, keys};
use crate::provider::{ClusterId, ClusterPlan, ClusterProvider};

/// Network of Services where the spec names none, as on EKS.
pub const DEFAULT_SERVICE_CIDR: &str = "10.100.0.0/16";

/// The resource as providers know it.
pub fn id(cluster: &EKSClusterConfig) -> ClusterId {
    ClusterId { namespace: cluster.namespace().unwrap_or_default(), name: cluster.name_any() }
}

/// The version that the spec asks for.
pub fn wanted_version<'a>(cluster: &'a EKSClusterConfig, default: &'a str) -> &'a str {
    cluster.spec.kubernetes_version.as_deref().unwrap_or(default)
}

/// What the cluster is to be. Once it was made, its version and image are those that it was made with.
pub fn validate(
    cluster: &EKSClusterConfig,
    default_version: &str,
    provider: Option<&Arc<dyn ClusterProvider>>,
) -> Result<ClusterPlan, Problem> {
    let provider = provider.ok_or_else(|| {
        Problem::stalled(
            Reason::ProviderUnavailable,
            "the cluster's provider k3d is turned off in this operator; start it with --provider k3d, or make a new resource with provider: metadata",
        )
    })?;
    if cluster.spec.imported {
        return Err(Problem::stalled(
            Reason::InvalidSpec,
            "importing a cluster isn't supported yet; leave out `imported` to have one made",
        ));
    }
    let applied = cluster.status.as_ref().and_then(|s| s.applied.as_ref());
    let (version, image) = if let Some(applied) = applied {
        (applied.version.clone(), applied.image.clone())
    } else {
        let version = wanted_version(cluster, default_version).to_owned();
        let image = provider.image(&version).map_err(|e| Problem::of(&e))?;
        (version, image)
    };
    let (id, identity) = (id(cluster), Identity::of(cluster));
    let service = format!("{}{}.{}", id.name, keys::SERVICE_SUFFIX, id.namespace);
    Ok(ClusterPlan {
        eks_name: identity.name.clone(),
        region: identity.region.clone(),
        version,
        image,
        service_cidr: cluster
            .spec
            .kubernetes_network_config
            .as_ref()
            .and_then(|n| n.service_ipv4_cidr.clone())
            .unwrap_or_else(|| DEFAULT_SERVICE_CIDR.into()),
        api_port: applied.and_then(|a| a.api_port).and_then(|p| u16::try_from(p).ok()),
        tls_names: vec![format!("{service}.svc"), format!("{service}.svc.cluster.local")],
        endpoint_id: identity.id(),
        id,
    })
}
