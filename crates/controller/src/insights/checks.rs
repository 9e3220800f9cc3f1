//! What follows from the facts. Synchronous, no client.

use std::collections::BTreeMap;

use super::facts::{Child, DeprecatedUse, Facts, NodeVersions};
use super::health;
use crd::addon_catalogue;
use crd::insights::{AddonFit, Deprecation, Insight, InsightResource, InsightStatus};
use crd::names::minor;

/// How many minor versions a kubelet, or kube-proxy, may be behind the API server.
const SKEW: u32 = 3;
/// Why nothing is known of a cluster that is a record.
const RECORD: &str = "The cluster is a record only: there is nothing to look at";

/// All insights into a cluster.
pub fn all(facts: &Facts) -> Vec<Insight> {
    let now = minor(&facts.version).unwrap_or_default();
    let next = format!("1.{}", now + 1);
    let mut all = vec![
        skew("Kubelet version skew", "kubelet", facts, now, &next, |node| &node.kubelet),
        skew("kube-proxy version skew", "kube-proxy", facts, now, &next, |node| &node.kube_proxy),
        addons(facts, &next),
        itself(facts, &next),
    ];
    all.extend(deprecations(facts, now));
    all
}

fn insight(name: &str, version: &str, (status, reason): (InsightStatus, String)) -> Insight {
    Insight { name: name.into(), kubernetes_version: version.into(), status, reason, ..Insight::default() }
}

/// Whether nodes would be too old for the next version.
fn skew(
    name: &str,
    part: &str,
    facts: &Facts,
    now: u32,
    next: &str,
    version: impl Fn(&NodeVersions) -> &String,
) -> Insight {
    let judge = |child: &Child| -> Vec<InsightResource> {
        let behind = |node: &NodeVersions| now.saturating_sub(minor(version(node)).unwrap_or(now));
        let late = child.nodes.iter().filter(|node| behind(node) > 0);
        late.map(|node| InsightResource {
            status: if behind(node) >= SKEW { InsightStatus::Error } else { InsightStatus::Warning },
            reason: format!("{part} is {}, {} minor versions behind the control plane", version(node), behind(node)),
            kubernetes_resource_uri: format!("/api/v1/nodes/{}", node.name),
        })
        .collect()
    };
    let late = facts.child.as_ref().map(judge);
    let found = match &late {
        None => (InsightStatus::Unknown, RECORD.into()),
        Some(late) => match late.iter().map(|resource| resource.status).max() {
            None => (InsightStatus::Passing, format!("The {part} of every node has the control plane's version")),
            Some(worst) => (worst, format!("{} nodes have an older {part} than the control plane", late.len())),
        },
    };
    Insight {
        description: format!("Whether the {part} of any node would be too old for a control plane of version {next}"),
        recommendation: format!("Bring node groups to version 1.{now} before the cluster is upgraded to {next}"),
        resources: late.unwrap_or_default(),
        ..insight(name, next, found)
    }
}

/// Whether addons fit the next version.
fn addons(facts: &Facts, next: &str) -> Insight {
    let fit = |name: &String| -> Vec<String> {
        let offer = addon_catalogue::find(name);
        let versions = offer.map(|offer| offer.versions.as_slice()).unwrap_or_default();
        versions.iter().filter(|version| version.fits(next)).map(|version| version.version.clone()).collect()
    };
    let wrong: Vec<AddonFit> = facts
        .addons
        .iter()
        .map(|(name, version)| (version, AddonFit { name: name.clone(), compatible_versions: fit(name) }))
        .filter(|(version, fit)| version.as_ref().is_some_and(|version| !fit.compatible_versions.contains(version)))
        .map(|(_, fit)| fit)
        .collect();
    let found = if kubernetes_versions::find(next).is_none() {
        (
            InsightStatus::Unknown,
            format!("EKS doesn't offer {next} yet: which versions of addons are for it isn't known"),
        )
    } else if wrong.is_empty() {
        let reason = match facts.addons.len() {
            0 => "The cluster has no addons".into(),
            1 => format!("The addon has a version for {next}"),
            many => format!("All {many} addons have versions for {next}"),
        };
        (InsightStatus::Passing, reason)
    } else {
        let names: Vec<&str> = wrong.iter().map(|addon| addon.name.as_str()).collect();
        (InsightStatus::Error, format!("These addons have versions that are not for {next}: {}", names.join(", ")))
    };
    Insight {
        description: format!("Whether the versions of the cluster's addons are for version {next}"),
        recommendation: format!("Update addons to versions that are for {next}"),
        addons: wrong,
        ..insight("EKS add-on version compatibility", next, found)
    }
}

fn itself(facts: &Facts, next: &str) -> Insight {
    Insight {
        description: "Whether anything is wrong with the cluster that would be in the way of an upgrade".into(),
        recommendation: "Mend what the reason names before the cluster is upgraded".into(),
        ..insight(health::NAME, next, facts.health.clone())
    }
}

/// One insight for each version that will lack an API in use; one that passes for the next version if there are none.
fn deprecations(facts: &Facts, now: u32) -> Vec<Insight> {
    let name = |version: &str| format!("Deprecated APIs removed in Kubernetes v{version}");
    let finish = |version: &str, found: (InsightStatus, String), deprecations: Vec<Deprecation>| Insight {
        description: format!("Whether anybody asks for APIs that version {version} doesn't have"),
        recommendation: "Change manifests and clients to the APIs that replace them".into(),
        deprecations,
        ..insight(&name(version), version, found)
    };
    let next = format!("1.{}", now + 1);
    let Some(child) = &facts.child else {
        return vec![finish(&next, (InsightStatus::Unknown, RECORD.into()), Vec::new())];
    };
    let mut by_version: BTreeMap<u32, Vec<&DeprecatedUse>> = BTreeMap::new();
    for used in &child.deprecated {
        if let Some(removed) = minor(&used.removed).filter(|removed| *removed > now) {
            by_version.entry(removed).or_default().push(used);
        }
    }
    by_version.entry(now + 1).or_default();
    let judge = |(removed, used): (u32, Vec<&DeprecatedUse>)| {
        let version = format!("1.{removed}");
        let status = match removed {
            _ if used.is_empty() => InsightStatus::Passing,
            _ if removed == now + 1 => InsightStatus::Error,
            _ => InsightStatus::Warning,
        };
        let reason = match used.len() {
            0 => format!("Nobody asked for an API that version {version} doesn't have"),
            1 => format!("Somebody asked for an API that version {version} doesn't have"),
            many => format!("Somebody asked for {many} APIs that version {version} doesn't have"),
        };
        finish(&version, (status, reason), used.into_iter().map(|used| replacement(used, child)).collect())
    };
    by_version.into_iter().map(judge).collect()
}

fn replacement(used: &DeprecatedUse, child: &Child) -> Deprecation {
    let path = |version: &str| match used.group.as_str() {
        "" => format!("/api/{version}/{}", used.resource),
        group => format!("/apis/{group}/{version}/{}", used.resource),
    };
    let preferred = child.preferred.get(&used.group).filter(|preferred| **preferred != used.version);
    Deprecation {
        usage: path(&used.version),
        replaced_with: preferred.map(|version| path(version)).unwrap_or_default(),
        stop_serving_version: used.removed.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kubelet: &str) -> NodeVersions {
        NodeVersions { name: "n".into(), kubelet: kubelet.into(), kube_proxy: kubelet.into() }
    }

    fn with(child: Child) -> Facts {
        Facts { version: "1.35".into(), child: Some(child), ..Facts::default() }
    }

    fn status(all: &[Insight], name: &str) -> InsightStatus {
        all.iter().find(|insight| insight.name.starts_with(name)).unwrap().status
    }

    #[test]
    fn old_nodes_are_warned_of_and_too_old_ones_are_errors() {
        for (kubelet, wanted) in [
            ("v1.35.7+k3s1", InsightStatus::Passing),
            ("v1.34.0", InsightStatus::Warning),
            ("v1.30.0", InsightStatus::Error),
        ] {
            let all = all(&with(Child { nodes: vec![node("v1.35.1"), node(kubelet)], ..Child::default() }));
            assert_eq!(status(&all, "Kubelet version skew"), wanted);
            assert_eq!(status(&all, "kube-proxy version skew"), wanted);
            assert_eq!(all[0].resources.len(), usize::from(wanted != InsightStatus::Passing));
        }
    }

    #[test]
    fn addons_must_fit_the_next_version() {
        let mut facts = with(Child::default());
        facts.addons = vec![("coredns".into(), Some("v1.12.3-eksbuild.1".into()))];
        assert_eq!(status(&all(&facts), "EKS add-on"), InsightStatus::Passing);
        facts.addons = vec![("coredns".into(), Some("v1.11.4-eksbuild.2".into()))];
        let all = all(&facts);
        assert_eq!(status(&all, "EKS add-on"), InsightStatus::Error);
        assert!(all[2].addons[0].compatible_versions.contains(&"v1.12.3-eksbuild.1".into()));
    }

    #[test]
    fn of_a_version_that_is_still_to_come_nothing_is_known_of_addons() {
        let newest = kubernetes_versions::all()[0].name.clone();
        let facts = Facts { version: newest, child: Some(Child::default()), ..Facts::default() };
        assert_eq!(status(&all(&facts), "EKS add-on"), InsightStatus::Unknown);
    }

    #[test]
    fn apis_in_use_are_grouped_by_the_version_that_lacks_them() {
        let used = |version: &str, removed: &str| DeprecatedUse {
            group: "g".into(),
            version: version.into(),
            resource: "things".into(),
            removed: removed.into(),
        };
        let child = Child {
            deprecated: vec![used("v1alpha1", "1.36"), used("v1beta1", "1.38"), used("v0", "1.22")],
            preferred: [("g".to_owned(), "v1".to_owned())].into(),
            ..Child::default()
        };
        let all = all(&with(child));
        assert_eq!(status(&all, "Deprecated APIs removed in Kubernetes v1.36"), InsightStatus::Error);
        assert_eq!(status(&all, "Deprecated APIs removed in Kubernetes v1.38"), InsightStatus::Warning);
        assert_eq!(all.len(), 6);
        let expected = ("/apis/g/v1alpha1/things", "/apis/g/v1/things");
        let found = &all[4].deprecations[0];
        assert_eq!((found.usage.as_str(), found.replaced_with.as_str()), expected);
    }

    #[test]
    fn of_a_record_nothing_is_known_but_how_it_stands() {
        let health = (InsightStatus::Error, "away".to_owned());
        let facts = Facts { version: "1.35".into(), health, ..Facts::default() };
        let all = all(&facts);
        assert_eq!(status(&all, "Kubelet version skew"), InsightStatus::Unknown);
        assert_eq!(status(&all, "Deprecated APIs"), InsightStatus::Unknown);
        assert_eq!(status(&all, "Cluster health"), InsightStatus::Error);
    }
}
