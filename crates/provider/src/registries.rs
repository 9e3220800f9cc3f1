//! Container registries on the provider port: where the nodes of a cluster pull images from.

use std::collections::BTreeMap;

/// Where the nodes of a cluster pull images from. Default: from the registry that an image names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRegistries {
    /// The registry that nodes ask first for every image; `None`: there is none.
    pub own: Option<NodeRegistry>,
    /// Registries that nodes ask before the one that an image names, in this order. At most one entry for a registry.
    pub mirrors: Vec<Mirror>,
    /// How registries and mirrors are reached, by host or host:port.
    pub configs: BTreeMap<String, RegistryConfig>,
    /// Whether all of this is known. Where it isn't, nodes that have been given registries before keep those.
    pub complete: bool,
}

/// A container registry that nodes ask before the one that an image names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRegistry {
    /// Host and port, HTTP.
    pub address: String,
    /// The registry whose images are nowhere else.
    pub name: String,
    /// Who the nodes are there; `None`: the registry doesn't ask.
    pub credentials: Option<Credentials>,
}

/// The mirrors of a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// The registry that images name, as host or host:port; `*` stands for every registry without an entry of its own.
    pub registry: String,
    /// URLs of the mirrors.
    pub endpoints: Vec<String>,
    /// Names of images at the mirrors: regular expressions, and what takes the place of a match.
    pub rewrites: BTreeMap<String, String>,
}

/// How a registry is reached. Default: without credentials, over TLS that well-known authorities vouch for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Who the nodes are.
    pub credentials: Option<Credentials>,
    /// Certificates that the registry's is checked with, PEM.
    pub ca_pem: Option<String>,
    /// Whether the registry's certificate isn't checked.
    pub insecure_skip_verify: bool,
}

/// User name and password. `Debug` leaves both out.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_reads_a_password_in_a_log() {
        let credentials = Credentials { username: "robot".into(), password: "hush".into() };
        let config = RegistryConfig { credentials: Some(credentials), ..RegistryConfig::default() };
        let all = NodeRegistries { configs: [("r".to_owned(), config)].into(), ..NodeRegistries::default() };
        let text = format!("{all:?}");
        assert!(!text.contains("hush") && !text.contains("robot"), "{text}");
    }
}
