//! Many short stories with a provider in memory. One that ends wrongly is made as short as it goes.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kube::Config;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

use crate::environment::{Environment, condition, config};
use crate::fake_provider::refused;
use crate::relay::Relay;
use crate::scenario::{self, CLUSTERS, End, GROUPS, Step};

/// Stories that are told at once.
const LANES: u64 = 12;
/// Steps of a story.
const LENGTH: std::ops::Range<usize> = 5..40;
/// The longest that everything may take to come to rest.
const SETTLED: Duration = Duration::from_secs(60);
/// How long shorter stories that end wrongly too are looked for.
const SHRINKING: Duration = Duration::from_secs(240);
/// How long every call of the provider takes before its effect, and after it.
const PACE: Duration = Duration::from_millis(15);
/// Versions that clusters are made with, and brought to.
const VERSIONS: [&str; 2] = ["1.34", "1.35"];
/// Calls that may fail. One that brings a cluster to another version isn't repeated after its failure until somebody asks again.
const CALLS: [&str; 6] =
    ["create_cluster", "start_cluster", "stop_cluster", "delete_cluster", "create_nodes", "delete_nodes"];

/// Stories for as long as is asked, in lanes side by side; the shortest one that ends wrongly.
#[test]
fn whatever_happens_the_world_becomes_what_the_resources_say() {
    // Where one lane has found something, the others leave the machine to it.
    static FOUND: AtomicBool = AtomicBool::new(false);
    let seed = scenario::seed();
    let seconds =
        std::env::var("K3EKS_CHAOS_SECONDS").map_or(60, |s| s.parse().expect("K3EKS_CHAOS_SECONDS is a number"));
    println!("K3EKS_CHAOS_SEED={seed}");
    let until = Instant::now() + Duration::from_secs(seconds);
    let found = &FOUND;
    let lanes: Vec<_> = (0..LANES).map(|lane| std::thread::spawn(move || stories(seed, lane, until, found))).collect();
    let told: Vec<Result<(usize, usize), String>> = lanes.into_iter().map(|lane| lane.join().unwrap()).collect();
    let (mut stories, mut steps) = (0, 0);
    for lane in told {
        let (a, b) = lane.unwrap_or_else(|wrong| panic!("K3EKS_CHAOS_SEED={seed}: {wrong}"));
        (stories, steps) = (stories + a, steps + b);
    }
    println!("{stories} stories with {steps} steps");
    assert!(steps > 0, "nothing was tried");
}

/// One lane: how many stories and steps were told, or what ended wrongly.
fn stories(seed: u64, lane: u64, until: Instant, found: &AtomicBool) -> Result<(usize, usize), String> {
    let (told, steps) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let strategy = proptest::collection::vec(scenario::step(CLUSTERS.len(), 3, CALLS.len()), LENGTH);
    let shown = std::cell::RefCell::new(String::new());
    let mut number = 0;
    while Instant::now() < until && !found.load(Ordering::Relaxed) {
        number += 1;
        let mut runner = scenario::runner(&[seed, lane, number], SHRINKING);
        let ended = runner.run(&strategy, |steps_of_it| {
            let attempt = told.fetch_add(1, Ordering::Relaxed);
            steps.fetch_add(steps_of_it.len(), Ordering::Relaxed);
            let ended = runtime.block_on(tell(&format!("chaos-{lane}-{attempt}"), &steps_of_it));
            ended.map_err(|(wrong, seen)| {
                println!("lane {lane}, attempt {attempt}, {} steps: {wrong}", steps_of_it.len());
                found.store(true, Ordering::Relaxed);
                // The last story that fails is the shortest.
                shown.replace(seen);
                TestCaseError::fail(wrong)
            })
        });
        ended.map_err(|wrong| format!("{wrong}\n{}", shown.take()))?;
    }
    Ok((told.into_inner(), steps.into_inner()))
}

/// Tells one story from beginning to end; what is wrong at its end, and all that can be seen of it.
async fn tell(name: &str, steps: &[Step]) -> Result<(), (String, String)> {
    let mut env = Environment::new(name).await;
    let relay = Relay::start(authority(&config().await)).await;
    env.by = Some(relay.address);
    env.world.pace(PACE);
    env.start();
    let mut end = End::new();
    for step in steps {
        if scenario::tell(&mut end, *step) {
            carry_out(&env, &relay, &end, *step).await;
        }
    }
    let deadline = Instant::now() + SETTLED;
    let ended = loop {
        let wrong = wrong(&env, &end).await;
        if wrong.is_empty() || Instant::now() > deadline {
            break if wrong.is_empty() { Ok(()) } else { Err(wrong) };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let ended = match ended {
        Ok(()) => Ok(()),
        Err(wrong) => Err((wrong, env.shown().await)),
    };
    env.kill().await;
    env.clean().await;
    ended
}

fn authority(config: &Config) -> String {
    config.cluster_url.authority().unwrap().to_string()
}

async fn carry_out(env: &Environment, relay: &Relay, end: &End, step: Step) {
    let tenths = |n: u64| Duration::from_millis(n * 100);
    let spec = |cluster: usize| -> Value {
        let wanted = &end[&cluster];
        json!({
            "kubernetesVersion": VERSIONS[usize::from(wanted.upgraded)],
            "state": if wanted.stopped { "Stopped" } else { "Running" },
        })
    };
    match step {
        Step::Create(cluster) => {
            env.gone("EKSClusterConfig", CLUSTERS[cluster]).await;
            env.cluster(CLUSTERS[cluster], spec(cluster)).await;
        }
        Step::Delete(cluster) => {
            // A cluster that goes before any operator has seen it takes nothing along, and its groups wait for another one.
            let seen = |o: Option<&Value>| o.is_some_and(|o| o["metadata"]["finalizers"].is_array());
            env.until("to be seen", "EKSClusterConfig", CLUSTERS[cluster], seen).await;
            env.delete("EKSClusterConfig", CLUSTERS[cluster]).await;
        }
        Step::Stop(cluster) | Step::Start(cluster) | Step::Upgrade(cluster) => {
            env.cluster(CLUSTERS[cluster], spec(cluster)).await;
        }
        Step::Scale(cluster, group, nodes) => {
            let name = format!("{}-{}", CLUSTERS[cluster], GROUPS[group]);
            env.not_going("Nodegroup", &name).await;
            env.nodegroup(&name, CLUSTERS[cluster], nodes).await;
        }
        Step::Drop(cluster, group) => {
            env.delete("Nodegroup", &format!("{}-{}", CLUSTERS[cluster], GROUPS[group])).await;
        }
        Step::Pass(n) => tokio::time::sleep(tenths(n)).await,
        Step::Crash => {
            env.kill().await;
            env.start();
        }
        Step::Refuse(n) => {
            relay.refuse(true);
            tokio::time::sleep(tenths(n)).await;
            relay.refuse(false);
        }
        Step::Away(n) => {
            env.world.away(true);
            tokio::time::sleep(tenths(n)).await;
            env.world.away(false);
        }
        Step::KillServer(cluster) => env.world.kill_server(&env.id(CLUSTERS[cluster])),
        Step::KillNode(cluster) => env.world.kill_node(&env.id(CLUSTERS[cluster])),
        Step::Fail(kind) => env.world.fail(CALLS[kind], vec![refused()]),
    }
}

/// What differs from what the story asked for; nothing where all is well.
async fn wrong(env: &Environment, end: &End) -> String {
    let mut wrong = String::new();
    let mut check = |right: bool, what: String| {
        if !right {
            let _ = write!(wrong, "{what}; ");
        }
    };
    let names: Vec<&str> = end.keys().map(|cluster| CLUSTERS[*cluster]).collect();
    let (resources, groups) = (env.all("EKSClusterConfig").await, env.all("Nodegroup").await);
    let there: Vec<&str> = resources.iter().filter_map(|r| r["metadata"]["name"].as_str()).collect();
    check(there == names, format!("the resources are {there:?}, not {names:?}"));
    check(env.world.clusters() == names, format!("the clusters are {:?}, not {names:?}", env.world.clusters()));
    let wanted: usize = end.values().map(|wanted| wanted.groups.len()).sum();
    check(groups.len() == wanted, format!("{} node groups, not {wanted}", groups.len()));
    for (cluster, wanted) in end {
        let name = CLUSTERS[*cluster];
        let of_it = |object: &&Value| object["metadata"]["name"] == name;
        let Some(resource) = resources.iter().find(of_it) else { continue };
        let phase = if wanted.stopped { "Stopped" } else { "Active" };
        check(told(resource, phase), format!("{name} says {}, not {phase}", words(resource)));
        let Some((image, stopped)) = env.world.runs(&env.id(name)) else { continue };
        check(stopped == wanted.stopped, format!("{name} is stopped: {stopped}"));
        if !wanted.stopped {
            let version = VERSIONS[usize::from(wanted.upgraded)];
            check(image == format!("image:{version}"), format!("{name} runs {image}, not {version}"));
            check(
                resource["status"]["version"] == version,
                format!("{name} says it runs another version than {version}"),
            );
            let nodes: Vec<String> =
                GROUPS.iter().flat_map(|g| env.world.nodes_of(&env.id(name), &format!("{name}-{g}"))).collect();
            let (mut nodes, mut objects) = (nodes, env.world.objects_of(&env.id(name)));
            nodes.sort();
            objects.sort();
            check(nodes == objects, format!("{name} has the nodes {nodes:?} and the Node objects {objects:?}"));
        }
        for (group, size) in &wanted.groups {
            let group = format!("{name}-{}", GROUPS[*group]);
            let Some(resource) = groups.iter().find(|g| g["metadata"]["name"] == group) else { continue };
            check(told(resource, phase), format!("{group} says {}, not {phase}", words(resource)));
            let nodes = env.world.nodes_of(&env.id(name), &group).len();
            check(
                wanted.stopped || nodes == usize::try_from(*size).unwrap(),
                format!("{group} has {nodes} nodes, not {size}"),
            );
        }
    }
    wrong
}

/// Whether the status speaks of the present spec and has this phase.
fn told(object: &Value, phase: &str) -> bool {
    object["status"]["phase"] == phase && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

fn words(object: &Value) -> String {
    let ready = condition(object, "Ready");
    format!("{} ({}: {})", object["status"]["phase"], ready["reason"], ready["message"])
}
