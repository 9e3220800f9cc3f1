//! What goes wrong around an operator, seen from the resource: each time nothing is left and nothing is stuck.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::operator::Operator;
use crate::relay::Relay;
use crate::support::Environment;
use crate::{CLUSTER, SOON, cluster};

/// Something to wait for between the operator's start and its end.
type Moment = (&'static str, fn(&Environment, &Operator) -> bool);

fn delete(env: &Environment) {
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}

fn groups() -> serde_json::Value {
    json!({"nodeGroups": [{"nodegroupName": "workers", "desiredSize": 1, "maxSize": 2}]})
}

#[test]
fn killed_at_any_moment_of_a_create_it_is_finished_by_the_next() {
    let env = Environment::bare("create");
    let moments: [Moment; 4] = [
        ("k3d to be asked", |_, operator| operator.said("Creating")),
        ("a container", |env, _| !env.containers().is_empty()),
        ("the server to start", |env, operator| operator.said("starting the server") && env.running() >= 1),
        ("the node", |env, _| env.containers().len() == 2),
    ];
    for (what, moment) in moments {
        let operator = Operator::start(&env, &[], None);
        env.apply(&cluster("demo", groups()));
        env.until(what, CLUSTER, || moment(&env, &operator).then_some(()));
        operator.kill(&env);
        let _operator = Operator::start(&env, &[], None);
        env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
        env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
        assert_eq!(env.containers().len(), 2, "one server, one node");
        assert_eq!(env.child("demo").kubectl(&["get", "--raw", "/readyz"]).unwrap(), "ok");
        delete(&env);
    }
}

#[test]
fn killed_at_any_moment_of_a_delete_it_is_finished_by_the_next() {
    let env = Environment::bare("delete");
    let moments: [Moment; 3] = [
        ("the deletion to be seen", |_, operator| operator.said("deleting the node groups")),
        ("the node to go", |env, _| env.containers().len() < 2),
        ("the server to go", |env, _| env.containers().is_empty()),
    ];
    for (what, moment) in moments {
        let operator = Operator::start(&env, &[], None);
        env.apply(&cluster("demo", groups()));
        env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
        env.kubectl(&["delete", "eks/demo", "--wait=false"]).unwrap();
        env.until(what, CLUSTER, || moment(&env, &operator).then_some(()));
        operator.kill(&env);
        let _operator = Operator::start(&env, &[], None);
        env.until("the resources to go", CLUSTER, || {
            env.kubectl(&["get", "eks,ng", "-o", "name"]).is_ok_and(|names| names.is_empty()).then_some(())
        });
        env.nothing_left();
    }
}

#[test]
fn killed_while_a_cluster_starts_its_nodes_are_kept() {
    let env = Environment::bare("start");
    let operator = Operator::start(&env, &[], None);
    env.apply(&cluster("demo", groups()));
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    let made = env.containers();
    let state = |state: &str| env.change("eks/demo", &json!({"state": state}));
    state("Stopped");
    env.wait("eks/demo", "{.status.phase}", "Stopped", CLUSTER);
    env.until("nothing to run", CLUSTER, || (env.running() == 0).then_some(()));
    state("Running");
    // k3d waits for the server before it starts a node.
    env.until("the server to run", CLUSTER, || (env.running() == 1).then_some(()));
    operator.kill(&env);
    let _operator = Operator::start(&env, &[], None);
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    assert_eq!(env.containers(), made, "the same node");
    delete(&env);
}

#[test]
fn a_restart_changes_nothing() {
    let env = Environment::bare("restart");
    let operator = Operator::start(&env, &[], None);
    env.apply(&cluster("demo", groups()));
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    env.wait("eks/demo", "{.status.nodes.summary}", "1/1", SOON);
    env.wait("eks/demo", "{.status.conditions[?(@.type==\"Provisioned\")].status}", "True", CLUSTER);
    let versions = || {
        let all = "jsonpath={.items[*].metadata.resourceVersion}";
        (env.kubectl(&["get", "eks,ng,secrets,services", "-o", all]).unwrap(), env.containers())
    };
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    env.wait("eks/demo", "{.status.conditions[?(@.type==\"Ready\")].status}", "True", CLUSTER);
    let (mut last, mut since) = (versions(), Instant::now());
    env.until("three seconds of rest", CLUSTER, || {
        let now = versions();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(3)).then_some(())
    });
    operator.kill(&env);
    let before = versions();
    let _operator = Operator::start(&env, &[], None);
    let deadline = Instant::now() + Duration::from_secs(8);
    while Instant::now() < deadline {
        assert_eq!(versions(), before, "nothing is written, nothing is made anew");
    }
    // It is at work, though.
    env.kubectl(&["scale", "ng/demo-workers", "--replicas=2"]).unwrap();
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "2", CLUSTER);
    delete(&env);
}

#[test]
fn docker_goes_away_while_a_cluster_is_made_and_comes_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let env = Environment::bare("away");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let relay = Relay::start(&socket);
    let _operator = Operator::start(&env, &[], Some(&format!("unix://{}", socket.display())));
    env.apply(&cluster("demo", groups()));
    env.until("a container", CLUSTER, || (!env.containers().is_empty()).then_some(()));
    drop(relay);
    env.wait_words("eks/demo", "ProviderUnavailable", "Docker", CLUSTER);
    let _relay = Relay::start(&socket);
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    delete(&env);
}

#[test]
fn an_image_that_cannot_be_had_is_named_until_it_is_there() {
    let env = Environment::bare("image");
    let image = format!("localhost:1/{}:1", env.namespace);
    let _operator = Operator::start(&env, &["--image", &format!("1.35={image}")], None);
    env.apply(&cluster("demo", json!({"kubernetesVersion": "1.35"})));
    env.wait_words("eks/demo", "ImageUnavailable", &image, CLUSTER);
    env.docker(&["tag", "rancher/k3s:v1.35.7-k3s1", &image]);
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    delete(&env);
    env.docker(&["rmi", &image]);
}

#[test]
fn a_taken_port_is_named_until_it_is_free() {
    let env = Environment::bare("port");
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let _operator = Operator::start(&env, &["--api-ports", &format!("{port}-{port}")], None);
    env.apply(&cluster("demo", json!({})));
    env.wait_words("eks/demo", "ProvisionFailed", &port.to_string(), CLUSTER);
    drop(holder);
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    assert_eq!(env.get("eks/demo", "{.status.endpoint}"), format!("https://127.0.0.1:{port}"));
    delete(&env);
}

#[test]
fn containers_without_a_resource_are_removed_after_a_grace_time() {
    let env = Environment::bare("orphans");
    let operator = Operator::start(&env, &[], None);
    env.apply(&cluster("demo", json!({})));
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    operator.kill(&env);
    env.kubectl(&["patch", "eks/demo", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).unwrap();
    env.kubectl(&["delete", "eks/demo", "--timeout=20s"]).unwrap();
    assert_eq!(env.containers().len(), 1, "nobody was there to remove it");
    let _operator = Operator::start(&env, &["--orphan-grace", "1"], None);
    env.until("the orphan to go", CLUSTER, || env.containers().is_empty().then_some(()));
    env.nothing_left();
}
