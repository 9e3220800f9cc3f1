//! The providers that this process was started with, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crd::EKSClusterConfig;
use provider::{Capabilities, ClusterProvider};

/// The providers that this process was started with, by name; also those that are off, and how each is turned on.
#[derive(Clone)]
pub struct Providers {
    all: BTreeMap<&'static str, Registered>,
    default: &'static str,
}

#[derive(Clone)]
struct Registered {
    can: Capabilities,
    /// `None` where it is off.
    provider: Option<Arc<dyn ClusterProvider>>,
    turn_on: &'static str,
}

/// The provider that a cluster asks for.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    /// Its name.
    pub name: &'static str,
    /// The provider; `None` where it is off.
    pub provider: Option<&'a Arc<dyn ClusterProvider>>,
    /// What to do where it is off, such as `start the operator with --provider k3d`.
    pub turn_on: &'static str,
}

impl Providers {
    /// None yet; resources that name no provider get the one of the name `default`.
    pub const fn new(default: &'static str) -> Self {
        Self { all: BTreeMap::new(), default }
    }

    /// Adds a provider. `turn_on` is what a user does where it is off, such as `start the operator with --provider k3d`.
    #[must_use]
    pub fn with(mut self, provider: Arc<dyn ClusterProvider>, turn_on: &'static str) -> Self {
        let (name, can) = (provider.name(), provider.capabilities());
        self.all.insert(name, Registered { can, provider: Some(provider), turn_on });
        self
    }

    /// Adds a provider that is off, by its name and what it could do.
    #[must_use]
    pub fn without(mut self, name: &'static str, can: Capabilities, turn_on: &'static str) -> Self {
        self.all.insert(name, Registered { can, provider: None, turn_on });
        self
    }

    /// The name of the provider for resources that name none.
    pub const fn default_name(&self) -> &'static str {
        self.default
    }

    /// The providers that are on.
    pub fn on(&self) -> impl Iterator<Item = &Arc<dyn ClusterProvider>> {
        self.all.values().filter_map(|one| one.provider.as_ref())
    }

    /// The provider that a cluster asks for, or the default. An existing cluster keeps its provider.
    pub fn choose(&self, cluster: &EKSClusterConfig) -> Choice<'_> {
        let applied = cluster.status.as_ref().and_then(|status| status.applied.as_ref());
        let applied = applied.and_then(|applied| self.all.get_key_value(applied.provider.as_str()));
        // Records may become clusters.
        let has = applied.filter(|(_, one)| one.can.api_server).map(|(name, _)| *name);
        let name = cluster.spec.provider.map(crd::cluster::ProviderName::as_str).or(has).unwrap_or(self.default);
        let one = self.all.get(name);
        Choice {
            name,
            provider: one.and_then(|one| one.provider.as_ref()),
            turn_on: one.map_or("start the operator with it", |one| one.turn_on),
        }
    }

    /// The provider that a cluster asks for, or the default; `None` if that is off.
    pub fn of(&self, cluster: &EKSClusterConfig) -> Option<&Arc<dyn ClusterProvider>> {
        self.choose(cluster).provider
    }

    /// Name of the provider that imports clusters by its own name for them, and what to do where it is off.
    pub fn importer(&self) -> Option<(&'static str, &'static str)> {
        self.all.iter().find(|(_, one)| one.can.import).map(|(name, one)| (*name, one.turn_on))
    }
}

#[cfg(test)]
mod tests {
    use provider::metadata::Metadata;
    use serde_json::json;

    use super::*;
    use crate::fixtures::{active, cluster};

    fn providers(default: &'static str) -> Providers {
        let metadata = Arc::new(Metadata::default());
        Providers::new(default).with(metadata, "").without("k3d", Capabilities::ALL, "start it")
    }

    #[test]
    fn a_cluster_gets_the_provider_that_it_names_or_has_else_the_default() {
        let name = |default, spec, status| providers(default).choose(&cluster(spec, status)).name;
        let records = json!({"phase": "Active", "applied": {"provider": "metadata", "version": "1.35", "image": "i"}});
        assert_eq!(name("metadata", json!({}), json!(null)), "metadata");
        assert_eq!(name("metadata", json!({"provider": "k3d"}), json!(null)), "k3d");
        assert_eq!(name("metadata", json!({}), active()), "k3d", "what runs stays where it is");
        assert_eq!(name("k3d", json!({"provider": "metadata"}), json!(null)), "metadata");
        assert_eq!(name("k3d", json!({}), records), "k3d", "records may become clusters");
    }

    #[test]
    fn one_that_is_off_is_known_with_what_turns_it_on() {
        let all = providers("k3d");
        let choice = all.choose(&cluster(json!({}), json!(null)));
        assert!(choice.provider.is_none());
        assert_eq!((choice.name, choice.turn_on), ("k3d", "start it"));
        assert_eq!(all.on().map(|provider| provider.name()).collect::<Vec<_>>(), ["metadata"]);
        assert_eq!(all.importer(), Some(("k3d", "start it")));
    }
}
