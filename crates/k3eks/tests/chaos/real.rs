//! One long story with the real k3d, Docker and Kubernetes.

use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use kube::config::Kubeconfig;
use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};

use crate::operator::Operator;
use crate::relay::Relay;
use crate::scenario::{self, CLUSTERS, End, GROUPS, Step};
use crate::support::Environment;

/// Versions that clusters are made with, and brought to.
const VERSIONS: [&str; 2] = ["1.35", "1.36"];
/// Clusters and nodes of a group at most: what a machine with two cores bears.
const MOST: (usize, i32) = (2, 2);
/// The longest that everything may take to come to rest.
const SETTLED: Duration = Duration::from_secs(180);

#[test]
fn real_clusters_become_what_the_resources_say_whatever_happens() {
    let seed = scenario::seed();
    let seconds =
        std::env::var("K3EKS_CHAOS_SECONDS").map_or(300, |s| s.parse().expect("K3EKS_CHAOS_SECONDS is a number"));
    println!("K3EKS_CHAOS_SEED={seed}");
    let env = Environment::bare("chaos");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let stage = Stage::new(&env, &runtime);
    let mut runner = scenario::runner(&[seed], Duration::ZERO);
    let steps = scenario::step(MOST.0, MOST.1, 1);
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut end, mut told, mut operator) = (End::new(), 0, Some(stage.operator()));
    while Instant::now() < until {
        let step = steps.new_tree(&mut runner).unwrap().current();
        if !scenario::tell(&mut end, step) {
            continue;
        }
        println!("{step:?}");
        told += 1;
        if matches!(step, Step::Crash) {
            operator.take().unwrap().kill(&env);
            operator = Some(stage.operator());
        } else {
            stage.carry_out(&end, step);
        }
        // Now and then everything comes to rest, so that what follows begins from different places.
        if told % 12 == 0 {
            stage.settles(&end);
        }
    }
    stage.settles(&end);
    println!("{told} steps");
    for cluster in end.keys() {
        env.kubectl(&["delete", &format!("eks/{}", CLUSTERS[*cluster]), "--timeout=120s"]).unwrap();
    }
    env.nothing_left();
}

/// Where the story is told.
struct Stage<'a> {
    env: &'a Environment,
    relay: Relay,
    /// The management API by way of the relay.
    kubeconfig: tempfile::NamedTempFile,
}

impl<'a> Stage<'a> {
    fn new(env: &'a Environment, runtime: &tokio::runtime::Runtime) -> Self {
        let mut kubeconfig = Kubeconfig::read_from(&env.kubeconfig).unwrap();
        let cluster = kubeconfig.clusters[0].cluster.as_mut().unwrap();
        let server = cluster.server.clone().unwrap();
        let relay = runtime.block_on(Relay::start(server.trim_start_matches("https://").to_owned()));
        cluster.server = Some(format!("https://{}", relay.address));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), yaml::write(&kubeconfig).unwrap()).unwrap();
        Self { env, relay, kubeconfig: file }
    }

    fn operator(&self) -> Operator {
        Operator::by(self.env, self.kubeconfig.path().to_str().unwrap(), &[], None)
    }

    fn carry_out(&self, end: &End, step: Step) {
        let env = self.env;
        let tenths = |n: u64| std::thread::sleep(Duration::from_millis(n * 100));
        let cluster = |cluster: usize| {
            let wanted = &end[&cluster];
            crate::support::cluster(
                CLUSTERS[cluster],
                json!({
                    "kubernetesVersion": VERSIONS[usize::from(wanted.upgraded)],
                    "state": if wanted.stopped { "Stopped" } else { "Running" },
                }),
            )
        };
        let group = |cluster: usize, group: usize| format!("{}-{}", CLUSTERS[cluster], GROUPS[group]);
        let kill = |role: &str, of: usize| {
            let label = format!("label=k3eks.io/cluster={}.{}", env.namespace, CLUSTERS[of]);
            let role = format!("label=k3d.role={role}");
            let running = env.docker(&["ps", "-q", "--filter", &label, "--filter", &role]);
            if let Some(id) = running.lines().next() {
                // It may have ended by itself a moment ago.
                let _ = Command::new("docker").args(["kill", id]).output();
            }
        };
        match step {
            Step::Create(of) | Step::Stop(of) | Step::Start(of) | Step::Upgrade(of) => {
                self.not_going(&format!("eks/{}", CLUSTERS[of]));
                env.apply(&cluster(of));
            }
            Step::Delete(of) => {
                let name = format!("eks/{}", CLUSTERS[of]);
                env.until("to be seen", SETTLED, || {
                    (!env.get(&name, "{.metadata.finalizers}").is_empty()).then_some(())
                });
                env.kubectl(&["delete", &name, "--wait=false"]).unwrap();
            }
            Step::Scale(of, number, nodes) => {
                self.not_going(&format!("ng/{}", group(of, number)));
                env.apply(&crate::support::nodegroup(&group(of, number), CLUSTERS[of], nodes));
            }
            Step::Drop(of, number) => {
                env.kubectl(&["delete", "ng", &group(of, number), "--wait=false"]).unwrap();
            }
            Step::Pass(n) => tenths(n * 5),
            Step::Refuse(n) => {
                self.relay.refuse(true);
                tenths(n * 5);
                self.relay.refuse(false);
            }
            Step::Away(_) => restart_docker(env),
            Step::KillServer(of) => kill("server", of),
            Step::KillNode(of) => kill("agent", of),
            Step::Crash | Step::Fail(_) => {}
        }
    }

    /// Waits until a resource of that name isn't being deleted.
    fn not_going(&self, name: &str) {
        self.env.until("not to be going", SETTLED, || {
            let going =
                self.env.kubectl(&["get", name, "--ignore-not-found", "-o", "jsonpath={.metadata.deletionTimestamp}"]);
            going.is_ok_and(|going| going.is_empty()).then_some(())
        });
    }

    /// Waits until the world is what the story asked for.
    fn settles(&self, end: &End) {
        let deadline = Instant::now() + SETTLED;
        loop {
            let wrong = self.wrong(end);
            if wrong.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{SETTLED:?} later: {wrong}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What differs from what the story asked for; nothing where all is well.
    fn wrong(&self, end: &End) -> String {
        let env = self.env;
        let mut wrong = String::new();
        let Ok(all) = env.kubectl(&["get", "eks,ng", "-o", "json"]) else {
            return "the management API doesn't answer".into();
        };
        let all: Value = serde_json::from_str(&all).unwrap();
        let items = all["items"].as_array().unwrap();
        let wanted = end.len() + end.values().map(|wanted| wanted.groups.len()).sum::<usize>();
        if items.len() != wanted {
            let _ = write!(wrong, "{} resources, not {wanted}; ", items.len());
        }
        let mut containers = 0;
        for (cluster, wanted) in end {
            let name = CLUSTERS[*cluster];
            let phase = if wanted.stopped { "Stopped" } else { "Active" };
            let groups = wanted.groups.iter().map(|(group, size)| (format!("{name}-{}", GROUPS[*group]), Some(*size)));
            for (resource, size) in std::iter::once((name.to_owned(), None)).chain(groups) {
                let found = items.iter().find(|item| item["metadata"]["name"] == *resource).unwrap_or(&Value::Null);
                let said = &found["status"]["phase"];
                if said != phase || found["status"]["observedGeneration"] != found["metadata"]["generation"] {
                    let _ = write!(
                        wrong,
                        "{resource} says {said}, not {phase}: {}; ",
                        found["status"]["conditions"][0]["message"]
                    );
                }
                if let Some(size) = size.filter(|size| !wanted.stopped && found["status"]["readyReplicas"] != *size) {
                    let _ = write!(wrong, "{resource} hasn't {size} nodes that are ready; ");
                }
            }
            if wanted.stopped {
                continue;
            }
            let nodes: i32 = wanted.groups.values().sum();
            containers += 1 + usize::try_from(nodes).unwrap();
            if wrong.is_empty() {
                let (version, child) = (VERSIONS[usize::from(wanted.upgraded)], env.child(name));
                let runs = child.kubectl(&["get", "--raw", "/version"]).unwrap_or_else(|error| error);
                let names =
                    child.kubectl(&["get", "nodes", "-leks.amazonaws.com/nodegroup", "-o", "name"]).unwrap_or_default();
                if !runs.contains(&format!("v{version}.")) || names.lines().count() != usize::try_from(nodes).unwrap() {
                    let _ = write!(wrong, "{name} runs {runs} with the nodes {names:?}, not {version} with {nodes}; ");
                }
            }
        }
        let running = env.running();
        if running != containers {
            let _ = write!(wrong, "{running} containers run, not {containers}; ");
        }
        wrong
    }
}

/// Ends Docker and starts it again, by the script that set it up; the management cluster comes back with it.
fn restart_docker(env: &Environment) {
    let ended = Command::new("../../hack/docker.sh").arg("restart").output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    env.until("the management cluster to be back", SETTLED, || env.kubectl(&["get", "--raw", "/readyz"]).ok());
}
