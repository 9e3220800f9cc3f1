//! From a spec to a plan, or to what is wrong with the spec. Synchronous, no client.

use std::sync::Arc;

use kube::ResourceExt;

use super::{capabilities, endpoint_access, import_source};
use crate::decision::Problem;
use crate::providers::Providers;
use crd::cluster::IpFamily;
use crd::conditions::Reason;
use crd::names::{self, Identity, minor};
use crd::{EKSClusterConfig, Nodegroup, keys};
use provider::{ClusterId, ClusterProvider, DesiredCluster, Import, PublicEndpoint};

/// The longest name of a Service.
const LONGEST_SERVICE: usize = 63;

/// The resource as providers know it.
pub fn id(cluster: &EKSClusterConfig) -> ClusterId {
    ClusterId { namespace: cluster.namespace().unwrap_or_default(), name: cluster.name_any() }
}

/// The version that the spec asks for.
pub fn wanted_version<'a>(cluster: &'a EKSClusterConfig, default: &'a str) -> &'a str {
    cluster.spec.kubernetes_version.as_deref().unwrap_or(default)
}

/// Target of a version change of a running cluster, or why it is impossible.
pub fn target(
    cluster: &EKSClusterConfig,
    provider: Option<&Arc<dyn ClusterProvider>>,
    plan: &DesiredCluster,
) -> Option<Result<DesiredCluster, Problem>> {
    // One that was made without a version keeps the one that it has when the operator's default moves on.
    let wanted = cluster.spec.kubernetes_version.as_deref()?;
    let applied = cluster.status.as_ref().and_then(|s| s.applied.as_ref());
    if applied.is_none() || wanted == plan.version || plan.import.is_some() {
        return None;
    }
    let running = &plan.version;
    if minor(wanted) != minor(running).map(|running| running + 1) {
        let text = format!(
            "the cluster runs {running} and can't change to {wanted}: upgrades go one minor version at a time, and never back; set kubernetesVersion to {running} or to the next version"
        );
        return Some(Err(Problem::stalled(Reason::InvalidSpec, text)));
    }
    let provider = provider?.as_ref();
    let image =
        capabilities::check_upgrade(provider).and_then(|()| provider.image(wanted).map_err(|e| Problem::of(&e)));
    Some(image.map(|image| DesiredCluster { version: wanted.to_owned(), image, ..plan.clone() }))
}

/// Refuses another version while node groups run an older one, as EKS does: node groups don't follow by themselves.
pub fn groups_first(
    target: Result<DesiredCluster, Problem>,
    plan: &DesiredCluster,
    groups: &[Arc<Nodegroup>],
) -> Result<DesiredCluster, Problem> {
    let target = target?;
    let behind = |group: &&Arc<Nodegroup>| {
        let runs = group.status.as_ref().and_then(|status| status.version.as_deref());
        group.metadata.deletion_timestamp.is_none() && runs.is_some_and(|runs| minor(runs) != minor(&plan.version))
    };
    let behind: Vec<String> = groups.iter().filter(behind).map(|group| names::nodegroup_name(group)).collect();
    if behind.is_empty() {
        return Ok(target);
    }
    let (running, wanted) = (&plan.version, &target.version);
    let text = format!(
        "the cluster can't be upgraded to {wanted}: the node groups {} must run {running} first, as the cluster does; set their version to {running}, or kubernetesVersion back to {running}",
        behind.join(", ")
    );
    Err(Problem::stalled(Reason::InvalidSpec, text))
}

/// Refuses the name of a resource whose Service couldn't have one, before anything is made.
fn short_enough(cluster: &EKSClusterConfig) -> Result<(), Problem> {
    let (name, most) = (cluster.name_any(), LONGEST_SERVICE - keys::SERVICE_SUFFIX.len());
    if name.len() <= most || cluster.status.as_ref().is_some_and(|status| status.applied.is_some()) {
        return Ok(());
    }
    let text = format!(
        "metadata.name has {} characters, and at most {most} are possible; make a new resource with a shorter name, and put a longer name for EKS into spec.displayName",
        name.len()
    );
    Err(Problem::stalled(Reason::InvalidSpec, text))
}

/// Refuses what EKS takes of no new cluster and what can't be changed later.
fn new_settings(cluster: &EKSClusterConfig) -> Result<(), Problem> {
    if cluster.status.as_ref().is_some_and(|status| status.applied.is_some()) {
        return Ok(());
    }
    let (spec, region) = (&cluster.spec, &cluster.spec.region);
    let wrong = |text: String| Err(Problem::stalled(Reason::InvalidSpec, text));
    if let Some(key) = spec.kms_key.as_deref().filter(|key| key.split(':').nth(3) != Some(region.as_str())) {
        return wrong(format!(
            "kmsKey {key} isn't in the cluster's region {region}; make a new resource with a key of that region"
        ));
    }
    let network = spec.kubernetes_network_config.as_ref().and_then(|network| network.service_ipv4_cidr.as_ref());
    if network.is_some() && spec.ip_family == Some(IpFamily::Ipv6) {
        return wrong("serviceIpv4Cidr can't be given with ipFamily ipv6; make a new resource with one of them".into());
    }
    Ok(())
}

/// The desired cluster. An existing cluster keeps its version and image.
pub fn validate(
    cluster: &EKSClusterConfig,
    default_version: &str,
    providers: &Providers,
) -> Result<DesiredCluster, Problem> {
    short_enough(cluster)?;
    if let Some(import) = import_source::source(cluster)? {
        if let Import::Named(name) = &import {
            can_import(cluster, name, providers)?;
        }
        return Ok(imported(cluster, import));
    }
    let chosen = providers.choose(cluster);
    let provider = chosen.provider.ok_or_else(|| {
        let others: Vec<&str> = providers.on().map(|provider| provider.name()).collect();
        let text = format!(
            "provider {} is off; {}, or create a new resource with provider: {}",
            chosen.name,
            chosen.turn_on,
            others.join(" or ")
        );
        Problem::stalled(Reason::ProviderUnavailable, text)
    })?;
    endpoint_access::check(cluster)?;
    capabilities::check(cluster, provider.as_ref())?;
    new_settings(cluster)?;
    let applied = cluster.status.as_ref().and_then(|s| s.applied.as_ref());
    let (version, image) = if let Some(applied) = applied {
        (applied.version.clone(), applied.image.clone())
    } else {
        let version = wanted_version(cluster, default_version).to_owned();
        let image = provider.image(&version).map_err(|e| Problem::of(&e))?;
        (version, image)
    };
    let id = id(cluster);
    let service = format!("{}{}.{}", id.name, keys::SERVICE_SUFFIX, id.namespace);
    Ok(DesiredCluster {
        version,
        image,
        placement: applied.and_then(|a| a.api_port).and_then(|p| u16::try_from(p).ok()),
        tls_names: vec![format!("{service}.svc"), format!("{service}.svc.cluster.local")],
        ..known(cluster)
    })
}

/// Refuses to import a cluster by a name that the resource's provider doesn't know clusters by.
fn can_import(cluster: &EKSClusterConfig, name: &str, providers: &Providers) -> Result<(), Problem> {
    if providers.of(cluster).is_some_and(|provider| provider.capabilities().import) {
        return Ok(());
    }
    let needs = providers.importer().map_or_else(
        || format!("importing cluster {name} by its name isn't possible with any provider; "),
        |(provider, turn_on)| {
            format!("importing {provider}'s cluster {name} needs the provider {provider}; {turn_on}, or ")
        },
    );
    let text = format!("{needs}name a Secret with a kubeconfig in kubeconfigSecret");
    Err(Problem::stalled(Reason::ProviderUnavailable, text))
}

/// A cluster that isn't made here. Its version is what its API server says.
fn imported(cluster: &EKSClusterConfig, import: Import) -> DesiredCluster {
    let version = cluster.status.as_ref().and_then(|s| s.version.clone()).unwrap_or_default();
    DesiredCluster { version, import: Some(import), ..known(cluster) }
}

/// What all clusters have in common.
fn known(cluster: &EKSClusterConfig) -> DesiredCluster {
    let identity = Identity::of(cluster);
    DesiredCluster {
        id: id(cluster),
        eks_name: identity.name.clone(),
        account: identity.account.clone(),
        region: identity.region.clone(),
        version: String::new(),
        image: String::new(),
        servers: cluster.spec.servers(),
        service_cidr: cluster.spec.service_cidr().to_owned(),
        placement: None,
        tls_names: Vec::new(),
        public_endpoint: PublicEndpoint::default(),
        control_plane: None,
        endpoint_id: identity.id(),
        import: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{active, cluster};
    use crd::cluster_settings::DEFAULT_SERVICE_CIDR;
    use crd::conditions::Health;
    use provider::Capabilities;
    use provider::metadata::Metadata;

    fn of(cluster: &EKSClusterConfig) -> Result<DesiredCluster, Problem> {
        validate(cluster, "1.35", &Providers::new("metadata").with(Arc::new(Metadata::default()), ""))
    }

    /// Records alone; what is real is off.
    fn providers(default: &'static str) -> Providers {
        let turn_on = "start the operator with --provider k3d";
        Providers::new(default).with(Arc::new(Metadata::default()), "").without("k3d", Capabilities::ALL, turn_on)
    }

    fn stalled(problem: &Problem) -> (Reason, &str) {
        let Health::Stalled(reason, message) = &problem.health else { panic!("{problem:?}") };
        (*reason, message)
    }

    #[test]
    fn an_unknown_version_is_refused_with_the_known_ones() {
        let problem = of(&cluster(json!({"kubernetesVersion": "9.99"}), json!(null))).unwrap_err();
        let (reason, message) = stalled(&problem);
        assert_eq!(reason, Reason::InvalidSpec);
        assert!(message.contains("9.99") && message.contains("1.35") && message.contains("1.24"), "{message}");
    }

    #[test]
    fn a_name_that_no_service_can_have_is_refused_before_anything_is_made() {
        let named = |length: usize, status| {
            let mut cluster = cluster(json!({}), status);
            cluster.metadata.name = Some("x".repeat(length));
            of(&cluster)
        };
        let problem = named(60, json!(null)).unwrap_err();
        assert!(stalled(&problem).1.contains("60 characters, and at most 59"), "{problem:?}");
        assert!(named(59, json!(null)).is_ok() && named(60, active()).is_ok());
    }

    #[test]
    fn what_the_spec_leaves_out_is_filled_in() {
        let plan = of(&cluster(json!({}), json!(null))).unwrap();
        assert_eq!((plan.version.as_str(), plan.eks_name.as_str()), ("1.35", "demo"));
        assert_eq!((plan.service_cidr.as_str(), plan.placement), (DEFAULT_SERVICE_CIDR, None));
        assert!(plan.tls_names.contains(&"demo-api.default.svc".to_owned()));
    }

    #[test]
    fn once_made_a_cluster_keeps_its_version_image_and_port() {
        let mut status = active();
        status["applied"]["apiPort"] = 16500.into();
        let plan = of(&cluster(json!({"kubernetesVersion": "9.99"}), status)).unwrap();
        assert_eq!((plan.version.as_str(), plan.image.as_str(), plan.placement), ("1.35", "image:1.35", Some(16500)));
    }

    #[test]
    fn versions_go_one_minor_up() {
        let provider: Arc<dyn ClusterProvider> = Arc::new(Metadata::default());
        let to = |wanted: Option<&str>| {
            let cluster = cluster(json!({"kubernetesVersion": wanted}), active());
            target(&cluster, Some(&provider), &of(&cluster).unwrap())
        };
        assert!(to(None).is_none() && to(Some("1.35")).is_none());
        let plan = to(Some("1.36")).unwrap().unwrap();
        assert_eq!((plan.version.as_str(), plan.image.as_str()), ("1.36", "rancher/k3s:v1.36.4-k3s1"));
        for wrong in ["1.34", "1.37", "9.99"] {
            let problem = to(Some(wrong)).unwrap().unwrap_err();
            let (reason, message) = stalled(&problem);
            assert_eq!(reason, Reason::InvalidSpec);
            assert!(message.contains("1.35") && message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn node_groups_come_before_the_cluster_s_next_version() {
        let plan = crate::fixtures::cluster_plan();
        let next = DesiredCluster { version: "1.36".into(), ..plan.clone() };
        let group =
            |version: &str| crate::fixtures::nodegroup(json!({}), json!({"phase": "Active", "version": version}));
        let to_next = |group: Nodegroup| groups_first(Ok(next.clone()), &plan, &[Arc::new(group)]);
        assert_eq!(to_next(group("1.35")).unwrap().version, "1.36");
        let problem = to_next(group("1.34")).unwrap_err();
        let (reason, message) = stalled(&problem);
        assert!(reason == Reason::InvalidSpec && message.contains("workers must run 1.35 first"), "{message}");
        assert!(to_next(crate::fixtures::deleted(group("1.34"))).is_ok(), "it is going");
        assert!(to_next(crate::fixtures::nodegroup(json!({}), json!(null))).is_ok(), "it isn't there yet");
    }

    #[test]
    fn what_can_not_be_changed_later_is_looked_at_before_anything_is_made() {
        let key = |region: &str| json!({"kmsKey": format!("arn:aws:kms:{region}:000000000000:key/1")});
        let family =
            |family: &str| json!({"ipFamily": family, "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.1.0.0/16"}});
        for (wrong, why, right) in [
            (key("eu-west-1"), "isn't in the cluster's region us-east-1", key("us-east-1")),
            (family("ipv6"), "serviceIpv4Cidr can't be given with ipFamily ipv6", family("ipv4")),
        ] {
            let problem = of(&cluster(wrong.clone(), json!(null))).unwrap_err();
            let (reason, message) = stalled(&problem);
            assert!(reason == Reason::InvalidSpec && message.contains(why), "{wrong}: {message}");
            assert!(of(&cluster(right, json!(null))).is_ok());
            assert!(of(&cluster(wrong, active())).is_ok(), "one that runs goes on");
        }
    }

    #[test]
    fn a_provider_that_is_turned_off_is_refused() {
        let off = validate(&cluster(json!({}), json!(null)), "1.35", &providers("k3d")).unwrap_err();
        let text = "provider k3d is off; start the operator with --provider k3d, or create a new resource with provider: metadata";
        assert_eq!(stalled(&off), (Reason::ProviderUnavailable, text));
    }

    #[test]
    fn a_cluster_is_imported_by_name_only_where_a_provider_knows_the_name() {
        let named = cluster(json!({"imported": true, "displayName": "dev"}), json!(null));
        let refused = validate(&named, "1.35", &providers("metadata")).unwrap_err();
        let text = "importing k3d's cluster dev needs the provider k3d; start the operator with --provider k3d, or name a Secret with a kubeconfig in kubeconfigSecret";
        assert_eq!(stalled(&refused), (Reason::ProviderUnavailable, text));
        assert!(of(&cluster(json!({"imported": true, "kubeconfigSecret": "s"}), json!(null))).is_ok());
    }
}
