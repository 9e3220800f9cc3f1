use kube::ResourceExt;
use serde_json::json;

use super::*;
use aws::sigv4::Key;
use crd::keys;

fn cluster(access: serde_json::Value, creator: Option<&str>) -> EKSClusterConfig {
    let mut cluster: EKSClusterConfig = serde_json::from_value(json!({
        "apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig",
        "metadata": {"name": "demo", "namespace": "default"}, "spec": {"accessConfig": access},
    }))
    .unwrap();
    if let Some(creator) = creator {
        cluster.annotations_mut().insert(keys::ANNOTATION_CREATOR.into(), creator.into());
    }
    cluster
}

fn principal(arn: &str) -> Principal {
    Principal::of(&Key::new("AKIA1", "s", "000000000000", arn))
}

#[test]
fn the_creator_is_an_administrator_unless_entries_say_so_instead() {
    let (root, ann) = ("arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:user/ann");
    assert!(is_creator(&cluster(json!(null), None), &principal(root)));
    assert!(!is_creator(&cluster(json!(null), None), &principal(ann)));
    assert!(is_creator(&cluster(json!(null), Some(ann)), &principal(ann)));
    assert!(!is_creator(&cluster(json!(null), Some(ann)), &principal(root)));
    assert!(!is_creator(&cluster(json!({"authenticationMode": "API"}), Some(ann)), &principal(ann)));
    for mode in ["API", "API_AND_CONFIG_MAP"] {
        for creator in [None, Some(root)] {
            assert!(!is_creator(&cluster(json!({"authenticationMode": mode}), creator), &principal(root)), "{mode}");
        }
    }
    let refused = json!({"bootstrapClusterCreatorAdminPermissions": false});
    assert!(!is_creator(&cluster(refused, Some(ann)), &principal(ann)));
}

#[test]
fn an_entry_of_another_role_of_the_same_name_lets_nobody_in() {
    let entry_of = |arn: &str| {
        let spec = serde_json::from_value(json!({"clusterName": "demo", "principalArn": arn})).unwrap();
        vec![Arc::new(AccessEntry::new("e", spec))]
    };
    let role = |arn: &str| {
        let session = "arn:aws:sts::000000000000:assumed-role/own/me";
        Principal::of(&Key::new("ASIA1", "s", "000000000000", session).temporary("t", SystemTime::now()).of_role(arn))
    };
    let (own, other) = ("arn:aws:iam::000000000000:role/own", "arn:aws:iam::000000000000:role/x/own");
    assert!(find_entry(&entry_of(own), &role(own)).is_some() && find_entry(&entry_of(other), &role(other)).is_some());
    assert!(find_entry(&entry_of(own), &role(other)).is_none() && find_entry(&entry_of(other), &role(own)).is_none());
    assert!(!is_creator(&cluster(json!(null), Some(own)), &role(other)));
}

#[test]
fn whoever_has_the_role_of_nodes_is_none_of_them() {
    let spec =
        json!({"clusterName": "demo", "principalArn": "arn:aws:iam::000000000000:role/nodes", "type": "EC2_LINUX"});
    let entry = AccessEntry::new("e", serde_json::from_value(spec).unwrap());
    let session = "arn:aws:sts::000000000000:assumed-role/nodes/k3d-workers-0";
    let who = principal(session);
    let as_node = User { name: who.render(&entry.spec.username()), groups: entry.spec.groups() };
    let refusal = refuse_instance(as_node, &who).unwrap_err().to_string();
    assert!(refusal.contains("is a node role"), "{refusal}");
    let other = User { name: who.render("{{SessionName}}"), groups: Vec::new() };
    assert_eq!(refuse_instance(other.clone(), &who).unwrap(), other);
}
