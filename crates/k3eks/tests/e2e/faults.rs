//! What goes wrong around an operator, seen from the resource: each time nothing is left and nothing is stuck.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::operator::Operator;
use crate::relay::Relay;
use crate::support::Bed;
use crate::{CLUSTER, SOON, cluster};

/// Something to wait for between the operator's start and its end.
type Moment = (&'static str, fn(&Bed, &Operator) -> bool);

fn delete(bed: &Bed) {
    bed.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    bed.nothing_left();
}

fn groups() -> serde_json::Value {
    json!({"nodeGroups": [{"nodegroupName": "workers", "desiredSize": 1, "maxSize": 2}]})
}

#[test]
fn killed_at_any_moment_of_a_create_it_is_finished_by_the_next() {
    let bed = Bed::bare("create");
    let moments: [Moment; 4] = [
        ("k3d to be asked", |_, operator| operator.said("Creating")),
        ("a container", |bed, _| !bed.containers().is_empty()),
        ("the server to start", |bed, operator| operator.said("starting the server") && bed.running() >= 1),
        ("the node", |bed, _| bed.containers().len() == 2),
    ];
    for (what, moment) in moments {
        let operator = Operator::start(&bed, &[], None);
        bed.apply(&cluster("demo", groups()));
        bed.until(what, CLUSTER, || moment(&bed, &operator).then_some(()));
        operator.kill(&bed);
        let _operator = Operator::start(&bed, &[], None);
        bed.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
        bed.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
        assert_eq!(bed.containers().len(), 2, "one server, one node");
        assert_eq!(bed.child("demo").kubectl(&["get", "--raw", "/readyz"]).unwrap(), "ok");
        delete(&bed);
    }
}

#[test]
fn killed_at_any_moment_of_a_delete_it_is_finished_by_the_next() {
    let bed = Bed::bare("delete");
    let moments: [Moment; 3] = [
        ("the deletion to be seen", |_, operator| operator.said("deleting the node groups")),
        ("the node to go", |bed, _| bed.containers().len() < 2),
        ("the server to go", |bed, _| bed.containers().is_empty()),
    ];
    for (what, moment) in moments {
        let operator = Operator::start(&bed, &[], None);
        bed.apply(&cluster("demo", groups()));
        bed.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
        bed.kubectl(&["delete", "eks/demo", "--wait=false"]).unwrap();
        bed.until(what, CLUSTER, || moment(&bed, &operator).then_some(()));
        operator.kill(&bed);
        let _operator = Operator::start(&bed, &[], None);
        bed.until("the resources to go", CLUSTER, || {
            bed.kubectl(&["get", "eks,ng", "-o", "name"]).is_ok_and(|names| names.is_empty()).then_some(())
        });
        bed.nothing_left();
    }
}

#[test]
fn killed_while_a_cluster_starts_its_nodes_are_kept() {
    let bed = Bed::bare("start");
    let operator = Operator::start(&bed, &[], None);
    bed.apply(&cluster("demo", groups()));
    bed.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    let made = bed.containers();
    let state = |state: &str| bed.change("eks/demo", &json!({"state": state}));
    state("Stopped");
    bed.wait("eks/demo", "{.status.phase}", "Stopped", CLUSTER);
    bed.until("nothing to run", CLUSTER, || (bed.running() == 0).then_some(()));
    state("Running");
    // k3d waits for the server before it starts a node.
    bed.until("the server to run", CLUSTER, || (bed.running() == 1).then_some(()));
    operator.kill(&bed);
    let _operator = Operator::start(&bed, &[], None);
    bed.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    bed.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    bed.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    assert_eq!(bed.containers(), made, "the same node");
    delete(&bed);
}

#[test]
fn a_restart_changes_nothing() {
    let bed = Bed::bare("restart");
    let operator = Operator::start(&bed, &[], None);
    bed.apply(&cluster("demo", groups()));
    bed.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    bed.wait("eks/demo", "{.status.nodes.summary}", "1/1", SOON);
    bed.wait("eks/demo", "{.status.conditions[?(@.type==\"Provisioned\")].status}", "True", CLUSTER);
    let versions = || {
        let all = "jsonpath={.items[*].metadata.resourceVersion}";
        (bed.kubectl(&["get", "eks,ng,secrets,services", "-o", all]).unwrap(), bed.containers())
    };
    bed.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    bed.wait("eks/demo", "{.status.conditions[?(@.type==\"Ready\")].status}", "True", CLUSTER);
    let (mut last, mut since) = (versions(), Instant::now());
    bed.until("three seconds of rest", CLUSTER, || {
        let now = versions();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(3)).then_some(())
    });
    operator.kill(&bed);
    let before = versions();
    let _operator = Operator::start(&bed, &[], None);
    let deadline = Instant::now() + Duration::from_secs(8);
    while Instant::now() < deadline {
        assert_eq!(versions(), before, "nothing is written, nothing is made anew");
    }
    // It is at work, though.
    bed.kubectl(&["scale", "ng/demo-workers", "--replicas=2"]).unwrap();
    bed.wait("ng/demo-workers", "{.status.readyReplicas}", "2", CLUSTER);
    delete(&bed);
}

#[test]
fn docker_goes_away_while_a_cluster_is_made_and_comes_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let bed = Bed::bare("away");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let relay = Relay::start(&socket);
    let _operator = Operator::start(&bed, &[], Some(&format!("unix://{}", socket.display())));
    bed.apply(&cluster("demo", groups()));
    bed.until("a container", CLUSTER, || (!bed.containers().is_empty()).then_some(()));
    drop(relay);
    bed.wait_words("eks/demo", "ProviderUnavailable", "Docker", CLUSTER);
    let _relay = Relay::start(&socket);
    bed.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    bed.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    delete(&bed);
}

#[test]
fn an_image_that_cannot_be_had_is_named_until_it_is_there() {
    let bed = Bed::bare("image");
    let image = format!("localhost:1/{}:1", bed.namespace);
    let _operator = Operator::start(&bed, &["--image", &format!("1.35={image}")], None);
    bed.apply(&cluster("demo", json!({"kubernetesVersion": "1.35"})));
    bed.wait_words("eks/demo", "ImageUnavailable", &image, CLUSTER);
    bed.docker(&["tag", "rancher/k3s:v1.35.7-k3s1", &image]);
    bed.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    delete(&bed);
    bed.docker(&["rmi", &image]);
}

#[test]
fn a_taken_port_is_named_until_it_is_free() {
    let bed = Bed::bare("port");
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let _operator = Operator::start(&bed, &["--api-ports", &format!("{port}-{port}")], None);
    bed.apply(&cluster("demo", json!({})));
    bed.wait_words("eks/demo", "ProvisionFailed", &port.to_string(), CLUSTER);
    drop(holder);
    bed.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    assert_eq!(bed.get("eks/demo", "{.status.endpoint}"), format!("https://127.0.0.1:{port}"));
    delete(&bed);
}

#[test]
fn containers_without_a_resource_are_removed_after_a_grace_time() {
    let bed = Bed::bare("orphans");
    let operator = Operator::start(&bed, &[], None);
    bed.apply(&cluster("demo", json!({})));
    bed.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    operator.kill(&bed);
    bed.kubectl(&["patch", "eks/demo", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).unwrap();
    bed.kubectl(&["delete", "eks/demo", "--timeout=20s"]).unwrap();
    assert_eq!(bed.containers().len(), 1, "nobody was there to remove it");
    let _operator = Operator::start(&bed, &["--orphan-grace", "1"], None);
    bed.until("the orphan to go", CLUSTER, || bed.containers().is_empty().then_some(()));
    bed.nothing_left();
}
