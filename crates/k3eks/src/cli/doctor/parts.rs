//! Finds parts that the node image lacks: volumes, metrics. `k3eks verify` tries them, and load balancers, with pods.

use std::time::Duration;

use crd::{EKSClusterConfig, Phase};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use super::super::find::{self, Place};
use super::super::{kubeconfig, verify};
use super::finding::Finding;

/// The longest wait for the clusters' answers.
const ANSWER: Duration = Duration::from_secs(5);

/// Looks into one of the clusters that run. Nothing is said where there is none, or it doesn't answer: others say that.
pub async fn parts(place: &Place) -> Option<Finding> {
    tokio::time::timeout(ANSWER, looked(place)).await.ok().flatten()
}

async fn looked(place: &Place) -> Option<Finding> {
    let client = find::management().await.ok()?;
    let all = place.api::<EKSClusterConfig>(&client).list(&ListParams::default()).await.ok()?;
    let cluster = all.items.into_iter().find(runs)?;
    let child = child(&client, &cluster).await?;
    let volumes = !Api::<StorageClass>::all(child.clone()).list(&ListParams::default()).await.ok()?.items.is_empty();
    let asked = child.request_text(http::Request::get("/apis/metrics.k8s.io/v1beta1").body(Vec::new()).ok()?).await;
    let metrics = !matches!(asked, Err(kube::Error::Api(status)) if status.code == 404);
    Some(finding(&cluster.name_any(), volumes, metrics))
}

/// Whether containers run it, made of a node image.
fn runs(cluster: &EKSClusterConfig) -> bool {
    let status = cluster.status.as_ref();
    let real = status.and_then(|status| status.applied.as_ref()).is_some_and(|applied| applied.provider == "k3d");
    real && !cluster.spec.imported && status.and_then(|status| status.phase) == Some(Phase::Active)
}

async fn child(client: &Client, cluster: &EKSClusterConfig) -> Option<Client> {
    let text = kubeconfig::read(client, cluster, false).await.ok()?;
    verify::client(crd::kubeconfig::read(&text).ok()?).await.ok()
}

fn finding(name: &str, volumes: bool, metrics: bool) -> Finding {
    const WHAT: &str = "parts of clusters";
    let lacks: Vec<&str> =
        [(volumes, "StorageClass (volumes of claims)"), (metrics, "metrics.k8s.io (kubectl top, autoscalers)")]
            .into_iter()
            .filter_map(|(has, what)| (!has).then_some(what))
            .collect();
    if lacks.is_empty() {
        return Finding::well(WHAT, format!("{name} has a StorageClass and metrics.k8s.io"));
    }
    let says = format!("the node image of {name} has no {}", lacks.join(" and no "));
    Finding::note(
        WHAT,
        says,
        format!("k3eks verify {name} says what it means; rancher/k3s, or --image VERSION=IMAGE, has them"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn what_an_image_lacks_is_named() {
        assert_eq!(finding("demo", true, true).state, State::Well);
        let lacking = finding("demo", false, true);
        assert_eq!(lacking.state, State::Note);
        assert!(lacking.says.ends_with("has no StorageClass (volumes of claims)"), "{}", lacking.says);
        let both = finding("demo", false, false).says;
        assert!(both.contains("StorageClass") && both.contains("metrics.k8s.io"), "{both}");
    }
}
