//! k3s's `registries.yaml`.

use std::fmt::Write;

use super::place::{DOCKER_HUB, Place, authority, quoted};
use provider::{NodeRegistries, RegistryConfig};

/// The file's content.
pub fn registries(places: &[Place<'_>], all: &NodeRegistries) -> String {
    let mut text = "# Written by k3eks.\n".to_owned();
    let mirrored = places.iter().filter(|place| place.is_k3ss() && place.endpoints().next().is_some());
    let mirrors: String = mirrored.map(mirror).collect();
    let own = all.own.as_ref().filter(|own| own.credentials.is_some());
    let own = own.map(|own| {
        config(&own.address, &RegistryConfig { credentials: own.credentials.clone(), ..RegistryConfig::default() })
    });
    let others = all.configs.iter().filter(|(name, _)| is_first(all, name)).map(|(name, one)| config(name, one));
    let configs: String = own.into_iter().chain(others).collect();
    for (name, entries) in [("mirrors", mirrors), ("configs", configs)] {
        if !entries.is_empty() {
            let _ = write!(text, "{name}:\n{entries}");
        }
    }
    text
}

/// Whether no other entry is of the same host: `docker.io` counts before the host that serves it.
fn is_first(all: &NodeRegistries, name: &str) -> bool {
    name != DOCKER_HUB.1 || !all.configs.contains_key(DOCKER_HUB.0)
}

fn mirror(place: &Place<'_>) -> String {
    let endpoints: Vec<String> = place.endpoints().map(quoted).collect();
    let mut text = format!("  {}:\n    endpoint: [{}]\n", quoted(place.registry), endpoints.join(", "));
    let rewrites = place.mirror.iter().flat_map(|mirror| &mirror.rewrites);
    let rewrites: Vec<String> = rewrites.map(|(from, to)| format!("{}: {}", quoted(from), quoted(to))).collect();
    if !rewrites.is_empty() {
        let _ = writeln!(text, "    rewrite: {{{}}}", rewrites.join(", "));
    }
    text
}

fn config(name: &str, config: &RegistryConfig) -> String {
    // containerd looks for credentials by the host that it asks.
    let host = if name == DOCKER_HUB.0 { DOCKER_HUB.1 } else { name };
    let mut text = format!("  {}:\n", quoted(host));
    if let Some(who) = &config.credentials {
        let (username, password) = (quoted(&who.username), quoted(&who.password));
        let _ = writeln!(text, "    auth: {{username: {username}, password: {password}}}");
    }
    let mut tls: Vec<String> = config.ca_pem.iter().map(|_| format!("ca_file: {}", quoted(&authority(name)))).collect();
    tls.extend(config.insecure_skip_verify.then(|| "insecure_skip_verify: true".to_owned()));
    if !tls.is_empty() {
        let _ = writeln!(text, "    tls: {{{}}}", tls.join(", "));
    }
    text
}
