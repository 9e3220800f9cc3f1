//! `k3eks wake`: wakes a hibernated cluster.

use anyhow::{Context, bail};
use clap::Args;
use crd::cluster::PowerState;
use crd::{EKSClusterConfig, Phase, keys};
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

/// The phase of a cluster that doesn't sleep, and isn't about to.
fn awake(cluster: &EKSClusterConfig) -> Option<&'static str> {
    let status = cluster.status.as_ref();
    let sleeps = status.is_some_and(|s| s.hibernated.is_some() || s.phase == Some(Phase::Stopped));
    (!sleeps).then(|| status.and_then(|s| s.phase).map_or("not begun", Phase::as_str))
}

/// Wakes the cluster; one that is awake stays so, and that is said.
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
    let wait = format!("kubectl -n {namespace} wait --for=jsonpath={{.status.phase}}=Active eks/{name} --timeout=2m");
    if let Some(phase) = awake(&cluster) {
        let hint = if phase == Phase::Updating.as_str() {
            format!(", and may be on its way back: {wait}")
        } else {
            String::new()
        };
        println!("{name} doesn't sleep: it is {phase}{hint}");
        return Ok(());
    }
    let change = json!({"metadata": {"annotations": {keys::ANNOTATION_WAKE: Timestamp::now().to_string()}}});
    let api = Api::<EKSClusterConfig>::namespaced(client, &namespace);
    api.patch(&name, &PatchParams::default(), &Patch::Merge(&change))
        .await
        .with_context(|| format!("waking cluster {namespace}/{name}"))?;
    println!("{name} comes back: {wait}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_one_that_sleeps_or_falls_asleep_is_woken() {
        let of = |status: serde_json::Value| {
            let cluster = json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "a"},
                "spec": {}, "status": status});
            awake(&serde_json::from_value(cluster).unwrap())
        };
        assert_eq!(of(json!({"phase": "Active"})), Some("Active"));
        assert_eq!(of(json!(null)), Some("not begun"));
        for sleeps in [json!({"phase": "Updating", "hibernated": "m"}), json!({"phase": "Stopped"})] {
            assert_eq!(of(sleeps.clone()), None, "{sleeps}");
        }
    }
}
