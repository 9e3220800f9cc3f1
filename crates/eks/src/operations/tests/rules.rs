//! Rules where they meet the world: which is asked first, and that what was refused leaves nothing behind.

use serde_json::{Value, json};

use super::fake::World;
use super::{MAKER, ROLE, association, group, refusal};
use aws::error::ErrorCode;
use crd::{Addon, EKSClusterConfig, FargateProfile, Nodegroup};

/// A role of an account that isn't the callers'.
const FOREIGN: &str = "arn:aws:iam::111122223333:role/r";

fn with(mut base: Value, more: &Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

fn profile(name: &str) -> Value {
    json!({"clusterName": "c", "fargateProfileName": name, "podExecutionRoleArn": ROLE, "selectors": [{"namespace": "a"}]})
}

#[tokio::test]
async fn a_role_is_looked_at_before_the_name() {
    let world = World::new().await;
    world.cluster("c").await;
    let addon = || json!({"clusterName": "c", "addonName": "vpc-cni"});
    let capability = || json!({"clusterName": "c", "capabilityName": "k", "type": "KRO", "roleArn": ROLE, "deletePropagationPolicy": "RETAIN"});
    let all = [
        ("CreateNodegroup", group("c", "g"), "nodeRole"),
        ("CreateFargateProfile", profile("p"), "podExecutionRoleArn"),
        ("CreateAddon", addon(), "serviceAccountRoleArn"),
        ("CreateCapability", capability(), "roleArn"),
        ("CreatePodIdentityAssociation", association("a", "b"), "roleArn"),
    ];
    for (operation, good, member) in &all {
        world.call(operation, good.clone()).await.unwrap();
        assert_eq!(refusal(world.call(operation, good.clone()).await).0, ErrorCode::RESOURCE_IN_USE, "{operation}");
        let (code, text) = refusal(world.call(operation, with(good.clone(), &json!({*member: "r"}))).await);
        assert_eq!((code, text.as_str()), (ErrorCode::INVALID_PARAMETER, "Invalid Role Arn: 'r'"), "{operation}");
        let (code, text) = refusal(world.call(operation, with(good.clone(), &json!({*member: FOREIGN}))).await);
        let own = *operation == "CreatePodIdentityAssociation";
        assert_eq!(code, if own { ErrorCode::INVALID_PARAMETER } else { ErrorCode::ACCESS_DENIED }, "{operation}");
        assert!(text.contains("000000000000"), "{text}");
    }
}

#[tokio::test]
async fn a_refused_change_of_roles_changes_nothing() {
    let world = World::new().await;
    world.cluster("c").await;
    let made = world
        .call("CreatePodIdentityAssociation", with(association("a", "b"), &json!({"targetRoleArn": FOREIGN})))
        .await;
    let id = made.unwrap()["association"]["associationId"].clone();
    let by_id = json!({"clusterName": "c", "associationId": id});
    let policy = r#"{"Statement":[]}"#;
    for bad in [
        json!({}),
        json!({"roleArn": FOREIGN}),
        json!({"roleArn": "r"}),
        json!({"targetRoleArn": "r"}),
        json!({"policy": policy}),
    ] {
        let refused = refusal(world.call("UpdatePodIdentityAssociation", with(by_id.clone(), &bad)).await);
        assert_eq!(refused.0, ErrorCode::INVALID_PARAMETER, "{bad}");
    }
    let now = world.call("DescribePodIdentityAssociation", by_id.clone()).await.unwrap();
    assert_eq!((&now["association"]["roleArn"], &now["association"]["targetRoleArn"]), (&json!(ROLE), &json!(FOREIGN)));
    let good = json!({"policy": policy, "disableSessionTags": true, "targetRoleArn": ""});
    let changed = world.call("UpdatePodIdentityAssociation", with(by_id, &good)).await.unwrap();
    assert_eq!(
        (&changed["association"]["policy"], &changed["association"]["targetRoleArn"]),
        (&json!(policy), &Value::Null)
    );

    let node = |role: &str| json!({"clusterName": "c", "addonName": "vpc-cni", "podIdentityAssociations": [{"serviceAccount": "aws-node", "roleArn": role}]});
    assert_eq!(refusal(world.call("CreateAddon", node(FOREIGN)).await).0, ErrorCode::INVALID_PARAMETER);
    assert_eq!((world.names("addons").len(), world.names("podidentityassociations").len()), (0, 1));
    world.call("CreateAddon", node(ROLE)).await.unwrap();
    world.active::<Addon>("c-vpc-cni").await;
    assert_eq!(refusal(world.call("UpdateAddon", node(FOREIGN)).await).0, ErrorCode::INVALID_PARAMETER);
    let owned = world
        .call("ListPodIdentityAssociations", json!({"clusterName": "c", "serviceAccount": "aws-node"}))
        .await
        .unwrap();
    let by_id = json!({"clusterName": "c", "associationId": owned["associations"][0]["associationId"]});
    let direct = world.call("UpdatePodIdentityAssociation", with(by_id, &json!({"roleArn": ROLE}))).await;
    assert_eq!(refusal(direct).0, ErrorCode::INVALID_REQUEST, "an addon's own is changed with the addon");
}

#[tokio::test]
async fn a_group_is_held_to_the_same_when_it_changes() {
    let world = World::new().await;
    world.cluster("c").await;
    let sizes = json!({"minSize": 1, "maxSize": 3, "desiredSize": 1});
    let made = with(
        group("c", "g"),
        &json!({"scalingConfig": sizes, "updateConfig": {"maxUnavailable": 2, "updateStrategy": "MINIMAL"}}),
    );
    world.call("CreateNodegroup", made).await.unwrap();
    world.active::<Nodegroup>("c-g").await;
    let change = |more: Value| with(json!({"clusterName": "c", "nodegroupName": "g"}), &more);
    for bad in [
        json!({"updateConfig": {}}),
        json!({"updateConfig": {"maxUnavailable": 4}}),
        json!({"updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 1}}),
        json!({"scalingConfig": {"maxSize": 1}}),
        json!({"labels": {"addOrUpdateLabels": {"kubernetes.io/a": "b"}}}),
        json!({"taints": {"addOrUpdateTaints": [{"key": "a b", "effect": "NO_SCHEDULE"}]}}),
        json!({"nodeRepairConfig": {"maxParallelNodesRepairedCount": 1, "maxParallelNodesRepairedPercentage": 1}}),
    ] {
        let refused = refusal(world.call("UpdateNodegroupConfig", change(bad.clone())).await);
        assert_eq!(refused.0, ErrorCode::INVALID_PARAMETER, "{bad}");
    }
    let old = refusal(world.call("UpdateNodegroupVersion", change(json!({"releaseVersion": "1.1.1-20250101"}))).await);
    assert!(old.1.starts_with("Requested release version 1.1.1-20250101"), "{}", old.1);
    assert_eq!(world.object("nodegroups", "c-g")["metadata"]["generation"], 1, "refused requests change nothing");
    world.call("UpdateNodegroupConfig", change(json!({"updateConfig": {"maxUnavailable": 3}}))).await.unwrap();
    let now = &world.object("nodegroups", "c-g")["spec"]["updateConfig"];
    assert_eq!(*now, json!({"maxUnavailable": 3, "updateStrategy": "MINIMAL"}), "what isn't given stays");
}

#[tokio::test]
async fn one_fargate_profile_comes_at_a_time_and_has_the_cluster_s_subnets() {
    let world = World::new().await;
    world.create_cluster("c", json!({"resourcesVpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}})).await.unwrap();
    world.active::<crd::EKSClusterConfig>("c").await;
    let made = world.call("CreateFargateProfile", profile("one")).await.unwrap();
    assert_eq!(made["fargateProfile"]["subnets"], json!(["subnet-1", "subnet-2"]));
    let (code, text) = refusal(world.call("CreateFargateProfile", profile("two")).await);
    assert_eq!(code, ErrorCode::RESOURCE_IN_USE);
    assert_eq!(
        text,
        "Cannot create Fargate Profile two because cluster c currently has Fargate profile one in status CREATING"
    );
    world.active::<FargateProfile>("c-one").await;
    world.call("CreateFargateProfile", profile("two")).await.unwrap();
    let named = |name: &str| json!({"clusterName": "c", "fargateProfileName": name});
    assert_eq!(refusal(world.call("DeleteFargateProfile", named("one")).await).0, ErrorCode::RESOURCE_IN_USE);
    world.call("DeleteFargateProfile", named("two")).await.unwrap();
    world.call("DeleteFargateProfile", named("one")).await.unwrap();
}

#[tokio::test]
async fn an_addon_that_is_only_coming_is_not_changed() {
    let world = World::new().await;
    world.cluster("c").await;
    world.call("CreateAddon", json!({"clusterName": "c", "addonName": "coredns"})).await.unwrap();
    let update = json!({"clusterName": "c", "addonName": "coredns", "configurationValues": "{\"replicaCount\": 1}"});
    let (code, text) = refusal(world.call("UpdateAddon", update.clone()).await);
    assert_eq!(code, ErrorCode::RESOURCE_IN_USE);
    assert_eq!(text, "Addon coredns cannot be updated as it is currently in CREATING state");
    world.active::<Addon>("c-coredns").await;
    let nothing = with(update.clone(), &json!({"configurationValues": "null"}));
    assert!(refusal(world.call("UpdateAddon", nothing).await).1.contains("null found, object expected"));
    world.call("UpdateAddon", update).await.unwrap();
}

#[tokio::test]
async fn a_template_s_version_is_a_number() {
    let world = World::new().await;
    world.cluster("c").await;
    for (name, template, number) in [
        ("none", json!({"id": "lt-1"}), "1"),
        ("default", json!({"id": "lt-1", "version": "$Default"}), "1"),
        ("third", json!({"id": "lt-1", "version": "3"}), "3"),
        ("latest", json!({"id": "lt-1", "version": "$Latest"}), "3"),
        ("other", json!({"name": "t", "version": "$Latest"}), "1"),
    ] {
        let made =
            world.call("CreateNodegroup", with(group("c", name), &json!({"launchTemplate": template}))).await.unwrap();
        assert_eq!(made["nodegroup"]["launchTemplate"]["version"], number, "{name}");
    }
    world.active::<Nodegroup>("c-none").await;
    let update =
        json!({"clusterName": "c", "nodegroupName": "none", "launchTemplate": {"id": "lt-1", "version": "$Latest"}});
    let update = world.call("UpdateNodegroupVersion", update).await.unwrap();
    assert!(
        update["update"]["params"]
            .as_array()
            .unwrap()
            .contains(&json!({"type": "LaunchTemplateVersion", "value": "3"}))
    );
}

#[tokio::test]
async fn tags_that_aws_gives_are_neither_given_nor_taken() {
    let world = World::new().await;
    world.cluster("c").await;
    let arn = "arn:aws:eks:us-east-1:000000000000:cluster/c";
    for (operation, bad, good) in [
        ("TagResource", json!({"tags": {"Aws:a": "b"}}), json!({"tags": {"a": "b"}})),
        ("UntagResource", json!({"tagKeys": ["aws:a"]}), json!({"tagKeys": ["a"]})),
    ] {
        let of = |more: &Value| with(json!({"resourceArn": arn}), more);
        assert_eq!(refusal(world.call(operation, of(&bad)).await).0, ErrorCode::BAD_REQUEST, "{operation}");
        world.call(operation, of(&good)).await.unwrap();
    }
    let foreign = json!({"resourceArn": arn.replace("000000000000", "111122223333"), "tags": {"a": "b"}});
    assert_eq!(refusal(world.call("TagResource", foreign).await).0, ErrorCode::NOT_FOUND);
}

#[tokio::test]
async fn an_account_has_room_for_so_much_and_takes_none_of_anothers() {
    let world = World::with_room_for(1).await;
    world.create_cluster("c", json!({"accessConfig": {"authenticationMode": "API"}})).await.unwrap();
    world.active::<EKSClusterConfig>("c").await;
    let entry = |number: usize, groups: usize| {
        let groups: Vec<String> = (0..groups).map(|group| format!("{group:060}")).collect();
        json!({"clusterName": "c", "principalArn": format!("arn:aws:iam::000000000000:role/r{number}"),
            "kubernetesGroups": groups})
    };
    let mut made = 0;
    let full = loop {
        match world.call("CreateAccessEntry", entry(made, 1500)).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 20, "there is no end");
    };
    assert_eq!(full.code(), ErrorCode::RESOURCE_LIMIT_EXCEEDED);
    assert!(full.message().contains("quota of 1 MiB"), "{full}");
    assert!(made >= 9, "{made} entries of 95 KiB");
    // Nor do things grow that are there; they shrink, and go.
    world.call("CreateAccessEntry", entry(50, 0)).await.unwrap();
    assert_eq!(refusal(world.call("UpdateAccessEntry", entry(50, 1500)).await).0, ErrorCode::RESOURCE_LIMIT_EXCEEDED);
    let other = "arn:aws:iam::111122223333:role/other";
    let theirs = json!({"name": "c", "roleArn": "arn:aws:iam::111122223333:role/r", "resourcesVpcConfig": {}});
    world.call_as(other, "CreateCluster", theirs).await.unwrap();
    world.call("UpdateAccessEntry", entry(0, 0)).await.unwrap();
    world.call_as(MAKER, "UpdateAccessEntry", entry(50, 1500)).await.unwrap();
}
