//! containerd's `hosts.toml`.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::place::{ALL, DOCKER_HUB, Place, authority, config_of, host, quoted};
use provider::{Credentials, NodeRegistries, RegistryConfig};

/// containerd's `hosts.toml` of a registry. A machine that has images itself is asked between the two parts.
#[derive(Clone, PartialEq, Eq)]
pub struct HostsFile {
    /// Name of the folder.
    pub folder: String,
    /// The registry itself.
    pub server: String,
    /// Its mirrors.
    pub mirrors: String,
}

/// The file of a registry.
pub fn hosts(place: &Place<'_>, registries: &NodeRegistries) -> HostsFile {
    let folder = if place.registry == ALL { "_default" } else { place.registry };
    let endpoints = place.endpoints().enumerate().map(|(number, url)| {
        let ours = number == 0 && place.own.is_some();
        let rewrites = place.mirror.filter(|_| !ours).map(|mirror| &mirror.rewrites);
        let config = config_of(registries, url).filter(|_| !ours);
        let mut text = format!("[host.{}]\n  capabilities = [\"pull\", \"resolve\"]\n", quoted(url));
        if host(url).1 {
            text.push_str("  override_path = true\n");
        }
        text.push_str(&config.map(|(name, config)| tls(name, config)).unwrap_or_default());
        let who =
            if ours { credentials(registries) } else { config.and_then(|(_, config)| config.credentials.as_ref()) };
        text.push_str(&table(&format!("[host.{}.header]", quoted(url)), header(who)));
        let rewrites = rewrites.into_iter().flatten().map(|(from, to)| format!("{} = {}", quoted(from), quoted(to)));
        text.push_str(&table(&format!("[host.{}.rewrite]", quoted(url)), rewrites));
        text
    });
    HostsFile { folder: folder.to_owned(), mirrors: endpoints.collect(), server: server(place, registries) }
}

/// The registry itself. That of all others is the one that an image names.
fn server(place: &Place<'_>, registries: &NodeRegistries) -> String {
    if place.registry == ALL {
        return String::new();
    }
    let host = if place.registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { place.registry };
    let url = place.own.clone().filter(|_| place.ours_alone).unwrap_or_else(|| format!("https://{host}"));
    let config = place.config.filter(|_| !place.ours_alone);
    let mut text = format!("server = {}\n", quoted(&url));
    text.push_str(&config.map(|config| tls(place.registry, config)).unwrap_or_default());
    let who =
        if place.ours_alone { credentials(registries) } else { config.and_then(|config| config.credentials.as_ref()) };
    text.push_str(&table("[header]", header(who)));
    text
}

/// Who the nodes are at our registry.
fn credentials(registries: &NodeRegistries) -> Option<&Credentials> {
    registries.own.as_ref()?.credentials.as_ref()
}

fn tls(name: &str, config: &RegistryConfig) -> String {
    let mut text = String::new();
    if config.ca_pem.is_some() {
        let _ = writeln!(text, "  ca = [{}]", quoted(&authority(name)));
    }
    if config.insecure_skip_verify {
        text.push_str("  skip_verify = true\n");
    }
    text
}

/// Credentials as containerd sends them unasked. Written as containerd writes it itself, so that a token takes its place.
fn header(who: Option<&Credentials>) -> impl Iterator<Item = String> {
    who.map(|who| {
        let both = STANDARD.encode(format!("{}:{}", who.username, who.password));
        format!("Authorization = [\"Basic {both}\"]")
    })
    .into_iter()
}

/// A table, if it has entries.
fn table(name: &str, entries: impl IntoIterator<Item = String>) -> String {
    let entries: Vec<String> = entries.into_iter().collect();
    if entries.is_empty() { String::new() } else { format!("  {name}\n    {}\n", entries.join("\n    ")) }
}
