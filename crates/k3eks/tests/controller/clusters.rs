//! Clusters: made, reported, refused for a reason, tried again.

use provider::Error;
use serde_json::{Value, json};

use crate::environment::{KEPT_UPDATES, condition, run};
use crate::fake_provider::{no_image, refused};

#[tokio::test]
async fn a_cluster_becomes_active_and_says_so_everywhere() {
    run("active", async |env| {
        env.cluster("demo", json!({"displayName": "Demo_1"})).await;
        let cluster = env.phase("EKSClusterConfig", "demo", "Active").await;
        for (type_, status) in [("Ready", "True"), ("Reconciling", "False"), ("Stalled", "False")] {
            let found = condition(&cluster, type_);
            assert_eq!(found["status"], status, "{type_}");
            assert_eq!(found["observedGeneration"], cluster["metadata"]["generation"], "{type_}");
        }
        let status = &cluster["status"];
        assert_eq!(status["observedGeneration"], cluster["metadata"]["generation"]);
        assert_eq!(status["arn"], "arn:aws:eks:us-east-1:000000000000:cluster/Demo_1");
        assert_eq!(status["version"], "1.35");
        assert_eq!(status["applied"]["name"], "memory-demo");
        let written = |o: Option<&Value>| o.is_some();
        let named = |c: Option<&Value>| c.is_some_and(|c| c["status"]["kubeconfigSecret"] == "demo-kubeconfig");
        env.until("the kubeconfig's name", "EKSClusterConfig", "demo", named).await;
        let secret = env.until("the kubeconfig", "Secret", "demo-kubeconfig", written).await;
        assert!(secret["data"]["value"].is_string() && secret["data"]["internal"].is_string());
        let rancher = env.until("Rancher's Secret", "Secret", "demo", written).await;
        assert!(rancher["data"]["endpoint"].is_string() && rancher["data"]["ca"].is_string());
        let service = env.until("the Service", "Service", "demo-api", written).await;
        assert_eq!(service["spec"]["ports"][0]["port"], 6443);
        let slice = env.until("the EndpointSlice", "EndpointSlice", "demo-api", written).await;
        assert_eq!(slice["endpoints"][0]["addresses"], json!(["10.0.0.2"]));
        let role = env.until("leave to read the kubeconfig", "Role", "demo-kubeconfig", written).await;
        let reads = json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["demo-kubeconfig"], "verbs": ["get"]}]);
        assert_eq!(role["rules"], reads);
        let binding = env.until("who has it", "RoleBinding", "demo-kubeconfig", written).await;
        assert_eq!(binding["subjects"].as_array().map(Vec::len), Some(1));
        assert_eq!(binding["subjects"][0]["name"], "k3eks-api");
        for owned in [&secret, &rancher, &service, &slice, &role, &binding] {
            assert_eq!(owned["metadata"]["ownerReferences"][0]["uid"], cluster["metadata"]["uid"]);
        }
        for step in ["Creating", "Ready"] {
            env.told(step, "demo").await;
        }
        // In the order of their names, as a list has them, every one with words of its own.
        let events = env.all("Event").await;
        let notes: Vec<&str> = events.iter().filter(|e| e["regarding"]["name"] == "demo").map(|e| e["note"].as_str().unwrap()).collect();
        assert!(notes.len() > 2 && notes.windows(2).all(|pair| pair[0] != pair[1]), "{notes:?}");
        assert_eq!(notes.last(), Some(&"Active: ready"), "{notes:?}");
        assert!(events.iter().all(|e| e["series"].is_null()), "{events:?}");
    })
    .await;
}

#[tokio::test]
async fn what_was_written_beside_a_cluster_is_written_again_when_it_is_lost() {
    run("lost", async |env| {
        env.cluster("demo", json!({})).await;
        env.until("the Service", "Service", "demo-api", |o| o.is_some()).await;
        env.delete("Secret", "demo-kubeconfig").await;
        env.delete("Service", "demo-api").await;
        env.until("the Secret again", "Secret", "demo-kubeconfig", |o| o.is_some()).await;
        env.until("the Service again", "Service", "demo-api", |o| o.is_some()).await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_version_stalls_and_names_the_known_ones_until_the_spec_is_right() {
    run("version", async |env| {
        env.cluster("demo", json!({"kubernetesVersion": "1.39"})).await;
        let message = env.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        assert!(message.contains("1.39") && message.contains("1.34, 1.35"), "{message}");
        let cluster = env.phase("EKSClusterConfig", "demo", "Failed").await;
        assert_eq!(condition(&cluster, "Stalled")["status"], "True");
        assert_eq!(cluster["status"]["failureMessage"], message.as_str());
        assert_eq!(env.world.calls(), Vec::<String>::new(), "nothing is begun");
        env.cluster("demo", json!({"kubernetesVersion": "1.34"})).await;
        let cluster = env.phase("EKSClusterConfig", "demo", "Active").await;
        assert_eq!(cluster["status"]["version"], "1.34");
        assert_eq!(cluster["status"]["failureMessage"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn of_two_clusters_with_one_identity_the_second_waits_for_the_first_to_go() {
    run("twin", async |env| {
        env.cluster("first", json!({"displayName": "same"})).await;
        env.phase("EKSClusterConfig", "first", "Active").await;
        env.cluster("second", json!({"displayName": "same"})).await;
        let message = env.reason("EKSClusterConfig", "second", "Conflict").await;
        assert!(message.contains(&format!("{}/first", env.namespace)), "{message}");
        assert_eq!(env.world.clusters(), ["first"], "nothing is made for the second");
        env.delete("EKSClusterConfig", "first").await;
        env.phase("EKSClusterConfig", "second", "Active").await;
        assert_eq!(env.world.clusters(), ["second"]);
    })
    .await;
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_said_and_tried_again() {
    run("image", async |env| {
        env.world.fail("create_cluster", vec![no_image(), no_image()]);
        env.cluster("demo", json!({})).await;
        let message = env.reason("EKSClusterConfig", "demo", "ImageUnavailable").await;
        assert!(message.contains("image:1.35") && message.contains("no such host"), "{message}");
        let cluster = env.phase("EKSClusterConfig", "demo", "Active").await;
        assert_eq!(cluster["status"]["failureMessage"], Value::Null);
        assert_eq!(env.world.count("create_cluster"), 3);
        let events = env.all("Event").await;
        assert!(events.iter().any(|e| e["reason"] == "ImageUnavailable" && e["type"] == "Warning"));
    })
    .await;
}

#[tokio::test]
async fn a_passing_error_of_the_provider_is_tried_again_by_itself() {
    run("passing", async |env| {
        env.world.fail("create_cluster", vec![refused()]);
        env.world.fail("create_nodes", vec![refused()]);
        env.cluster("demo", json!({"nodeGroups": [{"nodegroupName": "workers"}]})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        env.phase("Nodegroup", "demo-workers", "Active").await;
        assert_eq!((env.world.count("create_cluster"), env.world.count("create_nodes")), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_changed_spec_is_tried_at_once_whatever_the_pause() {
    run("pause", async |env| {
        // The seventh pause is longer than a minute: without the change nothing would happen in time.
        env.world.fail("create_cluster", vec![refused(); 5]);
        env.cluster("demo", json!({})).await;
        env.world_until("three failures", |w| w.count("create_cluster") >= 3).await;
        env.world.fail("create_cluster", Vec::new());
        env.cluster("demo", json!({"tags": {"a": "b"}})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_is_away_is_no_failure_of_the_cluster() {
    run("away", async |env| {
        let away = Error::Unavailable { engine: "Docker", doing: "making cluster demo".into(), why: "refused".into() };
        env.world.fail("create_cluster", vec![away.clone(), away]);
        env.cluster("demo", json!({})).await;
        env.reason("EKSClusterConfig", "demo", "ProviderUnavailable").await;
        let cluster = env.get("EKSClusterConfig", "demo").await.unwrap();
        assert_ne!(cluster["status"]["phase"], "Failed");
        env.phase("EKSClusterConfig", "demo", "Active").await;
    })
    .await;
}

#[tokio::test]
async fn the_next_version_is_an_upgrade_that_fails_once_and_is_asked_for_again() {
    run("upgrade", async |env| {
        env.cluster("demo", json!({"kubernetesVersion": "1.34"})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        env.world.fail("upgrade_cluster", vec![refused()]);
        env.cluster("demo", json!({"kubernetesVersion": "1.35"})).await;
        let message = env.reason("EKSClusterConfig", "demo", "UpgradeFailed").await;
        assert!(message.contains("the cluster still runs 1.34") && message.contains("bad moment"), "{message}");
        let cluster = env.phase("EKSClusterConfig", "demo", "Active").await;
        assert_eq!(cluster["status"]["version"], "1.34", "the version that runs");
        env.cluster("demo", json!({"kubernetesVersion": "1.34"})).await;
        env.reason("EKSClusterConfig", "demo", "Ready").await;
        env.cluster("demo", json!({"kubernetesVersion": "1.35"})).await;
        let upgraded =
            |o: Option<&Value>| o.is_some_and(|o| o["status"]["version"] == "1.35" && o["status"]["phase"] == "Active");
        let cluster = env.until("the version", "EKSClusterConfig", "demo", upgraded).await;
        assert_eq!(cluster["status"]["applied"]["image"], "image:1.35");
        assert_eq!(env.world.count("upgrade_cluster"), 2);
        let down = env.try_apply("EKSClusterConfig", "demo", json!({"kubernetesVersion": "1.34"})).await.unwrap_err();
        assert!(down.contains("spec.kubernetesVersion") && down.contains("never back"), "{down}");
        let leap = env.try_apply("EKSClusterConfig", "demo", json!({"kubernetesVersion": "1.37"})).await.unwrap_err();
        assert!(leap.contains("spec.kubernetesVersion") && leap.contains("one version at a time"), "{leap}");
    })
    .await;
}

#[tokio::test]
async fn a_cluster_stops_with_its_groups_and_starts_as_it_was() {
    run("stop", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 1).await;
        env.phase("Nodegroup", "own", "Active").await;
        let before = env.world.nodes_of(&env.id("demo"), "own");
        env.merge("EKSClusterConfig", "demo", json!({"spec": {"state": "Stopped"}})).await;
        let cluster = env.phase("EKSClusterConfig", "demo", "Stopped").await;
        assert_eq!(condition(&cluster, "Ready")["status"], "True", "it is as the spec asks");
        let group = env.phase("Nodegroup", "own", "Stopped").await;
        assert_eq!(group["status"]["issues"][0]["code"], "ClusterUnreachable");
        env.merge("EKSClusterConfig", "demo", json!({"spec": {"state": "Running"}})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        env.phase("Nodegroup", "own", "Active").await;
        assert_eq!(env.world.nodes_of(&env.id("demo"), "own"), before);
        assert_eq!((env.world.count("stop_cluster"), env.world.count("start_cluster")), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_nobody_uses_sleeps_until_something_of_it_is_changed() {
    run("sleep", async |env| {
        // Long enough for the group to change before the cluster sleeps again.
        env.cluster("demo", json!({"hibernateAfter": "3s"})).await;
        env.nodegroup("own", "demo", 1).await;
        env.phase("EKSClusterConfig", "demo", "Stopped").await;
        env.merge("Nodegroup", "own", json!({"spec": {"scalingConfig": {"desiredSize": 2}}})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        env.phase("EKSClusterConfig", "demo", "Stopped").await;
        let change = json!({"metadata": {"annotations": {"k3eks.io/wake": "1"}}, "spec": {"hibernateAfter": null}});
        env.merge("EKSClusterConfig", "demo", change).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        env.phase("Nodegroup", "own", "Active").await;
        assert_eq!((env.world.count("stop_cluster"), env.world.count("start_cluster")), (2, 2));
        assert_eq!(env.world.nodes_of(&env.id("demo"), "own").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn of_the_updates_that_ended_the_newest_are_kept() {
    run("updates", async |env| {
        assert_eq!(KEPT_UPDATES, 2);
        env.cluster("demo", json!({})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        // One waits for a generation that is still to come.
        for (name, generation) in [("first", 0), ("waits", 9), ("second", 1), ("third", 1)] {
            let update = json!({"clusterName": "demo", "type": "EndpointAccessUpdate", "generation": generation});
            env.try_apply("Update", name, update).await.unwrap();
            let ended = |o: Option<&Value>| o.is_none_or(|o| o["status"]["state"] == "Successful");
            if generation < 9 {
                env.until("its end", "Update", name, ended).await;
            }
        }
        env.gone("Update", "first").await;
        let mut left: Vec<Value> = env.all("Update").await.iter().map(|u| u["metadata"]["name"].clone()).collect();
        left.sort_by_key(Value::to_string);
        assert_eq!(left, ["second", "third", "waits"]);
    })
    .await;
}
