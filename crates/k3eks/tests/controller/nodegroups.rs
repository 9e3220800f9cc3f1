//! Node groups: with a cluster and without, inline and of their own, scaled from inside and outside.

use serde_json::{Value, json};

use crate::bed::{Bed, condition, run};

async fn ready(bed: &Bed, name: &str, count: i64) -> Value {
    let all = |o: Option<&Value>| {
        o.is_some_and(|o| o["status"]["phase"] == "Active" && o["status"]["readyReplicas"] == count)
    };
    bed.until(&format!("{count} Ready nodes"), "Nodegroup", name, all).await
}

#[tokio::test]
async fn a_node_group_without_a_cluster_waits_and_says_so_until_there_is_one() {
    run("waits", async |bed| {
        bed.nodegroup("own", "demo", 2).await;
        let message = bed.reason("Nodegroup", "own", "WaitingForCluster").await;
        assert!(message.contains(&format!("{}/demo", bed.namespace)) && message.contains("doesn't exist"), "{message}");
        bed.cluster("demo", json!({})).await;
        let group = ready(bed, "own", 2).await;
        assert_eq!(group["status"]["observedGeneration"], group["metadata"]["generation"]);
        assert_eq!(group["status"]["selector"], "eks.amazonaws.com/nodegroup=own");
        assert_eq!(group["status"]["nodes"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_node_group_whose_cluster_is_gone_is_not_stuck() {
    run("gone", async |bed| {
        bed.nodegroup("own", "demo", 1).await;
        bed.reason("Nodegroup", "own", "WaitingForCluster").await;
        bed.delete("Nodegroup", "own").await;
        bed.gone("Nodegroup", "own").await;
    })
    .await;
}

#[tokio::test]
async fn nodes_come_and_go_with_the_size_and_die_without_leaving_a_node_object() {
    run("scale", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 3).await;
        ready(bed, "own", 3).await;
        bed.nodegroup("own", "demo", 1).await;
        ready(bed, "own", 1).await;
        let last = bed.world.nodes_of(&bed.id("demo"), "own").remove(0);
        bed.world.lose_node(&bed.id("demo"), &last);
        let replaced = |o: Option<&Value>| {
            o.is_some_and(|o| o["status"]["readyReplicas"] == 1 && o["status"]["nodes"][0]["name"] != last.as_str())
        };
        bed.until("another node", "Nodegroup", "own", replaced).await;
        bed.nodegroup("own", "demo", 0).await;
        ready(bed, "own", 0).await;
        assert!(bed.world.nodes_of(&bed.id("demo"), "own").is_empty());
    })
    .await;
}

#[tokio::test]
async fn of_too_many_nodes_the_least_busy_one_goes() {
    run("least-busy", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 3).await;
        ready(bed, "own", 3).await;
        let id = bed.id("demo");
        let names = bed.world.nodes_of(&id, "own");
        bed.world.occupy(&id, &names[0]);
        bed.world.occupy(&id, &names[2]);
        bed.nodegroup("own", "demo", 2).await;
        ready(bed, "own", 2).await;
        assert_eq!(bed.world.nodes_of(&id, "own"), [names[0].clone(), names[2].clone()]);
    })
    .await;
}

#[tokio::test]
async fn of_two_groups_with_one_name_the_younger_waits() {
    run("twins", async |bed| {
        bed.cluster("demo", json!({})).await;
        let spec = json!({"clusterName": "demo", "nodegroupName": "workers",
            "scalingConfig": {"minSize": 0, "maxSize": 3, "desiredSize": 1}});
        bed.try_apply("Nodegroup", "first", spec.clone()).await.unwrap();
        ready(bed, "first", 1).await;
        bed.try_apply("Nodegroup", "second", spec).await.unwrap();
        let message = bed.reason("Nodegroup", "second", "Conflict").await;
        assert!(message.contains("first"), "{message}");
        bed.delete("Nodegroup", "second").await;
        bed.gone("Nodegroup", "second").await;
        assert_eq!(bed.world.nodes_of(&bed.id("demo"), "workers").len(), 1, "the first keeps its node");
    })
    .await;
}

#[tokio::test]
async fn inline_groups_follow_their_entries_null_leaves_them_and_an_empty_list_takes_them_away() {
    run("inline", async |bed| {
        let spec = |groups: Value| json!({"nodeGroups": groups});
        bed.cluster("demo", spec(json!([{"nodegroupName": "a", "desiredSize": 1}, {"nodegroupName": "b"}]))).await;
        ready(bed, "demo-a", 1).await;
        ready(bed, "demo-b", 2).await;
        // Changed.
        bed.cluster("demo", spec(json!([{"nodegroupName": "a", "desiredSize": 2, "labels": {"x": "y"}}]))).await;
        let group = ready(bed, "demo-a", 2).await;
        assert_eq!(group["spec"]["labels"], json!({"x": "y"}));
        bed.gone("Nodegroup", "demo-b").await;
        // Null.
        bed.cluster("demo", json!({"nodeGroups": null, "tags": {"seen": "1"}})).await;
        let seen =
            |o: Option<&Value>| o.is_some_and(|o| o["status"]["observedGeneration"] == o["metadata"]["generation"]);
        bed.until("the change to be seen", "EKSClusterConfig", "demo", seen).await;
        ready(bed, "demo-a", 2).await;
        // None.
        bed.nodegroup("own", "demo", 1).await;
        ready(bed, "own", 1).await;
        bed.cluster("demo", spec(json!([]))).await;
        bed.gone("Nodegroup", "demo-a").await;
        ready(bed, "own", 1).await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_asks_for_what_can_t_be_is_told_in_the_cluster_s_status_until_it_is_right() {
    run("impossible", async |bed| {
        let entry =
            |kind: &str| json!({"nodeGroups": [{"nodegroupName": "a", "desiredSize": 1, "instanceType": kind}]});
        bed.cluster("demo", entry("t3.medium")).await;
        ready(bed, "demo-a", 1).await;
        bed.cluster("demo", entry("t3.large")).await;
        let message = bed.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        assert!(message.contains("demo-a") && message.contains("instanceTypes can't be changed"), "{message}");
        bed.cluster("demo", entry("t3.medium")).await;
        let well = |o: Option<&Value>| o.is_some_and(|o| condition(o, "Ready")["status"] == "True");
        bed.until("all well", "EKSClusterConfig", "demo", well).await;
    })
    .await;
}

#[tokio::test]
async fn an_inline_group_that_was_scaled_from_outside_keeps_its_size_until_the_entry_s_own_changes() {
    run("outside", async |bed| {
        let entry = |desired: i32, label: &str| {
            json!({"nodeGroups": [{"nodegroupName": "a", "desiredSize": desired, "maxSize": 5, "labels": {"v": label}}]})
        };
        bed.cluster("demo", entry(1, "1")).await;
        ready(bed, "demo-a", 1).await;
        bed.merge("Nodegroup", "demo-a", json!({"spec": {"scalingConfig": {"desiredSize": 3}}})).await;
        ready(bed, "demo-a", 3).await;
        bed.cluster("demo", entry(1, "2")).await;
        let label = |o: Option<&Value>| o.is_some_and(|o| o["spec"]["labels"]["v"] == "2");
        let group = bed.until("the new label", "Nodegroup", "demo-a", label).await;
        assert_eq!(group["spec"]["scalingConfig"]["desiredSize"], 3, "left to whoever scaled it");
        bed.cluster("demo", entry(2, "2")).await;
        ready(bed, "demo-a", 2).await;
    })
    .await;
}

#[tokio::test]
async fn a_group_that_is_newer_than_its_cluster_is_refused_with_both_versions() {
    run("newer", async |bed| {
        bed.cluster("demo", json!({"kubernetesVersion": "1.34"})).await;
        bed.phase("EKSClusterConfig", "demo", "Active").await;
        bed.try_apply("Nodegroup", "own", json!({"clusterName": "demo", "version": "1.35"})).await.unwrap();
        let message = bed.reason("Nodegroup", "own", "InvalidSpec").await;
        assert!(message.contains("1.35") && message.contains("1.34"), "{message}");
        assert_eq!(bed.world.count("create_nodes"), 0);
        bed.delete("Nodegroup", "own").await;
        bed.gone("Nodegroup", "own").await;
    })
    .await;
}

#[tokio::test]
async fn a_group_follows_its_cluster_to_another_version_when_asked_one_node_after_the_other() {
    run("roll", async |bed| {
        bed.cluster("demo", json!({"kubernetesVersion": "1.34"})).await;
        bed.nodegroup("own", "demo", 2).await;
        ready(bed, "own", 2).await;
        bed.cluster("demo", json!({"kubernetesVersion": "1.35"})).await;
        let upgraded = |o: Option<&Value>| o.is_some_and(|o| o["status"]["version"] == "1.35");
        bed.until("the cluster's version", "EKSClusterConfig", "demo", upgraded).await;
        let group = ready(bed, "own", 2).await;
        assert_eq!(group["status"]["version"], "1.34", "not before it is asked to");
        bed.cluster("demo", json!({"kubernetesVersion": "1.36"})).await;
        let message = bed.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        assert!(message.contains("node groups own must run 1.35 first"), "{message}");
        bed.cluster("demo", json!({"kubernetesVersion": "1.35"})).await;
        bed.phase("EKSClusterConfig", "demo", "Active").await;
        let before = bed.world.nodes_of(&bed.id("demo"), "own");
        bed.merge("Nodegroup", "own", json!({"spec": {"version": "1.35"}})).await;
        bed.until("the group's version", "Nodegroup", "own", upgraded).await;
        ready(bed, "own", 2).await;
        let after = bed.world.nodes_of(&bed.id("demo"), "own");
        assert!(after.len() == 2 && before.iter().all(|node| !after.contains(node)), "{before:?} {after:?}");
        let calls = bed.world.calls();
        let rolled: Vec<&str> = calls.iter().map(|call| call.split(' ').next().unwrap()).collect();
        let turn = ["create_nodes", "cordon", "delete_nodes"];
        assert_eq!(rolled[rolled.len() - 6..], [turn, turn].concat(), "{calls:?}");
    })
    .await;
}

#[tokio::test]
async fn changed_labels_and_taints_reach_nodes_that_run_and_leave_what_others_set() {
    run("marks", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 1).await;
        bed.merge("Nodegroup", "own", json!({"spec": {"labels": {"team": "a", "old": "1"}}})).await;
        let of = |label: &'static str, value: &'static str| {
            move |o: Option<&Value>| {
                o.is_some_and(|o| o["status"]["phase"] == "Active" && o["status"]["applied"]["labels"][label] == value)
            }
        };
        bed.until("the first labels", "Nodegroup", "own", of("old", "1")).await;
        let node = bed.world.nodes_of(&bed.id("demo"), "own").remove(0);
        bed.world.label(&bed.id("demo"), &node, "foreign", "x");
        let taints = json!([{"key": "only", "value": "web", "effect": "NO_SCHEDULE"}]);
        bed.merge("Nodegroup", "own", json!({"spec": {"labels": {"team": "b", "old": null}, "taints": taints}})).await;
        bed.until("the new labels", "Nodegroup", "own", of("team", "b")).await;
        let found = bed.world.node(&bed.id("demo"), &node);
        let labels = &found["metadata"]["labels"];
        assert_eq!((&labels["team"], &labels["foreign"], labels.get("old")), (&json!("b"), &json!("x"), None));
        assert_eq!(found["spec"]["taints"], json!([{"key": "only", "value": "web", "effect": "NoSchedule"}]));
        assert_eq!(bed.world.nodes_of(&bed.id("demo"), "own"), [node], "the same node");
    })
    .await;
}

#[tokio::test]
async fn a_group_that_goes_while_its_cluster_is_stopped_leaves_no_node_object() {
    run("strays", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 1).await;
        ready(bed, "own", 1).await;
        let id = bed.id("demo");
        bed.cluster("demo", json!({"state": "Stopped"})).await;
        bed.phase("EKSClusterConfig", "demo", "Stopped").await;
        bed.delete("Nodegroup", "own").await;
        bed.gone("Nodegroup", "own").await;
        assert_eq!(bed.world.objects_of(&id).len(), 1, "there was nobody to be told");
        bed.cluster("demo", json!({"state": "Running"})).await;
        bed.world_until("no Node object", |world| world.objects_of(&id).is_empty()).await;
    })
    .await;
}
