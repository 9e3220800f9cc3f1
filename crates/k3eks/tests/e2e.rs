//! The product end to end, on the real k3d, Docker and Kubernetes, with the operator that Helm installed.
//!
//! Needs `K3EKS_E2E_KUBECONFIG` (a management cluster with the operator in it) and `kubectl` and `docker` on the path;
//! `make e2e` sees to all of it. Each test has a namespace of its own and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unused_self)]

#[path = "e2e/authorities.rs"]
mod authorities;
#[path = "e2e/control_plane.rs"]
mod control_plane;
#[path = "e2e/endpoint.rs"]
mod endpoint;
#[path = "e2e/faults.rs"]
mod faults;
#[path = "e2e/imports.rs"]
mod imports;
#[path = "e2e/node_parts.rs"]
mod node_parts;
#[path = "e2e/operator.rs"]
mod operator;
#[path = "e2e/relay.rs"]
mod relay;
#[path = "e2e/servers.rs"]
mod servers;
#[path = "e2e/support.rs"]
mod support;
#[path = "e2e/upgrades.rs"]
mod upgrades;

use std::time::Duration;

use serde_json::json;
use support::{Environment, cluster, nodegroup};

const SOON: Duration = Duration::from_secs(30);
const CLUSTER: Duration = Duration::from_secs(120);

#[test]
fn a_cluster_from_yaml_lives_scales_heals_and_goes() {
    let env = Environment::new("life");
    let groups = json!([
        {"nodegroupName": "workers", "desiredSize": 1, "maxSize": 3, "instanceType": "t3.medium", "labels": {"team": "a"}}
    ]);
    env.apply(&cluster(
        "demo",
        json!({"displayName": "Demo_With-a_name-that-is-longer-than-k3d-allows", "nodeGroups": groups}),
    ));
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    assert_eq!(env.get("eks/demo", "{.status.platformVersion}"), "eks.local");
    assert_eq!(
        env.get("eks/demo", "{.status.arn}"),
        "arn:aws:eks:us-east-1:000000000000:cluster/Demo_With-a_name-that-is-longer-than-k3d-allows"
    );
    assert_eq!(env.get("eks/demo", "{.status.observedGeneration}"), env.get("eks/demo", "{.metadata.generation}"));
    env.wait("eks/demo", "{.status.nodes.summary}", "1/1", SOON);

    // The way in that the Secret gives is a real one.
    let child = env.child("demo");
    assert_eq!(child.kubectl(&["get", "--raw", "/readyz"]).unwrap(), "ok");
    let endpoint = env.get("eks/demo", "{.status.endpoint}");
    assert_eq!(asked_by_nobody(&format!("{endpoint}/version")), "401");
    let selector = "-leks.amazonaws.com/nodegroup=workers,team=a,node.kubernetes.io/instance-type=t3.medium,eks.amazonaws.com/capacityType=ON_DEMAND";
    let node = child.kubectl(&["get", "nodes", selector, "-o", "jsonpath={.items[*].metadata.name}"]).unwrap();
    assert!(node.starts_with("k3d-"), "one node with EKS's labels, not {node:?}");
    let zone =
        child.kubectl(&["get", "node", &node, "-o", r"jsonpath={.metadata.labels.topology\.kubernetes\.io/zone}"]);
    let zone = zone.unwrap();
    assert!(zone.starts_with("us-east-1"), "a zone of the region");
    let id = child.kubectl(&["get", "node", &node, "-o", "jsonpath={.spec.providerID}"]).unwrap();
    assert!(id.starts_with(&format!("aws:///{zone}/i-0")), "the id of an instance in {zone}, not {id}");

    // kubectl scale.
    env.kubectl(&["scale", "ng/demo-workers", "--replicas=2"]).unwrap();
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "2", CLUSTER);
    let too_many = env.kubectl(&["scale", "ng/demo-workers", "--replicas=9"]).unwrap_err();
    assert!(too_many.contains("desiredSize must not be greater than maxSize"), "{too_many}");

    // A node that dies is replaced, and its Node object goes.
    env.docker(&["kill", &node]);
    env.until("the dead node to be replaced", CLUSTER, || {
        let nodes = child.kubectl(&["get", "nodes", selector, "-o", "jsonpath={.items[*].metadata.name}"]).ok()?;
        (!nodes.contains(&node) && nodes.split(' ').count() == 2).then_some(())
    });
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "2", CLUSTER);

    // Scaling down removes containers and Node objects.
    env.kubectl(&["scale", "ng/demo-workers", "--replicas=1"]).unwrap();
    env.until("one node to be left", CLUSTER, || {
        let nodes = child.kubectl(&["get", "nodes", selector, "-o", "jsonpath={.items[*].metadata.name}"]).ok()?;
        (nodes.split(' ').count() == 1).then_some(())
    });

    // A label of the inline entry reaches the node that runs.
    env.wait("ng/demo-workers", "{.status.replicas}", "1", CLUSTER);
    let name = env.get("ng/demo-workers", "{.status.nodes[0].name}");
    let patch = r#"[{"op": "replace", "path": "/spec/nodeGroups/0/labels", "value": {"team": "b"}}]"#;
    env.kubectl(&["patch", "eks/demo", "--type=json", "-p", patch]).unwrap();
    env.until("the new label", CLUSTER, || {
        let team = child.kubectl(&["get", "node", &name, "-o", "jsonpath={.metadata.labels.team}"]).ok()?;
        (team == "b").then_some(())
    });
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

#[test]
fn a_cluster_stops_and_starts_with_all_that_it_has() {
    let env = Environment::new("power");
    let group = json!({"nodegroupName": "workers", "desiredSize": 1, "maxSize": 2});
    env.apply(&cluster("demo", json!({"displayName": "powered", "nodeGroups": [group]})));
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    let ways_in = "{.status.endpoint} {.status.certificateAuthority.data}";
    let before = env.get("eks/demo", ways_in);
    let node = env.get("ng/demo-workers", "{.status.nodes[0].name}");
    env.child("demo").kubectl(&["create", "configmap", "kept"]).unwrap();
    let server = server(&env);
    let hosts = || hosts(&env, &server);
    let resolved = env.until("the names of hosts", SOON, hosts);
    let machine = || {
        let known = env.docker(&["exec", &node, "cat", "/etc/hosts"]);
        let line = known.lines().find(|line| line.contains("host.k3d.internal")).unwrap_or_default();
        line.split_whitespace().next().unwrap_or_default().to_owned()
    };
    let of_node = machine();
    assert!(!of_node.is_empty() && resolved.iter().all(|line| line.starts_with(&of_node)), "{of_node}: {resolved:?}");
    a_pod_that_takes_its_time(&env, &server);
    let state = |state: &str| env.change("eks/demo", &json!({"state": state}));
    state("Stopped");
    env.wait("eks/demo", "{.status.phase}", "Stopped", CLUSTER);
    env.until("nothing to run", SOON, || (env.running() == 0).then_some(()));
    env.wait("ng/demo-workers", "{.status.phase}", "Stopped", SOON);
    let said = env.try_docker_all(&["logs", "--tail", "5000", &server]);
    assert!(said.contains("Waiting for k3s to close"), "the server's node was drained before k3s ended: {said}");
    state("Running");
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    assert_eq!(env.get("eks/demo", ways_in), before);
    assert_eq!(env.get("ng/demo-workers", "{.status.nodes[0].name}"), node, "the same node");
    env.until("the names of hosts to be back", SOON, || (hosts()? == resolved).then_some(()));
    assert_eq!(machine(), of_node, "for nodes, too");
    env.child("demo").kubectl(&["get", "configmap", "kept"]).unwrap();
    env.verify("demo");
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

/// The HTTP status that somebody gets who shows no credentials.
fn asked_by_nobody(url: &str) -> String {
    let asked = ["-sk", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}", url];
    let output = std::process::Command::new("curl").args(asked).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The container of the cluster's only server.
fn server(env: &Environment) -> String {
    let all = env.containers();
    let mut names = all.iter().filter_map(|line| line.split(' ').next_back());
    names.find(|name| name.ends_with("-server-0")).unwrap().to_owned()
}

/// Where `host.k3d.internal` is, for the server's own programs and for the cluster's DNS.
pub fn hosts(env: &Environment, server: &str) -> Option<Vec<String>> {
    let known = env.try_docker(&["exec", server, "cat", "/etc/hosts"]).ok()?;
    let dns = [
        "exec",
        server,
        "kubectl",
        "get",
        "configmap",
        "coredns",
        "-n",
        "kube-system",
        "-o",
        "jsonpath={.data.NodeHosts}",
    ];
    let dns = env.try_docker(&dns).ok()?;
    let of = |text: &str| {
        let mut all: Vec<String> =
            text.lines().filter(|line| line.contains("host.k3d.internal")).map(str::to_owned).collect();
        all.sort();
        all.dedup();
        all
    };
    let (known, dns) = (of(&known), of(&dns));
    (!known.is_empty() && !dns.is_empty()).then(|| [known, dns].concat())
}

/// On the server's node: longer than Docker waits by itself.
fn a_pod_that_takes_its_time(env: &Environment, server: &str) {
    let child = env.child("demo");
    child.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "slow", "namespace": "default"}, "spec": {
        "nodeName": server, "terminationGracePeriodSeconds": 14,
        "containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", "trap : TERM; while true; do sleep 1; done"], "imagePullPolicy": "IfNotPresent"}]}}));
    child.kubectl(&["wait", "pod/slow", "--for=condition=Ready", "--timeout=60s"]).unwrap();
}

#[test]
fn bad_input_is_refused_with_the_way_out() {
    let env = Environment::new("bad");
    let refused = |object: &serde_json::Value, part: &str| {
        let words = env.try_apply(object).unwrap_err();
        assert!(words.contains(part), "{words}");
    };
    refused(&cluster("a", json!({"displayName": "-no"})), "displayName");
    refused(&cluster("a", json!({"kubernetesVersion": "latest"})), "kubernetesVersion");
    let group = json!([{"nodegroupName": "g", "minSize": 3, "desiredSize": 2, "maxSize": 4}]);
    refused(&cluster("a", json!({"nodeGroups": group})), "minSize must not be greater than desiredSize");
    refused(&nodegroup("g", "a", 9), "desiredSize must not be greater than maxSize");

    env.apply(&cluster("old", json!({"provider": "metadata", "region": "eu-west-1"})));
    refused(&cluster("old", json!({"provider": "metadata", "region": "eu-west-2"})), "region can't be changed");

    let mut reserved = nodegroup("g", "a", 1);
    reserved["spec"]["labels"] = json!({"kubernetes.io/role": "x"});
    refused(&reserved, "are reserved");

    env.apply(&cluster("leap", json!({"provider": "metadata", "kubernetesVersion": "1.34"})));
    env.wait("eks/leap", "{.status.version}", "1.34", SOON);
    refused(
        &cluster("leap", json!({"provider": "metadata", "kubernetesVersion": "1.36"})),
        "at most one minor version",
    );
    refused(&cluster("leap", json!({"provider": "metadata", "kubernetesVersion": "1.33"})), "can't be lower");
    env.apply(&cluster("leap", json!({"provider": "metadata", "kubernetesVersion": "1.35"})));

    env.apply(&cluster("unknown", json!({"kubernetesVersion": "1.39"})));
    env.wait("eks/unknown", "{.status.conditions[?(@.type==\"Stalled\")].status}", "True", SOON);
    let message = env.get("eks/unknown", "{.status.failureMessage}");
    assert!(message.contains("1.39") && message.contains("1.35, 1.36"), "{message}");
    env.kubectl(&["delete", "eks", "--all", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

#[test]
fn the_younger_of_two_with_one_identity_waits() {
    let env = Environment::new("twins");
    let spec = json!({"provider": "metadata", "displayName": "same"});
    env.apply(&cluster("first", spec.clone()));
    env.wait("eks/first", "{.status.phase}", "Active", SOON);
    env.apply(&cluster("second", spec));
    env.wait("eks/second", "{.status.conditions[?(@.type==\"Ready\")].reason}", "Conflict", SOON);
    env.kubectl(&["delete", "eks/first", "--timeout=120s"]).unwrap();
    env.wait("eks/second", "{.status.phase}", "Active", SOON);
}

#[test]
fn a_node_group_waits_for_its_cluster_and_goes_with_it() {
    let env = Environment::new("orphan");
    env.apply(&nodegroup("group", "late", 1));
    env.wait("ng/group", "{.status.conditions[?(@.type==\"Ready\")].reason}", "WaitingForCluster", SOON);
    assert!(env.get("ng/group", "{.status.conditions[?(@.type==\"Ready\")].message}").contains("doesn't exist"));
    env.apply(&cluster("late", json!({"provider": "metadata"})));
    env.wait("ng/group", "{.status.phase}", "Active", SOON);
    env.kubectl(&["delete", "eks/late", "--timeout=120s"]).unwrap();
    assert_eq!(env.kubectl(&["get", "ng", "-o", "name"]).unwrap(), "");
}

#[test]
fn deleted_while_creating_leaves_nothing() {
    let env = Environment::new("early");
    env.apply(&cluster("early", json!({})));
    env.wait("eks/early", "{.status.phase}", "Creating", SOON);
    env.kubectl(&["delete", "eks/early", "--timeout=120s"]).unwrap();
    env.nothing_left();
}
