//! Plain types of the provider port.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use tokio::sync::watch;

use crate::ControlPlane;

/// The cluster resource that a plan or an observation belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterId {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
}

impl std::fmt::Display for ClusterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Source of an imported cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    /// By the provider's own name for it.
    Named(String),
    /// By the kubeconfig in a Secret of this name.
    Secret(String),
}

/// The desired state of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredCluster {
    /// The resource it is for.
    pub id: ClusterId,
    /// The cluster's name in EKS.
    pub eks_name: String,
    /// AWS account, 12 digits.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// Kubernetes minor version, such as `1.35`.
    pub version: String,
    /// Image of the servers and, where a group names no version of its own, of the nodes.
    pub image: String,
    /// Number of servers of the control plane. Several share one endpoint, a load balancer.
    pub servers: usize,
    /// CIDR of Service addresses.
    pub service_cidr: String,
    /// What the provider gave as [`Access::placement`] before, so that clients find the cluster where it was.
    pub placement: Option<u16>,
    /// Additional names for the API server's certificate.
    pub tls_names: Vec<String>,
    /// Who may use the public endpoint.
    pub public_endpoint: PublicEndpoint,
    /// What its control plane is to do; `None` for a cluster that isn't made here, and for records.
    pub control_plane: Option<ControlPlane>,
    /// Made-up endpoint of a cluster without servers (metadata): 32 hexadecimal digits.
    pub endpoint_id: String,
    /// Where it is found, if it isn't made here.
    pub import: Option<Import>,
}

/// Who may use a cluster's public endpoint. Default: everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicEndpoint {
    /// Networks that may use it.
    pub sources: Vec<Ipv4Net>,
    /// Whether its use is measured.
    pub counted: bool,
}

impl Default for PublicEndpoint {
    fn default() -> Self {
        Self { sources: vec![Ipv4Net::default()], counted: false }
    }
}

impl PublicEndpoint {
    /// Whether nobody is kept out.
    pub fn is_open(&self) -> bool {
        self.sources.iter().any(|source| source.prefix_len() == 0)
    }

    /// Whether it differs from the default.
    pub fn has_rules(&self) -> bool {
        self.counted || !self.is_open()
    }
}

/// The desired state of a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredNodegroup {
    /// The cluster resource that the group belongs to.
    pub cluster: ClusterId,
    /// The group's name in EKS.
    pub name: String,
    /// Desired number of nodes.
    pub desired: usize,
    /// Image of the nodes.
    pub image: String,
    /// Labels that nodes register with.
    pub labels: BTreeMap<String, String>,
    /// Taints that nodes register with, as `key=value:Effect`.
    pub taints: Vec<String>,
    /// CPU and memory of a node.
    pub resources: Resources,
    /// Availability zones to spread the nodes over.
    pub zones: Vec<Zone>,
    /// Fingerprints of the certificate authorities that the cluster trusts, the one that signs first.
    pub authorities: Vec<String>,
}

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name, such as `us-east-1a`.
    pub name: String,
    /// Labels that its nodes register with, beside those of their group.
    pub labels: BTreeMap<String, String>,
}

/// CPU and memory of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// State of a machine: whatever the provider runs a server or a node on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Stopped or died.
    Exited,
    /// Being removed, or beyond repair.
    Removing,
}

/// What exists of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterObservation {
    /// The servers; empty where nothing exists.
    pub servers: Vec<ServerObservation>,
    /// Whether the balancer before several servers runs; `None` where there is none.
    pub balancer: Option<MachineState>,
    /// Address on the cluster's network where the API is found.
    pub address: Option<String>,
    /// Whether the old server of an upgrade still exists.
    pub old_server: bool,
    /// The nodes of its groups.
    pub nodes: Vec<NodeObservation>,
}

impl ClusterObservation {
    /// Whether all `servers` and the load balancer run.
    pub fn runs(&self, servers: usize) -> bool {
        let running = |state| state == MachineState::Running;
        self.servers.len() >= servers
            && self.servers.iter().all(|server| running(server.state))
            && self.balancer.map_or(servers <= 1, running)
    }

    /// Whether enough of `servers` run for the API to answer.
    pub fn has_quorum(&self, servers: usize) -> bool {
        let running = self.servers.iter().filter(|server| server.state == MachineState::Running).count();
        running * 2 > servers && self.balancer.is_none_or(|state| state == MachineState::Running)
    }
}

/// What exists of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerObservation {
    /// Name of the machine.
    pub name: String,
    /// Whether it runs.
    pub state: MachineState,
    /// Image it runs.
    pub image: String,
}

/// What exists of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeObservation {
    /// Name of the machine, and of the Node object.
    pub name: String,
    /// Whether it runs.
    pub state: MachineState,
    /// Image it runs.
    pub image: String,
    /// Fingerprint of the certificate authority that signed for the cluster when it was made; `None` where that isn't known.
    pub certified_by: Option<String>,
}

impl NodeObservation {
    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.state == MachineState::Running
    }

    /// Whether the node has the plan's image and a certificate of the current signer.
    pub fn fits(&self, plan: &DesiredNodegroup) -> bool {
        self.image == plan.image && self.is_certified(&plan.authorities)
    }

    /// Whether the node only needs the first authority that its cluster trusts: the one that signed its certificates,
    /// which it keeps while it runs. A node of unknown signer counts if there never was another one.
    pub fn is_certified(&self, authorities: &[String]) -> bool {
        let Some(signer) = authorities.first() else { return true };
        self.certified_by.as_ref().map_or(authorities.len() == 1, |by| by == signer)
    }
}

/// How to reach an API server as administrator. `Debug` leaves the kubeconfig out: it holds a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Kubeconfig for users, YAML.
    pub kubeconfig: String,
    /// URL for users: the public endpoint.
    pub endpoint: String,
    /// Address and port on the cluster's network, for pods of the management cluster.
    pub internal: Option<(String, u16)>,
    /// Address and port that lead the operator to the API server whoever else may use the public endpoint; `None`:
    /// there is no such way.
    pub direct: Option<(String, u16)>,
    /// Where the provider has put the API server. It means something to the provider alone, which gets it back as
    /// [`DesiredCluster::placement`]; `None`: nothing is to be kept.
    pub placement: Option<u16>,
    /// Certificate authority, PEM.
    pub ca_pem: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("endpoint", &self.endpoint)
            .field("internal", &self.internal)
            .finish_non_exhaustive()
    }
}

/// A step of long work, as text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Number of the step, from 1.
    pub number: u8,
    /// How many there are.
    pub of: u8,
    /// What is being done.
    pub what: String,
}

/// Progress of long work.
#[derive(Clone, Debug)]
pub struct Progress(watch::Sender<Step>);

impl Progress {
    /// A new progress sender and its receiver.
    pub fn new() -> (Self, watch::Receiver<Step>) {
        let (sender, receiver) = watch::channel(Step::default());
        (Self(sender), receiver)
    }

    /// Reports that step `number` of `of` has begun.
    pub fn tell(&self, number: u8, of: u8, what: impl Into<String>) {
        self.0.send_replace(Step { number, of, what: what.into() });
    }
}
