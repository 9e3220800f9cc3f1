//! Calls on records return when they are in force; calls on real clusters don't wait.

use std::time::Duration;

use serde_json::{Value, json};

use super::ROLE;
use super::fake::World;
use crd::{Addon, EKSClusterConfig, FargateProfile, Nodegroup, Update};
use store::Kind;

/// Longer than a test may take.
const LONG: Duration = Duration::from_secs(600);

/// What the operator reports, as soon as the object is there.
async fn reported<K: Kind>(world: &World, name: Option<&str>, status: Value) {
    let plural = K::plural(&());
    let name = loop {
        match world.names(&plural).into_iter().find(|found| name.is_none_or(|name| name == found)) {
            Some(found) => break found,
            None => tokio::task::yield_now().await,
        }
    };
    world.edit::<K>(&name, |object| object["status"] = status).await;
}

#[tokio::test]
async fn records_are_in_force_when_the_call_returns() {
    let world = World::waiting(LONG).await;
    let begun = json!({"phase": "Creating", "provider": "metadata"});
    let (made, ()) = tokio::join!(world.create_cluster("c", json!({})), async {
        // Somebody who doesn't wait sees what there is meanwhile.
        while world.names("eksclusterconfigs").is_empty() {
            tokio::task::yield_now().await;
        }
        let now = world.call("DescribeCluster", json!({"name": "c"})).await.unwrap();
        assert_eq!(now["cluster"]["status"], "CREATING");
        // What the definition gives to whom nobody has looked at.
        world.edit::<EKSClusterConfig>("c", |object| object["status"] = json!({"observedGeneration": -1})).await;
        tokio::task::yield_now().await;
        reported::<EKSClusterConfig>(&world, Some("c"), begun).await;
        tokio::task::yield_now().await;
        reported::<EKSClusterConfig>(&world, Some("c"), json!({"phase": "Active", "provider": "metadata"})).await;
    });
    assert_eq!(made.unwrap()["cluster"]["status"], "ACTIVE");

    let active = || json!({"phase": "Active", "observedGeneration": 1});
    let group = json!({"clusterName": "c", "nodegroupName": "g", "nodeRole": ROLE, "subnets": []});
    let (made, ()) =
        tokio::join!(world.call("CreateNodegroup", group), reported::<Nodegroup>(&world, Some("c-g"), active()));
    assert_eq!(made.unwrap()["nodegroup"]["status"], "ACTIVE");
    let addon = json!({"clusterName": "c", "addonName": "coredns"});
    let (made, ()) = tokio::join!(world.call("CreateAddon", addon), reported::<Addon>(&world, None, active()));
    assert_eq!(made.unwrap()["addon"]["status"], "ACTIVE");
    let profile = json!({"clusterName": "c", "fargateProfileName": "f", "podExecutionRoleArn": ROLE,
        "selectors": [{"namespace": "a"}]});
    let (made, ()) =
        tokio::join!(world.call("CreateFargateProfile", profile), reported::<FargateProfile>(&world, None, active()));
    assert_eq!(made.unwrap()["fargateProfile"]["status"], "ACTIVE");
    let change = json!({"name": "c", "zonalShiftConfig": {"enabled": true}});
    let (made, ()) = tokio::join!(
        world.call("UpdateClusterConfig", change),
        reported::<Update>(&world, None, json!({"state": "Successful"}))
    );
    assert_eq!(made.unwrap()["update"]["status"], "Successful");
}

#[tokio::test]
async fn real_clusters_are_not_waited_for() {
    let world = World::waiting(LONG).await;
    let begun = json!({"phase": "Creating", "provider": "k3d"});
    let (made, ()) =
        tokio::join!(world.create_cluster("c", json!({})), reported::<EKSClusterConfig>(&world, Some("c"), begun));
    assert_eq!(made.unwrap()["cluster"]["status"], "CREATING");
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_away_is_not_waited_for() {
    let world = World::waiting(LONG).await;
    // It never said what it runs: a look is all that it gets.
    let made = tokio::time::timeout(Duration::from_secs(60), world.create_cluster("c", json!({}))).await.unwrap();
    assert_eq!(made.unwrap()["cluster"]["status"], "CREATING");
    // It runs real clusters, as it said of another one.
    world
        .edit::<EKSClusterConfig>("c", |object| object["status"] = json!({"phase": "Active", "provider": "k3d"}))
        .await;
    let begun = tokio::time::Instant::now();
    let made = tokio::time::timeout(Duration::from_secs(60), world.create_cluster("d", json!({}))).await.unwrap();
    assert_eq!(made.unwrap()["cluster"]["status"], "CREATING");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_record_that_stays_unfinished_is_answered_as_it_is() {
    let world = World::waiting(Duration::from_millis(10)).await;
    let made = world.create_cluster("c", json!({})).await.unwrap();
    assert_eq!(made["cluster"]["status"], "CREATING");
}
