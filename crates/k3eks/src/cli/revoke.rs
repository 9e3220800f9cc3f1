//! `k3eks revoke`: revokes sessions.

use anyhow::Context;
use arn::is_account;
use clap::Args;
use crd::identity_service::SECRET;
use identity::secrets;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use super::find::management;

/// The access key that a permissive API takes; it takes the number of an account too.
const WELL_KNOWN_KEY: &str = "test";
/// Begins the access key ids of sessions.
const SESSION: &str = "ASIA";

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
    // Who may revoke but not list isn't kept from it.
    if let Ok(configured) = Configured::read(&client, namespace).await {
        let unknown = options.identities.iter().map(String::as_str).filter(|identity| !configured.knows(identity));
        let (unknown, misspelled): (Vec<&str>, Vec<&str>) = unknown.partition(|identity| is_shaped(identity));
        anyhow::ensure!(
            misspelled.is_empty(),
            "{} is neither an ARN nor an access key of namespace {namespace}: nothing was revoked",
            misspelled.join(", ")
        );
        for identity in unknown {
            eprintln!(
                "warning: no key and no role in namespace {namespace} is called {identity}: is it misspelled, or removed already?"
            );
        }
    }
    secrets::revoke(&client, namespace, &options.identities)
        .await
        .with_context(|| format!("revoking sessions of the installation in {namespace} (--namespace names another)"))?;
    if options.all {
        println!("all sessions that began before now end within 5 seconds");
    }
    for identity in &options.identities {
        let (what, keep) = if identity.starts_with("arn:") {
            ("", "remove its key, its role or its access entries")
        } else {
            ("access key ", "remove that key")
        };
        println!(
            "sessions of {what}{identity} that began before now end within 5 seconds, if there are any; to keep it from new ones, {keep}"
        );
    }
    Ok(())
}

/// The keys and roles that an installation has.
struct Configured {
    /// Access key ids: the names of entries of Secrets.
    keys: Vec<String>,
    /// What may name roles and users: the contents of Secrets and ConfigMaps.
    texts: Vec<String>,
}

impl Configured {
    async fn read(client: &Client, namespace: &str) -> Result<Self, kube::Error> {
        let (secrets, maps) = (
            Api::<Secret>::namespaced(client.clone(), namespace),
            Api::<ConfigMap>::namespaced(client.clone(), namespace),
        );
        let all = ListParams::default();
        let (secrets, maps) = tokio::try_join!(secrets.list(&all), maps.list(&all))?;
        // Not the list of revocations itself: a typing error would be known the next time.
        let entries = secrets.items.into_iter().filter(|secret| secret.name_any() != SECRET);
        let (keys, contents): (Vec<_>, Vec<_>) = entries.flat_map(|secret| secret.data.unwrap_or_default()).unzip();
        let mut texts: Vec<String> =
            maps.items.into_iter().flat_map(|map| map.data.unwrap_or_default().into_values()).collect();
        texts.extend(contents.into_iter().filter_map(|content| String::from_utf8(content.0).ok()));
        Ok(Self { keys, texts })
    }

    /// Whether it is one of them, or needs no entry: well-known keys, sessions, and all roles where none is named.
    fn knows(&self, identity: &str) -> bool {
        if identity.starts_with("arn:") {
            // A whole one: `role/ci` isn't `role/ci-2`.
            let ends = |c: char| !(c.is_ascii_alphanumeric() || "_+=,.@-/:".contains(c));
            self.texts.iter().any(|text| text.split(ends).any(|word| word == identity))
                || !self.texts.iter().any(|text| text.contains(":role/"))
        } else {
            let needs_no_entry = identity == WELL_KNOWN_KEY || is_account(identity) || identity.starts_with(SESSION);
            needs_no_entry || self.keys.iter().any(|key| key == identity)
        }
    }
}

/// Whether this has the form of an ARN or of an access key id that AWS gives.
fn is_shaped(identity: &str) -> bool {
    const SHORTEST: usize = 16;
    let is_key = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    identity.starts_with("arn:") || identity.len() >= SHORTEST && identity.bytes().all(is_key)
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
    use super::{Configured, identity, is_shaped};

    #[test]
    fn a_name_that_nobody_has_is_no_name_of_a_key_or_a_role() {
        let ci = "arn:aws:iam::000000000000:role/ci";
        let configured = |texts: &[&str]| Configured {
            keys: vec!["AKIA1".to_owned()],
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        };
        let some = configured(&["arn: arn:aws:iam::000000000000:role/ci"]);
        assert!(some.knows("AKIA1") && some.knows("test") && some.knows(ci));
        assert!(!some.knows("AKIA") && !some.knows("arn:aws:iam::000000000000:role/cl"));
        assert!(!some.knows("arn:aws:iam::000000000000:role/c"), "part of a name");
        assert!(is_shaped("AKIAIOSFODNN7EXAMPLE") && is_shaped(ci) && !is_shaped("viewer") && !is_shaped("foo"));
        assert!(configured(&[]).knows(ci), "where no roles are configured, every one may be taken");
    }

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
