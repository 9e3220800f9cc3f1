//! The container of a node: what k3d would make of it, computed without I/O.
//!
//! `k3d node create` can't be used for nodes of groups. It takes the newest agent of the cluster as the pattern, with
//! the labels and taints of that agent's group in its command line, and with its memory limit, for which it mounts files
//! of its own file system, which Docker doesn't have when the operator runs in a pod. Here the server is the pattern.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig, NetworkingConfig, RestartPolicy,
    RestartPolicyNameEnum,
};

use super::archive::File;
use super::names::{self, LABEL_CERTIFIED_BY, LABEL_NODEGROUP, LABEL_ZONE};
use k3s::agent::Agent;
use provider::{DesiredNodegroup, Resources, Zone};

/// Bytes in a MiB.
const MIB: u64 = 1024 * 1024;

/// Settings that all nodes of a cluster share, read from its server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Where nodes join.
    pub url: String,
    /// The cluster's network.
    pub network: String,
    /// k3d's labels.
    pub labels: HashMap<String, String>,
    /// k3s's variables, the token among them.
    pub environment: Vec<String>,
    /// k3d's entrypoint, where it uses one.
    pub entrypoint: Option<Vec<String>>,
    /// The scripts behind that entrypoint.
    pub scripts: Vec<File>,
    /// Address of the machine that Docker runs on, where it isn't for Docker to say.
    pub machine: Option<String>,
}

impl Pattern {
    /// Settings from `server`; `None` if it isn't a k3d server.
    pub fn of(server: &ContainerInspectResponse) -> Option<Self> {
        let name = server.name.as_deref()?.trim_start_matches('/');
        let config = server.config.as_ref()?;
        let labels = config.labels.as_ref()?;
        let network = labels.get("k3d.cluster.network")?.clone();
        let shared =
            |key: &str| key.starts_with("k3d.") && !key.starts_with("k3d.server.") && key != "k3d.node.staticIP";
        let mut own: HashMap<String, String> =
            labels.iter().filter(|(key, _)| shared(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
        own.insert("app".into(), "k3d".into());
        own.insert("k3d.role".into(), "agent".into());
        let environment = config.env.iter().flatten();
        let environment = environment.filter(|v| v.starts_with("K3S_") && !v.starts_with("K3S_URL="));
        let entrypoint = config.entrypoint.clone().filter(|e| e.iter().any(|part| part.contains("k3d-entrypoint")));
        Some(Self {
            url: format!("https://{name}:6443"),
            network,
            labels: own,
            environment: environment.cloned().collect(),
            entrypoint,
            scripts: Vec::new(),
            machine: None,
        })
    }

    /// The volume that k3d shares images by, as Docker writes it.
    fn binds(&self) -> Vec<String> {
        self.labels.get("k3d.cluster.imageVolume").map(|volume| format!("{volume}:/k3d/images")).into_iter().collect()
    }
}

/// CPUs and memory of the machine that Docker runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Logical CPUs.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
}

/// The container of node `name` in `zone`.
pub fn container(
    instance: &str,
    plan: &DesiredNodegroup,
    pattern: &Pattern,
    machine: Machine,
    name: &str,
    zone: Option<&Zone>,
) -> ContainerCreateBody {
    let mut labels = pattern.labels.clone();
    let ours = names::labels(instance, &plan.cluster, &plan.image);
    labels.extend(ours.into_iter().map(|(key, value)| (key.to_owned(), value)));
    labels.insert(LABEL_NODEGROUP.to_owned(), plan.name.clone());
    labels.extend(plan.authorities.first().map(|signer| (LABEL_CERTIFIED_BY.to_owned(), signer.clone())));
    labels.extend(zone.map(|zone| (LABEL_ZONE.to_owned(), zone.name.clone())));
    let mut environment = pattern.environment.clone();
    environment.push(format!("K3S_URL={}", pattern.url));
    let size = at_most(plan.resources, machine);
    // Docker's own idea of the machine's address is another one than the servers have.
    let host = pattern.machine.as_deref().unwrap_or("host-gateway");
    ContainerCreateBody {
        hostname: Some(name.to_owned()),
        image: Some(plan.image.clone()),
        cmd: Some(arguments(plan, machine, zone, &names::ec2_instance(instance, name))),
        entrypoint: pattern.entrypoint.clone(),
        env: Some(environment),
        labels: Some(labels),
        host_config: Some(HostConfig {
            memory: i64::try_from(size.memory_mib * MIB).ok(),
            nano_cpus: Some(i64::from(size.cpus) * 1_000_000_000),
            binds: Some(pattern.binds()),
            init: Some(true),
            privileged: Some(true),
            userns_mode: Some("host".into()),
            network_mode: Some(pattern.network.clone()),
            extra_hosts: Some(vec![format!("host.k3d.internal:{host}")]),
            tmpfs: Some(["/run", "/var/run"].map(|path| (path.to_owned(), String::new())).into()),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                maximum_retry_count: None,
            }),
            ..Default::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(pattern.network.clone(), EndpointSettings::default())])),
        }),
        ..Default::default()
    }
}

/// The command line of k3s's agent. A container keeps it, and with it the provider id, which can't change.
fn arguments(plan: &DesiredNodegroup, machine: Machine, zone: Option<&Zone>, ec2_instance: &str) -> Vec<String> {
    let labels = plan.labels.iter().chain(zone.into_iter().flat_map(|zone| &zone.labels));
    k3s::agent::arguments(&Agent {
        labels: labels.map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        taints: &plan.taints,
        provider_id: zone.map(|zone| format!("aws:///{}/{ec2_instance}", zone.name)),
        reserved: reserved(plan.resources, machine),
    })
}

/// At most the machine's CPUs: Docker refuses more.
fn at_most(size: Resources, machine: Machine) -> Resources {
    Resources {
        cpus: size.cpus.clamp(1, machine.cpus.max(1)),
        memory_mib: size.memory_mib.min((machine.memory / MIB).max(1)),
    }
}

/// Resources that the kubelet must reserve, so that pods get no more than the node's size. The kubelet sees the
/// machine, not the container's limits.
fn reserved(size: Resources, machine: Machine) -> Option<String> {
    let size = at_most(size, machine);
    let cpus = machine.cpus.saturating_sub(size.cpus);
    let memory = machine.memory.saturating_sub(size.memory_mib * MIB) / 1024;
    let parts = [(cpus > 0).then(|| format!("cpu={cpus}")), (memory > 0).then(|| format!("memory={memory}Ki"))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// Zones for `count` new nodes beside those in `existing`, of which each says whether it stays: always where the fewest
/// stay, and of these where there are fewest. Nodes that are replaced one by one would else all come into one zone.
pub fn zones<'a>(zones: &'a [Zone], existing: &[(&str, bool)], count: usize) -> Vec<Option<&'a Zone>> {
    let within = |zone: &Zone, stays: bool| {
        existing.iter().filter(|(other, stay)| *other == zone.name && (*stay || !stays)).count()
    };
    let mut filled: Vec<((usize, usize), &Zone)> =
        zones.iter().map(|zone| ((within(zone, true), within(zone, false)), zone)).collect();
    let mut next = || {
        let ((staying, all), zone) = filled.iter_mut().min_by_key(|(nodes, _)| *nodes)?;
        *staying += 1;
        *all += 1;
        Some(*zone)
    };
    (0..count).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use provider::ClusterId;
    use serde_json::json;

    fn server() -> ContainerInspectResponse {
        serde_json::from_value(json!({
            "Name": "/k3d-eks-dev-server-0",
            "Config": {
                "Env": ["PATH=/bin", "K3S_TOKEN=secret", "K3S_KUBECONFIG_OUTPUT=/output/kubeconfig.yaml", "K3S_URL=old"],
                "Entrypoint": ["/bin/k3d-entrypoint.sh"],
                "Labels": {
                    "app": "k3d", "k3d.role": "server", "k3d.cluster": "eks-dev", "k3d.cluster.network": "net",
                    "k3d.cluster.imageVolume": "k3d-eks-dev-images", "k3d.server.api.port": "16500", "k3eks.io/instance": "me",
                },
            },
        }))
        .unwrap()
    }

    fn plan() -> DesiredNodegroup {
        DesiredNodegroup {
            cluster: ClusterId { namespace: "default".into(), name: "dev".into() },
            name: "workers".into(),
            desired: 2,
            image: "k3s:1".into(),
            labels: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
            taints: vec!["gpu=true:NoSchedule".into()],
            resources: Resources { cpus: 2, memory_mib: 4096 },
            zones: vec![],
            authorities: vec!["1f".into(), "2e".into()],
        }
    }

    fn zone(name: &str) -> Zone {
        let labels = BTreeMap::from([("topology.kubernetes.io/zone".to_owned(), name.to_owned())]);
        Zone { name: name.to_owned(), labels }
    }

    const MACHINE: Machine = Machine { cpus: 8, memory: 16 * 1024 * MIB };

    #[test]
    fn a_node_is_an_agent_of_the_servers_cluster_and_of_its_own_group() {
        let pattern = Pattern::of(&server()).unwrap();
        let body = container("me", &plan(), &pattern, MACHINE, "k3d-n-0", Some(&zone("us-east-1b")));
        let labels = body.labels.unwrap();
        for (key, value) in [
            ("app", "k3d"),
            ("k3d.role", "agent"),
            ("k3d.cluster", "eks-dev"),
            ("k3eks.io/cluster", "default.dev"),
            ("k3eks.io/nodegroup", "workers"),
            ("k3eks.io/zone", "us-east-1b"),
            ("k3eks.io/image", "k3s:1"),
            ("k3eks.io/certified-by", "1f"),
        ] {
            assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert!(!labels.keys().any(|key| key.starts_with("k3d.server.")), "{labels:?}");
        let environment = body.env.unwrap();
        assert!(environment.contains(&"K3S_TOKEN=secret".to_owned()));
        assert!(environment.contains(&"K3S_URL=https://k3d-eks-dev-server-0:6443".to_owned()));
        assert_eq!(environment.len(), 3, "{environment:?}");
        assert_eq!(
            body.cmd.unwrap(),
            [
                "agent",
                "--node-label=team=a",
                "--node-label=topology.kubernetes.io/zone=us-east-1b",
                "--node-taint=gpu=true:NoSchedule",
                "--kubelet-arg=provider-id=aws:///us-east-1b/i-018e63f998221c7a2",
                "--kubelet-arg=system-reserved=cpu=6,memory=12582912Ki",
            ]
        );
        let host = body.host_config.unwrap();
        assert_eq!((host.memory, host.nano_cpus), (Some(4 * 1024 * 1024 * 1024), Some(2_000_000_000)));
        assert_eq!(host.binds.unwrap(), ["k3d-eks-dev-images:/k3d/images"]);
        assert_eq!(host.extra_hosts.unwrap(), ["host.k3d.internal:host-gateway"]);
        let pattern = Pattern { machine: Some("172.18.0.1".into()), ..pattern };
        let host = container("me", &plan(), &pattern, MACHINE, "k3d-n-0", None).host_config.unwrap();
        assert_eq!(host.extra_hosts.unwrap(), ["host.k3d.internal:172.18.0.1"]);
    }

    #[test]
    fn a_node_is_never_larger_than_the_machine() {
        let small = Machine { cpus: 2, memory: 2 * 1024 * MIB };
        let large = Resources { cpus: 96, memory_mib: 393_216 };
        assert_eq!(at_most(large, small), Resources { cpus: 2, memory_mib: 2048 });
        assert_eq!(reserved(large, small), None);
        assert_eq!(reserved(Resources { cpus: 1, memory_mib: 9999 }, small).as_deref(), Some("cpu=1"));
        assert_eq!(reserved(Resources { cpus: 0, memory_mib: 1024 }, small).as_deref(), Some("cpu=1,memory=1048576Ki"));
    }

    #[test]
    fn zones_fill_evenly() {
        let three = ["a", "b", "c"].map(zone);
        let chosen = |existing: &[(&str, bool)], count| -> Vec<&str> {
            zones(&three, existing, count).into_iter().flatten().map(|zone| zone.name.as_str()).collect()
        };
        assert_eq!(chosen(&[], 4), ["a", "b", "c", "a"]);
        assert_eq!(chosen(&[("a", true), ("b", true)], 2), ["c", "a"]);
        assert_eq!(chosen(&[("elsewhere", true)], 1), ["a"]);
        // Two nodes are replaced, one after the other.
        assert_eq!(chosen(&[("b", false), ("c", false)], 1), ["a"]);
        assert_eq!(chosen(&[("c", false), ("a", true)], 1), ["b"]);
        assert_eq!(zones(&[], &[], 2), [None, None]);
    }

    #[test]
    fn a_container_that_is_no_server_is_no_pattern() {
        assert_eq!(Pattern::of(&ContainerInspectResponse::default()), None);
    }
}
