//! Container registries of a cluster's nodes: from its spec, the operator's settings, and the Secrets and ConfigMaps that
//! these name.

mod content;
mod resolve;

pub use resolve::resolve;

use kube::ResourceExt;

use crd::EKSClusterConfig;
use crd::registries::{Registries, RegistryConfig, RegistryMirror};

/// Registries of all clusters, where these have no entries of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultRegistries {
    /// The registries.
    pub registries: Registries,
    /// Namespace of the Secrets and ConfigMaps that they name.
    pub namespace: String,
}

/// A kind of object that an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Secrets.
    Secret,
    /// `ConfigMaps`.
    ConfigMap,
}

/// What the nodes of a cluster are to pull from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Mirrors, at most one entry for a registry.
    pub mirrors: Vec<RegistryMirror>,
    /// Credentials and certificates, at most one entry for a registry, each with the namespace of what it names.
    pub configs: Vec<(String, RegistryConfig)>,
}

impl Wanted {
    /// What the cluster's spec says, and for other registries what the operator's settings say.
    pub fn of(cluster: &EKSClusterConfig, default: &DefaultRegistries) -> Self {
        let namespace = cluster.namespace().unwrap_or_default();
        let own = cluster.spec.registries.clone().unwrap_or_default();
        let mut all = Self {
            mirrors: own.mirrors,
            configs: own.configs.into_iter().map(|config| (namespace.clone(), config)).collect(),
        };
        for mirror in &default.registries.mirrors {
            if all.mirrors.iter().all(|own| own.registry != mirror.registry) {
                all.mirrors.push(mirror.clone());
            }
        }
        for config in &default.registries.configs {
            if all.configs.iter().all(|(_, own)| own.registry != config.registry) {
                all.configs.push((default.namespace.clone(), config.clone()));
            }
        }
        all
    }

    /// Whether an entry names the object.
    pub fn names(&self, source: Source, namespace: &str, name: &str) -> bool {
        self.configs.iter().filter(|(of, _)| of == namespace).any(|(_, config)| {
            let secrets = config.auth_secret_ref.iter().map(|one| &one.name);
            match source {
                Source::Secret => {
                    secrets.chain(config.ca_secret_ref.iter().map(|one| &one.name)).any(|one| one == name)
                }
                Source::ConfigMap => config.ca_config_map_ref.iter().any(|one| one.name == name),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    fn wanted(spec: Value, default: Value) -> Wanted {
        let default = DefaultRegistries {
            registries: serde_json::from_value(default).unwrap(),
            namespace: "k3eks-system".into(),
        };
        Wanted::of(&fixtures::cluster(json!({"registries": spec}), Value::Null), &default)
    }

    #[test]
    fn a_cluster_s_entry_takes_the_place_of_the_operator_s_for_the_same_registry() {
        let all = wanted(
            json!({
                "mirrors": [{"registry": "docker.io", "endpoints": ["https://a"]}],
                "configs": [{"registry": "a", "authSecretRef": {"name": "mine"}}],
            }),
            json!({
                "mirrors": [{"registry": "docker.io", "endpoints": ["https://b"]}, {"registry": "*", "endpoints": ["https://b"]}],
                "configs": [{"registry": "a", "authSecretRef": {"name": "theirs"}}, {"registry": "b", "caSecretRef": {"name": "ca"}}],
            }),
        );
        let mirrors: Vec<_> = all.mirrors.iter().map(|m| (m.registry.as_str(), m.endpoints[0].as_str())).collect();
        assert_eq!(mirrors, [("docker.io", "https://a"), ("*", "https://b")]);
        let configs: Vec<_> = all.configs.iter().map(|(of, c)| (of.as_str(), c.registry.as_str())).collect();
        assert_eq!(configs, [("default", "a"), ("k3eks-system", "b")]);
    }

    #[test]
    fn an_object_is_named_by_its_kind_namespace_and_name() {
        let all = wanted(
            json!({"configs": [{"registry": "a", "authSecretRef": {"name": "x"}, "caConfigMapRef": {"name": "y"}}]}),
            json!({"configs": [{"registry": "b", "caSecretRef": {"name": "z"}}]}),
        );
        assert!(all.names(Source::Secret, "default", "x") && all.names(Source::ConfigMap, "default", "y"));
        assert!(all.names(Source::Secret, "k3eks-system", "z"));
        for (source, namespace, name) in [
            (Source::Secret, "default", "y"),
            (Source::ConfigMap, "default", "x"),
            (Source::Secret, "k3eks-system", "x"),
            (Source::Secret, "default", "z"),
        ] {
            assert!(!all.names(source, namespace, name), "{source:?} {namespace}/{name}");
        }
    }
}
