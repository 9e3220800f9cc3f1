//! Environment of the checks: both clusters, and a temporary namespace.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use arn::partition;
use crd::names::Identity;
use crd::{EKSClusterConfig, PodIdentityAssociation, keys};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Namespace, Node, Service};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use limits::bounded;
use serde_json::{Value, json};

use super::super::kubeconfig;

/// On everything that is made for a check.
const LABEL: &str = "k3eks.io/verify";
/// Name of the web server that has a pod on every node, and of the Service before it.
pub const WEB: &str = "web";
/// Port of these pods.
pub const WEB_PORT: u16 = 8080;
/// Time limit for k3s's components in a new cluster.
pub const COMING: Duration = Duration::from_secs(30);
/// Time in seconds that watchers of the API server may miss new objects: after its restart they reconnect within a
/// minute, with growing pauses.
pub const CAUGHT_UP: u32 = 65;
/// How long what was made may take to go.
const GOING: Duration = Duration::from_secs(15);
/// Age of leftovers of a killed process.
const OLD: Duration = Duration::from_secs(300);

/// Where checks work.
pub struct Environment {
    /// The management cluster.
    pub management: Client,
    /// The cluster that is checked, with all rights.
    pub child: Client,
    /// Its kubeconfig.
    pub kubeconfig: Kubeconfig,
    /// Its resource.
    pub cluster: EKSClusterConfig,
    /// The namespace in it.
    pub namespace: String,
    /// Image of the pods.
    pub image: String,
    /// ARN of the role that pods are to get.
    pub role: String,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// When the checks have to be done.
    pub until: Instant,
}

impl Environment {
    /// Connects to the cluster. Makes nothing yet.
    ///
    /// # Errors
    /// The cluster has no kubeconfig, or doesn't answer.
    pub async fn new(
        management: Client,
        cluster: EKSClusterConfig,
        image: String,
        role: Option<String>,
        until: Instant,
    ) -> anyhow::Result<Self> {
        let name = cluster.name_any();
        if cluster.status.as_ref().and_then(|s| s.applied.as_ref()).is_some_and(|a| a.provider == keys::METADATA) {
            bail!("cluster {name} is recorded only (provider metadata): nothing runs");
        }
        let text = kubeconfig::read(&management, &cluster, false).await?;
        let kubeconfig = Kubeconfig::from_yaml(&text).context("reading the cluster's kubeconfig")?;
        let child = client(kubeconfig.clone()).await?;
        let (api, everything) = (Api::<Node>::all(child.clone()), ListParams::default());
        let nodes = tokio::time::timeout(Duration::from_secs(10), api.list(&everything)).await;
        let unreachable = || {
            format!(
                "asking cluster {name} for its nodes; does its endpoint answer from here (k3eks kubeconfig {name})?"
            )
        };
        let nodes = nodes.with_context(unreachable)?.with_context(unreachable)?.items;
        let Identity { account, region, .. } = Identity::of(&cluster);
        let role = role.unwrap_or_else(|| format!("arn:{}:iam::{account}:role/k3eks-verify", partition(&region)));
        let namespace = format!("k3eks-verify-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        Ok(Self { management, child, kubeconfig, cluster, namespace, image, role, nodes, until })
    }

    /// The cluster's name, as its resource has it.
    pub fn name(&self) -> String {
        self.cluster.name_any()
    }

    /// Nodes that are ready to take pods, those of node groups before others.
    pub fn workers(&self) -> Vec<&Node> {
        let takes = |node: &&Node| {
            let spec = node.spec.as_ref();
            let ready = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
            let mut taints = spec.iter().flat_map(|s| s.taints.iter().flatten());
            spec.is_none_or(|s| s.unschedulable != Some(true))
                && ready.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
                && !taints.any(|t| t.key.starts_with("node-role.kubernetes.io/") || t.key == keys::TAINT_CONTROL_PLANE)
        };
        let all: Vec<&Node> = self.nodes.iter().filter(takes).collect();
        let grouped: Vec<&Node> =
            all.iter().copied().filter(|node| node.labels().contains_key(keys::NODE_NODEGROUP)).collect();
        if grouped.is_empty() { all } else { grouped }
    }

    /// An API of the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.child.clone(), &self.namespace)
    }

    /// Creates the namespace, and in it a web server on every node that takes pods. Removes the objects of earlier runs.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        self.sweep().await;
        let made = format!("making namespace {} in cluster {}", self.namespace, self.name());
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": {LABEL: "true"}}});
        create(&Api::<Namespace>::all(self.child.clone()), namespace).await.with_context(|| made.clone())?;
        // Pods are refused until the namespace has its account.
        let account =
            Api::<k8s_openapi::api::core::v1::ServiceAccount>::namespaced(self.child.clone(), &self.namespace);
        while account.get_opt("default").await.with_context(|| made.clone())?.is_none() {
            anyhow::ensure!(Instant::now() < self.until, "namespace {} gets no service account", self.namespace);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        create(&self.api::<Service>(), web_service("ClusterIP", WEB, 80)).await.with_context(|| made.clone())?;
        if self.workers().is_empty() {
            return Ok(());
        }
        create(&self.api::<DaemonSet>(), self.web()).await.with_context(|| made)
    }

    /// The web server: it answers with the name of its node.
    fn web(&self) -> Value {
        let term = |node: &&Node| json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node.name_any()]}]});
        let terms: Vec<Value> = self.workers().iter().map(term).collect();
        json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": WEB},
            "spec": {"selector": {"matchLabels": {"app": WEB}}, "template": {
                "metadata": {"labels": {"app": WEB}},
                "spec": {
                    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}},
                    "tolerations": [{"operator": "Exists"}],
                    "automountServiceAccountToken": false,
                    "terminationGracePeriodSeconds": 0,
                    "securityContext": {"runAsUser": 65534, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{
                        "name": WEB, "image": self.image, "imagePullPolicy": "IfNotPresent",
                        "command": ["sh", "-c", format!("echo \"$NODE\" > /www/index.html && exec httpd -f -p {WEB_PORT} -h /www")],
                        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                        "ports": [{"containerPort": WEB_PORT}],
                        "readinessProbe": {"httpGet": {"path": "/", "port": WEB_PORT}, "periodSeconds": 1},
                        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                        "volumeMounts": [{"name": "www", "mountPath": "/www"}],
                    }],
                    "volumes": [{"name": "www", "emptyDir": {}}],
                },
            }},
        })
    }

    /// Labels of what is made in the management cluster.
    pub fn labels(&self) -> Value {
        json!({LABEL: self.namespace})
    }

    /// Associations in the management cluster, where this cluster's are.
    pub fn associations(&self) -> Api<PodIdentityAssociation> {
        Api::namespaced(self.management.clone(), &self.cluster.namespace().unwrap_or_default())
    }

    /// Removes everything that the checks made, and waits for the namespace to go.
    ///
    /// # Errors
    /// It can't be removed, with how a person does it.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let removing = || {
            let (namespace, cluster) = (&self.namespace, self.name());
            format!(
                "removing what was made: kubectl -n {} delete podidentityassociation -l {LABEL}={namespace}; kubectl delete namespace {namespace} in cluster {cluster}",
                self.cluster.namespace().unwrap_or_default()
            )
        };
        let work = async {
            let ours = ListParams::default().labels(&format!("{LABEL}={}", self.namespace));
            self.associations().delete_collection(&DeleteParams::default(), &ours).await?;
            let api = Api::<Namespace>::all(self.child.clone());
            absent(api.delete(&self.namespace, &DeleteParams::background()).await.map(|_| ()))?;
            while api.get_opt(&self.namespace).await?.is_some() {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Ok::<_, kube::Error>(())
        };
        match tokio::time::timeout(GOING, work).await {
            // It is being deleted, and nothing more is to be done.
            Err(_) => Ok(()),
            Ok(ended) => ended.with_context(removing),
        }
    }

    /// Removes what processes left that were killed. That it can't be is no reason not to check the cluster.
    async fn sweep(&self) {
        let ours = ListParams::default().labels(LABEL);
        let old = |made: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
            made.is_some_and(|made| Timestamp::now().as_second() - made.0.as_second() > OLD.as_secs().cast_signed())
        };
        let api = Api::<Namespace>::all(self.child.clone());
        for left in api.list(&ours).await.into_iter().flatten().filter(|n| old(n.creation_timestamp())) {
            let _ = api.delete(&left.name_any(), &DeleteParams::background()).await;
        }
        let api = self.associations();
        for left in api.list(&ours).await.into_iter().flatten().filter(|a| old(a.creation_timestamp())) {
            let _ = api.delete(&left.name_any(), &DeleteParams::default()).await;
        }
    }
}

/// A client for a kubeconfig, without other sources of credentials.
pub async fn client(kubeconfig: Kubeconfig) -> anyhow::Result<Client> {
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let config = config.context("reading the cluster's kubeconfig")?;
    bounded::client(config, bounded::Limits::default()).context("reading the cluster's kubeconfig")
}

/// A Service before the web server.
pub fn web_service(type_: &str, name: &str, port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"type": type_, "selector": {"app": WEB}, "ports": [{"port": port, "targetPort": WEB_PORT}]},
    })
}

/// Makes an object from JSON.
pub async fn create<K>(api: &Api<K>, object: Value) -> anyhow::Result<()>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + serde::Serialize,
{
    let object: K = serde_json::from_value(object)?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

fn absent(result: Result<(), kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}
