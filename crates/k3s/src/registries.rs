//! Where a machine that runs k3s pulls images from.
//!
//! k3s reads [`crate::paths::REGISTRIES`] when it starts, and writes from it what containerd is to do. containerd reads its own
//! folder for each registry at every pull, so what is written there counts at once; its credentials go along as a header,
//! until k3s starts again and gives them to containerd itself.

mod place;
mod toml;
mod yaml;

pub use toml::HostsFile;

use place::{Place, authority, names, place};
use provider::NodeRegistries;

/// What is written on a machine. `Debug` leaves the content out: it may have passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Files {
    /// Content of [`crate::paths::REGISTRIES`].
    pub registries: String,
    /// containerd's files.
    pub hosts: Vec<HostsFile>,
    /// Certificates: full path, and PEM.
    pub authorities: Vec<(String, String)>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

/// What a machine needs for `registries`.
pub fn files(registries: &NodeRegistries) -> Files {
    let places: Vec<Place<'_>> = names(registries).into_iter().map(|name| place(registries, name)).collect();
    let authorities = registries.configs.iter();
    let authorities = authorities.filter_map(|(name, config)| Some((authority(name), config.ca_pem.clone()?)));
    Files {
        registries: yaml::registries(&places, registries),
        hosts: places.iter().map(|place| toml::hosts(place, registries)).collect(),
        authorities: authorities.collect(),
    }
}

#[cfg(test)]
mod tests;
