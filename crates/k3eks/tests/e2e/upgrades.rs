//! A cluster's way to the next version, seen from the resource.

use serde_json::json;

use crate::operator::Operator;
use crate::support::{Environment, next_version, version};
use crate::{CLUSTER, SOON, cluster, hosts, server};

const MESSAGE: &str = "{.status.conditions[?(@.type==\"Ready\")].message}";

/// A change that the API server refuses with these words.
fn refused(env: &Environment, what: &str, spec: &serde_json::Value, words: &str) {
    let patch = json!({"spec": spec}).to_string();
    let said = env.kubectl(&["patch", what, "--type=merge", "-p", &patch]).unwrap_err();
    assert!(said.contains(words), "{said}");
}

fn upgrade(env: &Environment, to: &str) {
    env.change("eks/demo", &json!({"kubernetesVersion": to}));
}

/// The version that runs, such as `1.36.4+k3s1`.
fn runs(env: &Environment) -> String {
    let said = env.child("demo").kubectl(&["get", "--raw", "/version"]).unwrap();
    let said = serde_json::from_str::<serde_json::Value>(&said).unwrap();
    said["gitVersion"].as_str().unwrap().trim_start_matches('v').to_owned()
}

fn demo() -> serde_json::Value {
    cluster(
        "demo",
        json!({"kubernetesVersion": version(), "nodeGroups": [{"nodegroupName": "workers", "desiredSize": 1, "maxSize": 2}]}),
    )
}

#[test]
fn a_cluster_goes_one_version_up_with_all_that_it_has() {
    let env = Environment::bare("upgrade");
    let _operator = Operator::start(&env, &[], None);
    env.apply(&demo());
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    let ways_in = "{.status.endpoint} {.status.certificateAuthority.data}";
    let before = env.get("eks/demo", ways_in);
    let child = env.child("demo");
    child.kubectl(&["create", "configmap", "kept"]).unwrap();
    let server = server(&env);
    let resolved = env.until("the names of hosts", SOON, || hosts(&env, &server));
    let old = child.kubectl(&["get", "node", &server, "-o", "jsonpath={.status.nodeInfo.kubeletVersion}"]).unwrap();

    refused(&env, "eks/demo", &json!({"kubernetesVersion": "1.38"}), "at most one minor version");
    upgrade(&env, next_version());
    env.wait("eks/demo", "{.status.version}", next_version(), CLUSTER);
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    assert!(runs(&env).starts_with(next_version()), "the version in status is the one that runs");
    assert_eq!(env.get("eks/demo", ways_in), before);
    child.kubectl(&["get", "configmap", "kept"]).unwrap();
    env.until("the server's node to be the one that it was", CLUSTER, || {
        let path = "jsonpath={.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type==\"Ready\")].status}";
        let seen = child.kubectl(&["get", "node", &server, "-o", path]).ok()?;
        (!seen.starts_with(&old) && seen.ends_with("True")).then_some(())
    });
    env.until("the names of hosts to be back", CLUSTER, || (hosts(&env, &server)? == resolved).then_some(()));
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    assert_eq!(env.get("ng/demo-workers", "{.status.version}"), version(), "node groups follow when they are asked to");
    nodes_follow(&env);
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

/// A pod that must not go holds its node until its budget is loosened; then the group has the new version.
fn nodes_follow(env: &Environment) {
    let child = env.child("demo");
    let node = child.kubectl(&["get", "nodes", "-leks.amazonaws.com/nodegroup=workers", "-o", "name"]).unwrap();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "held", "namespace": "default", "labels": {"app": "held"}}, "spec": {
        "nodeName": node.trim().trim_start_matches("node/"), "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "c", "image": "busybox:1.36", "command": ["sleep", "600"], "imagePullPolicy": "IfNotPresent"}]}});
    let budget = |least: i32| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "held", "namespace": "default"},
            "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "held"}}}})
    };
    child.apply(&pod);
    child.apply(&budget(1));
    child.kubectl(&["wait", "pod/held", "--for=condition=Ready", "--timeout=120s"]).unwrap();
    env.change("ng/demo-workers", &json!({"version": next_version()}));
    env.until("the pod that holds the old node to be named", CLUSTER, || {
        let words = env.kubectl(&["get", "ng/demo-workers", "-o", &format!("jsonpath={MESSAGE}")]).ok()?;
        (words.contains("waiting for pods to leave") && words.contains("default/held")).then_some(())
    });
    let cordoned = child.kubectl(&["get", node.trim(), "-o", "jsonpath={.spec.unschedulable}"]).unwrap();
    assert_eq!((cordoned.as_str(), env.get("ng/demo-workers", "{.status.version}").as_str()), ("true", version()));
    child.kubectl(&["get", "pod", "held"]).unwrap();
    child.apply(&budget(0));
    env.wait("ng/demo-workers", "{.status.version}", next_version(), CLUSTER);
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    let kubelets = "-o=jsonpath={.items[*].status.nodeInfo.kubeletVersion}";
    let kubelets = child.kubectl(&["get", "nodes", "-leks.amazonaws.com/nodegroup=workers", kubelets]).unwrap();
    assert!(kubelets.starts_with(&format!("v{}.", next_version())) && !kubelets.contains(' '), "{kubelets}");
    refused(env, "ng/demo-workers", &json!({"version": version()}), "can't be lower than the one that the nodes run");
}

#[test]
fn killed_at_any_moment_of_an_upgrade_it_is_finished_by_the_next() {
    let env = Environment::bare("upgraded");
    // The last two may be told as one: a step that is over before anybody looks isn't said.
    for moments in [&["Upgrading 2/4"][..], &["Upgrading 3/4", "Upgrading 4/4"], &["Upgrading 4/4"]] {
        let operator = Operator::start(&env, &[], None);
        env.apply(&cluster("demo", json!({"kubernetesVersion": version()})));
        env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
        env.child("demo").kubectl(&["create", "configmap", "kept"]).unwrap();
        upgrade(&env, next_version());
        env.until(moments[0], CLUSTER, || moments.iter().any(|moment| operator.said(moment)).then_some(()));
        operator.kill(&env);
        let _operator = Operator::start(&env, &[], None);
        env.wait("eks/demo", "{.status.version}", next_version(), CLUSTER);
        env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
        assert!(runs(&env).starts_with(next_version()), "{moments:?}");
        env.child("demo").kubectl(&["get", "configmap", "kept"]).unwrap();
        env.until("one server", CLUSTER, || (env.containers().len() == 1).then_some(()));
        env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
        env.nothing_left();
    }
}
