//! Clusters that are brought to another image.

use std::io::Write;
use std::process::{Command, Stdio};

use provider::{Access, ClusterProvider, DesiredCluster, Progress};

use crate::support::{Environment, docker, kubectl, value, volumes};

const NEXT: &str = "1.36";

/// An image that can start nothing.
fn broken() -> String {
    let name = format!("k3eks-test/broken:{}", std::process::id());
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    archive.append_data(&mut header, "empty", std::io::empty()).unwrap();
    let import =
        Command::new("docker").args(["import", "-", &name]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut import = import.unwrap();
    import.stdin.take().unwrap().write_all(&archive.into_inner().unwrap()).unwrap();
    assert!(import.wait().unwrap().success());
    name
}

fn runs(access: &Access) -> String {
    let version = kubectl(access, &["get", "--raw", "/version"]).unwrap();
    serde_json::from_str::<serde_json::Value>(&version).unwrap()["gitVersion"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_keeps_everything_and_one_that_fails_changes_nothing() {
    let env = Environment::new("upgrade").await;
    let plan = env.plan("upgrade");
    env.create(&plan).await.unwrap();
    let before = env.access(&plan).await;
    kubectl(&before, &["create", "configmap", "kept", "--from-literal=a=b"]).unwrap();
    let server = env.k3d.observe_cluster(&plan).unwrap().servers[0].name.clone();
    let held = volumes(&server);

    let wrong = DesiredCluster { version: NEXT.into(), image: broken(), ..plan.clone() };
    let error = env.k3d.upgrade_cluster(&wrong, &Progress::new().0).await.unwrap_err();
    assert!(!error.to_string().is_empty());
    let same = env.access(&plan).await;
    assert_eq!((value(&same, &["configmap", "kept"], "{.data.a}").as_str(), &same.endpoint), ("b", &before.endpoint));
    assert!(runs(&same).starts_with(&format!("v{}", plan.version)), "the old version runs");

    let next = DesiredCluster { version: NEXT.into(), image: env.k3d.image(NEXT).unwrap(), ..plan.clone() };
    env.k3d.upgrade_cluster(&next, &Progress::new().0).await.unwrap();
    let after = env.access(&next).await;
    assert_eq!((&after.endpoint, &after.ca_pem), (&before.endpoint, &before.ca_pem));
    assert!(runs(&after).starts_with("v1.36"), "{}", runs(&after));
    assert_eq!(value(&before, &["configmap", "kept"], "{.data.a}"), "b", "the old kubeconfig leads there too");
    let now = &env.k3d.observe_cluster(&next).unwrap().servers;
    assert_eq!((now.len(), &now[0].image, &now[0].name), (1, &next.image, &server));
    assert_eq!(env.remains(&plan.id).iter().filter(|name| name.contains("-old")).count(), 0);

    env.k3d.delete_cluster(&plan.id).await.unwrap();
    assert_eq!(env.remains(&plan.id), [""; 0]);
    let volumes = docker(&["volume", "ls", "-q"]);
    assert!(!held.iter().any(|volume| volumes.contains(volume)), "volumes are left");
    docker(&["rmi", &wrong.image]);
}
