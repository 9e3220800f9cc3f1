//! `k3eks logs`: the log of a cluster's control plane.

use std::io::Write;

use anyhow::{Context, ensure};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use clap::Args;
use crd::cluster::LoggingType;
use crd::kubeconfig;
use crd::{EKSClusterConfig, keys};
use futures::StreamExt;
use kube::config::KubeConfigOptions;
use kube::{Client, Config, ResourceExt};
use limits::bounded::{self, Limits};

use super::find::{Which, management};

/// Limits of an audit log, which is longer than other answers.
const AUDIT: Limits = Limits::of(256 * 1024 * 1024, 2 * 1024 * 1024);

/// The arguments of `k3eks logs`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    which: Which,
    /// Follow the log.
    #[arg(short, long, conflicts_with = "audit")]
    follow: bool,
    /// Number of last lines to print, or `all`.
    #[arg(long, default_value = "200")]
    tail: String,
    /// Print the audit log. The cluster's `loggingTypes` must contain `audit`.
    #[arg(long)]
    audit: bool,
    /// Server of a cluster with several, counted from 0.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    server: usize,
}

/// Prints the log of the cluster's server, or its audit log.
pub async fn run(options: Options) -> anyhow::Result<()> {
    ensure!(
        options.tail == "all" || options.tail.parse::<u32>().is_ok(),
        "--tail {}: give a number, or all",
        options.tail
    );
    let client = management().await?;
    let cluster = options.which.find(&client).await?;
    let servers = cluster.spec.servers();
    ensure!(options.server < servers, "--server {}: the cluster's servers are 0 to {}", options.server, servers - 1);
    if options.audit { audit(&client, &cluster, &options).await } else { server(&cluster, &options).await }
}

async fn server(cluster: &EKSClusterConfig, options: &Options) -> anyhow::Result<()> {
    let name = cluster.name_any();
    let applied = cluster.status.as_ref().and_then(|status| status.applied.as_ref());
    let applied = applied
        .with_context(|| format!("cluster {name} was never Active, so it has no log: kubectl describe eks {name}"))?;
    ensure!(applied.provider != keys::METADATA, "cluster {name} is recorded only: it has no log");
    ensure!(
        applied.provider == provider_k3d::NAME,
        "cluster {name} is run by provider {}; this shows logs of provider {} alone",
        applied.provider,
        provider_k3d::NAME
    );
    let container = provider_k3d::server_container(&applied.name, options.server);
    let docker = Docker::connect_with_defaults().context("connecting to Docker; DOCKER_HOST names another one")?;
    let wanted =
        LogsOptionsBuilder::default().stdout(true).stderr(true).follow(options.follow).tail(&options.tail).build();
    let mut lines = docker.logs(&container, Some(wanted));
    let mut out = std::io::stdout().lock();
    while let Some(line) = lines.next().await {
        let line: LogOutput = line.with_context(|| format!("reading the log of container {container}"))?;
        // The reader of the output may be gone.
        if out.write_all(text::fit_lines(&String::from_utf8_lossy(&line.into_bytes())).as_bytes()).is_err() {
            break;
        }
    }
    Ok(())
}

/// The kubelet of the server's node shows the file.
async fn audit(client: &Client, cluster: &EKSClusterConfig, options: &Options) -> anyhow::Result<()> {
    let name = cluster.name_any();
    ensure!(
        cluster.spec.logging_types.contains(&LoggingType::Audit),
        "cluster {name} writes no audit log; turn it on with kubectl patch eks {name} --type merge -p '{{\"spec\":{{\"loggingTypes\":[\"audit\"]}}}}'"
    );
    let text = super::kubeconfig::read(client, cluster, false).await?;
    let kubeconfig = kubeconfig::read(&text).map_err(anyhow::Error::msg).context("reading the cluster's kubeconfig")?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let applied = cluster.status.as_ref().and_then(|status| status.applied.clone()).unwrap_or_default();
    let node = provider_k3d::server_container(&applied.name, options.server);
    let path = format!("/api/v1/nodes/{node}/proxy/logs/k3eks/audit.log");
    let request = http::Request::get(path).body(Vec::new())?;
    let text = bounded::client(config, AUDIT)?.request_text(request).await;
    let text = text.with_context(|| format!("reading the audit log of cluster {name}"))?;
    let skipped = options.tail.parse::<usize>().map_or(0, |tail| text.lines().count().saturating_sub(tail));
    let mut out = std::io::stdout().lock();
    for line in text.lines().skip(skipped) {
        if writeln!(out, "{}", text::fit_lines(line)).is_err() {
            break;
        }
    }
    Ok(())
}
