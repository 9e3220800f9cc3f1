//! What a cluster goes through in its life.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use k3eks_provider_k3d::K3dSettings;
use provider::{ClusterProvider, MachineState, Progress, Resources};

use crate::registry::nodes_show_their_credentials;
use crate::support::{Aside, AtTheEnd, Environment, bytes, docker, group, kubectl, until, value, volumes};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_lives_and_leaves_nothing() {
    let env = Environment::new("life").await;
    let plan = env.plan("life");
    let mut changes = env.k3d.changes();
    env.create(&plan).await.unwrap();
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), changes.recv()).await.unwrap().unwrap(), plan.id);

    let access = env.access(&plan).await;
    assert_eq!(kubectl(&access, &["get", "--raw", "/readyz"]).unwrap(), "ok");
    assert_eq!(kubectl(&access, &["config", "current-context"]).unwrap().trim(), "LIFE");
    assert!(access.ca_pem.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(value(&access, &["service", "kubernetes"], "{.spec.clusterIP}"), "10.100.0.1");
    let seen = env.k3d.observe_cluster(&plan).unwrap();
    let server = &seen.servers[0];
    assert_eq!((server.state, &server.image), (MachineState::Running, &plan.image));
    assert_eq!(seen.address.as_ref(), access.internal.as_ref().map(|(address, _)| address));
    assert_eq!(env.k3d.clusters().unwrap(), std::slice::from_ref(&plan.id));

    nodes_are_what_their_group_says(&env, &plan, &access).await;
    pods_are_led_to_their_credentials(&env, &plan).await;
    a_node_s_name_is_its_own(&env, &plan).await;
    a_stopped_cluster_comes_back_with_its_data(&env, &plan).await;
    a_server_without_k3s_is_restarted(&env, &plan).await;
    names_of_hosts_hold_when_docker_starts_everything(&env, &plan).await;
    nodes_show_their_credentials(&env, &plan).await;
    let server = env.k3d.observe_cluster(&plan).unwrap().servers[0].name.clone();
    let said = std::process::Command::new("docker").args(["logs", &server]).output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    for part in ["controllermanager.go", "Starting Kubernetes Scheduler", "Adding GroupVersion"] {
        assert!(said.contains(part), "{part}: the parts of the control plane speak in Docker's log: {said}");
    }

    let left = volumes(&env.k3d.observe_cluster(&plan).unwrap().servers[0].name);
    assert!(!left.is_empty());
    env.k3d.delete_cluster(&plan.id).await.unwrap();
    assert_eq!(env.remains(&plan.id), [""; 0]);
    let volumes = docker(&["volume", "ls", "-q"]);
    assert!(!left.iter().any(|volume| volumes.contains(volume)), "volumes are left");
    assert_eq!(env.k3d.access(&plan).await.unwrap(), None);
    until(30, "the inventory knows", || env.k3d.observe_cluster(&plan).unwrap().servers.is_empty()).await;
    env.k3d.delete_cluster(&plan.id).await.expect("deleting what isn't there is a success");
}

#[test]
fn what_a_test_runs_beside_goes_when_the_test_fails() {
    let (tell, told) = std::sync::mpsc::channel();
    let failed = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let aside = Aside::run(&["busybox:1.36", "sleep", "600"]);
        tell.send(aside.name.clone()).unwrap();
        panic!("as a step that fails");
    }));
    assert!(failed.is_err());
    let name = told.recv().unwrap();
    assert!(name.starts_with("k3eks-test-aside-"), "{name}");
    assert_eq!(docker(&["ps", "-aq", "--filter", &format!("name={name}")]), [""; 0]);
}

/// Clusters made at once in a network that was there before and stays.
#[tokio::test(flavor = "multi_thread")]
async fn clusters_share_a_network() {
    let network = format!("k3eks-test-{}", std::process::id());
    docker(&["network", "create", &network]);
    let _network = AtTheEnd::docker(&["network", "rm", &network]);
    let env = Environment::with("net", |settings| K3dSettings { network: Some(network.clone()), ..settings }).await;
    let (one, two) = (env.plan("one"), env.plan("two"));
    let (first, second) = tokio::join!(env.create(&one), env.create(&two));
    first.and(second).unwrap();
    let (first, second) = (env.access(&one).await, env.access(&two).await);
    assert_ne!(first.placement, second.placement);
    let (address, port) = first.internal.clone().unwrap();
    let inside = format!("https://{address}:{port}");
    // The certificate holds for the address that pods of the management cluster use.
    assert_eq!(kubectl(&first, &["--server", &inside, "get", "--raw", "/readyz"]).unwrap(), "ok");
    let workers = group(&one, "workers");
    env.add(&workers, 1).await.unwrap();
    let node = &env.k3d.observe_nodes(&workers).unwrap()[0].name;
    assert_eq!(
        docker(&["inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", node]),
        [network.as_str()]
    );
    let (first, second) = tokio::join!(env.k3d.delete_cluster(&one.id), env.k3d.delete_cluster(&two.id));
    first.and(second).unwrap();
    assert_eq!([env.remains(&one.id), env.remains(&two.id)].concat(), [""; 0]);
    assert_eq!(docker(&["network", "rm", &network]), [network], "a joined network stays");
}

/// The id of the EC2 instance in the node's own zone.
fn provider_id(access: &provider::Access, node: &str) -> String {
    let zone = value(access, &["node", node], "{.metadata.labels.topology\\.kubernetes\\.io/zone}");
    let id = value(access, &["node", node], "{.spec.providerID}");
    let digits = id.strip_prefix(&format!("aws:///{zone}/i-")).unwrap_or_else(|| panic!("{id} in {zone}"));
    assert!(digits.len() == 17 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    id
}

async fn nodes_are_what_their_group_says(
    env: &Environment,
    plan: &provider::DesiredCluster,
    access: &provider::Access,
) {
    let mut workers = group(plan, "Workers_1");
    workers.labels.insert("team".into(), "a".into());
    workers.taints = vec!["gpu=true:NoSchedule".into()];
    env.add(&workers, 2).await.unwrap();
    // Groups differ: what the first has must not show in the second.
    let other = group(plan, "plain");
    env.add(&other, 1).await.unwrap();

    until(30, "the inventory sees the nodes", || env.k3d.observe_nodes(&workers).unwrap().len() == 2).await;
    let nodes = env.k3d.observe_nodes(&workers).unwrap();
    let zones =
        nodes.iter().map(|n| value(access, &["node", &n.name], "{.metadata.labels.topology\\.kubernetes\\.io/zone}"));
    let mut zones: Vec<String> = zones.collect();
    zones.sort();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    let ids: BTreeSet<String> = nodes.iter().map(|n| provider_id(access, &n.name)).collect();
    assert_eq!(ids.len(), 2, "every node has its own: {ids:?}");
    let node = &nodes[0].name;
    assert_eq!(value(access, &["node", node], "{.metadata.labels.team}"), "a");
    let taint = "{.spec.taints[?(@.key=='gpu')].value}{.spec.taints[?(@.key=='gpu')].effect}";
    assert_eq!(value(access, &["node", node], taint), "trueNoSchedule");
    assert_eq!(value(access, &["node", node], "{.status.allocatable.cpu}"), "1");
    let memory = bytes(&value(access, &["node", node], "{.status.allocatable.memory}")) >> 20;
    assert!((1900..=2048).contains(&memory), "{memory} MiB of 2048 can be allocated");
    assert_eq!(
        docker(&["inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", node]),
        ["2147483648 1000000000"]
    );

    let other = &env.k3d.observe_nodes(&other).unwrap()[0].name;
    assert_eq!(value(access, &["node", other], "{.metadata.labels.team}"), "");
    assert_eq!(value(access, &["node", other], taint), "");
    let mut large = group(plan, "large");
    large.resources = Resources { cpus: 1000, memory_mib: 1 << 30 };
    env.add(&large, 1).await.expect("a node may be asked to be larger than the machine");

    a_killed_node_is_seen_and_removed(env, plan, &workers).await;
}

/// Where AWS SDKs look for credentials somebody answers: on nodes that are there, after a restart of theirs, and on new ones.
async fn pods_are_led_to_their_credentials(env: &Environment, plan: &provider::DesiredCluster) {
    let network = format!("k3d-{}", env.k3d.cluster_name(&plan.id));
    let answering = Aside::run(&["--network", &network, "busybox:1.36", "httpd", "-f", "-p", "9080", "-h", "/etc"]);
    let address =
        docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &answering.name])
            .remove(0);
    env.k3d.lead_pods(&plan.id, "169.254.170.23", (&address, 9080)).await.unwrap();
    let workers = group(plan, "plain");
    let asked =
        |node: &str| docker(&["exec", node, "timeout", "5", "busybox", "wget", "-qO-", "http://169.254.170.23/passwd"]);
    let node = env.k3d.observe_nodes(&workers).unwrap()[0].name.clone();
    assert!(asked(&node).first().is_some_and(|line| line.starts_with("root")), "{node}");
    let access = env.access(plan).await;
    let before = provider_id(&access, &node);
    docker(&["restart", &node]);
    until(30, "the same after a restart", || asked(&node).first().is_some_and(|line| line.starts_with("root"))).await;
    assert_eq!(provider_id(&access, &node), before);
    env.add(&workers, 1).await.unwrap();
    until(30, "the inventory sees the new node", || env.k3d.observe_nodes(&workers).unwrap().len() == 2).await;
    for node in env.k3d.observe_nodes(&workers).unwrap() {
        assert!(asked(&node.name).first().is_some_and(|line| line.starts_with("root")), "{}", node.name);
    }
}

/// k3s knows a node by a password that is in its container alone: another container under its name isn't let in, so that a
/// node that is replaced needs another name.
async fn a_node_s_name_is_its_own(env: &Environment, plan: &provider::DesiredCluster) {
    let node = env.k3d.observe_nodes(&group(plan, "plain")).unwrap()[0].name.clone();
    let seen = |format: &str| docker(&["inspect", "-f", format, &node]);
    let network = seen("{{.HostConfig.NetworkMode}}").remove(0);
    let mut arguments = vec!["--privileged", "--tmpfs", "/run", "--tmpfs", "/var/run"];
    arguments.extend(["--hostname", &node, "--network", &network]);
    let env = seen("{{range .Config.Env}}{{println .}}{{end}}");
    arguments.extend(env.iter().filter(|one| one.starts_with("K3S_")).flat_map(|one| ["-e", one.as_str()]));
    let image = seen("{{.Config.Image}}").remove(0);
    arguments.extend([image.as_str(), "agent"]);
    let other = Aside::run(&arguments);
    let refused = || {
        let said = std::process::Command::new("docker").args(["logs", &other.name]).output().unwrap();
        let said = [said.stdout, said.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(!said.to_lowercase().contains("successfully registered node"), "it was let in: {said}");
        said.contains("Node password rejected")
    };
    until(60, "another container of the node's name to be refused", refused).await;
}

async fn a_killed_node_is_seen_and_removed(
    env: &Environment,
    plan: &provider::DesiredCluster,
    workers: &provider::DesiredNodegroup,
) {
    let names: Vec<String> = env.k3d.observe_nodes(workers).unwrap().into_iter().map(|n| n.name).collect();
    let volumes_before = volumes(&names[0]);
    docker(&["kill", &names[0]]);
    let exited = || env.k3d.observe_nodes(workers).unwrap()[0].state == MachineState::Exited;
    until(30, "the inventory sees the dead node", exited).await;
    let server = env.k3d.observe_cluster(plan).unwrap().servers[0].name.clone();
    env.k3d.delete_nodes(&plan.id, &[names[0].clone(), server.clone(), "no-such-node".into()]).await.unwrap();
    until(30, "the inventory sees it gone", || env.k3d.observe_nodes(workers).unwrap().len() == 1).await;
    assert_eq!(docker(&["inspect", "-f", "{{.State.Running}}", &server]), ["true"], "a server is no node");
    let image_volume = format!("k3d-{}-images", env.k3d.cluster_name(&plan.id));
    let volumes = docker(&["volume", "ls", "-q"]);
    assert!(!volumes_before.iter().any(|v| *v != image_volume && volumes.contains(v)), "volumes of the node are left");
    // The new node goes where the old one was.
    env.add(workers, 1).await.unwrap();
    let zone = "{{index .Config.Labels \"k3eks.io/zone\"}}";
    let nodes = env.k3d.observe_nodes(workers).unwrap();
    let mut zones: Vec<String> = nodes.iter().flat_map(|n| docker(&["inspect", "-f", zone, &n.name])).collect();
    zones.sort();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
}

async fn a_stopped_cluster_comes_back_with_its_data(env: &Environment, plan: &provider::DesiredCluster) {
    let before = env.access(plan).await;
    kubectl(&before, &["create", "configmap", "kept"]).unwrap();
    let label = format!("label=k3eks.io/instance={}", env.instance);
    let mut stop = vec!["kill".to_owned()];
    stop.extend(docker(&["ps", "-q", "--filter", &label]));
    docker(&stop.iter().map(String::as_str).collect::<Vec<_>>());
    let stopped = || env.k3d.observe_cluster(plan).unwrap().servers[0].state == MachineState::Exited;
    until(30, "the inventory sees it stopped", stopped).await;
    assert_eq!(env.k3d.access(plan).await.unwrap(), None, "a stopped server offers nothing");

    env.k3d.start_cluster(plan, &Progress::new().0).await.unwrap();
    let after = env.access(plan).await;
    assert_eq!(after.endpoint, before.endpoint);
    assert_eq!(after.ca_pem, before.ca_pem);
    until(30, "the data is kept", || kubectl(&after, &["get", "configmap", "kept"]).is_ok()).await;
    let workers = group(plan, "Workers_1");
    let running = || env.k3d.observe_nodes(&workers).unwrap().iter().all(|n| n.state == MachineState::Running);
    until(30, "the nodes run again", running).await;
    env.create(plan).await.expect("creating what runs changes nothing");
    assert!(kubectl(&after, &["get", "configmap", "kept"]).is_ok());
}

/// k3d's entrypoint goes on without k3s, where that ends before its API server answered.
async fn a_server_without_k3s_is_restarted(env: &Environment, plan: &provider::DesiredCluster) {
    let server = env.k3d.observe_cluster(plan).unwrap().servers[0].name.clone();
    let without = || !docker(&["top", &server]).iter().any(|process| process.contains("k3s server"));
    docker(&["restart", &server]);
    docker(&["exec", &server, "sh", "-c", "until pid=$(pidof k3s); do sleep 0.1; done; kill -9 $pid"]);
    until(30, "k3s ends", without).await;
    assert_eq!(docker(&["inspect", "-f", "{{.State.Status}}", &server]), ["running"]);
    env.k3d.start_cluster(plan, &Progress::new().0).await.unwrap();
    let access = env.access(plan).await;
    until(30, "the API server answers", || kubectl(&access, &["get", "configmap", "kept"]).is_ok()).await;
}

/// Docker that restarts starts all containers by itself, in any order, and others may have their addresses by then.
async fn names_of_hosts_hold_when_docker_starts_everything(env: &Environment, plan: &provider::DesiredCluster) {
    let server = env.k3d.observe_cluster(plan).unwrap().servers[0].name.clone();
    let address = || docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &server]);
    // What its own programs know, and what the cluster's DNS knows.
    let known = || {
        let own = docker(&["exec", &server, "cat", "/etc/hosts"]);
        let path = "jsonpath={.data.NodeHosts}";
        let dns = docker(&["exec", &server, "kubectl", "-n", "kube-system", "get", "configmap", "coredns", "-o", path]);
        (own, dns)
    };
    let nodes = env.k3d.observe_nodes(&group(plan, "plain")).unwrap();
    let whole = || {
        let (own, dns) = known();
        let host = dns.iter().find(|line| line.ends_with(" host.k3d.internal"));
        let of_nodes = |host: &String| {
            let lines = nodes.iter().flat_map(|node| docker(&["exec", &node.name, "cat", "/etc/hosts"]));
            let addresses: BTreeSet<String> = lines
                .filter(|line| line.contains("host.k3d.internal"))
                .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
                .collect();
            addresses.len() == 1 && addresses.iter().all(|address| host.starts_with(&format!("{address} ")))
        };
        host.is_some_and(|host| own.contains(host) && of_nodes(host))
            && dns.contains(&format!("{} {server}", address()[0]))
    };
    until(60, "names of hosts after a start by k3d", whole).await;
    docker(&["kill", &server]);
    let network = format!("k3d-{}", env.k3d.cluster_name(&plan.id));
    let squatter = |_| Aside::run(&["--network", &network, "busybox:1.36", "sleep", "600"]);
    let _squatters: Vec<Aside> = (0..3).map(squatter).collect();
    docker(&["start", &server]);
    until(90, "names of hosts after a start by Docker", whole).await;
}
