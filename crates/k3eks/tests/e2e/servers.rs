//! Several servers: any one of them may die, be gone or be brought to another version, and the API answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Child, Environment, next_version, version};
use crate::{CLUSTER, cluster};

/// Nobody waits longer than this for an answer: what is being asked when a server dies is asked once more.
const AWAY: Duration = Duration::from_secs(30);
/// Asked for without looking first at what there is to ask for.
const KEPT: &str = "/api/v1/namespaces/default/configmaps/kept";
const ROLLED: Duration = Duration::from_secs(180);

/// Asks the API through its endpoint for as long as `work` takes, and once more; nobody had to wait for long.
fn while_asked(child: &Child, what: &str, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let (asked, longest) = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut asked, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
            // The last answer comes after the work, however soon that was done.
            let mut over = false;
            while !over && last.elapsed() < AWAY {
                over = done.load(Ordering::Relaxed);
                if child.kubectl(&["get", "--raw", KEPT, "--request-timeout=3s"]).is_ok() {
                    asked += 1;
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                } else {
                    over = false;
                }
            }
            (asked, longest.max(last.elapsed()))
        });
        // Also when it fails: else the one who asks would never end.
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        let seen = asking.join().unwrap();
        worked.unwrap_or_else(|failure| std::panic::resume_unwind(failure));
        seen
    });
    assert!(asked > 0 && longest < AWAY, "{what}: answered {asked} times, and not for {longest:?}");
}

fn servers(env: &Environment) -> Vec<String> {
    let all = env.containers();
    let names = all.iter().filter_map(|line| line.split(' ').next_back()).filter(|name| name.contains("-server-"));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names
}

/// The servers whose nodes are Ready and run `version`.
fn ready(child: &Child, version: &str) -> usize {
    let path = "jsonpath={range .items[*]}{.metadata.name} {.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}{end}";
    let nodes = child.kubectl(&["get", "nodes", "-o", path]).unwrap_or_default();
    let good = |line: &&str| line.contains("-server-") && line.contains(version) && line.ends_with("True");
    nodes.lines().filter(good).count()
}

/// By which addresses the nodes of the servers are known.
fn addresses(child: &Child) -> String {
    let path = "jsonpath={range .items[*]}{.metadata.name} {.status.addresses[?(@.type==\"InternalIP\")].address}{\"\\n\"}{end}";
    let nodes = child.kubectl(&["get", "nodes", "-o", path]).unwrap_or_default();
    nodes.lines().filter(|line| line.contains("-server-")).collect::<Vec<_>>().join("\n")
}

/// Containers that took the addresses which Docker gave the servers before. They go with the test.
struct Squatters<'a>(&'a Environment, Vec<String>);

impl<'a> Squatters<'a> {
    fn new(env: &'a Environment, network: &str, count: usize) -> Self {
        let image = ["busybox:1.36", "sleep", "600"];
        let one = |_| env.docker(&[&["run", "-d", "--network", network][..], &image].concat());
        Self(env, (0..count).map(one).collect())
    }
}

impl Drop for Squatters<'_> {
    fn drop(&mut self) {
        for one in &self.1 {
            let _ = self.0.try_docker(&["rm", "-f", one]);
        }
    }
}

#[test]
fn any_one_of_three_servers_may_go() {
    let env = Environment::new("servers");
    env.apply(&cluster(
        "demo",
        json!({"displayName": "three", "controlPlane": {"servers": 3}, "kubernetesVersion": version(), "nodeGroups": [{"nodegroupName": "workers", "desiredSize": 1, "maxSize": 2}]}),
    ));
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", ROLLED);
    let child = env.child("demo");
    child.kubectl(&["create", "configmap", "kept"]).unwrap();
    let all = |version: &str| {
        env.until("all servers", ROLLED, || (ready(&child, &format!("v{version}.")) == 3).then_some(()));
    };
    all(version());
    let made = servers(&env);
    assert_eq!(made.len(), 3, "{made:?}");
    let ways_in = "{.status.endpoint} {.status.certificateAuthority.data}";
    let known = addresses(&child);
    assert_eq!(known.lines().count(), 3, "{known}");
    let network = env.docker(&["inspect", "-f", "{{index .Config.Labels \"k3d.cluster.network\"}}", &made[0]]);

    while_asked(&child, "the first server is killed", || {
        env.docker(&["kill", &made[0]]);
        env.until("it to run again", CLUSTER, || (env.running() == 5).then_some(()));
    });
    env.wait("eks/demo", "{.status.conditions[?(@.type==\"Ready\")].status}", "True", CLUSTER);
    all(version());
    while_asked(&child, "a server is removed with its data", || {
        env.docker(&["rm", "-f", "-v", &made[1]]);
        env.until("another in its place", CLUSTER, || (servers(&env) == made && env.running() == 5).then_some(()));
        env.wait("eks/demo", "{.status.conditions[?(@.type==\"Ready\")].status}", "True", CLUSTER);
        all(version());
    });
    assert_eq!(env.get("eks/demo", "{.status.phase}"), "Active");
    assert_eq!(addresses(&child), known, "etcd knows its members by their addresses");
    // All servers take another certificate authority, from where they keep everything.
    env.apply(&json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "CertificateAuthority", "metadata": {"name": "next"}, "spec": {"clusterName": "demo"}}));
    while_asked(&child, "another certificate authority", || {
        env.wait("certificateauthority/next", "{.status.phase}", "Active", ROLLED);
        env.wait("eks/demo", "{.status.conditions[?(@.type==\"Ready\")].status}", "True", CLUSTER);
    });
    let trusts = |server: &String| {
        env.docker(&["exec", server, "grep", "-c", "BEGIN", "/var/lib/rancher/k3s/server/tls/server-ca.crt"])
    };
    assert_eq!(made.iter().map(trusts).collect::<Vec<_>>(), ["2", "2", "2"]);
    let before = env.get("eks/demo", ways_in);
    while_asked(&child, "an upgrade", || {
        env.change("eks/demo", &json!({"kubernetesVersion": next_version()}));
        env.wait("eks/demo", "{.status.version}", next_version(), ROLLED);
        all(next_version());
    });
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    env.verify("demo");

    let nodes = || {
        let names = ["get", "nodes", "-leks.amazonaws.com/nodegroup=workers", "-o", "name"];
        env.until("the nodes' names", CLUSTER, || child.kubectl(&names).ok().filter(|names| !names.is_empty()))
    };
    let node = nodes();
    let state = |state: &str| env.change("eks/demo", &json!({"state": state}));
    state("Stopped");
    env.wait("eks/demo", "{.status.phase}", "Stopped", CLUSTER);
    assert_eq!(env.running(), 0);
    // Docker gives the servers other addresses.
    let squatters = Squatters::new(&env, &network, 6);
    state("Running");
    env.wait("eks/demo", "{.status.phase}", "Active", CLUSTER);
    env.until("the servers' own addresses", CLUSTER, || (addresses(&child) == known).then_some(()));
    for _ in 0..9 {
        child.kubectl(&["get", "--raw", "/readyz"]).expect("the balancer leads to every server");
    }
    drop(squatters);
    env.until("what was kept", CLUSTER, || child.kubectl(&["get", "--raw", KEPT]).ok());
    env.wait("ng/demo-workers", "{.status.readyReplicas}", "1", CLUSTER);
    assert_eq!(nodes(), node, "the same node, with what was on it");
    assert_eq!(env.get("eks/demo", ways_in), before, "the same endpoint and authority through all of it");
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    env.verify("demo");

    let refused = env.try_change("eks/demo", &json!({"publicAccess": false})).unwrap_err();
    assert!(refused.contains("need controlPlane.servers: 1"), "{refused}");
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}
