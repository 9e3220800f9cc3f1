//! The ConfigMap `aws-auth`, which maps IAM principals to Kubernetes users in clusters that use it.

use k8s_openapi::api::core::v1::ConfigMap;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::principal::{Principal, canonical};
use crd::plain_yaml::{self, Unread};

/// A Kubernetes user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
}

#[derive(Deserialize)]
struct Mapping {
    #[serde(alias = "rolearn", alias = "userarn")]
    arn: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

/// The Kubernetes user to which the ConfigMap maps the principal. Unreadable parts are skipped and logged.
pub fn user(map: &ConfigMap, who: &Principal) -> Option<User> {
    let data = map.data.as_ref()?;
    for key in ["mapRoles", "mapUsers"] {
        let Some(text) = data.get(key) else { continue };
        let mappings: Vec<Mapping> = match read(text) {
            Ok(mappings) => mappings.unwrap_or_default(),
            Err(why) => {
                tracing::warn!(key, %why, "aws-auth can't be read");
                continue;
            }
        };
        // As aws-iam-authenticator does: without regard to case, and to the session.
        if let Some(found) = mappings.iter().find(|m| canonical(&m.arn).eq_ignore_ascii_case(&who.canonical)) {
            let name = if found.username.is_empty() { who.canonical.clone() } else { who.render(&found.username) };
            return Some(User { name, groups: found.groups.iter().map(|group| who.render(group)).collect() });
        }
    }
    let accounts: Vec<Value> = read(data.get("mapAccounts")?).ok()??;
    let mine = accounts.iter().any(|account| match account {
        Value::String(text) => *text == who.account,
        Value::Number(number) => format!("{:0>12}", number.to_string()) == who.account,
        _ => false,
    });
    mine.then(|| User { name: who.canonical.clone(), groups: Vec::new() })
}

/// Parses a text that the cluster's users wrote. One is parsed at a time: each takes many times its size in memory.
fn read<T: DeserializeOwned>(text: &str) -> Result<Option<T>, Unread> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock();
    plain_yaml::read(text)
}

#[cfg(test)]
mod tests;
