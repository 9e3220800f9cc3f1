//! Node groups: with a cluster and without, inline and of their own, scaled from inside and outside.

use serde_json::{Value, json};

use crate::environment::{Environment, condition, run};

async fn ready(env: &Environment, name: &str, count: i64) -> Value {
    let all = |o: Option<&Value>| {
        o.is_some_and(|o| o["status"]["phase"] == "Active" && o["status"]["readyReplicas"] == count)
    };
    env.until(&format!("{count} Ready nodes"), "Nodegroup", name, all).await
}

#[tokio::test]
async fn a_node_group_without_a_cluster_waits_and_says_so_until_there_is_one() {
    run("waits", async |env| {
        env.nodegroup("own", "demo", 2).await;
        let message = env.reason("Nodegroup", "own", "WaitingForCluster").await;
        assert!(message.contains(&format!("{}/demo", env.namespace)) && message.contains("doesn't exist"), "{message}");
        env.cluster("demo", json!({})).await;
        let group = ready(env, "own", 2).await;
        assert_eq!(group["status"]["observedGeneration"], group["metadata"]["generation"]);
        assert_eq!(group["status"]["selector"], "eks.amazonaws.com/nodegroup=own");
        assert_eq!(group["status"]["nodes"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_node_group_whose_cluster_is_gone_is_not_stuck() {
    run("gone", async |env| {
        env.nodegroup("own", "demo", 1).await;
        env.reason("Nodegroup", "own", "WaitingForCluster").await;
        env.delete("Nodegroup", "own").await;
        env.gone("Nodegroup", "own").await;
    })
    .await;
}

#[tokio::test]
async fn nodes_come_and_go_with_the_size_and_die_without_leaving_a_node_object() {
    run("scale", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 3).await;
        ready(env, "own", 3).await;
        env.nodegroup("own", "demo", 1).await;
        ready(env, "own", 1).await;
        let last = env.world.nodes_of(&env.id("demo"), "own").remove(0);
        env.world.lose_node(&env.id("demo"), &last);
        let replaced = |o: Option<&Value>| {
            o.is_some_and(|o| o["status"]["readyReplicas"] == 1 && o["status"]["nodes"][0]["name"] != last.as_str())
        };
        env.until("another node", "Nodegroup", "own", replaced).await;
        env.nodegroup("own", "demo", 0).await;
        ready(env, "own", 0).await;
        assert!(env.world.nodes_of(&env.id("demo"), "own").is_empty());
    })
    .await;
}

#[tokio::test]
async fn of_too_many_nodes_the_least_busy_one_goes() {
    run("least-busy", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 3).await;
        ready(env, "own", 3).await;
        let id = env.id("demo");
        let names = env.world.nodes_of(&id, "own");
        env.world.occupy(&id, &names[0]);
        env.world.occupy(&id, &names[2]);
        env.nodegroup("own", "demo", 2).await;
        ready(env, "own", 2).await;
        assert_eq!(env.world.nodes_of(&id, "own"), [names[0].clone(), names[2].clone()]);
    })
    .await;
}

#[tokio::test]
async fn of_two_groups_with_one_name_the_younger_waits() {
    run("twins", async |env| {
        env.cluster("demo", json!({})).await;
        let spec = json!({"clusterName": "demo", "nodegroupName": "workers",
            "scalingConfig": {"minSize": 0, "maxSize": 3, "desiredSize": 1}});
        env.try_apply("Nodegroup", "first", spec.clone()).await.unwrap();
        ready(env, "first", 1).await;
        env.try_apply("Nodegroup", "second", spec).await.unwrap();
        let message = env.reason("Nodegroup", "second", "Conflict").await;
        assert!(message.contains("first"), "{message}");
        env.delete("Nodegroup", "second").await;
        env.gone("Nodegroup", "second").await;
        assert_eq!(env.world.nodes_of(&env.id("demo"), "workers").len(), 1, "the first keeps its node");
    })
    .await;
}

#[tokio::test]
async fn inline_groups_follow_their_entries_null_leaves_them_and_an_empty_list_takes_them_away() {
    run("inline", async |env| {
        let spec = |groups: Value| json!({"nodeGroups": groups});
        env.cluster("demo", spec(json!([{"nodegroupName": "a", "desiredSize": 1}, {"nodegroupName": "b"}]))).await;
        ready(env, "demo-a", 1).await;
        ready(env, "demo-b", 2).await;
        // Changed.
        env.cluster("demo", spec(json!([{"nodegroupName": "a", "desiredSize": 2, "labels": {"x": "y"}}]))).await;
        let group = ready(env, "demo-a", 2).await;
        assert_eq!(group["spec"]["labels"], json!({"x": "y"}));
        env.gone("Nodegroup", "demo-b").await;
        // Null.
        env.cluster("demo", json!({"nodeGroups": null, "tags": {"seen": "1"}})).await;
        let seen =
            |o: Option<&Value>| o.is_some_and(|o| o["status"]["observedGeneration"] == o["metadata"]["generation"]);
        env.until("the change to be seen", "EKSClusterConfig", "demo", seen).await;
        ready(env, "demo-a", 2).await;
        // None.
        env.nodegroup("own", "demo", 1).await;
        ready(env, "own", 1).await;
        env.cluster("demo", spec(json!([]))).await;
        env.gone("Nodegroup", "demo-a").await;
        ready(env, "own", 1).await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_asks_for_what_can_t_be_is_told_in_the_cluster_s_status_until_it_is_right() {
    run("impossible", async |env| {
        let entry =
            |kind: &str| json!({"nodeGroups": [{"nodegroupName": "a", "desiredSize": 1, "instanceType": kind}]});
        env.cluster("demo", entry("t3.medium")).await;
        ready(env, "demo-a", 1).await;
        env.cluster("demo", entry("t3.large")).await;
        let message = env.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        assert!(message.contains("demo-a") && message.contains("instanceTypes can't be changed"), "{message}");
        env.cluster("demo", entry("t3.medium")).await;
        let well = |o: Option<&Value>| o.is_some_and(|o| condition(o, "Ready")["status"] == "True");
        env.until("all well", "EKSClusterConfig", "demo", well).await;
    })
    .await;
}

#[tokio::test]
async fn an_inline_group_that_was_scaled_from_outside_keeps_its_size_until_the_entry_s_own_changes() {
    run("outside", async |env| {
        let entry = |desired: i32, label: &str| {
            json!({"nodeGroups": [{"nodegroupName": "a", "desiredSize": desired, "maxSize": 5, "labels": {"v": label}}]})
        };
        env.cluster("demo", entry(1, "1")).await;
        ready(env, "demo-a", 1).await;
        env.merge("Nodegroup", "demo-a", json!({"spec": {"scalingConfig": {"desiredSize": 3}}})).await;
        ready(env, "demo-a", 3).await;
        env.cluster("demo", entry(1, "2")).await;
        let label = |o: Option<&Value>| o.is_some_and(|o| o["spec"]["labels"]["v"] == "2");
        let group = env.until("the new label", "Nodegroup", "demo-a", label).await;
        assert_eq!(group["spec"]["scalingConfig"]["desiredSize"], 3, "left to whoever scaled it");
        env.cluster("demo", entry(2, "2")).await;
        ready(env, "demo-a", 2).await;
    })
    .await;
}

#[tokio::test]
async fn a_group_that_is_newer_than_its_cluster_is_refused_with_both_versions() {
    run("newer", async |env| {
        env.cluster("demo", json!({"kubernetesVersion": "1.34"})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        env.try_apply("Nodegroup", "own", json!({"clusterName": "demo", "version": "1.35"})).await.unwrap();
        let message = env.reason("Nodegroup", "own", "InvalidSpec").await;
        assert!(message.contains("1.35") && message.contains("1.34"), "{message}");
        assert_eq!(env.world.count("create_nodes"), 0);
        env.delete("Nodegroup", "own").await;
        env.gone("Nodegroup", "own").await;
    })
    .await;
}

#[tokio::test]
async fn a_group_follows_its_cluster_to_another_version_when_asked_one_node_after_the_other() {
    run("roll", async |env| {
        env.cluster("demo", json!({"kubernetesVersion": "1.34"})).await;
        env.nodegroup("own", "demo", 2).await;
        ready(env, "own", 2).await;
        env.cluster("demo", json!({"kubernetesVersion": "1.35"})).await;
        let upgraded = |o: Option<&Value>| o.is_some_and(|o| o["status"]["version"] == "1.35");
        env.until("the cluster's version", "EKSClusterConfig", "demo", upgraded).await;
        let group = ready(env, "own", 2).await;
        assert_eq!(group["status"]["version"], "1.34", "not before it is asked to");
        env.cluster("demo", json!({"kubernetesVersion": "1.36"})).await;
        let message = env.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        assert!(message.contains("node groups own must run 1.35 first"), "{message}");
        env.cluster("demo", json!({"kubernetesVersion": "1.35"})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        let before = env.world.nodes_of(&env.id("demo"), "own");
        env.merge("Nodegroup", "own", json!({"spec": {"version": "1.35"}})).await;
        env.until("the group's version", "Nodegroup", "own", upgraded).await;
        ready(env, "own", 2).await;
        let after = env.world.nodes_of(&env.id("demo"), "own");
        assert!(after.len() == 2 && before.iter().all(|node| !after.contains(node)), "{before:?} {after:?}");
        let calls = env.world.calls();
        let rolled: Vec<&str> = calls.iter().map(|call| call.split(' ').next().unwrap()).collect();
        let turn = ["create_nodes", "cordon", "delete_nodes"];
        assert_eq!(rolled[rolled.len() - 6..], [turn, turn].concat(), "{calls:?}");
    })
    .await;
}

#[tokio::test]
async fn changed_labels_and_taints_reach_nodes_that_run_and_leave_what_others_set() {
    run("marks", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 1).await;
        env.merge("Nodegroup", "own", json!({"spec": {"labels": {"team": "a", "old": "1"}}})).await;
        let of = |label: &'static str, value: &'static str| {
            move |o: Option<&Value>| {
                o.is_some_and(|o| o["status"]["phase"] == "Active" && o["status"]["applied"]["labels"][label] == value)
            }
        };
        env.until("the first labels", "Nodegroup", "own", of("old", "1")).await;
        let node = env.world.nodes_of(&env.id("demo"), "own").remove(0);
        env.world.label(&env.id("demo"), &node, "foreign", "x");
        let taints = json!([{"key": "only", "value": "web", "effect": "NO_SCHEDULE"}]);
        env.merge("Nodegroup", "own", json!({"spec": {"labels": {"team": "b", "old": null}, "taints": taints}})).await;
        env.until("the new labels", "Nodegroup", "own", of("team", "b")).await;
        let found = env.world.node(&env.id("demo"), &node);
        let labels = &found["metadata"]["labels"];
        assert_eq!((&labels["team"], &labels["foreign"], labels.get("old")), (&json!("b"), &json!("x"), None));
        assert_eq!(found["spec"]["taints"], json!([{"key": "only", "value": "web", "effect": "NoSchedule"}]));
        assert_eq!(env.world.nodes_of(&env.id("demo"), "own"), [node], "the same node");
    })
    .await;
}

#[tokio::test]
async fn the_last_label_and_taint_can_be_taken_back_by_server_side_apply() {
    run("last", async |env| {
        env.cluster("demo", json!({})).await;
        let taints = json!([{"key": "only", "value": "web", "effect": "NO_SCHEDULE"}]);
        let marks = json!({"labels": {"team": "a"}, "tags": {"team": "a"}, "taints": taints});
        let none = json!({"labels": {}, "tags": {}, "taints": []});
        for (name, last) in [("left-out", json!({})), ("empty", none)] {
            let apply = async |marks: &Value| {
                let mut spec = json!({"clusterName": "demo"});
                spec.as_object_mut().unwrap().extend(marks.as_object().unwrap().clone());
                env.try_apply("Nodegroup", name, spec).await.unwrap();
            };
            apply(&marks).await;
            let of = |team: Value| {
                move |o: Option<&Value>| {
                    o.is_some_and(|o| {
                        o["status"]["phase"] == "Active" && o["status"]["applied"]["labels"]["team"] == team
                    })
                }
            };
            env.until("the label", "Nodegroup", name, of(json!("a"))).await;
            apply(&last).await;
            env.until("no label", "Nodegroup", name, of(Value::Null)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_group_that_goes_while_its_cluster_is_stopped_leaves_no_node_object() {
    run("strays", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 1).await;
        ready(env, "own", 1).await;
        let id = env.id("demo");
        env.cluster("demo", json!({"state": "Stopped"})).await;
        env.phase("EKSClusterConfig", "demo", "Stopped").await;
        env.delete("Nodegroup", "own").await;
        env.gone("Nodegroup", "own").await;
        assert_eq!(env.world.objects_of(&id).len(), 1, "there was nobody to be told");
        env.cluster("demo", json!({"state": "Running"})).await;
        env.world_until("no Node object", |world| world.objects_of(&id).is_empty()).await;
    })
    .await;
}
