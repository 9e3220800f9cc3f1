//! What nodes show a registry that asks who they are.

use provider::{ClusterProvider, Credentials, DesiredCluster, NodeRegistries, NodeRegistry};
use serde_json::json;

use crate::support::{Aside, Environment, docker, group, kubectl, until};

/// Nodes that run, that were restarted and that are new have the credentials that are good now.
pub async fn nodes_show_their_credentials(env: &Environment, plan: &DesiredCluster) {
    let network = format!("k3d-{}", env.k3d.cluster_name(&plan.id));
    // It has no images: whoever gets in is told that there is nothing, all others are refused.
    let serve = "printf '/:node:first\\n' >/tmp/httpd.conf; exec httpd -f -vv -p 5000 -h /tmp -c /tmp/httpd.conf";
    let asking = Aside::run(&["--network", &network, "busybox:1.36", "sh", "-c", serve]);
    let address = docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &asking.name]);
    let address = format!("{}:5000", address[0]);
    let let_in = || {
        let said = std::process::Command::new("docker").args(["logs", &asking.name]).output().unwrap();
        let said = [said.stdout, said.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        said.matches("response:404").count()
    };
    let lead = async |password: Option<&str>| {
        let credentials = password.map(|password| Credentials { username: "node".into(), password: password.into() });
        let registry = NodeRegistry { address: address.clone(), name: "registry.example".into(), credentials };
        let registries = NodeRegistries { own: Some(registry), complete: true, ..NodeRegistries::default() };
        env.k3d.set_registries(&plan.id, &registries).await.unwrap();
    };
    let access = env.access(plan).await;
    let pull = async |node: &str, tag: &str| {
        let before = let_in();
        let spec = json!({"spec": {"nodeName": node, "tolerations": [{"operator": "Exists"}]}}).to_string();
        let image = format!("--image=registry.example/app:{tag}");
        kubectl(&access, &["run", tag, &image, "--restart=Never", "--overrides", &spec]).unwrap();
        until(60, &format!("node {node} to be let in for {tag}"), || let_in() > before).await;
        kubectl(&access, &["delete", "pod", tag, "--now"]).unwrap();
    };
    let workers = group(plan, "plain");
    let nodes = || env.k3d.observe_nodes(&workers).unwrap();
    let node = nodes()[0].name.clone();
    for password in ["first", "second"] {
        // It lets in those with this password alone from now on.
        let only = format!("printf '/:node:{password}\\n' >/tmp/httpd.conf && kill -HUP 1");
        docker(&["exec", &asking.name, "sh", "-c", &only]);
        lead(Some(password)).await;
        pull(&node, password).await;
    }
    docker(&["restart", &node]);
    pull(&node, "restarted").await;
    let known: Vec<String> = nodes().into_iter().map(|node| node.name).collect();
    env.add(&workers, 1).await.unwrap();
    let new = || nodes().into_iter().map(|node| node.name).find(|name| !known.contains(name));
    until(30, "the inventory sees the new node", || new().is_some()).await;
    pull(&new().unwrap(), "added").await;
    lead(None).await;
    let left = docker(&[
        "exec",
        &node,
        "sh",
        "-c",
        "grep -rlsF -e Authorization -e password: /etc/containerd/certs.d /etc/rancher/k3s/registries.yaml /var/lib/rancher/k3s/agent/etc/containerd/certs.d",
    ]);
    assert_eq!(left, [""; 0], "credentials that nobody asks for any more go");
}
