//! `k3eks revoke`: ends sessions before their time.

use anyhow::Context;
use clap::Args;
use k3eks::identity::secrets;

use super::find::management;

/// The arguments of `k3eks revoke`.
#[derive(Args)]
pub struct Options {
    /// Whose sessions end: the ARN of a role or a user, or an access key id, and with it all sessions that came from it.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    identities: Vec<String>,
    /// All sessions of everybody end, those of pods as well, which fetch new ones.
    #[arg(long)]
    all: bool,
    /// Namespace that k3eks is installed in.
    #[arg(short, long, default_value = "k3eks-system")]
    namespace: String,
}

/// Ends the sessions. The APIs know within seconds.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let client = management().await?;
    let namespace = &options.namespace;
    secrets::revoke(&client, namespace, &options.identities)
        .await
        .with_context(|| format!("revoking sessions of the installation in {namespace} (--namespace names another)"))?;
    if options.all {
        println!("all sessions that were begun until now end within 5 seconds");
    }
    for identity in &options.identities {
        println!(
            "sessions of {identity} that were begun until now end within 5 seconds; to keep it from new ones, remove its key or its role"
        );
    }
    Ok(())
}
