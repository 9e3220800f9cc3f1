//! Who reaches a cluster's endpoint, with an operator that runs on the host, where everybody else is kept out.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::operator::Operator;
use crate::support::{Child, Environment, cluster, nodegroup};
use crate::{CLUSTER, SOON};

/// What the host gets at the endpoint, by an administrator's kubeconfig.
fn answer(child: &Child) -> Result<String, String> {
    child.kubectl(&["get", "--raw", "/readyz", "--request-timeout=3s"])
}

fn kept_out(env: &Environment, child: &Child) {
    env.until("the host to be kept out", SOON, || answer(child).err());
    let why = answer(child).unwrap_err();
    assert!(!why.contains("imeout") && !why.contains("deadline"), "at once, not after a time-out: {why}");
}

fn let_in(env: &Environment, child: &Child) {
    env.until("the host to be let in", SOON, || answer(child).ok());
}

#[test]
fn a_cluster_without_public_access_works_and_only_its_sources_reach_it() {
    let env = Environment::bare("endpoint");
    let _operator = Operator::start(&env, &[], None);
    env.apply(&cluster("closed", json!({"publicAccess": false, "privateAccess": true})));
    env.apply(&nodegroup("workers", "closed", 1));
    env.wait("eks/closed", "{.status.phase}", "Active", CLUSTER);
    let child = env.child("closed");
    kept_out(&env, &child);
    env.wait("ng/workers", "{.status.phase}", "Active", CLUSTER);

    let change = |spec| env.change("eks/closed", &spec);
    change(json!({"publicAccess": true, "publicAccessSources": ["127.0.0.0/8"]}));
    let_in(&env, &child);
    change(json!({"publicAccessSources": ["203.0.113.0/24"]}));
    kept_out(&env, &child);
    // The rules are the container's own: they are there before the operator looks.
    let server = env.docker(&[
        "ps",
        "--filter",
        "name=server-0",
        "--filter",
        &format!("label=k3eks.io/cluster={}.closed", env.namespace),
        "--format",
        "{{.Names}}",
    ]);
    env.docker(&["restart", "-t", "1", &server]);
    env.until("the API server to come back", CLUSTER, || {
        let log = env.try_docker(&["exec", &server, "sh", "-c", "kubectl get --raw /readyz"]);
        (log.as_deref() == Ok("ok")).then_some(())
    });
    assert!(answer(&child).is_err());
    env.kubectl(&["scale", "ng", "workers", "--replicas", "2"]).unwrap();
    env.wait("ng/workers", "{.status.readyReplicas}", "2", CLUSTER);

    let refused = env.try_change("eks/closed", &json!({"publicAccessSources": ["everywhere"]})).unwrap_err();
    assert!(refused.contains("CIDR block"), "{refused}");
    change(json!({"publicAccessSources": null}));
    let_in(&env, &child);
    env.wait("eks/closed", "{.status.phase}", "Active", SOON);
    env.kubectl(&["delete", "eks", "closed", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

#[test]
fn a_cluster_that_nobody_uses_sleeps_and_comes_back_as_it_was() {
    let env = Environment::bare("sleep");
    let _operator = Operator::start(&env, &[], None);
    env.apply(&cluster("drowsy", json!({"hibernateAfter": "20s"})));
    env.apply(&nodegroup("workers", "drowsy", 1));
    env.wait("eks/drowsy", "{.status.phase}", "Active", CLUSTER);
    let child = env.child("drowsy");
    // In use for longer than it may go unused.
    let (begun, mut answered) = (Instant::now(), Instant::now());
    env.until("half a minute of use, and a node", CLUSTER, || {
        if answer(&child).is_ok() {
            answered = Instant::now();
        }
        assert!(answered.elapsed() < Duration::from_secs(15), "it doesn't answer while it is used");
        let group = env.kubectl(&["get", "ng/workers", "-o", "jsonpath={.status.phase}"]).ok()?;
        (begun.elapsed() > Duration::from_secs(30) && group == "Active").then_some(())
    });
    child.kubectl(&["create", "configmap", "kept"]).unwrap();
    assert_eq!(env.get("eks/drowsy", "{.status.phase}"), "Active");

    env.wait("eks/drowsy", "{.status.phase}", "Stopped", CLUSTER);
    assert_eq!(env.running(), 0);
    env.wait_words("eks/drowsy", "Sleeping", "k3eks wake drowsy", SOON);
    let since = env.get("eks/drowsy", "{.status.hibernatedSince}");
    env.wait_words("eks/drowsy", "Sleeping", &format!("asleep since {since}: nobody used it for 20s"), SOON);
    env.wait_words("ng/workers", "Sleeping", "the cluster is asleep", SOON);
    let wake = || run_k3eks(&env, &["wake", "drowsy", "--namespace", &env.namespace]);
    assert!(wake().contains("comes back"));
    env.wait("eks/drowsy", "{.status.phase}", "Active", CLUSTER);
    assert!(wake().contains("doesn't sleep: it is Active"));
    child.kubectl(&["get", "configmap", "kept"]).unwrap();

    // An addon has to be installed, and to be removed.
    env.wait("eks/drowsy", "{.status.phase}", "Stopped", CLUSTER);
    env.apply(&json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "Addon", "metadata": {"name": "metrics"},
        "spec": {"clusterName": "drowsy", "addonName": "metrics-server"}}));
    env.wait("eks/drowsy", "{.status.phase}", "Active", CLUSTER);
    env.kubectl(&["delete", "eks", "drowsy", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

fn run_k3eks(env: &Environment, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3eks"));
    let done = command.args(arguments).env("KUBECONFIG", &env.kubeconfig).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
