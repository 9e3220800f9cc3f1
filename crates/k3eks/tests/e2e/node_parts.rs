//! What k3s brings along works on a cluster that the operator made: volumes, charts, load balancers and the pod network.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Child, Environment};
use crate::{CLUSTER, cluster};

const RUNNING: Duration = Duration::from_secs(90);

/// The child's answer to this question, once it is as it should be.
fn wait(
    env: &Environment,
    child: &Child,
    limit: Duration,
    resource: &str,
    path: &str,
    wanted: impl Fn(&str) -> bool,
) -> String {
    let jsonpath = format!("jsonpath={path}");
    env.until(&format!("{path} of {resource}"), limit, || {
        child.kubectl(&["get", resource, "-o", &jsonpath]).ok().filter(|seen| wanted(seen))
    })
}

/// A pod that runs this once.
fn once(name: &str, script: &str) -> Value {
    let mount = json!([{"name": "data", "mountPath": "/data"}]);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "restartPolicy": "Never",
        "containers": [{"name": "once", "image": "busybox:1.36", "command": ["sh", "-c", script], "volumeMounts": mount}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}})
}

fn volumes(env: &Environment, child: &Child) {
    // No class is named: the default one serves.
    child.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}));
    for (name, script) in [("writer", "echo kept > /data/file"), ("reader", "grep -x kept /data/file")] {
        child.apply(&once(name, script));
        wait(env, child, RUNNING, &format!("pod/{name}"), "{.status.phase}", |phase| phase == "Succeeded");
        child.kubectl(&["delete", "pod", name, "--now"]).unwrap();
    }
    let volume = wait(env, child, RUNNING, "pvc/data", "{.spec.volumeName}", |name| !name.is_empty());
    child.kubectl(&["delete", "pvc/data", "--timeout=60s"]).unwrap();
    env.until("the volume to be removed", RUNNING, || {
        child.kubectl(&["get", "pv", &volume]).err().filter(|said| said.contains("NotFound"))
    });
}

/// A web server on each node that answers with its own name, at a cost that an autoscaler can compare with.
fn web(env: &Environment, child: &Child, nodes: usize) {
    let labels = json!({"app": "web"});
    child.apply(&json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
            "name": "web", "image": "busybox:1.36",
            "command": ["sh", "-c", "hostname > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]}]}}}}));
    wait(env, child, RUNNING, "daemonset/web", "{.status.numberReady}", |ready| ready == nodes.to_string());
}

fn network(env: &Environment, child: &Child, nodes: usize) {
    web(env, child, nodes);
    let path = "jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{\"\\n\"}{end}";
    let pods = child.kubectl(&["get", "pods", "-l", "app=web", "-o", path]).unwrap();
    let pods: Vec<_> = pods.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(pods.len(), nodes, "{pods:?}");
    for (from, _) in &pods {
        for (to, address) in &pods {
            let ask = ["exec", from, "--", "timeout", "5", "wget", "-qO-", &format!("http://{address}/")];
            let answer = env.until(&format!("{to} to answer {from}"), RUNNING, || child.kubectl(&ask).ok());
            assert_eq!(&answer, to);
        }
    }
    let backend = "{.items[*].metadata.annotations.flannel\\.alpha\\.coreos\\.com/backend-type}";
    wait(env, child, RUNNING, "nodes", backend, |seen| seen == vec!["vxlan"; nodes].join(" "));
}

/// What is behind a Service of type LoadBalancer answers at the address of each node, as long as the port is free there.
fn balanced(env: &Environment, child: &Child, nodes: usize) {
    let service = |name: &str| {
        child.apply(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
            "type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 28_081, "targetPort": 80}]}}));
    };
    let given = "{.status.loadBalancer.ingress[*].ip}";
    service("balanced");
    let addresses = wait(env, child, RUNNING, "service/balanced", given, |seen| seen.split(' ').count() == nodes);
    for address in addresses.split(' ') {
        env.until(&format!("{address} to answer from here"), RUNNING, || {
            let ask = ["-sf", "--max-time", "5", &format!("http://{address}:28081/")];
            let output = Command::new("curl").args(ask).output().unwrap();
            String::from_utf8_lossy(&output.stdout).starts_with("web-").then_some(())
        });
    }
    // Made later, and served once the port is free.
    service("late");
    child.kubectl(&["delete", "service/balanced", "--timeout=60s"]).unwrap();
    wait(env, child, RUNNING, "service/late", given, |seen| seen.split(' ').count() == nodes);
    child.kubectl(&["delete", "service/late", "--timeout=60s"]).unwrap();
}

/// The chart beside this file, as a resource carries it.
fn packed() -> String {
    let command = "tar -C tests/e2e -cz chart | base64 -w0";
    let output = Command::new("bash").args(["-o", "pipefail", "-c", command]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn charts(env: &Environment, child: &Child) {
    let resource = |kind: &str, spec: Value| {
        let metadata = json!({"name": "tiny", "namespace": "kube-system"});
        child.apply(&json!({"apiVersion": "helm.cattle.io/v1", "kind": kind, "metadata": metadata, "spec": spec}));
    };
    let says = |word: &str| wait(env, child, RUNNING, "configmap/said", "{.data.word}", |seen| seen == word);
    env.until("the kind HelmChart", RUNNING, || child.kubectl(&["get", "helmcharts", "-A"]).ok());
    resource("HelmChart", json!({"targetNamespace": "default", "chartContent": packed()}));
    says("the chart");
    resource("HelmChartConfig", json!({"valuesContent": "word: the configuration"}));
    says("the configuration");
    child.kubectl(&["-n", "kube-system", "delete", "helmchart/tiny", "--timeout=90s"]).unwrap();
    let gone = child.kubectl(&["get", "configmap/said"]).unwrap_err();
    assert!(gone.contains("NotFound"), "{gone}");
}

#[test]
fn what_k3s_brings_along_works() {
    let env = Environment::new("parts");
    env.apply(&cluster(
        "demo",
        json!({"displayName": "parts", "controlPlane": {"schedulable": true}, "nodeGroups": [{"nodegroupName": "workers", "desiredSize": 1, "maxSize": 2}]}),
    ));
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    let child = env.child("demo");
    let nodes = child.kubectl(&["get", "nodes", "-o", "name"]).unwrap().lines().count();
    assert_eq!(nodes, 2, "the server and the group's node");
    network(&env, &child, nodes);
    balanced(&env, &child, nodes);
    volumes(&env, &child);
    charts(&env, &child);
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}
