//! The suite against records, against clusters in memory, and against providers that don't keep what they promise.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use super::*;
use crate::metadata::Metadata;
use crate::{Access, ClusterObservation, MachineState, NodeObservation, ServerObservation};

/// How a provider in memory goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    AnotherServerEachTime,
    KeepsWhatIsDeleted,
    TellsNobody,
    LosesNodesThatStop,
    ClaimsAuthorities,
}

#[derive(Default)]
struct Cluster {
    servers: Vec<String>,
    stopped: bool,
    /// Nodes by name, with their group.
    nodes: BTreeMap<String, String>,
}

/// Clusters in memory that can be made, stopped and deleted, and nothing else.
struct Memory {
    clusters: Mutex<BTreeMap<ClusterId, Cluster>>,
    changes: broadcast::Sender<ClusterId>,
    fault: Fault,
    certificate: String,
}

impl Memory {
    fn new(fault: Fault) -> Self {
        let certificate = rcgen::generate_simple_self_signed(["memory".to_owned()]).unwrap().cert.pem();
        Self { clusters: Mutex::default(), changes: broadcast::channel(16).0, fault, certificate }
    }

    fn change(&self, id: &ClusterId, change: impl FnOnce(&mut BTreeMap<ClusterId, Cluster>)) {
        change(&mut self.clusters.lock());
        if self.fault != Fault::TellsNobody {
            let _ = self.changes.send(id.clone());
        }
    }
}

fn state(stopped: bool) -> MachineState {
    if stopped { MachineState::Exited } else { MachineState::Running }
}

#[async_trait]
impl ClusterProvider for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        let authorities = self.fault == Fault::ClaimsAuthorities;
        Capabilities { api_server: true, upgrade: false, authorities, ..Capabilities::RECORDS }
    }

    fn observe_cluster(&self, plan: &DesiredCluster) -> Result<ClusterObservation, Error> {
        let all = self.clusters.lock();
        let Some(cluster) = all.get(&plan.id) else { return Ok(ClusterObservation::default()) };
        let server = |name: &String| ServerObservation {
            name: name.clone(),
            state: state(cluster.stopped),
            image: plan.image.clone(),
        };
        Ok(ClusterObservation {
            servers: cluster.servers.iter().map(server).collect(),
            ..ClusterObservation::default()
        })
    }

    fn observe_nodes(&self, plan: &DesiredNodegroup) -> Result<Vec<NodeObservation>, Error> {
        let all = self.clusters.lock();
        let Some(cluster) = all.get(&plan.cluster) else { return Ok(Vec::new()) };
        let ours = cluster.nodes.iter().filter(|(_, group)| **group == plan.name);
        let node = |(name, _): (&String, &String)| NodeObservation {
            name: name.clone(),
            state: state(cluster.stopped),
            image: plan.image.clone(),
            certified_by: None,
        };
        Ok(ours.map(node).collect())
    }

    fn clusters(&self) -> Result<Vec<ClusterId>, Error> {
        Ok(self.clusters.lock().keys().cloned().collect())
    }

    fn cluster_name(&self, id: &ClusterId) -> String {
        format!("memory-{id}")
    }

    fn image(&self, version: &str) -> Result<String, Error> {
        Metadata::default().image(version)
    }

    async fn create_cluster(&self, plan: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        self.change(&plan.id, |all| {
            let cluster = all.entry(plan.id.clone()).or_default();
            if cluster.servers.is_empty() || self.fault == Fault::AnotherServerEachTime {
                cluster.servers.push(format!("server-{}", cluster.servers.len()));
            }
        });
        Ok(())
    }

    async fn start_cluster(&self, plan: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        self.change(&plan.id, |all| all.entry(plan.id.clone()).or_default().stopped = false);
        Ok(())
    }

    async fn stop_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        self.change(id, |all| {
            let cluster = all.entry(id.clone()).or_default();
            cluster.stopped = true;
            if self.fault == Fault::LosesNodesThatStop {
                cluster.nodes.clear();
            }
        });
        Ok(())
    }

    async fn upgrade_cluster(&self, _: &DesiredCluster, _: &Progress) -> Result<(), Error> {
        Err(self.unsupported("upgrade a cluster"))
    }

    async fn access(&self, plan: &DesiredCluster) -> Result<Option<Access>, Error> {
        let endpoint = format!("https://{}", plan.id);
        let access = Access {
            kubeconfig: format!("server: {endpoint}"),
            endpoint,
            internal: None,
            direct: None,
            placement: None,
            ca_pem: self.certificate.clone(),
        };
        Ok(self.clusters.lock().contains_key(&plan.id).then_some(access))
    }

    async fn delete_cluster(&self, id: &ClusterId) -> Result<(), Error> {
        self.change(id, |all| {
            if self.fault != Fault::KeepsWhatIsDeleted {
                all.remove(id);
            }
        });
        Ok(())
    }

    async fn create_nodes(&self, plan: &DesiredNodegroup, count: usize, _: &Progress) -> Result<(), Error> {
        self.change(&plan.cluster, |all| {
            let nodes = &mut all.entry(plan.cluster.clone()).or_default().nodes;
            for number in nodes.len()..nodes.len() + count {
                nodes.insert(format!("node-{number}"), plan.name.clone());
            }
        });
        Ok(())
    }

    async fn delete_nodes(&self, id: &ClusterId, names: &[String]) -> Result<(), Error> {
        self.change(id, |all| {
            all.entry(id.clone()).or_default().nodes.retain(|name, _| !names.contains(name));
        });
        Ok(())
    }

    fn changes(&self) -> broadcast::Receiver<ClusterId> {
        self.changes.subscribe()
    }
}

async fn conforms(provider: &dyn ClusterProvider) -> Result<(), Broken> {
    run(provider, &Subject::small(provider, "1.35", Duration::from_millis(100)).unwrap()).await
}

#[tokio::test]
async fn records_conform() {
    conforms(&Metadata::default()).await.unwrap();
}

#[tokio::test]
async fn clusters_in_memory_conform() {
    conforms(&Memory::new(Fault::None)).await.unwrap();
}

#[tokio::test]
async fn a_promise_that_is_broken_is_found() {
    for (fault, why) in [
        (Fault::AnotherServerEachTime, "made again"),
        (Fault::KeepsWhatIsDeleted, "a cluster that was deleted is gone"),
        (Fault::TellsNobody, "a change isn't announced"),
        (Fault::LosesNodesThatStop, "what was stopped isn't kept"),
        (Fault::ClaimsAuthorities, "authorities fails"),
    ] {
        let broken = conforms(&Memory::new(fault)).await.unwrap_err();
        assert!(broken.to_string().contains(why), "{broken}");
    }
}
