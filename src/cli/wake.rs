//! `k3eks wake`: has a cluster come back that was stopped because nobody used it.

use anyhow::{Context, bail};
use clap::Args;
use k3eks::crd::cluster::PowerState;
use k3eks::crd::{EKSClusterConfig, keys};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::find::{Which, management};

/// The arguments of `k3eks wake`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    which: Which,
}

/// Wakes the cluster; one that is awake stays so.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let client = management().await?;
    let cluster = options.which.find(&client).await?;
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    if cluster.spec.state == Some(PowerState::Stopped) {
        let patch = r#"{"spec":{"state":"Running"}}"#;
        bail!(
            "cluster {name} doesn't sleep, it was stopped: kubectl -n {namespace} patch eks {name} --type merge -p '{patch}'"
        );
    }
    let change = json!({"metadata": {"annotations": {keys::ANNOTATION_WAKE: Timestamp::now().to_string()}}});
    let api = Api::<EKSClusterConfig>::namespaced(client, &namespace);
    api.patch(&name, &PatchParams::default(), &Patch::Merge(&change))
        .await
        .with_context(|| format!("waking cluster {namespace}/{name}"))?;
    println!(
        "{name} comes back: kubectl -n {namespace} wait --for=jsonpath={{.status.phase}}=Active eks/{name} --timeout=2m"
    );
    Ok(())
}
