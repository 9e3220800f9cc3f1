//! The ConfigMap `aws-auth`, which says who may use a cluster where access entries don't.

use k8s_openapi::api::core::v1::ConfigMap;
use serde::Deserialize;

use super::principal::{Principal, canonical};

/// Who somebody is in Kubernetes.
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

/// Whom the ConfigMap takes the principal for. A part that can't be read is left out, and said.
pub fn user(map: &ConfigMap, who: &Principal) -> Option<User> {
    let data = map.data.as_ref()?;
    for key in ["mapRoles", "mapUsers"] {
        let Some(text) = data.get(key) else { continue };
        let mappings: Vec<Mapping> = match serde_yaml::from_str::<Option<Vec<Mapping>>>(text) {
            Ok(mappings) => mappings.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(key, %error, "aws-auth can't be read");
                continue;
            }
        };
        // As aws-iam-authenticator does: without regard to case, and to the session.
        if let Some(found) = mappings.iter().find(|m| canonical(&m.arn).eq_ignore_ascii_case(&who.canonical)) {
            let name = if found.username.is_empty() { who.canonical.clone() } else { who.fill(&found.username) };
            return Some(User { name, groups: found.groups.iter().map(|group| who.fill(group)).collect() });
        }
    }
    let accounts: Vec<serde_yaml::Value> = serde_yaml::from_str(data.get("mapAccounts")?).ok()?;
    let mine = accounts.iter().any(|account| match account {
        serde_yaml::Value::String(text) => *text == who.account,
        serde_yaml::Value::Number(number) => format!("{:0>12}", number.to_string()) == who.account,
        _ => false,
    });
    mine.then(|| User { name: who.canonical.clone(), groups: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eks::sigv4::Key;

    fn map(data: &[(&str, &str)]) -> ConfigMap {
        let data = data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        ConfigMap { data: Some(data), ..ConfigMap::default() }
    }

    fn who(arn: &str) -> Principal {
        Principal::of(&Key::new("AKIA1", "s", "111122223333", arn))
    }

    const ROLES: &str = "- rolearn: arn:aws:iam::111122223333:role/Dev\n  username: dev:{{SessionName}}\n  groups: [devs, 'a-{{AccountID}}']\n";

    #[test]
    fn roles_users_and_accounts_are_mapped() {
        let map = map(&[
            ("mapRoles", ROLES),
            (
                "mapUsers",
                "- userarn: arn:aws:iam::111122223333:user/Ann\n  username: ann\n  groups: [system:masters]\n",
            ),
            ("mapAccounts", "- \"111122223333\"\n"),
        ]);
        let dev = user(&map, &who("arn:aws:sts::111122223333:assumed-role/dev/me@home")).unwrap();
        assert_eq!((dev.name.as_str(), dev.groups), ("dev:me-home", vec!["devs".into(), "a-111122223333".into()]));
        assert_eq!(user(&map, &who("arn:aws:iam::111122223333:user/Ann")).unwrap().groups, ["system:masters"]);
        let other = user(&map, &who("arn:aws:iam::111122223333:user/bob")).unwrap();
        assert_eq!((other.name.as_str(), other.groups.len()), ("arn:aws:iam::111122223333:user/bob", 0));
    }

    #[test]
    fn what_cannot_be_read_lets_nobody_in() {
        let map = map(&[("mapRoles", "no: list"), ("mapUsers", "")]);
        assert_eq!(user(&map, &who("arn:aws:iam::111122223333:user/Ann")), None);
        assert_eq!(user(&ConfigMap::default(), &who("arn:aws:iam::111122223333:user/Ann")), None);
    }
}
