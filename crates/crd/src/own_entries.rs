//! The access entries that EKS makes by itself: that of who made the cluster, and those of the roles of node groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;

use super::access_entry::{AccessEntrySpec, AccessScope, AssociatedPolicy, STANDARD};
use super::cluster_settings::AuthenticationMode;
use super::names::Identity;
use super::{EKSClusterConfig, Nodegroup, keys};
use arn::partition;

/// Who made the cluster; a cluster that wasn't made through the EKS API is its account's root user's.
pub fn creator(cluster: &EKSClusterConfig) -> String {
    let identity = Identity::of(cluster);
    let root = || format!("arn:{}:iam::{}:root", partition(&identity.region), identity.account);
    cluster.annotations().get(keys::ANNOTATION_CREATOR).cloned().unwrap_or_else(root)
}

/// The entry of who made the cluster, unless the cluster says otherwise or knows no access entries. `now` is RFC 3339
/// in UTC.
pub fn of_creator(cluster: &EKSClusterConfig, now: &str) -> Option<AccessEntrySpec> {
    let principal_arn = creator(cluster);
    if !has_entries(cluster) || !cluster.spec.creator_is_admin() || !may_have_one(&principal_arn) {
        return None;
    }
    let partition = partition(&Identity::of(cluster).region);
    let policy = AssociatedPolicy {
        policy_arn: format!("arn:{partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"),
        access_scope: AccessScope { type_: "cluster".into(), namespaces: Vec::new() },
        associated_at: Some(now.to_owned()),
        modified_at: Some(now.to_owned()),
    };
    Some(AccessEntrySpec {
        cluster_name: cluster.name_any(),
        principal_arn,
        type_: STANDARD.into(),
        access_policies: vec![policy],
        ..AccessEntrySpec::default()
    })
}

/// The entries of the roles that the cluster's node groups have, by role. Groups that are being deleted count no more.
pub fn of_nodes(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>]) -> BTreeMap<String, AccessEntrySpec> {
    if !has_entries(cluster) {
        return BTreeMap::new();
    }
    let entry = |group: &Arc<Nodegroup>| {
        let role = node_role(cluster, group);
        let windows = group.spec.ami_type.as_deref().is_some_and(|ami| ami.starts_with("WINDOWS_"));
        let spec = AccessEntrySpec {
            cluster_name: cluster.name_any(),
            principal_arn: role.clone(),
            type_: if windows { "EC2_WINDOWS" } else { "EC2_LINUX" }.into(),
            ..AccessEntrySpec::default()
        };
        (role, spec)
    };
    staying(groups).map(entry).filter(|(role, _)| may_have_one(role)).collect()
}

/// The node groups that aren't being deleted.
pub fn staying(groups: &[Arc<Nodegroup>]) -> impl Iterator<Item = &Arc<Nodegroup>> {
    groups.iter().filter(|group| group.metadata.deletion_timestamp.is_none())
}

/// The ARN of the role that a node group has.
pub fn node_role(cluster: &EKSClusterConfig, group: &Nodegroup) -> String {
    Identity::of(cluster).role(group.spec.node_role.as_deref(), "node-role")
}

/// Whether the cluster knows access entries.
pub fn has_entries(cluster: &EKSClusterConfig) -> bool {
    cluster.spec.authentication_mode() != AuthenticationMode::ConfigMap
}

/// Whether EKS makes an entry for a principal: an IAM role, a user, or an account's root user.
fn may_have_one(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam", "", _, resource] = parts[..] else { return false };
    let named = |kind| resource.strip_prefix(kind).is_some_and(|name: &str| !name.is_empty() && !name.ends_with('/'));
    resource == "root" || named("role/") || named("user/")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ROLE: &str = "arn:aws:iam::000000000000:role/nodes";

    fn cluster(mode: &str, creator: Option<&str>) -> EKSClusterConfig {
        let mut cluster: EKSClusterConfig = serde_json::from_value(json!({
            "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "demo"},
            "spec": {"accessConfig": {"authenticationMode": mode}},
        }))
        .unwrap();
        if let Some(creator) = creator {
            cluster.annotations_mut().insert(keys::ANNOTATION_CREATOR.into(), creator.into());
        }
        cluster
    }

    fn group(spec: Value) -> Arc<Nodegroup> {
        let mut spec = spec;
        spec["clusterName"] = "demo".into();
        Arc::new(Nodegroup::new("demo-a", serde_json::from_value(spec).unwrap()))
    }

    #[test]
    fn who_made_the_cluster_has_an_entry_with_every_right() {
        for (creator, principal) in [
            (None, "arn:aws:iam::000000000000:root"),
            (Some("arn:aws:iam::000000000000:user/ann"), "arn:aws:iam::000000000000:user/ann"),
        ] {
            let entry = of_creator(&cluster("API", creator), "now").unwrap();
            assert_eq!((entry.principal_arn.as_str(), entry.type_.as_str()), (principal, STANDARD));
            let policy = &entry.access_policies[0];
            assert!(policy.policy_arn.ends_with("/AmazonEKSClusterAdminPolicy"), "{policy:?}");
            assert_eq!(policy.access_scope.type_, "cluster");
        }
        assert_eq!(of_creator(&cluster("CONFIG_MAP", None), "now"), None);
        assert_eq!(of_creator(&cluster("API", Some("arn:aws:sts::000000000000:federated-user/x")), "now"), None);
        let mut refused = cluster("API", None);
        refused.spec.access_config.get_or_insert_default().bootstrap_cluster_creator_admin_permissions = Some(false);
        assert_eq!(of_creator(&refused, "now"), None);
    }

    #[test]
    fn each_role_of_node_groups_that_stay_has_an_entry_for_nodes() {
        let mut going = (*group(json!({"nodeRole": "arn:aws:iam::000000000000:role/going"}))).clone();
        going.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
        let groups = [
            group(json!({"nodeRole": ROLE})),
            group(json!({"nodeRole": ROLE})),
            group(json!({"amiType": "WINDOWS_CORE_2022_x86_64"})),
            group(json!({"nodeRole": "plain"})),
            group(json!({"nodeRole": "arn:aws:s3:::nonsense"})),
            Arc::new(going),
        ];
        let entries = of_nodes(&cluster("API_AND_CONFIG_MAP", None), &groups);
        let types: Vec<_> = entries.iter().map(|(role, entry)| (role.as_str(), entry.type_.as_str())).collect();
        let made_up = "arn:aws:iam::000000000000:role/demo-node-role";
        let by_name = "arn:aws:iam::000000000000:role/plain";
        assert_eq!(types, [(made_up, "EC2_WINDOWS"), (ROLE, "EC2_LINUX"), (by_name, "EC2_LINUX")]);
        assert!(entries.values().all(|entry| entry.access_policies.is_empty() && entry.cluster_name == "demo"));
        assert!(of_nodes(&cluster("CONFIG_MAP", None), &groups).is_empty());
    }
}
