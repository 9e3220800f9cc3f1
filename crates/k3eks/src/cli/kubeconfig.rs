//! `k3eks kubeconfig`: access to a cluster.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use crd::conditions::{READY, Reason};
use crd::member::is_owned_by;
use crd::{EKSClusterConfig, Phase, keys, kubeconfig};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};

use super::find::{Which, management};
use super::merge::merge;

/// The arguments of `k3eks kubeconfig`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    which: Which,
    /// Use the kubeconfig for pods of the management cluster instead of the one for this host.
    #[arg(long)]
    internal: bool,
    /// Add it to FILE as the current context, instead of printing it. Without FILE: ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    // The outer says whether it was given, the inner whether a file was.
    #[allow(clippy::option_option)]
    merge: Option<Option<PathBuf>>,
}

/// Prints the kubeconfig, or adds it to another one.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let client = management().await?;
    let cluster = options.which.find(&client).await?;
    let text = read(&client, &cluster, options.internal).await?;
    if let Some(why) = at_rest(&cluster) {
        eprintln!("note: the cluster doesn't answer now: {} is {why}", cluster.name_any());
    }
    let Some(file) = options.merge else {
        return std::io::stdout().write_all(text.as_bytes()).context("writing the kubeconfig");
    };
    let file = file.map_or_else(usual, Ok)?;
    let owner = format!("{}/{}", cluster.namespace().unwrap_or_default(), cluster.name_any());
    let context = merge(&file, &text, &owner)?;
    let context = text::fit(&context, text::MESSAGE);
    println!("{} has the context {context}, which is now the current one", file.display());
    if let Some(others) = std::env::var_os("KUBECONFIG").filter(|others| !names(others, &file)) {
        let (file, others) = (file.display(), others.display());
        eprintln!(
            "note: kubectl reads {others} (KUBECONFIG), and not that file: kubectl --kubeconfig {file}, or unset KUBECONFIG"
        );
    }
    Ok(())
}

/// Whether a list of files, as in KUBECONFIG, has this one. An empty list is the usual file.
fn names(list: &OsStr, file: &Path) -> bool {
    let same = |one: &Path| {
        one == file || one.canonicalize().ok().is_some_and(|one| file.canonicalize().is_ok_and(|f| f == one))
    };
    list.is_empty() || std::env::split_paths(list).any(|one| same(&one))
}

/// The kubeconfig in the cluster's Secret, reduced to the current context and what it needs.
pub async fn read(client: &Client, cluster: &EKSClusterConfig, internal: bool) -> anyhow::Result<String> {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    let secret = format!("{name}{}", keys::KUBECONFIG_SUFFIX);
    let found = Api::<Secret>::namespaced(client.clone(), &namespace).get_opt(&secret).await;
    let found = found.with_context(|| format!("reading Secret {namespace}/{secret}"))?;
    own(cluster, found.as_ref())?;
    let phase = cluster.status.as_ref().and_then(|status| status.phase).map_or("not begun", |phase| phase.as_str());
    let data = found.and_then(|secret| secret.data).with_context(|| {
        let why = cluster.status.as_ref().map(|status| status.failure_message.as_str());
        if let Some(why) = why.filter(|_| phase == Phase::Failed.as_str()) {
            return format!("cluster {name} has no kubeconfig, it is Failed: {}", text::fit(why, text::MESSAGE));
        }
        format!("cluster {name} has no kubeconfig yet, it is {phase}: kubectl -n {namespace} wait --for=condition=Ready eks/{name} --timeout=3m")
    })?;
    let key = if internal { keys::KUBECONFIG_INTERNAL_KEY } else { keys::KUBECONFIG_KEY };
    let bytes = data.get(key).with_context(|| format!("Secret {namespace}/{secret} has no key {key}"))?;
    let own = kubeconfig::own_entries(&String::from_utf8_lossy(&bytes.0));
    own.map_err(|why| anyhow::anyhow!("key {key} of Secret {namespace}/{secret} can't be used: {why}"))
}

/// A Secret of this name may belong to another cluster, by chance or on purpose.
fn own(cluster: &EKSClusterConfig, found: Option<&Secret>) -> anyhow::Result<()> {
    let Some(secret) = found.filter(|secret| !is_owned_by(*secret, cluster.metadata.uid.as_deref())) else {
        return Ok(());
    };
    anyhow::bail!(
        "Secret {}/{} isn't cluster {}'s: delete or rename it, and the operator writes the cluster's own",
        cluster.namespace().unwrap_or_default(),
        secret.name_any(),
        cluster.name_any()
    )
}

/// The message of a stopped or sleeping cluster.
fn at_rest(cluster: &EKSClusterConfig) -> Option<String> {
    let rests = |reason: &str| [Reason::Stopped, Reason::Sleeping].iter().any(|r| r.as_str() == reason);
    let conditions = &cluster.status.as_ref()?.conditions;
    let ready = conditions.iter().find(|condition| condition.type_ == READY)?;
    rests(&ready.reason).then(|| text::fit(&ready.message, text::MESSAGE))
}

fn usual() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME isn't set: give --merge a file")?;
    Ok(Path::new(&home).join(".kube/config"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[test]
    fn whoever_gets_a_kubeconfig_is_told_that_the_cluster_sleeps() {
        let of = |reason: &str| {
            let cluster = serde_json::json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "a"},
                "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True", "reason": reason,
                    "message": "asleep", "lastTransitionTime": "2024-01-01T00:00:00Z"}]}});
            at_rest(&serde_json::from_value(cluster).unwrap())
        };
        assert_eq!(
            (of("Sleeping").as_deref(), of("Stopped").as_deref(), of("Ready")),
            (Some("asleep"), Some("asleep"), None)
        );
    }

    #[test]
    fn a_file_that_kubectl_reads_is_found_in_its_list() {
        let file = Path::new("/home/ann/.kube/config");
        for (list, read) in [("", true), ("/a:/home/ann/.kube/config", true), ("/a", false), ("/a:/b", false)] {
            assert_eq!(names(OsStr::new(list), file), read, "{list}");
        }
    }

    #[test]
    fn a_secret_that_only_has_the_name_is_not_read() {
        let cluster: EKSClusterConfig = serde_json::from_value(serde_json::json!({"apiVersion": "eks.cattle.io/v1",
            "kind": "EKSClusterConfig", "metadata": {"name": "a", "namespace": "b", "uid": "1"}, "spec": {}}))
        .unwrap();
        let secret = |uid: &str| -> Secret {
            let owner = serde_json::json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "name": "a", "uid": uid});
            serde_json::from_value(
                serde_json::json!({"metadata": {"name": "a-kubeconfig", "ownerReferences": [owner]}}),
            )
            .unwrap()
        };
        assert!(own(&cluster, None).is_ok() && own(&cluster, Some(&secret("1"))).is_ok());
        for other in [secret("2"), Secret::default()] {
            assert!(own(&cluster, Some(&other)).unwrap_err().to_string().contains("isn't cluster a's"));
        }
    }

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn merge_takes_a_file_or_none() {
        let merge = |args: &[&str]| Command::try_parse_from([&["kubeconfig"], args].concat()).unwrap().options.merge;
        assert_eq!(merge(&["demo"]), None);
        assert_eq!(merge(&["demo", "--merge"]), Some(None));
        assert_eq!(merge(&["demo", "--merge", "-n", "dev"]), Some(None));
        assert_eq!(merge(&["demo", "--merge", "file"]), Some(Some("file".into())));
    }
}
