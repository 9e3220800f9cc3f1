//! Deletion: whatever state a resource is in, it goes, and takes along what it stands for.

use controller::status;
use crd::{EKSClusterConfig, EKSClusterConfigStatus, Phase};
use serde_json::json;
use telemetry::metrics::Metrics;

use crate::bed::{config, run};
use crate::world::refused;

#[tokio::test]
async fn a_cluster_that_is_deleted_takes_its_node_groups_and_all_that_runs_along() {
    run("all", async |bed| {
        bed.cluster("demo", json!({"nodeGroups": [{"nodegroupName": "workers"}]})).await;
        bed.nodegroup("own", "demo", 1).await;
        bed.phase("Nodegroup", "demo-workers", "Active").await;
        bed.phase("Nodegroup", "own", "Active").await;
        bed.delete("EKSClusterConfig", "demo").await;
        for (kind, name) in [("EKSClusterConfig", "demo"), ("Nodegroup", "demo-workers"), ("Nodegroup", "own")] {
            bed.gone(kind, name).await;
        }
        assert!(bed.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_is_deleted_while_it_is_made_goes_at_once() {
    run("early", async |bed| {
        bed.world.hold(true);
        bed.cluster("demo", json!({})).await;
        bed.world_until("the making to begin", |w| w.count("create_cluster") == 1).await;
        bed.phase("EKSClusterConfig", "demo", "Creating").await;
        bed.delete("EKSClusterConfig", "demo").await;
        bed.gone("EKSClusterConfig", "demo").await;
        bed.world.hold(false);
        assert_eq!(bed.world.count("delete_cluster"), 1, "what was half made is removed");
        assert!(bed.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_protected_cluster_stays_until_the_protection_is_lifted() {
    run("protected", async |bed| {
        bed.cluster("demo", json!({"deletionProtection": true, "nodeGroups": [{"nodegroupName": "workers"}]})).await;
        bed.phase("Nodegroup", "demo-workers", "Active").await;
        bed.phase("EKSClusterConfig", "demo", "Active").await;
        bed.delete("EKSClusterConfig", "demo").await;
        let message = bed.reason("EKSClusterConfig", "demo", "DeletionProtected").await;
        assert!(message.contains("deletionProtection"), "{message}");
        let cluster = bed.get("EKSClusterConfig", "demo").await.unwrap();
        assert_eq!(cluster["status"]["phase"], "Active", "it still works");
        assert_eq!(bed.world.clusters(), ["demo"]);
        bed.cluster("demo", json!({"deletionProtection": false, "nodeGroups": [{"nodegroupName": "workers"}]})).await;
        bed.gone("EKSClusterConfig", "demo").await;
        bed.gone("Nodegroup", "demo-workers").await;
        assert!(bed.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_spec_that_cannot_be_carried_out_does_not_stand_in_the_way() {
    run("invalid", async |bed| {
        bed.cluster("demo", json!({"kubernetesVersion": "1.39"})).await;
        bed.cluster("foreign", json!({"imported": true, "kubeconfigSecret": "foreign-kubeconfig"})).await;
        bed.reason("EKSClusterConfig", "demo", "InvalidSpec").await;
        bed.reason("EKSClusterConfig", "foreign", "InvalidSpec").await;
        for name in ["demo", "foreign"] {
            bed.delete("EKSClusterConfig", name).await;
            bed.gone("EKSClusterConfig", name).await;
        }
    })
    .await;
}

#[tokio::test]
async fn cleaning_up_works_where_nothing_was_ever_made() {
    run("never", async |bed| {
        bed.stop().await;
        let finalizer = json!({"metadata": {"finalizers": ["k3eks.io/finalizer"]}});
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 1).await;
        for (kind, name) in [("EKSClusterConfig", "demo"), ("Nodegroup", "own")] {
            bed.merge(kind, name, finalizer.clone()).await;
            bed.delete(kind, name).await;
        }
        bed.start();
        bed.gone("Nodegroup", "own").await;
        bed.gone("EKSClusterConfig", "demo").await;
        assert_eq!(bed.world.count("create"), 0);
    })
    .await;
}

#[tokio::test]
async fn cleaning_up_goes_on_after_an_error_and_after_a_restart() {
    run("again", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.nodegroup("own", "demo", 2).await;
        bed.phase("Nodegroup", "own", "Active").await;
        bed.world.fail("delete_nodes", vec![refused()]);
        bed.world.fail("delete_cluster", vec![refused(), refused()]);
        bed.delete("Nodegroup", "own").await;
        bed.gone("Nodegroup", "own").await;
        assert_eq!(bed.world.count("delete_nodes"), 2);
        bed.delete("EKSClusterConfig", "demo").await;
        bed.world_until("a failure", |w| w.count("delete_cluster") >= 1).await;
        bed.stop().await;
        bed.start();
        bed.gone("EKSClusterConfig", "demo").await;
        assert!(bed.world.clusters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_finalizer_of_somebody_else_is_left_alone() {
    run("others", async |bed| {
        bed.cluster("demo", json!({})).await;
        bed.phase("EKSClusterConfig", "demo", "Active").await;
        let both = json!({"metadata": {"finalizers": ["k3eks.io/finalizer", "example.com/backup"]}});
        bed.merge("EKSClusterConfig", "demo", both).await;
        bed.delete("EKSClusterConfig", "demo").await;
        let ours_gone = |o: Option<&serde_json::Value>| {
            o.is_some_and(|o| o["metadata"]["finalizers"] == json!(["example.com/backup"]))
        };
        bed.until("our finalizer to go", "EKSClusterConfig", "demo", ours_gone).await;
        assert!(bed.world.clusters().is_empty());
        bed.merge("EKSClusterConfig", "demo", json!({"metadata": {"finalizers": []}})).await;
        bed.gone("EKSClusterConfig", "demo").await;
        assert_eq!(bed.world.count("delete_cluster"), 1, "it isn't removed twice");
    })
    .await;
}

#[tokio::test]
async fn late_words_about_a_resource_don_t_become_those_of_the_next_with_its_name() {
    run("late", async |bed| {
        let spec = json!({"provider": "metadata"});
        bed.cluster("demo", spec.clone()).await;
        let first = bed.phase("EKSClusterConfig", "demo", "Active").await;
        let first: EKSClusterConfig = serde_json::from_value(first).unwrap();
        bed.delete("EKSClusterConfig", "demo").await;
        bed.gone("EKSClusterConfig", "demo").await;
        bed.cluster("demo", spec).await;
        bed.phase("EKSClusterConfig", "demo", "Active").await;

        let client = kube::Client::try_from(config().await).unwrap();
        let old = first.status.clone().unwrap();
        let late = EKSClusterConfigStatus { phase: Some(Phase::Deleting), ..old.clone() };
        let wrote = status::write(&client, &Metrics::new(), "late", &first, Some(&old), &late).await;
        assert!(!wrote.unwrap(), "the resource is gone");
        bed.phase("EKSClusterConfig", "demo", "Active").await;
    })
    .await;
}
