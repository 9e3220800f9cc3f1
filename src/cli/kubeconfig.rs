//! `k3eks kubeconfig`: the way into a cluster.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use k3eks::crd::{EKSClusterConfig, keys};
use k8s_openapi::api::core::v1::Secret;
use kube::config::Kubeconfig;
use kube::{Api, Client, ResourceExt};

use super::find::{Which, management};

/// The arguments of `k3eks kubeconfig`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    which: Which,
    /// The one for pods of the management cluster, instead of the one for this host.
    #[arg(long)]
    internal: bool,
    /// Add it to this kubeconfig and make it the current context, instead of printing it. Default: ~/.kube/config.
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    merge: Option<PathBuf>,
}

/// Prints the kubeconfig, or adds it to another one.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let client = management().await?;
    let cluster = options.which.find(&client).await?;
    let text = read(&client, &cluster, options.internal).await?;
    let Some(file) = options.merge else {
        return std::io::stdout().write_all(text.as_bytes()).context("writing the kubeconfig");
    };
    let file = if file.as_os_str().is_empty() { usual()? } else { file };
    let context = merge(&file, &text)?;
    println!("{} has the context {context} now, and it is the current one", file.display());
    Ok(())
}

/// The kubeconfig in the cluster's Secret.
pub async fn read(client: &Client, cluster: &EKSClusterConfig, internal: bool) -> anyhow::Result<String> {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    let secret = format!("{name}{}", keys::KUBECONFIG_SUFFIX);
    let found = Api::<Secret>::namespaced(client.clone(), &namespace).get_opt(&secret).await;
    let found = found.with_context(|| format!("reading Secret {namespace}/{secret}"))?;
    let phase = cluster.status.as_ref().and_then(|status| status.phase).map_or("not begun", |phase| phase.as_str());
    let data = found.and_then(|secret| secret.data).with_context(|| {
        format!("cluster {name} has no kubeconfig yet, it is {phase}: kubectl -n {namespace} wait --for=condition=Ready eks/{name} --timeout=3m")
    })?;
    let key = if internal { keys::KUBECONFIG_INTERNAL_KEY } else { keys::KUBECONFIG_KEY };
    let bytes = data.get(key).with_context(|| format!("Secret {namespace}/{secret} has no key {key}"))?;
    String::from_utf8(bytes.0.clone()).with_context(|| format!("key {key} of Secret {namespace}/{secret} isn't text"))
}

fn usual() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME isn't set: give --merge a file")?;
    Ok(Path::new(&home).join(".kube/config"))
}

/// Puts the only context of `text` into `file`, in place of one of the same name; that name.
fn merge(file: &Path, text: &str) -> anyhow::Result<String> {
    let new = Kubeconfig::from_yaml(text).context("reading the cluster's kubeconfig")?;
    let name = new.current_context.clone().context("the cluster's kubeconfig has no current context")?;
    let mut all = if file.exists() {
        Kubeconfig::read_from(file).with_context(|| format!("reading {}", file.display()))?
    } else {
        Kubeconfig::default()
    };
    all.clusters.retain(|other| !new.clusters.iter().any(|c| c.name == other.name));
    all.contexts.retain(|other| !new.contexts.iter().any(|c| c.name == other.name));
    all.auth_infos.retain(|other| !new.auth_infos.iter().any(|c| c.name == other.name));
    let mut all = all.merge(new).context("putting both together")?;
    all.current_context = Some(name.clone());
    let doing = || format!("writing {}", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(doing)?;
    }
    // Written beside it and renamed: nothing is lost if this ends halfway.
    let beside = file.with_extension(format!("k3eks-{}", std::process::id()));
    let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    let text = serde_yaml::to_string(&all).with_context(doing)?;
    written.and_then(|mut open| open.write_all(text.as_bytes())).with_context(doing)?;
    std::fs::rename(&beside, file).with_context(doing)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kubeconfig(name: &str, server: &str) -> String {
        format!(
            "{{apiVersion: v1, kind: Config, current-context: {name}, clusters: [{{name: {name}, cluster: {{server: '{server}'}}}}], users: [{{name: {name}, user: {{token: t}}}}], contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}}}}}]}}"
        )
    }

    #[test]
    fn another_context_is_added_the_same_one_replaced_and_nothing_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/config");
        assert_eq!(merge(&file, &kubeconfig("a", "https://a:1")).unwrap(), "a");
        assert_eq!(merge(&file, &kubeconfig("b", "https://b:1")).unwrap(), "b");
        merge(&file, &kubeconfig("a", "https://a:2")).unwrap();
        let all = Kubeconfig::read_from(&file).unwrap();
        let servers: Vec<_> = all.clusters.iter().map(|c| c.cluster.clone().unwrap().server.unwrap()).collect();
        assert_eq!(
            (all.current_context.as_deref(), servers),
            (Some("a"), vec!["https://b:1".to_owned(), "https://a:2".into()])
        );
        assert_eq!((all.contexts.len(), all.auth_infos.len()), (2, 2));
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
    }
}
