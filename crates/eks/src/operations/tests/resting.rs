//! Clusters that are stopped: because somebody asked for it, or because nobody used them.

use serde_json::{Value, json};

use super::fake::World;
use super::{group, refusal};
use aws::error::ErrorCode;
use crd::{Addon, EKSClusterConfig};

#[tokio::test]
async fn a_cluster_that_sleeps_wakes_with_a_change() {
    let world = World::new().await;
    world.cluster("c").await;
    let asleep = |object: &mut Value| object["status"] = json!({"phase": "Stopped", "hibernated": "0123"});
    world.edit::<EKSClusterConfig>("c", asleep).await;
    world.call("CreateNodegroup", group("c", "g")).await.unwrap();
    let woken = || world.object("eksclusterconfigs", "c")["metadata"]["annotations"]["k3eks.io/wake"].clone();
    assert_eq!(woken(), Value::Null, "a node group does that by itself");
    world.call("CreateAddon", json!({"clusterName": "c", "addonName": "coredns"})).await.unwrap();
    let first = woken();
    assert!(first.is_string());
    world.active::<Addon>("c-coredns").await;
    let update = json!({"clusterName": "c", "addonName": "coredns", "resolveConflicts": "OVERWRITE"});
    world.call("UpdateAddon", update).await.unwrap();
    assert_ne!(woken(), first);
    world.call("UpdateClusterConfig", json!({"name": "c", "deletionProtection": true})).await.unwrap();
    world.edit::<EKSClusterConfig>("c", |object| object["status"] = json!({"phase": "Stopped"})).await;
    let refused = world.call("CreateAddon", json!({"clusterName": "c", "addonName": "kube-proxy"})).await;
    assert_eq!(refusal(refused).0, ErrorCode::INVALID_REQUEST);
}

#[tokio::test]
async fn of_a_cluster_that_was_stopped_what_is_only_kept_is_changed() {
    let world = World::new().await;
    world.cluster("c").await;
    let logging = json!({"name": "c", "logging": {"clusterLogging": [{"types": ["audit"], "enabled": true}]}});
    world.call("UpdateClusterConfig", logging.clone()).await.unwrap();
    world.edit::<EKSClusterConfig>("c", |object| object["status"] = json!({"phase": "Stopped"})).await;
    let spec = || world.object("eksclusterconfigs", "c")["spec"].clone();
    // An update that waits for the cluster's start is in the way of neither.
    for on in [true, false] {
        let change = json!({"name": "c", "deletionProtection": on});
        let update = world.call("UpdateClusterConfig", change).await.unwrap();
        assert_eq!(update["update"]["type"], "DeletionProtectionUpdate");
        assert_eq!(spec()["deletionProtection"], on);
    }
    let arn = "arn:aws:eks:us-east-1:000000000000:cluster/c";
    world.call("TagResource", json!({"resourceArn": arn, "tags": {"team": "web"}})).await.unwrap();
    assert_eq!(spec()["tags"], json!({"team": "web"}));
    let (code, text) = refusal(world.call("UpdateClusterConfig", logging).await);
    assert!(code == ErrorCode::INVALID_REQUEST && text.contains("it is stopped"), "{text}");
    // One that comes or goes takes nothing.
    let gone = |object: &mut Value| object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.edit::<EKSClusterConfig>("c", gone).await;
    let late = world.call("UpdateClusterConfig", json!({"name": "c", "deletionProtection": true})).await;
    assert_eq!(refusal(late).0, ErrorCode::INVALID_REQUEST);
}
