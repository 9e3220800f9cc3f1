//! A namespace of its own in the management cluster, and what to show when a test fails.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const POLL: Duration = Duration::from_millis(250);

/// A Kubernetes version and the one after it: `K3EKS_E2E_VERSIONS`, else the newest.
static VERSIONS: LazyLock<[String; 2]> = LazyLock::new(|| {
    let versions = std::env::var("K3EKS_E2E_VERSIONS").unwrap_or_else(|_| "1.35 1.36".to_owned());
    let (first, next) = versions.split_once(' ').expect("K3EKS_E2E_VERSIONS has two versions");
    [first.to_owned(), next.to_owned()]
});

/// The Kubernetes version that clusters begin with.
pub fn version() -> &'static str {
    &VERSIONS[0]
}

/// The one that they are upgraded to.
pub fn next_version() -> &'static str {
    &VERSIONS[1]
}

/// Runs a command; standard error on failure.
fn run(program: &str, args: &[&str], input: Option<&str>) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{program} must be on the path: {e}"));
    // A command that doesn't read its input may have closed it.
    let _ = child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// A cluster resource.
pub fn cluster(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": name}, "spec": spec})
}

/// A node group of up to five nodes.
pub fn nodegroup(name: &str, cluster: &str, desired: i32) -> Value {
    json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": name}, "spec": {
        "clusterName": cluster, "scalingConfig": {"minSize": 0, "maxSize": 5, "desiredSize": desired}}})
}

/// A namespace of its own in the management cluster.
pub struct Environment {
    pub kubeconfig: String,
    pub namespace: String,
    /// Volumes and networks that were there before.
    before: Vec<String>,
}

impl Environment {
    /// Where the operator runs in the management cluster.
    pub fn new(name: &str) -> Self {
        Self::at("K3EKS_E2E_KUBECONFIG", name)
    }

    /// Where only the definitions are, for an operator of the test's own.
    pub fn bare(name: &str) -> Self {
        Self::at("K3EKS_E2E_BARE_KUBECONFIG", name)
    }

    fn at(variable: &str, name: &str) -> Self {
        let kubeconfig = std::env::var(variable).unwrap_or_else(|_| panic!("{variable}: run this by `make e2e`"));
        let env = Self { kubeconfig, namespace: format!("e2e-{name}-{}", std::process::id()), before: unused() };
        env.cluster_wide(&["create", "namespace", &env.namespace]).unwrap();
        env
    }

    fn cluster_wide(&self, args: &[&str]) -> Result<String, String> {
        run("kubectl", &[&["--kubeconfig", &self.kubeconfig], args].concat(), None)
    }

    pub fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        run("kubectl", &[&["--kubeconfig", &self.kubeconfig, "-n", &self.namespace], args].concat(), None)
    }

    pub fn try_apply(&self, object: &Value) -> Result<String, String> {
        let args = ["--kubeconfig", &self.kubeconfig, "-n", &self.namespace, "apply", "-f", "-"];
        run("kubectl", &args, Some(&object.to_string()))
    }

    pub fn apply(&self, object: &Value) {
        self.try_apply(object).unwrap();
    }

    /// Changes these fields of a resource's spec.
    pub fn try_change(&self, resource: &str, spec: &Value) -> Result<String, String> {
        self.kubectl(&["patch", resource, "--type=merge", "-p", &json!({"spec": spec}).to_string()])
    }

    pub fn change(&self, resource: &str, spec: &Value) {
        self.try_change(resource, spec).unwrap();
    }

    pub fn get(&self, resource: &str, path: &str) -> String {
        self.kubectl(&["get", resource, "-o", &format!("jsonpath={path}")]).unwrap()
    }

    pub fn docker(&self, args: &[&str]) -> String {
        self.try_docker(args).unwrap()
    }

    pub fn try_docker(&self, args: &[&str]) -> Result<String, String> {
        run("docker", args, None)
    }

    /// What a docker command prints, on standard error too.
    pub fn try_docker_all(&self, args: &[&str]) -> String {
        let output = Command::new("docker").args(args).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    }

    pub fn k3d(&self, args: &[&str]) -> String {
        self.try_k3d(args).unwrap()
    }

    pub fn try_k3d(&self, args: &[&str]) -> Result<String, String> {
        run("k3d", args, None)
    }

    /// Polls until `found` gives something, for at most `limit`.
    pub fn until<T>(&self, what: &str, limit: Duration, mut found: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(value) = found() {
                return value;
            }
            assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
            sleep(POLL);
        }
    }

    /// Waits until a field of a resource is as it should be.
    pub fn wait(&self, resource: &str, path: &str, wanted: &str, limit: Duration) {
        let what = format!("{path} of {resource} to be {wanted}");
        self.watch(&what, limit, resource, path, |seen| seen == wanted);
    }

    /// Watches what `path` gives of a resource until it is `right`. A resource that isn't there is waited for.
    fn watch(&self, what: &str, limit: Duration, resource: &str, path: &str, right: impl Fn(&str) -> bool) {
        /// Ends each value: messages may have lines.
        const END: char = '\u{1e}';
        let deadline = Instant::now() + limit;
        let mut last = String::from("nothing");
        loop {
            let format = format!("jsonpath={path}{END}");
            let mut command = Command::new("kubectl");
            command.args(["--kubeconfig", &self.kubeconfig, "-n", &self.namespace]);
            command.args(["get", resource, "--watch", "-o", &format]).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut watching = command.spawn().expect("kubectl is on the path");
            let values = BufReader::new(watching.stdout.take().unwrap()).split(END as u8);
            let (say, said) = mpsc::channel();
            let reading = spawn(move || {
                for value in values.map_while(Result::ok) {
                    if say.send(String::from_utf8_lossy(&value).trim().to_owned()).is_err() {
                        break;
                    }
                }
            });
            let mut found = false;
            while let Ok(seen) = said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                found = right(&seen);
                last = seen;
                if found {
                    break;
                }
            }
            let _ = watching.kill();
            let _ = watching.wait();
            let _ = reading.join();
            if found {
                return;
            }
            assert!(Instant::now() < deadline, "waited {limit:?} for {what}, and it was {last}");
            sleep(POLL);
        }
    }

    /// Waits until the Ready condition of a resource has this reason and says these words: at the same moment, for both may pass.
    pub fn wait_words(&self, resource: &str, reason: &str, words: &str, limit: Duration) {
        const READY: &str = "{.status.conditions[?(@.type==\"Ready\")]['reason','message']}";
        let what = format!("{resource} to say {reason}: {words}");
        self.watch(&what, limit, resource, READY, |seen| seen.starts_with(reason) && seen.contains(words));
    }

    /// The containers of this namespace's clusters, dead ones too.
    pub fn containers(&self) -> Vec<String> {
        let format = "{{.Label \"k3eks.io/cluster\"}} {{.Names}}";
        let all = self.docker(&["ps", "-a", "--filter", "label=k3eks.io/cluster", "--format", format]);
        all.lines().filter(|l| l.starts_with(&format!("{}.", self.namespace))).map(str::to_owned).collect()
    }

    /// How many of them run.
    pub fn running(&self) -> usize {
        let state = |line: &String| {
            let name = line.split(' ').next_back().unwrap_or_default().to_owned();
            run("docker", &["inspect", "-f", "{{.State.Running}}", &name], None).is_ok_and(|running| running == "true")
        };
        self.containers().iter().filter(|line| state(line)).count()
    }

    /// Fails where, a few seconds from now, a container is left, or a volume or a network that no container uses.
    pub fn nothing_left(&self) {
        let mut left = self.remains();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !left.is_empty() && Instant::now() < deadline {
            sleep(POLL);
            left = self.remains();
        }
        assert_eq!(left, Vec::<String>::new(), "left behind");
    }

    fn remains(&self) -> Vec<String> {
        let unused = unused().into_iter().filter(|name| !self.before.contains(name));
        self.containers().into_iter().chain(unused).collect()
    }

    /// `k3eks verify` tries everything that a cluster promises, and all of it holds. No cluster here has metrics: they are an
    /// addon's.
    pub fn verify(&self, cluster: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k3eks"));
        command.args(["verify", cluster, "--namespace", &self.namespace]).env("KUBECONFIG", &self.kubeconfig);
        let output = command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").output().unwrap();
        let [found, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let skipped: Vec<&str> = found.lines().filter(|line| line.contains("skipped:")).collect();
        let metrics = |line: &&str| line.contains("create-addon --addon-name metrics-server");
        assert!(output.status.success() && skipped.len() == 1 && skipped.iter().all(metrics), "{found}{said}");
    }

    /// The way into a child cluster that its Secret gives.
    pub fn child(&self, cluster: &str) -> Child {
        let encoded = self.get(&format!("secret/{cluster}-kubeconfig"), "{.data.value}");
        let decoded = run("base64", &["-d"], Some(&encoded)).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(decoded.as_bytes()).unwrap();
        Child(file)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let show = |title: &str, text: Result<String, String>| {
                eprintln!("--- {title}\n{}", text.unwrap_or_else(|e| e));
            };
            show("resources", self.kubectl(&["get", "eks,ng", "-o", "yaml", "--show-managed-fields=false"]));
            show("events", self.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]));
            for (what, deployment) in [("operator", "deploy/k3eks"), ("EKS API", "deploy/k3eks-api")] {
                show(what, self.cluster_wide(&["-n", "k3eks-system", "logs", deployment, "--tail=120"]));
            }
            show("docker ps", run("docker", &["ps", "-a"], None));
        }
        // What a failed test leaves must not disturb the others; its own operator is gone by now.
        let limit = if std::thread::panicking() { "--timeout=5s" } else { "--timeout=60s" };
        if self.kubectl(&["delete", "eks,ng", "--all", limit]).is_err() {
            let names = self.kubectl(&["get", "eks,ng", "-o", "name"]).unwrap_or_default();
            for name in names.lines() {
                let _ = self.kubectl(&["patch", name, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
            }
            for line in self.containers() {
                let name = line.split(' ').next_back().unwrap_or_default();
                let label = run("docker", &["inspect", "-f", "{{index .Config.Labels \"k3d.cluster\"}}", name], None);
                let _ = run("docker", &["rm", "-fv", name], None);
                // Else every other test would find them left behind.
                let cluster = label.unwrap_or_default();
                let _ = run("docker", &["volume", "rm", &format!("k3d-{cluster}-images")], None);
                let _ = run("docker", &["network", "rm", &format!("k3d-{cluster}")], None);
            }
        }
        let _ = self.cluster_wide(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// Volumes and networks of child clusters that no container uses.
fn unused() -> Vec<String> {
    let mut unused = Vec::new();
    for kind in ["volume", "network"] {
        let names = run("docker", &[kind, "ls", "--format", "{{.Name}}", "--filter", "label=app=k3d"], None).unwrap();
        for name in names.lines().filter(|n| n.starts_with("k3d-eks-")) {
            let cluster = name.trim_start_matches("k3d-").trim_end_matches("-images");
            let users = run("docker", &["ps", "-aq", "--filter", &format!("label=k3d.cluster={cluster}")], None);
            if users.is_ok_and(|users| users.is_empty()) {
                unused.push(format!("{kind} {name}"));
            }
        }
    }
    unused
}

/// The way into a child cluster.
pub struct Child(tempfile::NamedTempFile);

impl Child {
    pub fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        let path = self.0.path().to_str().unwrap();
        run("kubectl", &[&["--kubeconfig", path], args].concat(), None)
    }

    /// The same way in for who trusts only this certificate, PEM in base64.
    pub fn trusting(&self, certificate: &str) -> Self {
        let kubeconfig = std::fs::read_to_string(self.0.path()).unwrap();
        let mut kubeconfig: Value = yaml::read(&kubeconfig).unwrap();
        kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"] = certificate.into();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(kubeconfig.to_string().as_bytes()).unwrap();
        Self(file)
    }

    pub fn apply(&self, object: &Value) {
        let path = self.0.path().to_str().unwrap();
        run("kubectl", &["--kubeconfig", path, "apply", "-f", "-"], Some(&object.to_string())).unwrap();
    }
}
