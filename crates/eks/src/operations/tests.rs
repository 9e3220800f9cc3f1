mod fake;
mod resting;
mod rules;
mod settling;

use fake::{MAKER, World};
use serde_json::{Value, json};

use super::handlers;
use aws::error::{ApiError, ErrorCode};
use crd::{Addon, ClusterInsights, EKSClusterConfig, Nodegroup};

/// A role of the callers' account.
const ROLE: &str = "arn:aws:iam::000000000000:role/r";

fn refusal(result: Result<Value, ApiError>) -> (ErrorCode, String) {
    let error = result.unwrap_err();
    (error.code(), error.message().to_owned())
}

fn group(cluster: &str, name: &str) -> Value {
    json!({"clusterName": cluster, "nodegroupName": name, "nodeRole": ROLE, "subnets": []})
}

fn association(namespace: &str, account: &str) -> Value {
    json!({"clusterName": "c", "namespace": namespace, "serviceAccount": account, "roleArn": ROLE})
}

#[test]
fn every_handler_is_of_an_operation_that_the_api_has() {
    assert!(handlers().unknown(crate::model::eks()).is_empty());
    assert!(handlers().missing(crate::model::eks()).is_empty(), "and every operation has one");
}

#[tokio::test]
async fn names_that_come_to_one_text_are_all_to_be_had() {
    let world = World::new().await;
    for (cluster, name) in [("dev", "eu-workers"), ("dev-eu", "workers")] {
        world.cluster(cluster).await;
        world.call("CreateNodegroup", group(cluster, name)).await.unwrap();
        let (code, _) = refusal(world.call("CreateNodegroup", group(cluster, name)).await);
        assert_eq!(code, ErrorCode::RESOURCE_IN_USE);
    }
    assert_eq!(world.names("nodegroups").len(), 2);
    for (cluster, name) in [("dev", "eu-web"), ("dev-eu", "web")] {
        let profile = json!({"clusterName": cluster, "fargateProfileName": name, "podExecutionRoleArn": ROLE,
            "selectors": [{"namespace": "a"}]});
        world.call("CreateFargateProfile", profile).await.unwrap();
    }
    assert_eq!(world.names("fargateprofiles").len(), 2);
    world.cluster("c").await;
    for (namespace, account) in [("prod", "api-worker"), ("prod-api", "worker"), ("a-b", "c"), ("a", "b.c")] {
        world.call("CreatePodIdentityAssociation", association(namespace, account)).await.unwrap();
    }
    let (code, _) = refusal(world.call("CreatePodIdentityAssociation", association("prod-api", "worker")).await);
    assert_eq!(code, ErrorCode::RESOURCE_IN_USE);
    let all = world.call("ListPodIdentityAssociations", json!({"clusterName": "c"})).await.unwrap();
    assert_eq!(all["associations"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn what_a_former_cluster_left_behind_is_not_seen_and_gives_way() {
    let world = World::new().await;
    world.cluster("c").await;
    world.call("CreatePodIdentityAssociation", association("a", "b")).await.unwrap();
    world.call("CreateAddon", json!({"clusterName": "c", "addonName": "coredns"})).await.unwrap();
    let change = json!({"name": "c", "zonalShiftConfig": {"enabled": true}});
    let update = world.call("UpdateClusterConfig", change).await;
    let update = update.unwrap()["update"]["id"].clone();
    let end = |object: &mut Value| object["status"] = json!({"state": "Successful"});
    world.edit::<crd::Update>(update.as_str().unwrap(), end).await;
    world.call("DeleteCluster", json!({"name": "c"})).await.unwrap();

    world.cluster("c").await;
    let listed = world.call("ListAddons", json!({"clusterName": "c"})).await.unwrap();
    assert_eq!(listed["addons"], json!([]));
    assert_eq!(world.call("ListUpdates", json!({"name": "c"})).await.unwrap()["updateIds"], json!([]));
    world.call("CreateAddon", json!({"clusterName": "c", "addonName": "coredns"})).await.unwrap();
    world.call("CreatePodIdentityAssociation", association("a", "b")).await.unwrap();
    let uid = world.object("eksclusterconfigs", "c")["metadata"]["uid"].clone();
    assert_eq!(world.object("addons", "c-coredns")["metadata"]["ownerReferences"][0]["uid"], uid);
    assert_eq!(world.object("podidentityassociations", "c-a-b")["metadata"]["ownerReferences"][0]["uid"], uid);
}

#[tokio::test]
async fn a_create_that_was_interrupted_is_completed_by_the_same_request() {
    let world = World::new().await;
    let more = || json!({"clientRequestToken": "t", "accessConfig": {"authenticationMode": "API"}});
    world.refuse("accessentries");
    assert_eq!(refusal(world.create_cluster("c", more()).await).0, ErrorCode::SERVICE_UNAVAILABLE);
    world.active::<EKSClusterConfig>("c").await;
    assert_eq!(world.names("accessentries").len(), 0);
    let request = json!({"name": "c", "roleArn": ROLE, "resourcesVpcConfig": {},
        "clientRequestToken": "t", "accessConfig": {"authenticationMode": "API"}});
    world.call_as("arn:aws:iam::000000000000:role/other", "CreateCluster", request).await.unwrap();
    let entries = world.call("ListAccessEntries", json!({"clusterName": "c"})).await.unwrap();
    assert_eq!(entries["accessEntries"], json!([MAKER]), "of who made it, whoever asks");

    let addon = json!({"clusterName": "c", "addonName": "vpc-cni", "clientRequestToken": "u",
        "podIdentityAssociations": [{"serviceAccount": "aws-node", "roleArn": ROLE}]});
    world.refuse("podidentityassociations");
    assert_eq!(refusal(world.call("CreateAddon", addon.clone()).await).0, ErrorCode::SERVICE_UNAVAILABLE);
    let made = world.call("CreateAddon", addon).await.unwrap();
    assert_eq!(made["addon"]["podIdentityAssociations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_authentication_mode_lets_the_creator_in() {
    let world = World::new().await;
    world.cluster("c").await;
    let mode = |mode: &str| json!({"name": "c", "accessConfig": {"authenticationMode": mode}});
    let other = "arn:aws:iam::000000000000:role/other";
    let (code, text) = refusal(world.call_as(other, "UpdateClusterConfig", mode("API")).await);
    assert_eq!((code, world.names("accessentries").len()), (ErrorCode::INVALID_PARAMETER, 0));
    assert_eq!(text, "Unsupported authentication mode update from CONFIG_MAP to API");
    world.call_as(other, "UpdateClusterConfig", mode("API_AND_CONFIG_MAP")).await.unwrap();
    let entries = world.call("ListAccessEntries", json!({"clusterName": "c"})).await.unwrap();
    assert_eq!(entries["accessEntries"], json!([MAKER]));
}

#[tokio::test]
async fn node_groups_that_come_or_go_are_not_changed() {
    let world = World::new().await;
    world.cluster("c").await;
    world.call("CreateNodegroup", group("c", "g")).await.unwrap();
    let change = || json!({"clusterName": "c", "nodegroupName": "g", "labels": {"addOrUpdateLabels": {"a": "b"}}});
    let not_active = "Nodegroup cannot be updated as it is currently not in Active State".to_owned();
    let refused = refusal(world.call("UpdateNodegroupConfig", change()).await);
    assert_eq!(refused, (ErrorCode::RESOURCE_IN_USE, not_active.clone()));
    world.active::<Nodegroup>("c-g").await;
    let going = |object: &mut Value| object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.call("UpdateNodegroupConfig", change()).await.unwrap();
    world.edit::<Nodegroup>("c-g", going).await;
    let version = json!({"clusterName": "c", "nodegroupName": "g"});
    let refused = refusal(world.call("UpdateNodegroupVersion", version).await);
    assert_eq!(refused, (ErrorCode::RESOURCE_IN_USE, not_active));
}

#[tokio::test]
async fn each_update_has_an_id_of_its_own_though_the_spec_stays() {
    let world = World::new().await;
    world.cluster("c").await;
    world.call("CreateAddon", json!({"clusterName": "c", "addonName": "vpc-cni"})).await.unwrap();
    world.active::<Addon>("c-vpc-cni").await;
    let named = json!({"clusterName": "c", "addonName": "vpc-cni"});
    let mut ids = std::collections::BTreeSet::new();
    for role in ["a", "b", "c"] {
        let mut input = named.clone();
        let role = format!("arn:aws:iam::000000000000:role/{role}");
        input["podIdentityAssociations"] = json!([{"serviceAccount": "aws-node", "roleArn": role}]);
        let update = world.call("UpdateAddon", input).await.unwrap()["update"].clone();
        assert_eq!(world.call("DescribeAddon", named.clone()).await.unwrap()["addon"]["status"], "UPDATING");
        let id = update["id"].as_str().unwrap().to_owned();
        assert_eq!(world.object("updates", &id)["spec"]["generation"], 1);
        world.edit::<crd::Update>(&id, |update| update["status"] = json!({"state": "Successful"})).await;
        assert_eq!(world.call("DescribeAddon", named.clone()).await.unwrap()["addon"]["status"], "ACTIVE");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn an_upgrade_that_failed_is_begun_again_only_if_it_may_be() {
    let world = World::new().await;
    world.cluster("c").await;
    let failed = |phase: &'static str| {
        move |object: &mut Value| {
            object["spec"]["kubernetesVersion"] = json!("1.36");
            object["status"] = json!({"phase": phase, "version": "1.35"});
        }
    };
    let generation = || world.object("eksclusterconfigs", "c")["metadata"]["generation"].clone();
    world.edit::<EKSClusterConfig>("c", failed("Failed")).await;
    let upgrade = json!({"name": "c", "version": "1.36"});
    assert_eq!(refusal(world.call("UpdateClusterVersion", upgrade.clone()).await).0, ErrorCode::INVALID_REQUEST);
    assert_eq!(generation(), 1, "a refused request changes nothing");
    world.edit::<EKSClusterConfig>("c", failed("Active")).await;
    world.call("UpdateClusterVersion", upgrade.clone()).await.unwrap();
    assert_eq!((generation(), world.names("updates").len()), (json!(3), 1));
    let (code, text) = refusal(world.call("UpdateClusterVersion", upgrade).await);
    assert!(code == ErrorCode::RESOURCE_IN_USE && text.contains("in progress"), "{text}");
    assert_eq!(generation(), 3);
}

#[tokio::test]
async fn what_would_take_the_memory_of_others_is_not_kept() {
    let world = World::new().await;
    let access = json!({"accessConfig": {"authenticationMode": "API"}});
    world.create_cluster("c", access).await.unwrap();
    world.active::<EKSClusterConfig>("c").await;
    let entry = |many: usize| {
        let groups: Vec<String> = (0..many).map(|number| format!("group-{number:054}")).collect();
        json!({"clusterName": "c", "principalArn": "arn:aws:iam::000000000000:role/ann", "kubernetesGroups": groups})
    };
    let (code, text) = refusal(world.call("CreateAccessEntry", entry(4_000)).await);
    assert_eq!(code, ErrorCode::INVALID_PARAMETER);
    assert!(text.contains("128 KiB are the most"), "{text}");
    world.call("CreateAccessEntry", entry(100)).await.unwrap();
    let grown = world.call("UpdateAccessEntry", entry(4_000)).await;
    assert!(refusal(grown).1.contains("128 KiB are the most"));
}

#[tokio::test]
async fn a_cluster_that_is_let_go_is_being_deleted() {
    let world = World::new().await;
    let connector = json!({"roleArn": "arn:aws:iam::000000000000:role/r", "provider": "OTHER"});
    world.call("RegisterCluster", json!({"name": "far", "connectorConfig": connector})).await.unwrap();
    let gone = world.call("DeregisterCluster", json!({"name": "far"})).await.unwrap();
    assert_eq!(gone["cluster"]["status"], "DELETING");
}

#[tokio::test]
async fn every_operation_on_access_entries_needs_a_mode_that_knows_them() {
    let world = World::new().await;
    world.cluster("c").await;
    let who = json!({"clusterName": "c", "principalArn": "arn:aws:iam::000000000000:role/ann"});
    let with = |more: Value| {
        let mut input = who.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    for (operation, input) in [
        ("CreateAccessEntry", with(json!({}))),
        ("DescribeAccessEntry", with(json!({}))),
        ("ListAccessEntries", json!({"clusterName": "c"})),
        ("UpdateAccessEntry", with(json!({"kubernetesGroups": ["a"]}))),
        ("DeleteAccessEntry", with(json!({}))),
        ("AssociateAccessPolicy", with(json!({"policyArn": policy, "accessScope": {"type": "cluster"}}))),
        ("DisassociateAccessPolicy", with(json!({"policyArn": policy}))),
        ("ListAssociatedAccessPolicies", with(json!({}))),
    ] {
        let (code, text) = refusal(world.call(operation, input).await);
        assert_eq!(code, ErrorCode::INVALID_REQUEST, "{operation}");
        assert!(text.contains("[API, API_AND_CONFIG_MAP]"), "{operation}: {text}");
    }
}

#[tokio::test]
async fn updates_of_clusters_are_checked_as_their_creation_is() {
    let world = World::new().await;
    let mode = json!({"accessConfig": {"authenticationMode": "API"}});
    world.create_cluster("c", mode).await.unwrap();
    world.active::<EKSClusterConfig>("c").await;
    let vpc = |config: Value| json!({"resourcesVpcConfig": config});
    let auto = |compute: Value, others: bool| {
        json!({"computeConfig": compute, "storageConfig": {"blockStorage": {"enabled": others}},
            "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": others}}})
    };
    let role = "arn:aws:iam::000000000000:role/auto";
    let remote = |cidr: &str| json!({"remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": [cidr]}]}});
    for (wrong, words) in [
        (json!({}), "The type for cluster update was not provided."),
        (vpc(json!({"publicAccessCidrs": ["invalid-block"]})), "invalid in publicAccessCidrs: [invalid-block]"),
        (vpc(json!({"subnetIds": ["nosub"]})), "The subnet ID 'nosub' does not exist"),
        (vpc(json!({"subnetIds": ["subnet-a"]})), "at least two different AZs"),
        (vpc(json!({"securityGroupIds": ["sg-1", "sg-2", "sg-3", "sg-4", "sg-5"]})), "At most 4"),
        (vpc(json!({"endpointPublicAccess": false})), "cannot be false"),
        (json!({"computeConfig": {"enabled": true}}), "fully enabled or fully disabled"),
        (auto(json!({"enabled": false}), true), "fully enabled or fully disabled"),
        (auto(json!({"enabled": true, "nodeRoleArn": role}), true), "nodePool value(s) must be provided"),
        (auto(json!({"enabled": true, "nodePools": ["system"]}), true), "cannot be populated"),
        (
            json!({"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.1.0.0/16",
            "elasticLoadBalancing": {"enabled": false, "gatewayApi": {"crds": {"managed": true}}}}}),
            "serviceIpv4Cidr",
        ),
        (remote("8.8.8.0/24"), "must be within"),
    ] {
        let mut input = json!({"name": "c"});
        input.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (code, text) = refusal(world.call("UpdateClusterConfig", input).await);
        assert!(code == ErrorCode::INVALID_PARAMETER && text.contains(words), "{wrong}: {text}");
    }
    let on = auto(json!({"enabled": true, "nodePools": ["system"], "nodeRoleArn": role}), true);
    let other = auto(json!({"enabled": true, "nodePools": ["system"], "nodeRoleArn": format!("{role}2")}), true);
    for (right, kind) in [
        (vpc(json!({"publicAccessCidrs": ["203.0.113.5/32"]})), "EndpointAccessUpdate"),
        (vpc(json!({"subnetIds": ["subnet-a", "subnet-b"], "securityGroupIds": ["sg-1"]})), "VpcConfigUpdate"),
        (on, "AutoModeUpdate"),
        (remote("10.200.0.0/16"), "RemoteNetworkConfigUpdate"),
    ] {
        let mut input = json!({"name": "c"});
        input.as_object_mut().unwrap().extend(right.as_object().unwrap().clone());
        let update = world.call("UpdateClusterConfig", input).await.unwrap()["update"].clone();
        assert_eq!(update["type"], kind);
        let end = |update: &mut Value| update["status"] = json!({"state": "Successful"});
        world.edit::<crd::Update>(update["id"].as_str().unwrap(), end).await;
    }
    let mut input = json!({"name": "c"});
    input.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    assert!(
        refusal(world.call("UpdateClusterConfig", input).await).1.contains("can not be changed"),
        "the nodes' role"
    );
}

#[tokio::test]
async fn an_update_is_of_one_thing_that_is_there() {
    let world = World::new().await;
    world.cluster("c").await;
    world.call("CreateNodegroup", group("c", "g")).await.unwrap();
    let list = |target: Value| {
        let mut input = json!({"name": "c"});
        input.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        world.call("ListUpdates", input)
    };
    assert_eq!(list(json!({})).await.unwrap()["updateIds"], json!([]));
    assert_eq!(list(json!({"nodegroupName": "g"})).await.unwrap()["updateIds"], json!([]));
    let (code, text) = refusal(list(json!({"nodegroupName": "h"})).await);
    assert_eq!((code, text.as_str()), (ErrorCode::RESOURCE_NOT_FOUND, "No node group found for name: h."));
    assert_eq!(refusal(list(json!({"addonName": "coredns"})).await).0, ErrorCode::RESOURCE_NOT_FOUND);
    let both = json!({"nodegroupName": "g", "addonName": "coredns"});
    assert_eq!(refusal(list(both).await).0, ErrorCode::INVALID_PARAMETER);
}

#[tokio::test]
async fn a_cluster_goes_on_once_its_node_groups_are_where_it_is() {
    let world = World::new().await;
    world.cluster("c").await;
    world.call("CreateNodegroup", group("c", "behind")).await.unwrap();
    let at = |version: &'static str| {
        move |object: &mut Value| {
            object["status"] = json!({"phase": "Active", "observedGeneration": 1, "version": version});
        }
    };
    world.edit::<Nodegroup>("c-behind", at("1.30")).await;
    let running = world.call("DescribeCluster", json!({"name": "c"})).await.unwrap()["cluster"]["version"].clone();
    let running = running.as_str().unwrap().to_owned();
    let next = format!("1.{}", crd::names::minor(&running).unwrap() + 1);
    let upgrade = json!({"name": "c", "version": next});
    let (code, text) = refusal(world.call("UpdateClusterVersion", upgrade.clone()).await);
    let words = format!("Nodegroups behind must be updated to match cluster version {running} before");
    assert!(code == ErrorCode::INVALID_REQUEST && text.contains(&words), "{text}");
    let running: &'static str = Box::leak(running.into_boxed_str());
    world.edit::<Nodegroup>("c-behind", at(running)).await;
    world.call("UpdateClusterVersion", upgrade).await.unwrap();
}

#[tokio::test]
async fn an_insight_that_is_an_error_holds_up_an_upgrade_that_isn_t_forced() {
    let world = World::new().await;
    world.cluster("c").await;
    let running = world.call("DescribeCluster", json!({"name": "c"})).await.unwrap()["cluster"]["version"].clone();
    let next = format!("1.{}", crd::names::minor(running.as_str().unwrap()).unwrap() + 1);
    world.call("StartInsightsRefresh", json!({"clusterName": "c"})).await.unwrap();
    let insights = world.names("clusterinsights").remove(0);
    let found = |version: &str, status: &str| {
        let insights = json!([{"name": "a", "kubernetesVersion": version, "status": status}]);
        move |object: &mut Value| object["status"] = json!({"insights": insights})
    };
    let upgrade = |more: Value| {
        let mut request = json!({"name": "c", "version": next});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    world.edit::<ClusterInsights>(&insights, found(&next, "ERROR")).await;
    let (code, text) = refusal(world.call("UpdateClusterVersion", upgrade(json!({}))).await);
    assert!(code == ErrorCode::INVALID_STATE && text.starts_with("Upgrade readiness issues detected"), "{text}");
    let late = upgrade(json!({"force": true, "rollbackConfig": {"timeoutMinutes": 60}}));
    assert_eq!(refusal(world.call("UpdateClusterVersion", late).await).0, ErrorCode::INVALID_PARAMETER);
    for (version, status) in [(next.as_str(), "WARNING"), ("1.99", "ERROR")] {
        let other = World::new().await;
        other.cluster("c").await;
        other.call("StartInsightsRefresh", json!({"clusterName": "c"})).await.unwrap();
        let insights = other.names("clusterinsights").remove(0);
        other.edit::<ClusterInsights>(&insights, found(version, status)).await;
        other.call("UpdateClusterVersion", upgrade(json!({}))).await.unwrap();
    }
    let forced = upgrade(json!({"force": true, "rollbackConfig": {"timeoutMinutes": 120}}));
    world.call("UpdateClusterVersion", forced).await.unwrap();
}
