//! A namespace of its own in the cluster that `K3EKS_CONTROLLER_KUBECONFIG` names, controllers that look after it alone,
//! and what to show when a test fails.

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use controller::{self, Accounts, DefaultRegistries, Providers, Settings};
use crd::definitions;
use futures::FutureExt;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use provider::metadata::Metadata;
use provider::{ClusterId, ClusterProvider};
use serde_json::{Value, json};
use telemetry::metrics::Metrics;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequestLayer;

use crate::fake_provider::{InMemory, LIMIT, World};

const POLL: Duration = Duration::from_millis(50);
const MANAGER: &str = "k3eks-test";
/// How many updates of a cluster the controllers keep that have ended.
pub const KEPT_UPDATES: usize = 2;
/// Whether the definitions are there.
static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// Text that several hands write to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Controllers that run, on a thread and a runtime of their own, so that they can be killed with all that they began.
struct Running {
    shutdown: CancellationToken,
    killed: CancellationToken,
    thread: JoinHandle<()>,
}

/// A namespace of its own, its world, and controllers that look after it.
pub struct Environment {
    pub namespace: String,
    pub world: Arc<World>,
    pub client: Client,
    /// Requests of the controllers that change something, as `METHOD path`.
    writes: Arc<Mutex<Vec<String>>>,
    running: Mutex<Option<Running>>,
    /// Where the controllers reach the API server, if not where everybody does.
    pub by: Option<SocketAddr>,
    log: Log,
}

/// Runs a test in an environment of its own; on failure shows the resources as YAML, the Events and the log.
pub async fn run(name: &str, test: impl AsyncFnOnce(&Environment)) {
    let env = Environment::new(name).await;
    env.start();
    let ended = AssertUnwindSafe(test(&env)).catch_unwind().await;
    if ended.is_err() {
        eprintln!("{}", env.shown().await);
    }
    env.stop().await;
    env.clean().await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// The way to the API server.
pub async fn config() -> Config {
    let path = std::env::var("K3EKS_CONTROLLER_KUBECONFIG")
        .expect("K3EKS_CONTROLLER_KUBECONFIG: the kubeconfig of a cluster without the operator");
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

impl Environment {
    /// A namespace of its own. Nobody looks after it yet.
    pub async fn new(name: &str) -> Self {
        let client = Client::try_from(config().await).unwrap();
        INSTALLED.get_or_init(|| install(&client)).await;
        let namespace = format!("ctl-{name}-{}", std::process::id());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
        Api::<Namespace>::all(client.clone()).create(&kube::api::PostParams::default(), &object).await.unwrap();
        Self {
            namespace,
            world: World::start().await,
            client,
            writes: Arc::default(),
            running: Mutex::default(),
            by: None,
            log: Log::default(),
        }
    }

    /// Starts the controllers anew, as another process would.
    pub fn start(&self) {
        let (shutdown, killed) = (CancellationToken::new(), CancellationToken::new());
        let (log, kill) = (self.log.clone(), killed.clone());
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || log.clone())
            .with_ansi(false)
            .with_env_filter("info,k3eks=debug")
            .finish();
        let work = work(self.namespace.clone(), self.world.clone(), self.writes.clone(), self.by, shutdown.clone());
        let thread = std::thread::spawn(move || {
            let _guard = tracing::subscriber::set_default(subscriber);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { kill.run_until_cancelled(Box::pin(work)).await });
            runtime.shutdown_background();
        });
        *self.running.lock() = Some(Running { shutdown, killed, thread });
    }

    /// Stops the controllers and waits for their end.
    pub async fn stop(&self) {
        let running = self.running.lock().take();
        if let Some(Running { shutdown, thread, .. }) = running {
            shutdown.cancel();
            let joined = tokio::task::spawn_blocking(|| thread.join());
            tokio::time::timeout(LIMIT, joined).await.expect("the controllers stop").unwrap().unwrap();
        }
    }

    /// Ends the controllers in the middle of whatever they do.
    pub async fn kill(&self) {
        let running = self.running.lock().take();
        if let Some(Running { killed, thread, .. }) = running {
            killed.cancel();
            tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap();
        }
    }

    /// Requests of the controllers so far that change something.
    pub fn writes(&self) -> Vec<String> {
        self.writes.lock().clone()
    }

    /// The cluster resource `name` as providers know it.
    pub fn id(&self, name: &str) -> ClusterId {
        ClusterId { namespace: self.namespace.clone(), name: name.into() }
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (version, plural) = match kind {
            "EKSClusterConfig" => ("eks.cattle.io/v1", "eksclusterconfigs"),
            "Nodegroup" => ("k3eks.io/v1alpha1", "nodegroups"),
            "CertificateAuthority" => ("k3eks.io/v1alpha1", "certificateauthorities"),
            "Update" => ("k3eks.io/v1alpha1", "updates"),
            "Secret" => ("v1", "secrets"),
            "Service" => ("v1", "services"),
            "Role" => ("rbac.authorization.k8s.io/v1", "roles"),
            "RoleBinding" => ("rbac.authorization.k8s.io/v1", "rolebindings"),
            "EndpointSlice" => ("discovery.k8s.io/v1", "endpointslices"),
            "Event" => ("events.k8s.io/v1", "events"),
            other => panic!("no kind {other}"),
        };
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let resource = ApiResource {
            group: group.into(),
            version: version.into(),
            api_version,
            kind: kind.into(),
            plural: plural.into(),
        };
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// All objects of a kind.
    pub async fn all(&self, kind: &str) -> Vec<Value> {
        self.api(kind).list(&ListParams::default()).await.unwrap().items.iter().map(|o| json!(o)).collect()
    }

    /// One object, if it is there.
    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.api(kind).get_opt(name).await.unwrap().map(|o| json!(o))
    }

    /// Applies as `kubectl apply --server-side` does; the API server's words where it refuses.
    pub async fn try_apply(&self, kind: &str, name: &str, spec: Value) -> Result<(), String> {
        let api_version = if kind == "EKSClusterConfig" { "eks.cattle.io/v1" } else { "k3eks.io/v1alpha1" };
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec});
        let applied = self.api(kind).patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object)).await;
        match applied {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) => Err(status.message),
            Err(other) => panic!("applying {kind} {name}: {other}"),
        }
    }

    pub async fn cluster(&self, name: &str, spec: Value) {
        self.try_apply("EKSClusterConfig", name, spec).await.unwrap();
    }

    pub async fn nodegroup(&self, name: &str, cluster: &str, desired: i32) {
        let scaling = json!({"minSize": 0, "maxSize": 5, "desiredSize": desired});
        self.try_apply("Nodegroup", name, json!({"clusterName": cluster, "scalingConfig": scaling})).await.unwrap();
    }

    pub async fn delete(&self, kind: &str, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Puts something else in a resource's place by a merge patch.
    pub async fn merge(&self, kind: &str, name: &str, body: Value) {
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(&body)).await.unwrap();
    }

    /// Polls a resource until `found` says yes; `None` is a resource that isn't there.
    pub async fn until(&self, what: &str, kind: &str, name: &str, found: impl Fn(Option<&Value>) -> bool) -> Value {
        let deadline = Instant::now() + LIMIT;
        loop {
            let object = self.get(kind, name).await;
            if found(object.as_ref()) {
                return object.unwrap_or_default();
            }
            assert!(Instant::now() < deadline, "waited {LIMIT:?} for {kind} {name}: {what}");
            tokio::time::sleep(POLL).await;
        }
    }

    pub async fn phase(&self, kind: &str, name: &str, phase: &str) -> Value {
        self.until(&format!("phase {phase}"), kind, name, |o| o.is_some_and(|o| o["status"]["phase"] == phase)).await
    }

    /// Waits until the condition Ready has this reason; returns its message.
    pub async fn reason(&self, kind: &str, name: &str, reason: &str) -> String {
        let matches = |o: Option<&Value>| o.is_some_and(|o| condition(o, "Ready")["reason"] == reason);
        let object = self.until(&format!("reason {reason}"), kind, name, matches).await;
        condition(&object, "Ready")["message"].as_str().unwrap().to_owned()
    }

    /// Waits until the object isn't being deleted.
    pub async fn not_going(&self, kind: &str, name: &str) {
        let stays = |o: Option<&Value>| o.is_none_or(|o| o["metadata"]["deletionTimestamp"].is_null());
        self.until("not to be going", kind, name, stays).await;
    }

    pub async fn gone(&self, kind: &str, name: &str) {
        self.until("to be gone", kind, name, |o| o.is_none()).await;
    }

    /// Waits until what the world says is right.
    pub async fn world_until(&self, what: &str, found: impl Fn(&World) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !found(&self.world) {
            assert!(Instant::now() < deadline, "waited {LIMIT:?} for {what}; calls: {:?}", self.world.calls());
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for an Event with this reason about the resource of this name.
    pub async fn told(&self, reason: &str, name: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let events = self.all("Event").await;
            if events.iter().any(|e| e["reason"] == reason && e["regarding"]["name"] == name) {
                return;
            }
            assert!(Instant::now() < deadline, "waited {LIMIT:?} for the Event {reason}: {events:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The resources, the Events, the calls and the log.
    pub async fn shown(&self) -> String {
        let mut text = String::new();
        for kind in ["EKSClusterConfig", "Nodegroup", "Event"] {
            for mut object in self.all(kind).await {
                object["metadata"]["managedFields"].take();
                let _ = writeln!(text, "---\n{}", yaml::write(&object).unwrap());
            }
        }
        let _ = writeln!(text, "--- calls of the provider\n{}", self.world.calls().join("\n"));
        let _ = writeln!(text, "--- log\n{}", String::from_utf8_lossy(&self.log.0.lock()));
        text
    }

    /// Takes everything away, also what a failed test left with a finalizer.
    pub async fn clean(&self) {
        let free = json!({"metadata": {"finalizers": null}});
        for kind in ["EKSClusterConfig", "Nodegroup"] {
            let api = self.api(kind);
            for object in api.list(&ListParams::default()).await.unwrap() {
                // It may have gone a moment ago.
                let _ = api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(&free)).await;
            }
        }
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::default()).await.unwrap();
    }
}

/// The controllers' work for a namespace, until `shutdown`; requests that change something are noted.
async fn work(
    namespace: String,
    world: Arc<World>,
    writes: Arc<Mutex<Vec<String>>>,
    by: Option<SocketAddr>,
    shutdown: CancellationToken,
) {
    let noted = MapRequestLayer::new(move |request: http::Request<kube::client::Body>| {
        if request.method() != http::Method::GET {
            writes.lock().push(format!("{} {}", request.method(), request.uri().path()));
        }
        request
    });
    let mut config = config().await;
    if let Some(by) = by {
        config.cluster_url = format!("https://{by}").parse().unwrap();
    }
    let client = ClientBuilder::try_from(config).unwrap().with_layer(&noted).build();
    let settings = Settings {
        default_version: "1.35".into(),
        max_concurrent_provisions: 4,
        watch_namespace: Some(namespace),
        orphan_grace: Duration::from_secs(300),
        keep_updates: KEPT_UPDATES,
        argocd_namespace: None,
        accounts: Accounts::default(),
        helm: "helm".into(),
        charts: None,
        children_by_network: false,
        reader: Some("k3eks-system/k3eks-api".parse().unwrap()),
        registries: DefaultRegistries::default(),
        identity: None,
    };
    let memory = Arc::new(InMemory(world));
    let providers = Providers::new(memory.name()).with(memory, "").with(Arc::new(Metadata::default()), "");
    controller::run(client, settings, providers, Metrics::new(), None, shutdown).await.unwrap();
}

/// Installs the definitions and waits until the API server serves them.
async fn install(client: &Client) {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    for definition in definitions() {
        let name = definition.name_any();
        api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&definition)).await.unwrap();
        let established = kube::runtime::conditions::is_crd_established();
        let waited = kube::runtime::wait::await_condition(api.clone(), &name, established);
        tokio::time::timeout(LIMIT, waited).await.expect("the definitions are served").unwrap();
    }
}

/// The condition of a type; null where there is none.
pub fn condition(object: &Value, type_: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|c| c["type"] == type_).cloned().unwrap_or_default()
}
