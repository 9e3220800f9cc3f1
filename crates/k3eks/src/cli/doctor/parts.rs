//! Finds parts that the node image lacks: volumes. `k3eks verify` tries them, metrics and load balancers, with pods.

use std::time::Duration;

use crd::{EKSClusterConfig, Phase, keys};
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
    let volumes = !Api::<StorageClass>::all(child).list(&ListParams::default()).await.ok()?.items.is_empty();
    Some(finding(&cluster.name_any(), volumes))
}

/// Whether it runs, on nodes of a node image.
fn runs(cluster: &EKSClusterConfig) -> bool {
    let status = cluster.status.as_ref();
    let real =
        status.and_then(|status| status.applied.as_ref()).is_some_and(|applied| applied.provider != keys::METADATA);
    real && !cluster.spec.imported && status.and_then(|status| status.phase) == Some(Phase::Active)
}

async fn child(client: &Client, cluster: &EKSClusterConfig) -> Option<Client> {
    let text = kubeconfig::read(client, cluster, false).await.ok()?;
    verify::client(crd::kubeconfig::read(&text).ok()?).await.ok()
}

fn finding(name: &str, volumes: bool) -> Finding {
    const WHAT: &str = "parts of clusters";
    if volumes {
        return Finding::well(WHAT, format!("{name} has a StorageClass"));
    }
    Finding::note(
        WHAT,
        format!("the node image of {name} has no StorageClass (volumes of claims)"),
        format!("k3eks verify {name} says what it means; rancher/k3s, or --image VERSION=IMAGE, has one"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn what_an_image_lacks_is_named() {
        assert_eq!(finding("demo", true).state, State::Well);
        let lacking = finding("demo", false);
        assert_eq!(lacking.state, State::Note);
        assert!(lacking.says.ends_with("has no StorageClass (volumes of claims)"), "{}", lacking.says);
    }
}
