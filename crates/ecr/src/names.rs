//! Names of registries and repositories, as ECR and the registry behind it have them.

use std::fmt;
use std::sync::LazyLock;

use arn::{dns_suffix, is_account, registry};
use regex::Regex;

/// A repository's name, as ECR's model has it.
pub const REPOSITORY: &str = "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";

#[expect(clippy::expect_used, reason = "the pattern is part of the program, and a test uses it")]
static WHOLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("^{REPOSITORY}$")).expect("the pattern of repositories' names"));

/// Whether ECR takes this as a repository's name.
pub fn is_repository(name: &str) -> bool {
    (2..=256).contains(&name.len()) && WHOLE.is_match(name)
}

/// The private registry of an account in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Twelve digits.
    pub account: String,
    /// AWS region.
    pub region: String,
}

impl Registry {
    /// The registry with this name, such as `000000000000.dkr.ecr.us-east-1.amazonaws.com`.
    pub fn named(name: &str) -> Option<Self> {
        let (account, rest) = name.split_once(".dkr.ecr.")?;
        let (region, suffix) = rest.split_once('.')?;
        let fits = is_account(account)
            && !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && suffix == dns_suffix(region);
        fits.then(|| Self { account: account.to_owned(), region: region.to_owned() })
    }

    /// ARN of a repository.
    pub fn arn(&self, name: &str) -> String {
        let Self { account, region } = self;
        format!("arn:{}:ecr:{region}:{account}:repository/{name}", arn::partition(region))
    }

    /// The repository's name in the registry behind.
    pub fn repository(&self, name: &str) -> String {
        format!("{self}/{name}")
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&registry(&self.account, &self.region))
    }
}

/// Where the registry behind keeps images of a registry elsewhere, such as `registry.k8s.io/pause`: under their own name.
pub fn elsewhere(host: &str, name: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    let is_host = host.bytes().all(plain) && host.contains('.') && host.bytes().any(|b| b.is_ascii_lowercase());
    (is_host && !host.contains(".dkr.ecr.") && WHOLE.is_match(name)).then(|| format!("{host}/{name}"))
}

/// Whether the name is that of a copy of an image from elsewhere.
pub fn is_copy(full: &str) -> bool {
    full.split_once('/').is_some_and(|(host, name)| elsewhere(host, name).is_some())
}

/// The registry and the repository that a name in the registry behind is made of.
pub fn split(full: &str) -> Option<(Registry, &str)> {
    let (registry, name) = full.split_once('/')?;
    Some((Registry::named(registry)?, name)).filter(|_| WHOLE.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_other_registries_keep_their_names() {
        assert_eq!(elsewhere("docker.io", "library/busybox").as_deref(), Some("docker.io/library/busybox"));
        for (host, name) in [("library", "busybox"), ("127.0.0.1", "a"), ("localhost:5000", "a"), ("quay.io", "../a")] {
            assert_eq!(elsewhere(host, name), None, "{host}/{name}");
        }
        assert_eq!(elsewhere("000000000000.dkr.ecr.us-east-1.amazonaws.com", "app"), None, "that is ECR's");
        assert_eq!(elsewhere("0000.dkr.ecr.us-east-1.amazonaws.com", "app"), None, "that is ECR's, mistyped");
    }

    #[test]
    fn a_registry_has_one_name() {
        let ours = "000000000000.dkr.ecr.us-east-1.amazonaws.com";
        assert_eq!(Registry::named(ours).unwrap().to_string(), ours);
        assert_eq!(Registry::named("000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn").unwrap().region, "cn-north-1");
        for other in ["", "docker.io", "1.dkr.ecr.us-east-1.amazonaws.com", "000000000000.dkr.ecr.us-east-1.evil.com"] {
            assert_eq!(Registry::named(other), None, "{other}");
        }
    }

    #[test]
    fn a_full_name_is_a_registry_and_a_repository() {
        let full = "000000000000.dkr.ecr.us-east-1.amazonaws.com/team/app";
        let (registry, name) = split(full).unwrap();
        assert_eq!((registry.repository(name).as_str(), name), (full, "team/app"));
        for other in ["app", "library/busybox", "000000000000.dkr.ecr.us-east-1.amazonaws.com/../x"] {
            assert_eq!(split(other), None, "{other}");
        }
        assert!(is_repository("a-b/c.d") && !is_repository("a") && !is_repository("A/b") && !is_repository("a--b"));
    }
}
