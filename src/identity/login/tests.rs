use serde_json::json;

use super::*;
use crate::eks::sigv4::Key;

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
    assert!(is_creator(&cluster(json!({"authenticationMode": "API"}), Some(root)), &principal(root)));
    let refused = json!({"bootstrapClusterCreatorAdminPermissions": false});
    assert!(!is_creator(&cluster(refused, Some(ann)), &principal(ann)));
}
