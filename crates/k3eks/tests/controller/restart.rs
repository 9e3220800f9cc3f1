//! Controllers that are started anew find everything as it is, and touch nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::environment::{Environment, run};
use crate::fake_provider::LIMIT;

const KINDS: [&str; 5] = ["EKSClusterConfig", "Nodegroup", "Secret", "Service", "EndpointSlice"];

/// Resource versions of everything in the namespace.
async fn versions(env: &Environment) -> BTreeMap<String, Value> {
    let mut versions = BTreeMap::new();
    for kind in KINDS {
        for object in env.all(kind).await {
            let name = format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap());
            versions.insert(name, object["metadata"]["resourceVersion"].clone());
        }
    }
    versions
}

/// Waits until nothing has been written or done for a while.
async fn settled(env: &Environment) {
    const QUIET: Duration = Duration::from_secs(6);
    let (deadline, mut last, mut since) = (Instant::now() + LIMIT, (0, 0), Instant::now());
    while since.elapsed() < QUIET {
        assert!(Instant::now() < deadline, "it never comes to rest; the last writes: {:?}", env.writes());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = (env.writes().len(), env.world.calls().len());
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

#[tokio::test]
async fn a_second_look_at_unchanged_input_changes_nothing() {
    run("unchanged", async |env| {
        env.cluster("demo", json!({"nodeGroups": [{"nodegroupName": "workers"}]})).await;
        env.nodegroup("own", "demo", 1).await;
        env.cluster("records", json!({"provider": "metadata"})).await;
        env.cluster("wrong", json!({"kubernetesVersion": "1.39"})).await;
        for name in ["demo", "records"] {
            env.phase("EKSClusterConfig", name, "Active").await;
        }
        for name in ["demo-workers", "own"] {
            env.phase("Nodegroup", name, "Active").await;
        }
        env.reason("EKSClusterConfig", "wrong", "InvalidSpec").await;
        env.until("the Service", "Service", "demo-api", |o| o.is_some()).await;
        settled(env).await;
        let (before, calls, writes) = (versions(env).await, env.world.calls(), env.writes().len());
        assert!(before.len() >= 8, "{before:?}");
        env.stop().await;
        env.start();
        // A new resource shows that the new controllers are at work; its writes are told apart by its name.
        env.cluster("probe", json!({"provider": "metadata"})).await;
        env.phase("EKSClusterConfig", "probe", "Active").await;
        settled(env).await;
        let ours = |text: &String| !text.contains("probe") && !text.ends_with("/events");
        let written: Vec<String> = env.writes().into_iter().skip(writes).filter(ours).collect();
        assert_eq!(written, Vec::<String>::new(), "writes after the restart");
        assert_eq!(env.world.calls(), calls, "calls of the provider after the restart");
        let mut after = versions(env).await;
        after.retain(|name, _| !name.contains("probe"));
        assert_eq!(after, before);
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_was_half_made_is_made_whole_by_the_next_controllers() {
    run("half", async |env| {
        env.world.hold(true);
        env.cluster("demo", json!({})).await;
        env.world_until("the making to begin", |w| w.count("create_cluster") == 1).await;
        env.stop().await;
        env.world.hold(false);
        env.start();
        env.phase("EKSClusterConfig", "demo", "Active").await;
        assert_eq!(env.world.clusters(), ["demo"]);
    })
    .await;
}

#[tokio::test]
async fn what_was_deleted_while_nobody_looked_is_cleaned_up() {
    run("unseen", async |env| {
        env.cluster("demo", json!({"nodeGroups": [{"nodegroupName": "workers"}]})).await;
        env.nodegroup("own", "demo", 1).await;
        env.phase("Nodegroup", "demo-workers", "Active").await;
        env.phase("Nodegroup", "own", "Active").await;
        env.stop().await;
        env.delete("Nodegroup", "own").await;
        env.start();
        env.gone("Nodegroup", "own").await;
        assert!(env.world.nodes_of(&env.id("demo"), "own").is_empty(), "its node went with it");
        env.stop().await;
        env.delete("EKSClusterConfig", "demo").await;
        env.start();
        env.gone("EKSClusterConfig", "demo").await;
        assert!(env.world.clusters().is_empty());
    })
    .await;
}
