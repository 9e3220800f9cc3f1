//! `k3eks revoke`: revokes sessions.

use anyhow::Context;
use clap::Args;
use crd::names::is_account;
use identity::secrets;

use super::find::management;

/// The arguments of `k3eks revoke`.
#[derive(Args)]
pub struct Options {
    /// ARN of a role or user, or an access key id. Sessions that came from it end too.
    #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = identity)]
    identities: Vec<String>,
    /// Revoke all sessions. Pods fetch new ones.
    #[arg(long)]
    all: bool,
    /// Namespace in which k3eks is installed.
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
        println!("all sessions that began before now end within 5 seconds");
    }
    for identity in &options.identities {
        let (what, keep) = if identity.starts_with("arn:") {
            ("", "remove its key or its role")
        } else {
            ("access key ", "remove that key")
        };
        println!(
            "sessions of {what}{identity} that began before now end within 5 seconds, if there are any; to keep it from new ones, {keep}"
        );
    }
    Ok(())
}

/// An ARN of a role or a user, or an access key id: a typing error would look like a revocation that worked.
fn identity(text: &str) -> Result<String, String> {
    let is_arn = {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let of = |kind| parts.last().and_then(|last| last.strip_prefix(kind)).is_some_and(|name| !name.is_empty());
        matches!(parts[..], ["arn", _, "iam", "", account, _] if is_account(account)) && (of("role/") || of("user/"))
    };
    let is_key = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_arn || is_key {
        return Ok(text.to_owned());
    }
    Err("give the ARN of a role or a user (arn:aws:iam::000000000000:role/NAME), or an access key id".to_owned())
}

#[cfg(test)]
mod tests {
    use super::identity;

    #[test]
    fn what_is_neither_an_arn_nor_a_key_is_refused() {
        for fine in
            ["arn:aws:iam::000000000000:role/path/ci", "arn:aws-cn:iam::111111111111:user/ann", "AKIAIOSFODNN7EXAMPLE"]
        {
            assert_eq!(identity(fine).as_deref(), Ok(fine));
        }
        for wrong in [
            "",
            "role/ci",
            "arn:aws:iam::1:role/ci",
            "arn:aws:iam::000000000000:role/",
            "arn:aws:sts::000000000000:role/ci",
            "ci-role",
        ] {
            assert!(identity(wrong).is_err(), "{wrong}");
        }
    }
}
