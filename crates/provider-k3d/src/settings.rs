//! Settings of the k3d provider.

use provider::Error;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Settings of the k3d provider.
#[derive(Clone, Debug)]
pub struct K3dSettings {
    /// The k3d binary: a path, or a name that is looked for in `PATH`.
    pub binary: PathBuf,
    /// Marks what is ours in Docker, as label `k3eks.io/instance`. Operators that share a Docker need different ones.
    pub instance: String,
    /// URL of Docker, such as `unix:///run/docker.sock`; `None`: what `DOCKER_HOST` says, else the usual socket.
    pub docker_host: Option<String>,
    /// Docker network that clusters join; `None`: each gets a network of its own.
    pub network: Option<String>,
    /// Host address that API servers are published on.
    pub bind_address: IpAddr,
    /// Host name or address that kubeconfigs and endpoints name.
    pub endpoint_host: String,
    /// Host ports for API servers.
    pub api_ports: RangeInclusive<u16>,
    /// Which image runs which version.
    pub images: NodeImages,
    /// Time limits.
    pub limits: Limits,
}

impl K3dSettings {
    /// The defaults for an operator known as `instance`.
    pub fn new(instance: impl Into<String>) -> Self {
        Self {
            binary: PathBuf::from("k3d"),
            instance: instance.into(),
            docker_host: None,
            network: None,
            bind_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            endpoint_host: Ipv4Addr::LOCALHOST.to_string(),
            api_ports: 16443..=17442,
            images: NodeImages::default(),
            limits: Limits::default(),
        }
    }
}

/// How long work may take before it is given up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Making or starting a cluster, all in all.
    pub create: Duration,
    /// What k3d itself is told to wait for a server.
    pub wait: Duration,
    /// Adding nodes.
    pub nodes: Duration,
    /// Deleting a cluster or nodes.
    pub delete: Duration,
    /// Pulling an image that isn't there.
    pub pull: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            create: Duration::from_secs(180),
            wait: Duration::from_secs(120),
            nodes: Duration::from_secs(120),
            delete: Duration::from_secs(60),
            pull: Duration::from_secs(300),
        }
    }
}

/// A Kubernetes minor version such as `1.35`, in order of age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Minor(u16, u16);

impl Minor {
    /// The minor version that `text` begins with, `v1.35.7` as well as `1.35`.
    fn of(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
        Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

impl std::fmt::Display for Minor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Which image runs which Kubernetes minor version.
///
/// ```
/// # use k3eks_provider_k3d::NodeImages;
/// let mut images = NodeImages::default();
/// assert_eq!(images.get("1.35").unwrap(), "rancher/k3s:v1.35.7-k3s1");
/// images.set("1.35=registry.example/k3s:v1.35.9".parse().unwrap());
/// assert_eq!(images.get("1.35").unwrap(), "registry.example/k3s:v1.35.9");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeImages(BTreeMap<Minor, String>);

impl Default for NodeImages {
    fn default() -> Self {
        Self(kubernetes_versions::all().iter().filter_map(|v| Some((Minor::of(&v.name)?, v.image()))).collect())
    }
}

impl NodeImages {
    /// The image that runs `version`, a minor version such as `1.35`.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] with the versions that are known.
    pub fn get(&self, version: &str) -> Result<String, Error> {
        let found = Minor::of(version).filter(|minor| minor.to_string() == version).and_then(|m| self.0.get(&m));
        found.cloned().ok_or_else(|| Error::UnknownVersion {
            version: version.to_owned(),
            known: self.0.keys().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })
    }

    /// Adds an image, or puts another in the place of one.
    pub fn set(&mut self, image: VersionImage) {
        self.0.insert(image.version, image.image);
    }
}

/// An entry of [`NodeImages`], written `1.35=rancher/k3s:v1.35.7-k3s1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionImage {
    version: Minor,
    image: String,
}

impl FromStr for VersionImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} isn't of the form VERSION=IMAGE, such as 1.35=rancher/k3s:v1.35.7-k3s1");
        let (version, image) = text.split_once('=').ok_or_else(wrong)?;
        let minor = Minor::of(version).filter(|minor| minor.to_string() == version).ok_or_else(wrong)?;
        if image.is_empty() || image.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { version: minor, image: image.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_release_is_found_by_its_minor_version() {
        let images = NodeImages::default();
        assert_eq!(images.0.len(), kubernetes_versions::all().len());
        assert_eq!(images.get("1.24").unwrap(), "rancher/k3s:v1.24.17-k3s1");
        assert_eq!(images.get("1.25").unwrap(), "rancher/k3s:v1.25.16-k3s4");
        assert_eq!(images.get(kubernetes_versions::default()).unwrap(), "rancher/k3s:v1.36.4-k3s1");
    }

    #[test]
    fn an_unknown_version_names_the_known_ones_in_order() {
        let mut images = NodeImages::default();
        images.set("1.9=old".parse().unwrap());
        let error = images.get("1.99").unwrap_err();
        let Error::UnknownVersion { version, known } = error else { panic!("{error}") };
        assert_eq!(version, "1.99");
        assert!(known.starts_with("1.9, 1.24, 1.25"), "{known}");
        for text in ["", "1", "1.35.7", "v1.35", "latest", "01.35"] {
            assert!(images.get(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entries_that_cannot_be_read_are_refused() {
        for text in ["1.35", "=image", "1.35=", "1.35.5=image", "x=image", "1.35=a b"] {
            assert!(text.parse::<VersionImage>().is_err(), "{text}");
        }
    }
}
