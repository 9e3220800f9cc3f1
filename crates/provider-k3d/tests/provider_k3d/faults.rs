//! What goes wrong.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::relay::Relay;
use crate::support::{AtTheEnd, Environment, docker, group, kubectl, until};
use k3eks_provider_k3d::{K3d, K3dSettings, Limits};
use provider::{ClusterId, ClusterProvider, DesiredCluster, Error, Progress, Retry};

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_passed_over_and_an_empty_range_is_named() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().port();
    let env = Environment::with("port", |settings| K3dSettings { api_ports: taken..=taken, ..settings }).await;
    let error = env.create(&env.plan("port")).await.unwrap_err();
    assert!(matches!(error, Error::PortsExhausted { .. }), "{error}");
    assert_eq!(env.remains(&env.plan("port").id), [""; 0]);
    drop(env);

    let env = Environment::new("port").await;
    let plan = DesiredCluster { placement: Some(taken), ..env.plan("port") };
    env.create(&plan).await.unwrap();
    let access = env.access(&plan).await;
    assert!((16443..=17442).contains(&access.placement.unwrap()), "{access:?}");
    assert_eq!(kubectl(&access, &["get", "--raw", "/readyz"]).unwrap(), "ok");
    env.k3d.delete_cluster(&plan.id).await.unwrap();
    assert_eq!(env.remains(&plan.id), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_is_named() {
    let env = Environment::new("image").await;
    let plan = DesiredCluster { image: "localhost:1/no/such:image".into(), ..env.plan("image") };
    let error = env.create(&plan).await.unwrap_err();
    let Error::ImageUnavailable { image, why, .. } = &error else { panic!("{error}") };
    assert_eq!(image, "localhost:1/no/such:image");
    assert!(!why.is_empty());
    assert_eq!(error.retry(), Retry::Transient, "the image may be loaded at any time");
    assert_eq!(env.remains(&plan.id), [""; 0]);
    let homeless = group(&env.plan("image"), "workers");
    let error = env.add(&homeless, 1).await.unwrap_err();
    assert!(error.to_string().contains("doesn't run"), "{error}");
}

/// The longest names, and k3d killed at several moments: each time the next attempt makes the cluster whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_k3d_leaves_nothing_that_the_next_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    let (binary, pid) = (folder.path().join("k3d"), folder.path().join("pid"));
    script(&binary, &format!("echo $$ >{}\nexec k3d \"$@\"", pid.display()));
    let env = Environment::with("kill", |settings| K3dSettings { binary, ..settings }).await;
    let mut plan = env.plan(&"l".repeat(100));
    plan.id.name = format!("{}.{}", "l".repeat(150), "x".repeat(102));
    let name = env.k3d.cluster_name(&plan.id);
    let server = format!("k3d-{name}-server-0");

    // When the container is made, when it has just been started, and while k3s comes up.
    for (wanted, later) in [(&["created", "running"][..], 0), (&["running"], 0), (&["running"], 1500)] {
        let state = || docker(&["inspect", "-f", "{{.State.Status}}", &server]);
        let killed = async {
            until(30, "the moment", || state().iter().any(|now| wanted.contains(&now.as_str()))).await;
            tokio::time::sleep(Duration::from_millis(later)).await;
            kill(&pid);
        };
        let (result, ()) = tokio::join!(env.create(&plan), killed);
        let error = result.expect_err("k3d was killed");
        assert!(error.to_string().contains("signal: 9"), "{error}");
        if later == 0 {
            env.k3d.delete_cluster(&plan.id).await.unwrap();
            assert_eq!(env.remains(&plan.id), [""; 0]);
        }
    }
    env.create(&plan).await.unwrap();
    let access = env.access(&plan).await;
    until(60, "the API answers", || kubectl(&access, &["get", "--raw", "/readyz"]).is_ok()).await;
    let mut nodes = group(&plan, &"G_".repeat(31));
    nodes.labels.clear();
    env.add(&nodes, 1).await.unwrap();
    let name = &env.k3d.observe_nodes(&nodes).unwrap()[0].name;
    assert!(kubectl(&access, &["get", "node", name]).is_ok());
    env.k3d.delete_cluster(&plan.id).await.unwrap();
    assert_eq!(env.remains(&plan.id), [""; 0]);
}

/// A create that is given up by dropping it, at ever later moments, and deleted at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_create_is_deleted_without_a_trace() {
    let env = Environment::new("cancel").await;
    let plan = env.plan("cancel");
    let name = env.k3d.cluster_name(&plan.id);
    let (network, server) = (format!("k3d-{name}"), format!("k3d-{name}-server-0"));
    let state = || docker(&["inspect", "-f", "{{.State.Status}}", &server]).concat();
    let moments: [(&str, &(dyn Fn() -> bool + Sync)); 5] = [
        ("it began", &|| true),
        ("its network was there", &|| {
            !docker(&["network", "ls", "-q", "--filter", &format!("name={network}")]).is_empty()
        }),
        ("its server was made", &|| !state().is_empty()),
        ("its server ran", &|| state() == "running"),
        ("k3s ran", &|| docker(&["top", &server]).iter().any(|process| process.contains("k3s server"))),
    ];
    for (moment, come) in moments {
        let what = format!("given up when {moment}");
        tokio::select! {
            made = env.create(&plan) => panic!("it was made before it was {what}: {made:?}"),
            () = until(60, &what, come) => {}
        }
        env.k3d.delete_cluster(&plan.id).await.unwrap();
        // What Docker was asked for by then may come a moment later, and is removed.
        let mut looks = 0;
        until(10, &format!("nothing to be left, {what}"), || {
            looks = if env.remains(&plan.id).is_empty() { looks + 1 } else { 0 };
            looks == 10
        })
        .await;
    }
}

/// Docker goes away while a cluster is made, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn docker_may_be_away_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let settings = K3dSettings {
        docker_host: Some(format!("unix://{}", socket.display())),
        ..K3dSettings::new(format!("test-away-{}", std::process::id()))
    };
    let k3d = K3d::start(settings);
    let id = ClusterId { namespace: "default".into(), name: "away".into() };
    let env = Environment::new("elsewhere").await;
    let plan = DesiredCluster { id: id.clone(), ..env.plan("away") };
    let progress = Progress::new().0;
    let error = k3d.create_cluster(&plan, &progress).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Waiting);
    assert!(matches!(k3d.observe_cluster(&plan), Err(Error::Unavailable { .. })));

    let mut changes = k3d.changes();
    let relay = Relay::start(&socket);
    until(30, "Docker is back", || k3d.ready().is_ok()).await;
    assert_eq!(changes.recv().await.unwrap(), id, "whoever asked is told");
    let server = format!("k3d-{}-server-0", k3d.cluster_name(&id));
    let cut = async {
        until(30, "the server is there", || !docker(&["inspect", "-f", "{{.Id}}", &server]).is_empty()).await;
        drop(relay);
    };
    let (result, ()) = tokio::join!(k3d.create_cluster(&plan, &progress), cut);
    assert!(result.is_err(), "Docker went away");
    until(30, "the inventory is unknown", || k3d.ready().is_err()).await;

    let _relay = Relay::start(&socket);
    until(30, "Docker is back", || k3d.ready().is_ok()).await;
    k3d.create_cluster(&plan, &progress).await.unwrap();
    assert!(k3d.access(&plan).await.unwrap().is_some());
    k3d.delete_cluster(&id).await.unwrap();
    assert!(docker(&["ps", "-aq", "--filter", &format!("name={}", k3d.cluster_name(&id))]).is_empty());
}

/// k3s writes its kubeconfig before anything works: a server that never did is made anew, not started for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_came_up_is_made_anew() {
    let limits = Limits { create: Duration::from_secs(60), wait: Duration::from_secs(15), ..Limits::default() };
    let env = Environment::with("never", |settings| K3dSettings { limits, ..settings }).await;
    let image = format!("k3eks-test/late:{}", std::process::id());
    let plan = DesiredCluster { image: image.clone(), ..env.plan("never") };
    let folder = tempfile::tempdir().unwrap();
    let k3s = folder.path().join("k3s");
    script(
        &k3s,
        "mkdir -p \"$(dirname \"$K3S_KUBECONFIG_OUTPUT\")\"; echo {} >\"$K3S_KUBECONFIG_OUTPUT\"; sleep 1; exit 1",
    );
    let good = env.plan("never").image;
    let container = docker(&["create", &good]).remove(0);
    docker(&["cp", &k3s.display().to_string(), &format!("{container}:/bin/k3s")]);
    let _image = AtTheEnd::docker(&["rmi", "-f", &image]);
    docker(&["commit", &container, &image]);
    docker(&["rm", "-fv", &container]);
    env.create(&plan).await.expect_err("it ends at once");
    docker(&["tag", &good, &image]);
    let again = async {
        while let Err(error) = env.create(&plan).await {
            eprintln!("{error}");
        }
    };
    tokio::time::timeout(Duration::from_secs(120), again).await.expect("a cluster that works");
    assert_eq!(kubectl(&env.access(&plan).await, &["get", "--raw", "/readyz"]).unwrap(), "ok");
    env.k3d.delete_cluster(&plan.id).await.unwrap();
}

#[tokio::test]
async fn a_missing_k3d_is_named() {
    let env = Environment::with("tool", |settings| K3dSettings { binary: "/no/such/k3d".into(), ..settings }).await;
    let error = env.create(&env.plan("tool")).await.unwrap_err();
    assert!(matches!(&error, Error::ToolMissing { tool, .. } if tool == "/no/such/k3d"), "{error}");
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn kill(pid: &Path) {
    let pid = std::fs::read_to_string(pid).unwrap();
    assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
}
