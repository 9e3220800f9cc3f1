//! Who reaches a cluster's endpoint, with an operator that runs on the host, where everybody else is kept out.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::operator::Operator;
use crate::support::{Bed, Child, cluster, nodegroup};
use crate::{CLUSTER, SOON};

/// What the host gets at the endpoint, by an administrator's kubeconfig.
fn answer(child: &Child) -> Result<String, String> {
    child.kubectl(&["get", "--raw", "/readyz", "--request-timeout=3s"])
}

fn kept_out(bed: &Bed, child: &Child) {
    bed.until("the host to be kept out", SOON, || answer(child).err());
    let why = answer(child).unwrap_err();
    assert!(!why.contains("imeout") && !why.contains("deadline"), "at once, not after a time-out: {why}");
}

fn let_in(bed: &Bed, child: &Child) {
    bed.until("the host to be let in", SOON, || answer(child).ok());
}

#[test]
fn a_cluster_without_public_access_works_and_only_its_sources_reach_it() {
    let bed = Bed::bare("endpoint");
    let _operator = Operator::start(&bed, &[], None);
    bed.apply(&cluster("closed", json!({"publicAccess": false, "privateAccess": true})));
    bed.apply(&nodegroup("workers", "closed", 1));
    bed.wait("eks/closed", "{.status.phase}", "Active", CLUSTER);
    let child = bed.child("closed");
    kept_out(&bed, &child);
    bed.wait("ng/workers", "{.status.phase}", "Active", CLUSTER);

    let change = |spec| bed.change("eks/closed", &spec);
    change(json!({"publicAccess": true, "publicAccessSources": ["127.0.0.0/8"]}));
    let_in(&bed, &child);
    change(json!({"publicAccessSources": ["203.0.113.0/24"]}));
    kept_out(&bed, &child);
    // The rules are the container's own: they are there before the operator looks.
    let server = bed.docker(&[
        "ps",
        "--filter",
        "name=server-0",
        "--filter",
        &format!("label=k3eks.io/cluster={}.closed", bed.namespace),
        "--format",
        "{{.Names}}",
    ]);
    bed.docker(&["restart", "-t", "1", &server]);
    bed.until("the API server to come back", CLUSTER, || {
        let log = bed.try_docker(&["exec", &server, "sh", "-c", "kubectl get --raw /readyz"]);
        (log.as_deref() == Ok("ok")).then_some(())
    });
    assert!(answer(&child).is_err());
    bed.kubectl(&["scale", "ng", "workers", "--replicas", "2"]).unwrap();
    bed.wait("ng/workers", "{.status.readyReplicas}", "2", CLUSTER);

    let refused = bed.try_change("eks/closed", &json!({"publicAccessSources": ["everywhere"]})).unwrap_err();
    assert!(refused.contains("CIDR block"), "{refused}");
    change(json!({"publicAccessSources": null}));
    let_in(&bed, &child);
    bed.wait("eks/closed", "{.status.phase}", "Active", SOON);
    bed.kubectl(&["delete", "eks", "closed", "--timeout=120s"]).unwrap();
    bed.nothing_left();
}

#[test]
fn a_cluster_that_nobody_uses_sleeps_and_comes_back_as_it_was() {
    let bed = Bed::bare("sleep");
    let _operator = Operator::start(&bed, &[], None);
    bed.apply(&cluster("drowsy", json!({"hibernateAfter": "20s"})));
    bed.apply(&nodegroup("workers", "drowsy", 1));
    bed.wait("eks/drowsy", "{.status.phase}", "Active", CLUSTER);
    let child = bed.child("drowsy");
    // In use for longer than it may go unused.
    let (begun, mut answered) = (Instant::now(), Instant::now());
    bed.until("half a minute of use, and a node", CLUSTER, || {
        if answer(&child).is_ok() {
            answered = Instant::now();
        }
        assert!(answered.elapsed() < Duration::from_secs(15), "it doesn't answer while it is used");
        let group = bed.kubectl(&["get", "ng/workers", "-o", "jsonpath={.status.phase}"]).ok()?;
        (begun.elapsed() > Duration::from_secs(30) && group == "Active").then_some(())
    });
    child.kubectl(&["create", "configmap", "kept"]).unwrap();
    assert_eq!(bed.get("eks/drowsy", "{.status.phase}"), "Active");

    bed.wait("eks/drowsy", "{.status.phase}", "Stopped", CLUSTER);
    assert_eq!(bed.running(), 0);
    bed.wait_words("eks/drowsy", "Sleeping", "k3eks wake drowsy", SOON);
    let since = bed.get("eks/drowsy", "{.status.hibernatedSince}");
    bed.wait_words("eks/drowsy", "Sleeping", &format!("asleep since {since}: nobody used it for 20s"), SOON);
    bed.wait_words("ng/workers", "Sleeping", "the cluster is asleep", SOON);
    let wake = || run_k3eks(&bed, &["wake", "drowsy", "--namespace", &bed.namespace]);
    assert!(wake().contains("comes back"));
    bed.wait("eks/drowsy", "{.status.phase}", "Active", CLUSTER);
    assert!(wake().contains("doesn't sleep: it is Active"));
    child.kubectl(&["get", "configmap", "kept"]).unwrap();
    bed.kubectl(&["delete", "eks", "drowsy", "--timeout=120s"]).unwrap();
    bed.nothing_left();
}

fn run_k3eks(bed: &Bed, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3eks"));
    let done = command.args(arguments).env("KUBECONFIG", &bed.kubeconfig).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
