//! Finds clusters by name.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use crd::EKSClusterConfig;
use crd::names::Identity;
use kube::api::ListParams;
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config, ResourceExt};

/// Which cluster is meant.
#[derive(Args)]
pub struct Which {
    /// Name of the cluster's resource, or its name in EKS.
    #[arg(add = ArgValueCandidates::new(names))]
    pub name: String,
    #[command(flatten)]
    pub place: Place,
}

/// Where resources are looked for.
#[derive(Args)]
pub struct Place {
    /// Namespace of the resource. Default: all.
    #[arg(short, long)]
    pub namespace: Option<String>,
}

impl Place {
    /// Resources of a kind.
    pub fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        }
    }
}

/// A client of the management cluster: from the current kubeconfig, or in a pod.
pub async fn management() -> anyhow::Result<Client> {
    let config = match Config::infer().await {
        Ok(config) => config,
        // Most who run this aren't pods: what stands in the way of being one is of no use to them.
        Err(_) => Config::from_kubeconfig(&KubeConfigOptions::default())
            .await
            .context("finding the management cluster: set KUBECONFIG to a kubeconfig with a current context (`make up` says which)")?,
    };
    Client::try_from(config).context("reading the management cluster's kubeconfig")
}

/// Names of the clusters, for shell completion. None if the management cluster doesn't answer soon.
fn names() -> Vec<CompletionCandidate> {
    const SOON: Duration = Duration::from_secs(2);
    let listed = async {
        let client = management().await.ok()?;
        Api::<EKSClusterConfig>::all(client).list_metadata(&ListParams::default()).await.ok()
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let listed = runtime.block_on(async { tokio::time::timeout(SOON, listed).await.ok().flatten() });
    listed.into_iter().flatten().map(|cluster| CompletionCandidate::new(cluster.name_any())).collect()
}

impl Which {
    /// The cluster.
    ///
    /// # Errors
    /// There is none of that name, with the names that there are; or several, with where they are.
    pub async fn find(&self, client: &Client) -> anyhow::Result<EKSClusterConfig> {
        let all = self.place.api::<EKSClusterConfig>(client).list(&ListParams::default()).await;
        let all = all.context("listing the clusters")?.items;
        pick(all, &self.name)
    }
}

fn pick(all: Vec<EKSClusterConfig>, name: &str) -> anyhow::Result<EKSClusterConfig> {
    let known: Vec<String> = all.iter().map(ResourceExt::name_any).collect();
    let called = |cluster: &EKSClusterConfig| cluster.name_any() == name || Identity::of(cluster).name == name;
    let mut exact: Vec<_> = all.into_iter().filter(called).collect();
    // A resource's name comes before a name in EKS, but not before one of another namespace: namespaces may belong to different people.
    if exact.iter().all(|cluster| cluster.namespace() == exact[0].namespace())
        && exact.iter().any(|cluster| cluster.name_any() == name)
    {
        exact.retain(|cluster| cluster.name_any() == name);
    }
    match exact.len() {
        0 if known.is_empty() => {
            bail!("there is no cluster {name}, and no other; make one with kubectl apply or aws eks create-cluster")
        }
        0 => bail!("there is no cluster {name}; there are {}", known.join(", ")),
        1 => Ok(exact.remove(0)),
        _ => {
            let places: Vec<String> =
                exact.iter().map(|c| format!("{}/{}", c.namespace().unwrap_or_default(), c.name_any())).collect();
            bail!(
                "several clusters are called {name} ({}); choose with --namespace, or by the resource's name",
                places.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crd::EKSClusterConfigSpec;

    use super::*;

    fn cluster(namespace: &str, name: &str, eks: Option<&str>) -> EKSClusterConfig {
        let spec = EKSClusterConfigSpec { display_name: eks.map(str::to_owned), ..EKSClusterConfigSpec::default() };
        let mut cluster = EKSClusterConfig::new(name, spec);
        cluster.metadata.namespace = Some(namespace.into());
        cluster
    }

    #[test]
    fn a_resource_s_name_comes_before_a_name_in_eks_and_doubt_is_told() {
        let all = || {
            vec![
                cluster("a", "one", Some("two")),
                cluster("a", "two", None),
                cluster("b", "other", Some("Three")),
                cluster("c", "more", Some("Three")),
            ]
        };
        assert_eq!(pick(all(), "two").unwrap().name_any(), "two");
        assert_eq!(pick(all(), "one").unwrap().name_any(), "one");
        let several = pick(all(), "Three").unwrap_err().to_string();
        assert!(several.contains("b/other, c/more"), "{several}");
        // A user of another namespace can't take a name away.
        let mut taken = all();
        taken.push(cluster("tenant", "Three", Some("x")));
        taken.push(cluster("tenant", "one", None));
        for name in ["Three", "one"] {
            let several = pick(taken.clone(), name).unwrap_err().to_string();
            assert!(several.contains(&format!("tenant/{name}")), "{several}");
        }
        let none = pick(all(), "none").unwrap_err().to_string();
        assert!(none.contains("one, two, other, more"), "{none}");
        assert!(pick(Vec::new(), "none").unwrap_err().to_string().contains("create-cluster"));
    }
}
