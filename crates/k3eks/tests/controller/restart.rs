//! Controllers that are started anew find everything as it is, and touch nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, run};
use crate::world::LIMIT;

const KINDS: [&str; 5] = ["EKSClusterConfig", "Nodegroup", "Secret", "Service", "EndpointSlice"];

/// Resource versions of everything in the namespace.
async fn versions(bed: &Bed) -> BTreeMap<String, Value> {
    let mut versions = BTreeMap::new();
    for kind in KINDS {
        for object in bed.all(kind).await {
            let name = format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap());
            versions.insert(name, object["metadata"]["resourceVersion"].clone());
        }
    }
    versions
}

/// Waits until nothing has been written or done for a while.
async fn settled(bed: &Bed) {
    const QUIET: Duration = Duration::from_secs(6);
    let (deadline, mut last, mut since) = (Instant::now() + LIMIT, (0, 0), Instant::now());
    while since.elapsed() < QUIET {
        assert!(Instant::now() < deadline, "it never comes to rest; the last writes: {:?}", bed.writes());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = (bed.writes().len(), bed.world.calls().len());
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

#[tokio::test]
async fn a_second_look_at_unchanged_input_changes_nothing() {
    run("unchanged", async |bed| {
        bed.cluster("demo", json!({"nodeGroups": [{"nodegroupName": "workers"}]})).await;
        bed.nodegroup("own", "demo", 1).await;
        bed.cluster("records", json!({"provider": "metadata"})).await;
        bed.cluster("wrong", json!({"kubernetesVersion": "1.39"})).await;
        for name in ["demo", "records"] {
            bed.phase("EKSClusterConfig", name, "Active").await;
        }
        for name in ["demo-workers", "own"] {
            bed.phase("Nodegroup", name, "Active").await;
        }
        bed.reason("EKSClusterConfig", "wrong", "InvalidSpec").await;
        bed.until("the Service", "Service", "demo-api", |o| o.is_some()).await;
        settled(bed).await;
        let (before, calls, writes) = (versions(bed).await, bed.world.calls(), bed.writes().len());
        assert!(before.len() >= 8, "{before:?}");
        bed.stop().await;
        bed.start();
        // A new resource shows that the new controllers are at work; its writes are told apart by its name.
        bed.cluster("probe", json!({"provider": "metadata"})).await;
        bed.phase("EKSClusterConfig", "probe", "Active").await;
        settled(bed).await;
        let ours = |text: &String| !text.contains("probe") && !text.ends_with("/events");
        let written: Vec<String> = bed.writes().into_iter().skip(writes).filter(ours).collect();
        assert_eq!(written, Vec::<String>::new(), "writes after the restart");
        assert_eq!(bed.world.calls(), calls, "calls of the provider after the restart");
        let mut after = versions(bed).await;
        after.retain(|name, _| !name.contains("probe"));
        assert_eq!(after, before);
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_was_half_made_is_made_whole_by_the_next_controllers() {
    run("half", async |bed| {
        bed.world.hold(true);
        bed.cluster("demo", json!({})).await;
        bed.world_until("the making to begin", |w| w.count("create_cluster") == 1).await;
        bed.stop().await;
        bed.world.hold(false);
        bed.start();
        bed.phase("EKSClusterConfig", "demo", "Active").await;
        assert_eq!(bed.world.clusters(), ["demo"]);
    })
    .await;
}

#[tokio::test]
async fn what_was_deleted_while_nobody_looked_is_cleaned_up() {
    run("unseen", async |bed| {
        bed.cluster("demo", json!({"nodeGroups": [{"nodegroupName": "workers"}]})).await;
        bed.nodegroup("own", "demo", 1).await;
        bed.phase("Nodegroup", "demo-workers", "Active").await;
        bed.phase("Nodegroup", "own", "Active").await;
        bed.stop().await;
        bed.delete("Nodegroup", "own").await;
        bed.start();
        bed.gone("Nodegroup", "own").await;
        assert!(bed.world.nodes_of(&bed.id("demo"), "own").is_empty(), "its node went with it");
        bed.stop().await;
        bed.delete("EKSClusterConfig", "demo").await;
        bed.start();
        bed.gone("EKSClusterConfig", "demo").await;
        assert!(bed.world.clusters().is_empty());
    })
    .await;
}
