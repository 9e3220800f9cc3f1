//! A registry, and where nodes look for its images.

use std::collections::BTreeSet;

use provider::{Mirror, NodeRegistries, RegistryConfig};

use crate::paths;

/// The registry that images without a host are of, and the host that serves it.
pub const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// Stands for every registry without an entry of its own.
pub const ALL: &str = "*";

/// A registry, and where its images are looked for.
pub struct Place<'a> {
    /// The registry that images name; [`ALL`] for those without an entry.
    pub registry: &'a str,
    /// URL of ours, where there is one.
    pub own: Option<String>,
    /// Whether the images are ours alone.
    pub ours_alone: bool,
    /// The user's mirrors, if there are any.
    pub mirror: Option<&'a Mirror>,
    /// How it is reached.
    pub config: Option<&'a RegistryConfig>,
}

impl Place<'_> {
    /// URLs to ask, in order.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.own.as_deref().into_iter().chain(self.mirror.iter().flat_map(|m| &m.endpoints).map(String::as_str))
    }

    /// Whether k3s is to be told. k3s would rewrite names for our registry too; what it isn't told of it leaves alone.
    pub fn is_k3ss(&self) -> bool {
        let rewritten = self.mirror.is_some_and(|mirror| !mirror.rewrites.is_empty());
        !rewritten || self.own.is_none() || self.config.is_some()
    }
}

/// Registries that have an entry: containerd asks none of those for all where one has.
pub fn names(registries: &NodeRegistries) -> BTreeSet<&str> {
    let own = registries.own.iter().flat_map(|own| [ALL, own.name.as_str()]);
    let mirrored = registries.mirrors.iter().map(|mirror| mirror.registry.as_str());
    own.chain(mirrored).chain(registries.configs.keys().map(String::as_str)).collect()
}

/// Where images of `registry` are looked for.
pub fn place<'a>(registries: &'a NodeRegistries, registry: &'a str) -> Place<'a> {
    Place {
        registry,
        own: registries.own.as_ref().map(|own| format!("http://{}", own.address)),
        ours_alone: registries.own.as_ref().is_some_and(|own| own.name == registry),
        mirror: registries.mirrors.iter().find(|mirror| mirror.registry == registry),
        config: registries.configs.get(registry),
    }
}

/// Path of the certificates that a registry's is checked with.
pub fn authority(registry: &str) -> String {
    format!("{}/{registry}.crt", paths::REGISTRY_AUTHORITIES)
}

/// The host of a URL, with its port, and whether the URL says where below it the API is.
pub fn host(url: &str) -> (&str, bool) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (host, !matches!(path, "" | "v2" | "v2/"))
}

/// How the registry at `url` is reached.
pub fn config_of<'a>(registries: &'a NodeRegistries, url: &str) -> Option<(&'a str, &'a RegistryConfig)> {
    let (host, _) = host(url);
    let name = if host == DOCKER_HUB.1 { DOCKER_HUB.0 } else { host };
    registries.configs.get_key_value(name).map(|(name, config)| (name.as_str(), config))
}

/// A text between quotes, for YAML and TOML.
pub fn quoted(text: &str) -> String {
    // Both take JSON's way, but TOML no such character.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
