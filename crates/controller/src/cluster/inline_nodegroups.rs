//! Rancher's inline node groups as Nodegroup resources that the cluster owns.
//!
//! An entry is applied when it differs from the last applied entry, which an annotation keeps. A node group that was
//! changed elsewhere (an autoscaler, the EKS API) doesn't flap back.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::owned_objects::label_value;
use crd::cluster::InlineNodegroup;
use crd::nodegroup::ScalingConfig;
use crd::{EKSClusterConfig, Nodegroup, keys, names};

/// The action for one inline node group.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Apply this object, under the cluster's field manager.
    Apply {
        /// Name of the resource.
        name: String,
        /// The object, without owner reference.
        object: Value,
    },
    /// Delete this resource: its entry is gone.
    Delete(String),
}

/// What differs between the inline list and the resources made of it. `null` leaves everything alone.
pub fn changes(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>]) -> Vec<Change> {
    let Some(inline) = &cluster.spec.node_groups else { return Vec::new() };
    let by_name: BTreeMap<String, &Arc<Nodegroup>> = groups.iter().map(|g| (g.name_any(), g)).collect();
    let resource = |entry: &InlineNodegroup| names::nodegroup_resource(&cluster.name_any(), &entry.nodegroup_name);
    let mut changes: Vec<Change> = inline
        .iter()
        .filter_map(|entry| {
            let name = resource(entry);
            let existing = by_name.get(&name);
            if existing.is_some_and(|g| g.metadata.deletion_timestamp.is_some()) {
                return None;
            }
            let last = existing.and_then(|g| g.annotations().get(keys::ANNOTATION_INLINE_APPLIED));
            let last: Option<InlineNodegroup> = last.and_then(|text| serde_json::from_str(text).ok());
            (last.as_ref() != Some(entry)).then(|| Change::Apply {
                object: object(cluster, &name, entry, last.as_ref(), existing.map(|g| &g.spec.scaling_config)),
                name,
            })
        })
        .collect();
    let wanted: Vec<String> = inline.iter().map(resource).collect();
    changes.extend(
        groups
            .iter()
            .filter(|g| g.labels().contains_key(keys::LABEL_INLINE))
            .filter(|g| g.metadata.deletion_timestamp.is_none() && !wanted.contains(&g.name_any()))
            .map(|g| Change::Delete(g.name_any())),
    );
    changes
}

/// The Nodegroup for an entry. A desired size set elsewhere wins until the entry's own changes.
fn object(
    cluster: &EKSClusterConfig,
    name: &str,
    entry: &InlineNodegroup,
    last: Option<&InlineNodegroup>,
    current: Option<&ScalingConfig>,
) -> Value {
    let defaults = ScalingConfig::default();
    let (min, max) = (entry.min_size.unwrap_or(defaults.min_size), entry.max_size.unwrap_or(defaults.max_size));
    let own = entry.desired_size.unwrap_or(defaults.desired_size);
    let desired = match (last, current) {
        (Some(last), Some(current)) if last.desired_size == entry.desired_size => {
            current.desired_size.clamp(min, max.max(min))
        }
        _ => own,
    };
    let spot = entry.request_spot_instances.unwrap_or_default();
    let types = if spot && !entry.spot_instance_types.is_empty() {
        entry.spot_instance_types.clone()
    } else {
        entry.instance_type.iter().cloned().collect()
    };
    let mut spec = json!({
        "clusterName": cluster.name_any(),
        "nodegroupName": entry.nodegroup_name,
        "scalingConfig": {"minSize": min, "maxSize": max, "desiredSize": desired},
        "instanceTypes": types,
        "amiType": ami_type(entry),
        "capacityType": if spot { "SPOT" } else { "ON_DEMAND" },
        "labels": entry.labels,
        "tags": entry.tags,
        "subnets": entry.subnets,
        "diskSize": entry.disk_size,
        "nodeRole": entry.node_role,
        "version": entry.version,
        "remoteAccess": entry.ec2_ssh_key.as_ref().map(|key| json!({"ec2SshKey": key})),
        "launchTemplate": entry.launch_template.as_ref().filter(|t| t.id.is_some() || t.name.is_some()).map(|t| json!({
            "id": t.id, "name": t.name.as_ref().filter(|_| t.id.is_none()), "version": t.version.filter(|version| *version > 0).map(|version| version.to_string()),
        })),
    });
    prune(&mut spec);
    json!({
        "apiVersion": "k3eks.io/v1alpha1",
        "kind": "Nodegroup",
        "metadata": {
            "name": name,
            "namespace": cluster.namespace(),
            "labels": {keys::LABEL_INLINE: "true", keys::LABEL_CLUSTER: label_value(&cluster.name_any())},
            "annotations": {keys::ANNOTATION_INLINE_APPLIED: json!(entry).to_string()},
        },
        "spec": spec,
    })
}

fn ami_type(entry: &InlineNodegroup) -> &'static str {
    match (entry.gpu.unwrap_or_default(), entry.arm.unwrap_or_default()) {
        (true, true) => "AL2023_ARM_64_NVIDIA",
        (true, false) => "AL2023_x86_64_NVIDIA",
        (false, true) => "AL2023_ARM_64_STANDARD",
        (false, false) => "AL2023_x86_64_STANDARD",
    }
}

/// Removes nulls and empty lists and maps: server-side apply would own them.
fn prune(value: &mut Value) {
    if let Value::Object(map) = value {
        map.values_mut().for_each(prune);
        map.retain(|_, v| match v {
            Value::Null => false,
            Value::Array(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{cluster, deleted, nodegroup};

    /// The Nodegroup that was made of `entry`, with this desired size now.
    fn made(entry: &Value, desired: i32) -> Arc<Nodegroup> {
        let scaling = json!({"minSize": 0, "maxSize": 9, "desiredSize": desired});
        let mut group = nodegroup(json!({"scalingConfig": scaling}), Value::Null);
        let entry: InlineNodegroup = serde_json::from_value(entry.clone()).unwrap();
        group.metadata.name = Some(names::nodegroup_resource("demo", &entry.nodegroup_name));
        group.labels_mut().insert(keys::LABEL_INLINE.into(), "true".into());
        group.annotations_mut().insert(keys::ANNOTATION_INLINE_APPLIED.into(), json!(entry).to_string());
        Arc::new(group)
    }

    fn of(groups: Value, existing: &[Arc<Nodegroup>]) -> Vec<Change> {
        changes(&cluster(json!({"nodeGroups": groups}), Value::Null), existing)
    }

    fn applied(changes: &[Change]) -> &Value {
        let [Change::Apply { object, .. }] = changes else { panic!("one is applied: {changes:?}") };
        object
    }

    #[test]
    fn null_leaves_groups_alone_and_an_empty_list_deletes_those_that_were_inline() {
        let inline = made(&json!({"nodegroupName": "a"}), 2);
        let own = Arc::new(nodegroup(json!({}), Value::Null));
        let all = [inline.clone(), own];
        assert_eq!(of(Value::Null, &all), []);
        assert_eq!(of(json!([]), &all), [Change::Delete("demo-a".into())]);
        assert_eq!(of(json!([]), &[Arc::new(deleted((*inline).clone()))]), [], "it goes already");
    }

    #[test]
    fn an_entry_is_applied_when_it_is_new_or_changed_and_not_while_its_group_goes() {
        let entry = json!({"nodegroupName": "a", "labels": {"x": "y"}});
        assert_eq!(applied(&of(json!([entry]), &[]))["spec"]["labels"], json!({"x": "y"}));
        assert_eq!(of(json!([entry]), &[made(&entry, 2)]), []);
        assert_eq!(of(json!([entry]), &[made(&json!({"nodegroupName": "a"}), 2)]).len(), 1);
        assert_eq!(of(json!([entry]), &[Arc::new(deleted((*made(&entry, 2)).clone()))]), []);
    }

    #[test]
    fn a_size_that_was_set_from_outside_is_left_alone_until_the_entry_s_own_changes() {
        let entry = |desired: i32, image: &str, max: i32| json!({"nodegroupName": "a", "desiredSize": desired, "maxSize": max, "nodeRole": image});
        let existing = [made(&entry(1, "a", 9), 5)];
        let size =
            |entry: Value| applied(&of(json!([entry]), &existing))["spec"]["scalingConfig"]["desiredSize"].clone();
        assert_eq!(of(json!([entry(1, "a", 9)]), &existing), [], "scaled from outside alone: nothing to do");
        assert_eq!(size(entry(1, "b", 9)), 5);
        assert_eq!(size(entry(1, "a", 4)), 4, "within the new bounds");
        assert_eq!(size(entry(2, "a", 9)), 2);
    }

    #[test]
    fn rancher_s_words_become_eks_s() {
        let spec = |entry: Value| applied(&of(json!([entry]), &[]))["spec"].clone();
        let spot = spec(json!({"nodegroupName": "a", "requestSpotInstances": true, "spotInstanceTypes": ["m5.large"],
            "instanceType": "t3.small", "arm": true, "ec2SshKey": "key", "launchTemplate": {"id": "lt", "name": "n", "version": 2}}));
        assert_eq!(spot["capacityType"], "SPOT");
        assert_eq!(spot["instanceTypes"], json!(["m5.large"]));
        assert_eq!(spot["amiType"], "AL2023_ARM_64_STANDARD");
        assert_eq!(spot["remoteAccess"], json!({"ec2SshKey": "key"}));
        assert_eq!(spot["launchTemplate"], json!({"id": "lt", "version": "2"}), "the id or the name, not both");
        let zero = spec(json!({"nodegroupName": "a", "launchTemplate": {"id": "lt", "version": 0}}));
        assert_eq!(zero["launchTemplate"], json!({"id": "lt"}), "Rancher's 0 is the template's own default");
        let plain = spec(json!({"nodegroupName": "a", "instanceType": "t3.small", "gpu": true}));
        assert_eq!(plain["instanceTypes"], json!(["t3.small"]));
        assert_eq!(plain["amiType"], "AL2023_x86_64_NVIDIA");
        assert_eq!(plain["scalingConfig"], json!({"minSize": 1, "maxSize": 2, "desiredSize": 2}), "EKS's defaults");
        assert!(plain.get("taints").is_none() && plain.get("labels").is_none(), "what isn't said isn't owned: {plain}");
    }
}
