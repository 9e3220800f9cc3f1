//! Deletion: whatever state a resource is in, it goes, and takes along what it stands for.

use controller::status;
use crd::{EKSClusterConfig, EKSClusterConfigStatus, Phase};
use serde_json::json;
use telemetry::metrics::Metrics;

use crate::environment::{config, run};
use crate::fake_provider::refused;

#[tokio::test]
async fn a_cluster_that_is_deleted_takes_its_node_groups_and_all_that_runs_along() {
    run("all", async |env| {
        env.cluster("demo", json!({"nodeGroups": [{"nodegroupName": "workers"}]})).await;
        env.nodegroup("own", "demo", 1).await;
        env.phase("Nodegroup", "demo-workers", "Active").await;
        env.phase("Nodegroup", "own", "Active").await;
        env.delete("EKSClusterConfig", "demo").await;
        for (kind, name) in [("EKSClusterConfig", "demo"), ("Nodegroup", "demo-workers"), ("Nodegroup", "own")] {
            env.gone(kind, name).await;
        }
        assert!(env.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_is_deleted_while_it_is_made_goes_at_once() {
    run("early", async |env| {
        env.world.hold(true);
        env.cluster("demo", json!({})).await;
        env.world_until("the making to begin", |w| w.count("create_cluster") == 1).await;
        env.phase("EKSClusterConfig", "demo", "Creating").await;
        env.delete("EKSClusterConfig", "demo").await;
        env.gone("EKSClusterConfig", "demo").await;
        env.world.hold(false);
        assert_eq!(env.world.count("delete_cluster"), 1, "what was half made is removed");
        assert!(env.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_protected_cluster_stays_until_the_protection_is_lifted() {
    run("protected", async |env| {
        env.cluster("demo", json!({"deletionProtection": true, "nodeGroups": [{"nodegroupName": "workers"}]})).await;
        env.phase("Nodegroup", "demo-workers", "Active").await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        env.delete("EKSClusterConfig", "demo").await;
        let message = env.reason("EKSClusterConfig", "demo", "DeletionProtected").await;
        assert!(message.contains("deletionProtection"), "{message}");
        let cluster = env.get("EKSClusterConfig", "demo").await.unwrap();
        assert_eq!(cluster["status"]["phase"], "Active", "it still works");
        assert_eq!(env.world.clusters(), ["demo"]);
        env.cluster("demo", json!({"deletionProtection": false, "nodeGroups": [{"nodegroupName": "workers"}]})).await;
        env.gone("EKSClusterConfig", "demo").await;
        env.gone("Nodegroup", "demo-workers").await;
        assert!(env.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_spec_that_cannot_be_carried_out_does_not_stand_in_the_way() {
    run("invalid", async |env| {
        env.cluster("demo", json!({"kubernetesVersion": "1.39"})).await;
        env.cluster("foreign", json!({"imported": true, "kubeconfigSecret": "foreign-kubeconfig"})).await;
        env.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        env.reason("EKSClusterConfig", "foreign", "InvalidSpec").await;
        for name in ["demo", "foreign"] {
            env.delete("EKSClusterConfig", name).await;
            env.gone("EKSClusterConfig", name).await;
        }
    })
    .await;
}

#[tokio::test]
async fn cleaning_up_works_where_nothing_was_ever_made() {
    run("never", async |env| {
        env.stop().await;
        let finalizer = json!({"metadata": {"finalizers": ["k3eks.io/finalizer"]}});
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 1).await;
        for (kind, name) in [("EKSClusterConfig", "demo"), ("Nodegroup", "own")] {
            env.merge(kind, name, finalizer.clone()).await;
            env.delete(kind, name).await;
        }
        env.start();
        env.gone("Nodegroup", "own").await;
        env.gone("EKSClusterConfig", "demo").await;
        assert_eq!(env.world.count("create"), 0);
    })
    .await;
}

#[tokio::test]
async fn cleaning_up_goes_on_after_an_error_and_after_a_restart() {
    run("again", async |env| {
        env.cluster("demo", json!({})).await;
        env.nodegroup("own", "demo", 2).await;
        env.phase("Nodegroup", "own", "Active").await;
        env.world.fail("delete_nodes", vec![refused()]);
        env.world.fail("delete_cluster", vec![refused(), refused()]);
        env.delete("Nodegroup", "own").await;
        env.gone("Nodegroup", "own").await;
        assert_eq!(env.world.count("delete_nodes"), 2);
        env.delete("EKSClusterConfig", "demo").await;
        env.world_until("a failure", |w| w.count("delete_cluster") >= 1).await;
        env.stop().await;
        env.start();
        env.gone("EKSClusterConfig", "demo").await;
        assert!(env.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_finalizer_of_somebody_else_is_left_alone() {
    run("others", async |env| {
        env.cluster("demo", json!({})).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;
        let both = json!({"metadata": {"finalizers": ["k3eks.io/finalizer", "example.com/backup"]}});
        env.merge("EKSClusterConfig", "demo", both).await;
        env.delete("EKSClusterConfig", "demo").await;
        let ours_gone = |o: Option<&serde_json::Value>| {
            o.is_some_and(|o| o["metadata"]["finalizers"] == json!(["example.com/backup"]))
        };
        env.until("our finalizer to go", "EKSClusterConfig", "demo", ours_gone).await;
        assert!(env.world.clusters().is_empty());
        env.merge("EKSClusterConfig", "demo", json!({"metadata": {"finalizers": []}})).await;
        env.gone("EKSClusterConfig", "demo").await;
        assert_eq!(env.world.count("delete_cluster"), 1, "it isn't removed twice");
    })
    .await;
}

#[tokio::test]
async fn late_words_about_a_resource_don_t_become_those_of_the_next_with_its_name() {
    run("late", async |env| {
        let spec = json!({"provider": "metadata"});
        env.cluster("demo", spec.clone()).await;
        let first = env.phase("EKSClusterConfig", "demo", "Active").await;
        let first: EKSClusterConfig = serde_json::from_value(first).unwrap();
        env.delete("EKSClusterConfig", "demo").await;
        env.gone("EKSClusterConfig", "demo").await;
        env.cluster("demo", spec).await;
        env.phase("EKSClusterConfig", "demo", "Active").await;

        let client = kube::Client::try_from(config().await).unwrap();
        let old = first.status.clone().unwrap();
        let late = EKSClusterConfigStatus { phase: Some(Phase::Deleting), ..old.clone() };
        let wrote = status::write(&client, &Metrics::new(), "late", &first, Some(&old), &late).await;
        assert!(!wrote.unwrap(), "the resource is gone");
        env.phase("EKSClusterConfig", "demo", "Active").await;
    })
    .await;
}
