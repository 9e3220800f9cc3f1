//! The providers that the operator starts, and the options that say which.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use controller::Providers;
use crd::keys::METADATA;
use provider::metadata::Metadata;
use provider_k3d::{CAPABILITIES, K3d as K3dProvider, K3dSettings, NAME, VersionImage};

/// The provider of clusters that name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Auto,
    K3d,
    Metadata,
}

/// Reads `--provider`, with the values that users of other emulators know.
pub fn choice(text: &str) -> Result<Choice, String> {
    match text {
        "" | "auto" => Ok(Choice::Auto),
        "k3d" => Ok(Choice::K3d),
        "metadata" | "off" | "none" | "moto" | "disabled" => Ok(Choice::Metadata),
        _ => Err("use auto, k3d or metadata (off, none, moto and disabled mean metadata)".into()),
    }
}

/// Settings of the k3d provider.
#[derive(Args)]
pub struct K3d {
    /// Docker network that clusters join. Default: a network of its own for each.
    #[arg(long, env = "K3EKS_NETWORK")]
    network: Option<String>,
    /// Range of host ports for API servers.
    #[arg(long, env = "K3EKS_API_PORTS", default_value = "16443-17442")]
    api_ports: String,
    /// Host address on which API servers listen.
    #[arg(long, env = "K3EKS_API_BIND_ADDRESS", default_value = "127.0.0.1")]
    api_bind_address: std::net::IpAddr,
    /// Host name or address to write into endpoints and kubeconfigs.
    #[arg(long, env = "K3EKS_ENDPOINT_HOST", default_value = "127.0.0.1")]
    endpoint_host: String,
    /// Node image of a Kubernetes version, as VERSION=IMAGE. Repeatable.
    #[arg(long = "image", env = "K3EKS_IMAGES", value_delimiter = ',')]
    images: Vec<String>,
}

/// The providers that the options ask for. Auto means k3d where Docker answers.
pub async fn start(choice: Choice, options: &K3d, instance: &str) -> anyhow::Result<Providers> {
    let turn_on = "start the operator with --provider k3d";
    let records = |default| Providers::new(default).with(Arc::new(Metadata::default()), "");
    if choice == Choice::Metadata {
        return Ok(records(METADATA).without(NAME, CAPABILITIES, turn_on));
    }
    let k3d = K3dProvider::start(k3d_settings(options, instance)?);
    // Also where it is k3d in any case: before the first answer, clusters that run would be reported as out of reach.
    let answers = answers(&k3d).await;
    let default = match choice {
        Choice::Auto if !answers => {
            tracing::warn!(
                "Docker doesn't answer: clusters that name no provider are records only (--provider k3d waits for Docker instead)"
            );
            METADATA
        }
        _ => NAME,
    };
    Ok(records(default).with(k3d, turn_on))
}

/// Whether Docker answers within a few seconds of the start.
async fn answers(k3d: &K3dProvider) -> bool {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(100));
    for _ in 0..30 {
        tick.tick().await;
        if k3d.ready().is_ok() {
            return true;
        }
    }
    false
}

fn k3d_settings(options: &K3d, instance: &str) -> anyhow::Result<K3dSettings> {
    let mut settings = K3dSettings::new(instance);
    let range = options.api_ports.split_once('-').and_then(|(a, b)| Some(a.parse().ok()?..=b.parse().ok()?));
    settings.api_ports = range
        .filter(|r| !r.is_empty())
        .with_context(|| format!("--api-ports {}: give a range such as 16443-17442", options.api_ports))?;
    settings.network = options.network.clone().filter(|n| !n.is_empty());
    settings.bind_address = options.api_bind_address;
    settings.endpoint_host.clone_from(&options.endpoint_host);
    for image in options.images.iter().filter(|i| !i.is_empty()) {
        let image: VersionImage = image.parse().map_err(anyhow::Error::msg).context("--image")?;
        settings.images.set(image);
    }
    Ok(settings)
}
