//! The pod network: pods reach each other by address, across nodes, and by a Service's address.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::ListParams;

use super::environment::{CAUGHT_UP, Environment, WEB, WEB_PORT};
use super::finding::Outcome;
use super::task::{Task, hindrance, until_none_is_missing};

/// Nodes of which each is asked from each; a larger cluster isn't checked as a whole.
const MOST: usize = 6;
/// How long the web server's pods may take to be ready.
const READY: Duration = Duration::from_secs(45);
const LIMIT: Duration = Duration::from_secs(85);

/// A pod of the web server.
struct Served {
    node: String,
    address: String,
}

/// Asks the web server's pod on each node from a pod on each node.
pub async fn check(env: &Environment) -> Outcome {
    let nodes = env.workers().len();
    if nodes == 0 {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    let Ok(mut served) = tokio::time::timeout(READY, ready(env, nodes)).await else {
        return not_ready(env, nodes).await;
    };
    served.truncate(MOST);
    let service = env.api::<Service>().get(WEB).await;
    let service = service.ok().and_then(|service| service.spec?.cluster_ip).unwrap_or_default();
    let script = script(&served, &service, CAUGHT_UP);
    let from = served.iter().map(|from| {
        let (name, script) = (format!("from-{}", from.node), &script);
        async move {
            let task = Task { name: &name, script, account: None, node: Some(&from.node), claim: None };
            (from, task.run(env, LIMIT).await)
        }
    });
    let mut wrong = Vec::new();
    for (from, ended) in join_all(from).await {
        match ended {
            Ok(ended) if ended.well => {}
            Ok(ended) => wrong.push(format!("from {}: {}", from.node, ended.said)),
            Err(outcome) => return outcome,
        }
    }
    if !wrong.is_empty() {
        return Outcome::fails(
            wrong.join("; "),
            "a pod on each node answers pods on every node, and so does the Service before them",
            "docker logs of the nodes' containers: flannel and kube-proxy; NetworkPolicies that hold everywhere",
        );
    }
    match served.len() {
        1 => Outcome::ok("pods and Services answer; there is one node, so nothing was asked across nodes"),
        many => Outcome::ok(format!("pods and Services answer, from each of {many} nodes to each")),
    }
}

/// The web server's pods once there is one that is ready on each node.
async fn ready(env: &Environment, nodes: usize) -> Vec<Served> {
    loop {
        let all = pods(env).await;
        let served: Vec<Served> = all.iter().filter_map(served).collect();
        if served.len() >= nodes {
            return served;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn pods(env: &Environment) -> Vec<Pod> {
    let ours = ListParams::default().labels(&format!("app={WEB}"));
    env.api::<Pod>().list(&ours).await.map(|list| list.items).unwrap_or_default()
}

fn served(pod: &Pod) -> Option<Served> {
    let status = pod.status.as_ref()?;
    let ready = status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    let node = pod.spec.as_ref()?.node_name.clone()?;
    ready.then(|| Some(Served { node, address: status.pod_ip.clone()? }))?
}

async fn not_ready(env: &Environment, nodes: usize) -> Outcome {
    let all = pods(env).await;
    let ready = all.iter().filter_map(served).count();
    let why = all.iter().find(|pod| served(pod).is_none()).map(|pod| format!("{}: {}", pod.name_any(), hindrance(pod)));
    Outcome::fails(
        format!("{ready} of {nodes} pods are ready after {} s; {}", READY.as_secs(), why.unwrap_or_default()),
        format!("a pod of image {} is ready on each node", env.image),
        "kubectl get nodes; if the image is unavailable, name another one with --image",
    )
}

/// Asks every pod, and the Service, until each has answered with its node's name.
fn script(served: &[Served], service: &str, patience: u32) -> String {
    let mut asks: Vec<String> = served
        .iter()
        .map(|Served { node, address }| {
            format!("ask {address}:{WEB_PORT} {node} || missing=\"$missing {node} ({address})\"")
        })
        .collect();
    asks.push(format!("ask {service}:80 . || missing=\"$missing Service {service}\""));
    format!(
        "ask() {{ timeout 3 wget -q -O- http://$1/ 2>/dev/null | grep -q \"$2\"; }}\n{}",
        until_none_is_missing(&asks, patience, r#""no answer from$missing""#)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_names_whoever_did_not_answer() {
        let served = [("a", "10.0.0.1"), ("b", "10.0.0.2")]
            .map(|(node, address)| Served { node: node.into(), address: address.into() });
        let shell = |answer: &str| {
            let stub = format!(
                "wget() {{ {answer}; }}; timeout() {{ shift; \"$@\"; }}; sleep() {{ :; }}\n{}",
                script(&served, "10.9.0.1", 0)
            );
            let output = std::process::Command::new("sh").args(["-c", &stub]).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        assert!(shell("case $3 in *10.0.0.1*) echo a;; *) echo b;; esac").0);
        let (well, said) = shell("case $3 in *10.0.0.2*) return 1;; *) echo a;; esac");
        assert!(!well && said.trim() == "no answer from b (10.0.0.2)", "{said}");
    }
}
