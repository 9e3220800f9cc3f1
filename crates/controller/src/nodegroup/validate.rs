//! From a node group's spec to a plan, or to what is wrong with it. Synchronous, no client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;

use super::{instance_types, zones};
use crate::cluster::authority;
use crate::decision::Problem;
use crd::conditions::Reason;
use crd::{EKSClusterConfig, Nodegroup, instances, keys, names};
use provider::{ClusterId, ClusterProvider, DesiredNodegroup, Resources};

/// The cluster resource that the group belongs to.
pub fn cluster_id(group: &Nodegroup) -> ClusterId {
    ClusterId { namespace: group.namespace().unwrap_or_default(), name: group.spec.cluster_name.clone() }
}

/// Version of the nodes of a group that was Active before.
fn made_with(group: &Nodegroup) -> Option<&str> {
    group.status.as_ref().filter(|s| s.active_since.is_some())?.version.as_deref()
}

/// Version of the group's nodes: that of its spec, else the cluster's version when the group was made.
pub fn version(group: &Nodegroup, cluster: &EKSClusterConfig) -> String {
    let running = || cluster.status.as_ref().and_then(|s| s.version.clone());
    group.spec.version.clone().or_else(|| made_with(group).map(str::to_owned)).or_else(running).unwrap_or_default()
}

/// The desired node group.
pub fn validate(
    group: &Nodegroup,
    cluster: &EKSClusterConfig,
    provider: &Arc<dyn ClusterProvider>,
) -> Result<DesiredNodegroup, Problem> {
    let invalid = |message: String| Problem::stalled(Reason::InvalidSpec, message);
    if cluster.spec.imported {
        return Err(invalid(format!(
            "cluster {} is imported, so k3eks doesn't manage its nodes; delete this node group",
            cluster.name_any()
        )));
    }
    let scaling = &group.spec.scaling_config;
    if scaling.min_size > scaling.desired_size || scaling.desired_size > scaling.max_size {
        return Err(invalid(format!(
            "scalingConfig must hold minSize <= desiredSize <= maxSize, and is {} <= {} <= {}",
            scaling.min_size, scaling.desired_size, scaling.max_size
        )));
    }
    if let Some(wrong) = unusable(group).or_else(|| doubled(group)) {
        return Err(invalid(wrong));
    }
    let (running, version) = (cluster.status.as_ref().and_then(|s| s.version.clone()), version(group, cluster));
    if let Some(running) = &running
        && minor(&version) > minor(running)
    {
        return Err(invalid(format!(
            "version {version} is newer than the cluster's {running}; a node group is never newer than its control plane"
        )));
    }
    if let Some(made_with) = made_with(group)
        && minor(&version) < minor(made_with)
    {
        return Err(invalid(format!(
            "version {version} is older than the nodes' {made_with}, and nodes never go back; make a new node group instead"
        )));
    }
    if let Some(wrong) = no_image(group, &version) {
        return Err(invalid(wrong));
    }
    let image = match &cluster.status.as_ref().and_then(|s| s.applied.as_ref()) {
        Some(applied) if applied.version == version => applied.image.clone(),
        _ => provider.image(&version).map_err(|e| Problem::of(&e))?,
    };
    let region = &cluster.spec.region;
    Ok(DesiredNodegroup {
        cluster: cluster_id(group),
        name: names::nodegroup_name(group),
        desired: usize::try_from(scaling.desired_size).unwrap_or_default(),
        image,
        labels: labels(group, region, &version),
        taints: taints(group),
        resources: instance_types::resources(instance_type(group))
            .unwrap_or(Resources { cpus: u32::MAX, memory_mib: u64::MAX }),
        zones: zones::of(group, cluster),
        authorities: authority::trusted_by(cluster),
    })
}

/// What is wrong with a label or a taint: EKS refuses it, or nodes with it would never join.
fn unusable(group: &Nodegroup) -> Option<String> {
    let labels = group.spec.labels.iter().map(|(key, value)| ("labels", key.as_str(), value.as_str()));
    let taints = group.spec.taints.iter();
    let taints = taints.map(|taint| ("taints", taint.key.as_str(), taint.value.as_deref().unwrap_or_default()));
    labels.chain(taints).find_map(|(field, key, value)| {
        if !names::is_label_key(key) {
            Some(format!(
                "{field}: key \"{}\" isn't valid; use letters, digits, -, _ and ., such as team or example.com/team",
                key.escape_debug()
            ))
        } else if !names::is_label_value(value) {
            Some(format!(
                "{field}: value \"{}\" of {key} isn't valid; use at most 63 letters, digits, -, _ and .",
                value.escape_debug()
            ))
        } else if names::is_reserved_label_key(key) {
            Some(format!("{field}: key {key} is reserved for Kubernetes and EKS; use a prefix of your own, or none"))
        } else if field == "labels" && !names::is_label_key_for_kubelets(key) {
            Some(format!(
                "labels: a kubelet can't give its node the label {key}; use another key, or label the nodes with kubectl"
            ))
        } else {
            None
        }
    })
}

/// Two taints of one key and effect, with which a kubelet doesn't start.
fn doubled(group: &Nodegroup) -> Option<String> {
    let mut seen = BTreeSet::new();
    let again = group.spec.taints.iter().find(|taint| !seen.insert((&taint.key, taint.effect.kubernetes())))?;
    Some(format!(
        "taints: {}:{} is there twice; taints must be unique by key and effect",
        again.key,
        again.effect.kubernetes()
    ))
}

/// What is wrong with the AMI type of a group that was never Active: there is none for its version, or it doesn't run on
/// its instance types. Entries of a cluster's `nodeGroups` name no AMI type, and their image may be one of their own.
fn no_image(group: &Nodegroup, version: &str) -> Option<String> {
    if made_with(group).is_some() || group.labels().contains_key(keys::LABEL_INLINE) {
        return None;
    }
    let usual = instances::default_ami(version);
    let image = group.spec.ami_type.as_deref().unwrap_or(usual);
    if let Some(last) = instances::ended(image, version) {
        return Some(format!(
            "amiType {image} is there up to Kubernetes 1.{last} alone, and the nodes are to run {version}; make a new node group with another amiType, such as {usual}"
        ));
    }
    let wrong = instances::unfit(&group.spec, image);
    (!wrong.is_empty()).then(|| {
        format!(
            "amiType {image} doesn't run on the instance type {}; make a new node group with an amiType and instance types that fit each other, such as {usual} and {}, or AL2023_ARM_64_STANDARD and t4g.medium",
            wrong.join(", "),
            instance_types::DEFAULT
        )
    })
}

/// A plan with the group's name alone: enough to find its containers.
pub fn bare(group: &Nodegroup) -> DesiredNodegroup {
    DesiredNodegroup {
        cluster: cluster_id(group),
        name: names::nodegroup_name(group),
        desired: 0,
        image: String::new(),
        labels: BTreeMap::new(),
        taints: Vec::new(),
        resources: Resources { cpus: u32::MAX, memory_mib: u64::MAX },
        zones: Vec::new(),
        authorities: Vec::new(),
    }
}

/// The instance type that counts: the first one.
pub fn instance_type(group: &Nodegroup) -> &str {
    group.spec.instance_types.first().map_or(instance_types::DEFAULT, String::as_str)
}

fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|m| m.parse().ok()).unwrap_or_default()
}

/// EKS's labels, then the group's own. The zone comes from the provider, which spreads the nodes.
fn labels(group: &Nodegroup, region: &str, version: &str) -> BTreeMap<String, String> {
    let ami_type = group.spec.ami_type.as_deref().unwrap_or("AL2023_x86_64_STANDARD");
    let mut labels = BTreeMap::from([
        (keys::NODE_NODEGROUP.to_owned(), names::nodegroup_name(group)),
        (keys::NODE_INSTANCE_TYPE.to_owned(), instance_type(group).to_owned()),
        (keys::NODE_INSTANCE_TYPE_BETA.to_owned(), instance_type(group).to_owned()),
        (keys::NODE_CAPACITY_TYPE.to_owned(), group.spec.capacity_type.unwrap_or_default().as_str().to_owned()),
        (keys::NODE_REGION.to_owned(), region.to_owned()),
        (keys::NODE_IMAGE.to_owned(), names::ami(region, ami_type, version)),
    ]);
    labels.extend(group.spec.labels.clone());
    labels
}

fn taints(group: &Nodegroup) -> Vec<String> {
    let taints = group.spec.taints.iter();
    taints.map(|t| format!("{}={}:{}", t.key, t.value.as_deref().unwrap_or_default(), t.effect.kubernetes())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{active, cluster, nodegroup};
    use crd::conditions::Health;
    use provider::metadata::Metadata;

    fn of(spec: Value) -> Result<DesiredNodegroup, String> {
        let provider: Arc<dyn ClusterProvider> = Arc::new(Metadata::default());
        let plan = validate(&nodegroup(spec, Value::Null), &cluster(json!({}), active()), &provider);
        plan.map_err(|problem| match problem.health {
            Health::Stalled(Reason::InvalidSpec, message) => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn sizes_that_contradict_each_other_are_refused_with_the_numbers() {
        let sizes = |min: i32, desired: i32, max: i32| {
            of(json!({"scalingConfig": {"minSize": min, "maxSize": max, "desiredSize": desired}}))
        };
        assert!(sizes(0, 3, 2).unwrap_err().contains("0 <= 3 <= 2"));
        assert!(sizes(2, 1, 3).unwrap_err().contains("2 <= 1 <= 3"));
        assert_eq!(sizes(0, 0, 1).unwrap().desired, 0);
    }

    #[test]
    fn a_group_may_be_older_than_its_cluster_but_not_newer() {
        assert!(of(json!({"version": "1.36"})).unwrap_err().contains("newer than the cluster's 1.35"));
        assert_eq!(of(json!({})).unwrap().image, "image:1.35", "the cluster's own");
        assert_ne!(of(json!({"version": "1.34"})).unwrap().image, "image:1.35");
        assert!(of(json!({"version": "1.1"})).unwrap_err().contains("known versions"));
    }

    #[test]
    fn nodes_have_eks_s_labels_the_group_s_own_and_its_taints() {
        let plan = of(json!({"instanceTypes": ["m5.large", "m6i.large"], "capacityType": "SPOT", "labels": {"team": "a"},
            "taints": [{"key": "k", "value": "v", "effect": "NO_SCHEDULE"}, {"key": "e", "effect": "PREFER_NO_SCHEDULE"}]}))
        .unwrap();
        for (label, value) in [
            (keys::NODE_NODEGROUP, "workers"),
            (keys::NODE_INSTANCE_TYPE, "m5.large"),
            (keys::NODE_INSTANCE_TYPE_BETA, "m5.large"),
            (keys::NODE_CAPACITY_TYPE, "SPOT"),
            (keys::NODE_REGION, "us-east-1"),
            ("team", "a"),
        ] {
            assert_eq!(plan.labels.get(label).map(String::as_str), Some(value), "{label}");
        }
        assert_eq!(plan.taints, ["k=v:NoSchedule", "e=:PreferNoSchedule"]);
        assert_eq!((plan.resources.cpus, plan.resources.memory_mib), (2, 8192));
        assert!(plan.labels[keys::NODE_IMAGE].starts_with("ami-0"), "{:?}", plan.labels);
        let zones: Vec<&str> = plan.zones.iter().map(|zone| zone.name.as_str()).collect();
        assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
        let labels = plan.zones[1].labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let expected = [(keys::NODE_ZONE_ID, "use1-az2"), (keys::NODE_ZONE, "us-east-1b")];
        assert_eq!(labels.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn labels_and_taints_that_nodes_can_not_have_are_refused() {
        for (spec, why) in [
            (json!({"labels": {"a b": "c"}}), "labels: key \"a b\""),
            (json!({"labels": {"a/b/c": ""}}), "labels: key"),
            (json!({"labels": {"team": "x y"}}), "labels: value \"x y\" of team"),
            (json!({"labels": {"team": "x".repeat(64)}}), "at most 63"),
            (json!({"taints": [{"key": "-k", "effect": "NO_SCHEDULE"}]}), "taints: key \"-k\""),
            (
                json!({"taints": [{"key": "k", "value": "1", "effect": "NO_SCHEDULE"}, {"key": "k", "value": "2", "effect": "NO_SCHEDULE"}]}),
                "taints: k:NoSchedule is there twice",
            ),
        ] {
            let said = of(spec.clone()).unwrap_err();
            assert!(said.contains(why), "{spec}: {said}");
        }
        for (spec, why) in [
            (json!({"labels": {"kubernetes.io/role": "x"}}), "labels: key kubernetes.io/role is reserved"),
            (json!({"labels": {"eks.amazonaws.com/nodegroup": "x"}}), "is reserved"),
            (json!({"taints": [{"key": "k8s.io/x", "effect": "NO_SCHEDULE"}]}), "taints: key k8s.io/x is reserved"),
            (json!({"labels": {"node-role.kubernetes.io/worker": ""}}), "a kubelet can't give its node the label"),
        ] {
            let said = of(spec.clone()).unwrap_err();
            assert!(said.contains(why), "{spec}: {said}");
        }
        let fine = json!({"example.com/team": "A_1.b", "empty": "", "node.kubernetes.io/pool": "a"});
        let key = "node-role.kubernetes.io/worker";
        let taint = json!([{"key": key, "effect": "NO_SCHEDULE"}, {"key": key, "effect": "NO_EXECUTE"}]);
        assert!(of(json!({"labels": fine, "taints": taint})).is_ok());
    }

    #[test]
    fn an_image_that_nodes_could_not_run_is_refused_before_they_are_made() {
        for (wrong, why, right) in [
            (
                json!({"amiType": "AL2_x86_64"}),
                "amiType AL2_x86_64 is there up to Kubernetes 1.32 alone",
                json!({"amiType": "AL2_x86_64", "version": "1.32"}),
            ),
            (
                json!({"instanceTypes": ["m5.large", "t4g.small"]}),
                "AL2023_x86_64_STANDARD doesn't run on the instance type t4g.small;",
                json!({"instanceTypes": ["m5.large"]}),
            ),
            (
                json!({"amiType": "AL2023_ARM_64_STANDARD"}),
                "doesn't run on the instance type t3.medium;",
                json!({"amiType": "AL2023_ARM_64_STANDARD", "instanceTypes": ["t4g.small"]}),
            ),
            (
                json!({"amiType": "BOTTLEROCKET_x86_64_NVIDIA", "instanceTypes": ["t3.small"]}),
                "doesn't run on",
                json!({"amiType": "CUSTOM", "launchTemplate": {"id": "lt-1"}, "instanceTypes": ["t4g.small"]}),
            ),
        ] {
            let said = of(wrong.clone()).unwrap_err();
            assert!(said.contains(why), "{wrong}: {said}");
            assert!(of(right.clone()).is_ok(), "{right}");
        }
        let provider: Arc<dyn ClusterProvider> = Arc::new(Metadata::default());
        let there = nodegroup(json!({"instanceTypes": ["t4g.small"]}), active());
        assert!(validate(&there, &cluster(json!({}), active()), &provider).is_ok(), "nodes that run go on");
        let mut inline =
            nodegroup(json!({"instanceTypes": ["t4g.small"], "amiType": "AL2023_x86_64_STANDARD"}), json!(null));
        inline.metadata.labels = Some([(keys::LABEL_INLINE.to_owned(), "true".to_owned())].into());
        let taken = validate(&inline, &cluster(json!({}), active()), &provider);
        assert!(taken.is_ok(), "an entry of a cluster may have an image of its own");
    }

    #[test]
    fn a_type_that_is_not_known_has_all_of_the_machine() {
        assert_eq!(of(json!({"instanceTypes": ["p5.48xlarge"]})).unwrap().resources.cpus, u32::MAX);
        assert_eq!(of(json!({})).unwrap().resources.memory_mib, 4096, "t3.medium");
    }
}
