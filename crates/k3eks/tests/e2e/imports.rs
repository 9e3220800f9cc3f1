//! Clusters that were made elsewhere: found, shown, and left as they are.

use serde_json::json;

use crate::operator::Operator;
use crate::support::{Environment, cluster, nodegroup};
use crate::{CLUSTER, SOON};

const REASON: &str = "{.status.conditions[?(@.type==\"Ready\")].reason}";

/// A cluster that somebody made with k3d. It goes with the test.
struct Foreign<'a> {
    env: &'a Environment,
    name: String,
}

impl<'a> Foreign<'a> {
    fn new(env: &'a Environment, name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let image = "rancher/k3s:v1.35.7-k3s1";
        let quiet = ["--kubeconfig-update-default=false", "--kubeconfig-switch-context=false"];
        env.k3d(&[&["cluster", "create", &name, "--image", image, "--no-lb", "--wait"][..], &quiet].concat());
        Self { env, name }
    }

    fn kubeconfig(&self) -> String {
        self.env.k3d(&["kubeconfig", "get", &self.name])
    }

    fn networks(&self) -> String {
        let networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
        self.env.docker(&["inspect", "-f", networks, &format!("k3d-{}-server-0", self.name)])
    }
}

impl Drop for Foreign<'_> {
    fn drop(&mut self) {
        // A second panic would end all tests.
        let _ = self.env.try_k3d(&["cluster", "delete", &self.name]);
    }
}

#[test]
fn a_cluster_of_k3d_s_is_adopted_by_its_name_and_left_alone() {
    let env = Environment::new("adopt");
    env.apply(&cluster("late", json!({"imported": true, "displayName": "nobody-made-this"})));
    env.wait("eks/late", "{.status.phase}", "Importing", SOON);
    env.wait_words("eks/late", "WaitingForCluster", "k3d cluster list", CLUSTER);

    let foreign = Foreign::new(&env, "adopt");
    let before = foreign.networks();
    env.apply(&cluster("dev", json!({"imported": true, "displayName": foreign.name})));
    env.wait("eks/dev", "{.status.phase}", "Active", CLUSTER);
    assert_eq!(env.get("eks/dev", "{.status.version} {.status.applied.name}"), format!("1.35 {}", foreign.name));
    env.wait("eks/dev", "{.status.nodes.summary}", "1/1", SOON);
    assert_eq!(env.child("dev").kubectl(&["get", "--raw", "/readyz"]).unwrap(), "ok");
    assert_ne!(foreign.networks(), before, "pods of the management cluster reach it");

    env.apply(&nodegroup("group", "dev", 1));
    env.wait("ng/group", REASON, "InvalidSpec", SOON);
    env.kubectl(&["delete", "eks/dev", "eks/late", "--timeout=120s"]).unwrap();
    assert_eq!(env.kubectl(&["get", "ng", "-o", "name"]).unwrap(), "");
    assert_eq!(foreign.networks(), before, "it was let go of");
    assert_eq!(env.docker(&["inspect", "-f", "{{.State.Running}}", &format!("k3d-{}-server-0", foreign.name)]), "true");
}

#[test]
fn a_cluster_is_imported_by_its_kubeconfig_as_soon_as_there_is_one() {
    let env = Environment::bare("import");
    let _operator = Operator::start(&env, &[], None);
    let connector = json!({"roleArn": "arn:aws:iam::000000000000:role/r", "provider": "EKS_ANYWHERE"});
    env.apply(&cluster("joined", json!({"imported": true, "connectorConfig": connector})));
    env.wait("eks/joined", "{.status.phase}", "Importing", SOON);
    env.wait_words("eks/joined", "", "joined-connector", CLUSTER);

    let foreign = Foreign::new(&env, "import");
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "joined-connector"}, "stringData": {"value": value}});
    let program =
        "\n    exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [/tmp/k3eks-was-here]}\n";
    env.apply(&secret(&foreign.kubeconfig().replace("  user:\n", &format!("  user:{program}"))));
    env.wait_words("eks/joined", "", "--flatten", CLUSTER);
    env.apply(&secret(&foreign.kubeconfig()));
    env.wait("eks/joined", "{.status.phase}", "Active", CLUSTER);
    env.wait("eks/joined", "{.status.nodes.summary}", "1/1", SOON);
    assert_eq!(env.child("joined").kubectl(&["get", "--raw", "/readyz"]).unwrap(), "ok");

    let server = format!("k3d-{}-server-0", foreign.name);
    env.docker(&["stop", &server]);
    env.wait("eks/joined", REASON, "Unreachable", SOON);
    assert_eq!(env.get("eks/joined", "{.status.phase}"), "Active");
    env.docker(&["start", &server]);
    env.wait("eks/joined", REASON, "Ready", CLUSTER);
    env.kubectl(&["delete", "eks/joined", "--timeout=120s"]).unwrap();
    env.kubectl(&["get", "secret", "joined-connector"]).unwrap();
    // Whoever registers a cluster of this name next isn't who the Secret was for.
    env.apply(&cluster("joined", json!({"imported": true, "connectorConfig": connector})));
    env.wait_words("eks/joined", "", "older than the cluster's registration", CLUSTER);
    env.kubectl(&["delete", "secret", "joined-connector"]).unwrap();
    env.apply(&secret(&foreign.kubeconfig()));
    env.wait("eks/joined", "{.status.phase}", "Active", CLUSTER);
    env.kubectl(&["delete", "eks/joined", "--timeout=120s"]).unwrap();
    assert_eq!(env.docker(&["inspect", "-f", "{{.State.Running}}", &server]), "true");
}
