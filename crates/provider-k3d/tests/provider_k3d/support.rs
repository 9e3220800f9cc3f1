//! A provider of its own for each test, and eyes that don't belong to it: `docker` and `kubectl`.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use k3eks_provider_k3d::{K3d, K3dSettings};
use provider::{
    Access, ClusterId, ClusterProvider, DesiredCluster, DesiredNodegroup, Error, Progress, Resources, Zone,
};
use tokio::sync::{Mutex, MutexGuard};

/// Clusters are made one at a time: the machine may be small, and some tests look at how long things take.
static TURN: Mutex<()> = Mutex::const_new(());

/// A provider under an instance id of its own. Dropping it removes what it left.
pub struct Environment {
    pub k3d: Arc<K3d>,
    pub instance: String,
    _turn: MutexGuard<'static, ()>,
}

impl Environment {
    pub async fn new(what: &str) -> Self {
        Self::with(what, |settings| settings).await
    }

    pub async fn with(what: &str, change: impl FnOnce(K3dSettings) -> K3dSettings) -> Self {
        let turn = TURN.lock().await;
        let instance = format!("test-{what}-{}", std::process::id());
        let k3d = K3d::start(change(K3dSettings::new(instance.as_str())));
        let env = Self { k3d, instance, _turn: turn };
        until(30, "Docker answers", || env.k3d.ready().is_ok()).await;
        env
    }

    pub fn plan(&self, name: &str) -> DesiredCluster {
        DesiredCluster {
            id: ClusterId { namespace: "default".into(), name: name.into() },
            eks_name: name.to_uppercase(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            version: "1.35".into(),
            image: self.k3d.image("1.35").expect("1.35 is known"),
            servers: 1,
            service_cidr: "10.100.0.0/16".into(),
            placement: None,
            tls_names: vec![format!("{name}.default.svc")],
            public_endpoint: provider::PublicEndpoint::default(),
            control_plane: None,
            endpoint_id: String::new(),
            import: None,
        }
    }

    pub async fn create(&self, plan: &DesiredCluster) -> Result<(), Error> {
        self.k3d.create_cluster(plan, &Progress::new().0).await
    }

    pub async fn add(&self, group: &DesiredNodegroup, count: usize) -> Result<(), Error> {
        self.k3d.create_nodes(group, count, &Progress::new().0).await
    }

    pub async fn access(&self, plan: &DesiredCluster) -> Access {
        self.k3d.access(plan).await.expect("Docker answers").expect("the cluster offers its API")
    }

    /// Everything in Docker that belongs to the cluster, whoever removes it.
    pub fn remains(&self, id: &ClusterId) -> Vec<String> {
        let name = self.k3d.cluster_name(id);
        let mut all = docker(&["ps", "-a", "--format", "container {{.Names}}", "--filter", &format!("name={name}")]);
        let label = format!("label=k3d.cluster={name}");
        all.extend(docker(&["ps", "-a", "--format", "container {{.Names}}", "--filter", &label]));
        all.extend(docker(&["volume", "ls", "--format", "volume {{.Name}}", "--filter", &format!("name={name}")]));
        all.extend(docker(&["network", "ls", "--format", "network {{.Name}}", "--filter", &format!("name={name}")]));
        all
    }
}

/// Runs `docker` with these arguments when it is dropped, also where the test failed.
pub struct AtTheEnd(Vec<String>);

impl AtTheEnd {
    pub fn docker(arguments: &[&str]) -> Self {
        Self(arguments.iter().map(|argument| (*argument).to_owned()).collect())
    }
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        docker(&self.0.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// A container that a test runs by itself. It goes at the end, also where it never came up.
pub struct Aside {
    pub name: String,
    _gone: AtTheEnd,
}

impl Aside {
    /// Runs a container with these arguments.
    pub fn run(arguments: &[&str]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("k3eks-test-aside-{}-{number}", std::process::id());
        let aside = Self { _gone: AtTheEnd::docker(&["rm", "-f", "-v", &name]), name };
        let command = ["run", "-d", "--name", &aside.name].into_iter().chain(arguments.iter().copied());
        assert_eq!(docker(&command.collect::<Vec<_>>()).len(), 1, "{arguments:?} runs");
        aside
    }
}

/// A zone whose nodes have the usual label.
fn zone(name: &str) -> Zone {
    let labels = BTreeMap::from([("topology.kubernetes.io/zone".to_owned(), name.to_owned())]);
    Zone { name: name.to_owned(), labels }
}

/// A group of `cluster`, in two zones.
pub fn group(cluster: &DesiredCluster, name: &str) -> DesiredNodegroup {
    DesiredNodegroup {
        cluster: cluster.id.clone(),
        name: name.into(),
        desired: 2,
        image: cluster.image.clone(),
        labels: BTreeMap::from([("eks.amazonaws.com/nodegroup".to_owned(), name.to_owned())]),
        taints: vec![],
        resources: Resources { cpus: 1, memory_mib: 2048 },
        zones: ["us-east-1a", "us-east-1b"].map(zone).into(),
        authorities: vec![],
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // Only a test that failed leaves anything.
        let label = format!("label=k3eks.io/instance={}", self.instance);
        let clusters = docker(&["ps", "-a", "--filter", &label, "--format", "{{.Label \"k3d.cluster\"}}"]);
        for cluster in clusters {
            for id in docker(&["ps", "-aq", "--filter", &format!("label=k3d.cluster={cluster}")]) {
                docker(&["rm", "-fv", &id]);
            }
            docker(&["volume", "rm", "-f", &format!("k3d-{cluster}-images")]);
            docker(&["network", "rm", &format!("k3d-{cluster}")]);
        }
    }
}

/// Bytes that a Kubernetes quantity of memory means.
pub fn bytes(quantity: &str) -> u64 {
    let digits = quantity.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &quantity[digits.len()..] {
        "Gi" => 1 << 30,
        "Mi" => 1 << 20,
        "Ki" => 1 << 10,
        _ => 1,
    };
    digits.parse::<u64>().expect("a quantity") * unit
}

/// Names of the volumes that a container has.
pub fn volumes(container: &str) -> Vec<String> {
    let format = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}}\n{{end}}{{end}}";
    docker(&["inspect", "--format", format, container])
}

/// Lines that `docker` prints.
pub fn docker(arguments: &[&str]) -> Vec<String> {
    let output = Command::new("docker").args(arguments).output().expect("docker is installed");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

/// What `kubectl` prints, given the kubeconfig and nothing of the user's.
pub fn kubectl(access: &Access, arguments: &[&str]) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, &access.kubeconfig).expect("the kubeconfig is written");
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(&file).args(["--request-timeout", "10s"]).args(arguments);
    let output = command.output().expect("kubectl is installed");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A value of the child cluster, by kubectl's jsonpath.
pub fn value(access: &Access, object: &[&str], path: &str) -> String {
    let path = format!("jsonpath={path}");
    let arguments: Vec<&str> = ["get"].into_iter().chain(object.iter().copied()).chain(["-o", path.as_str()]).collect();
    kubectl(access, &arguments).expect("kubectl answers")
}

/// Waits until `holds`.
pub async fn until(seconds: u64, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{what}: not within {seconds} s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
