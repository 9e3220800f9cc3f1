//! Where pods run: on the server while there is no node group, on nodes from then on, as on EKS.

use serde_json::{Value, json};

use crate::operator::Operator;
use crate::support::{Child, Environment};
use crate::{CLUSTER, SOON, cluster, server};

const REASON: &str = "{.status.conditions[?(@.type==\"Ready\")].reason}";
const TAINTS: &str = "jsonpath={.spec.taints[*].key}";

fn deployment(name: &str) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
            "name": "c", "image": "busybox:1.36", "command": ["sleep", "600"], "imagePullPolicy": "IfNotPresent"}]}}}})
}

/// Waits until the Deployment's only pod runs on a node of which this holds.
fn runs_on(env: &Environment, child: &Child, name: &str, namespace: &str, holds: impl Fn(&str) -> bool) {
    let path = "jsonpath={range .items[*]}{.spec.nodeName} {.status.containerStatuses[0].ready}{\"\\n\"}{end}";
    let label = if name == "coredns" { "k8s-app=kube-dns" } else { "app=app" };
    env.until(&format!("{name} to run where it should"), CLUSTER, || {
        let seen = child.kubectl(&["-n", namespace, "get", "pods", "-l", label, "-o", path]).ok()?;
        let (node, ready) = seen.split_once(' ')?;
        (ready == "true" && holds(node)).then_some(())
    });
}

fn tainted(env: &Environment, child: &Child, server: &str, wanted: bool) {
    env.until(&format!("the server's taint to be there: {wanted}"), CLUSTER, || {
        let taints = child.kubectl(&["get", "node", server, "-o", TAINTS]).ok()?;
        (taints.contains("k3eks.io/control-plane") == wanted).then_some(())
    });
}

#[test]
fn servers_take_pods_only_while_there_is_no_node_group() {
    let env = Environment::bare("placed");
    let _operator = Operator::start(&env, &[], None);
    env.apply(&cluster("demo", json!({"displayName": "placed"})));
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    env.wait("eks/demo", REASON, "Ready", SOON);
    let (child, server) = (env.child("demo"), server(&env));
    let everywhere = |holds: &dyn Fn(&str) -> bool| {
        runs_on(&env, &child, "app", "default", holds);
        runs_on(&env, &child, "coredns", "kube-system", holds);
    };
    child.apply(&deployment("app"));
    everywhere(&|node| node == server);
    recorded_only(&env);

    // The cluster stays Active, and isn't Ready until the group's node is.
    let groups = |desired: i32| json!({"nodeGroups": [{"nodegroupName": "workers", "minSize": 0, "desiredSize": desired, "maxSize": 2}]});
    env.change("eks/demo", &groups(1));
    env.wait("eks/demo", REASON, "NodegroupsNotReady", SOON);
    assert_eq!(env.get("eks/demo", "{.status.phase} {.status.nodes.summary}"), "Active 0/1");
    env.kubectl(&["wait", "--for=condition=Ready", "eks/demo", "--timeout=120s"]).unwrap();
    assert_eq!(env.get("eks/demo", "{.status.nodes.summary}"), "1/1");
    tainted(&env, &child, &server, true);
    everywhere(&|node| node != server && !node.is_empty());
    let left = ["get", "pods", "-A", "--field-selector", &format!("spec.nodeName={server}"), "-o", "name"];
    env.until("nothing to be left on the server", CLUSTER, || child.kubectl(&left).ok().filter(String::is_empty));

    env.change("eks/demo", &json!({"state": "Stopped"}));
    env.wait("eks/demo", REASON, "Stopped", CLUSTER);
    env.change("eks/demo", &json!({"state": "Running"}));
    env.kubectl(&["wait", "--for=condition=Ready", "eks/demo", "--timeout=120s"]).unwrap();
    tainted(&env, &child, &server, true);
    everywhere(&|node| node != server && !node.is_empty());

    // Without a node the pods wait, as on EKS.
    env.change("eks/demo", &groups(0));
    env.kubectl(&["wait", "--for=condition=Ready", "eks/demo", "--timeout=180s"]).unwrap();
    env.until("the app to wait", CLUSTER, || {
        let seen = child.kubectl(&["get", "pods", "-l", "app=app", "-o", "jsonpath={.items[*].status.phase}"]).ok()?;
        (seen == "Pending").then_some(())
    });
    // The last group takes the taint with it.
    env.change("eks/demo", &json!({"nodeGroups": []}));
    tainted(&env, &child, &server, false);
    everywhere(&|node| node == server);
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

/// What nothing stands behind says so, in its status and as an Event.
fn recorded_only(env: &Environment) {
    let member = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "k3eks.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let role = "arn:aws:iam::000000000000:role/pods";
    let profile = json!({"clusterName": "demo", "fargateProfileName": "web", "podExecutionRoleArn": role, "selectors": [{"namespace": "web"}]});
    env.apply(&member("Addon", "states", json!({"clusterName": "demo", "addonName": "kube-state-metrics"})));
    env.apply(&member("FargateProfile", "web", profile));
    for resource in ["addon/states", "fargateprofile/web"] {
        env.wait_words(resource, "RecordedOnly", "recorded only", SOON);
        assert_eq!(env.get(resource, "{.status.phase}"), "Active");
        assert!(env.get(resource, "{.status.issues[0].message}").starts_with("recorded only"));
        let name = resource.split_once('/').unwrap().1;
        let about = format!("involvedObject.name={name}");
        env.until("an Event that says so", SOON, || {
            let notes =
                env.kubectl(&["get", "events", "--field-selector", &about, "-o", "jsonpath={.items[*].message}"]);
            notes.ok().filter(|notes| notes.contains("recorded only"))
        });
    }
}
