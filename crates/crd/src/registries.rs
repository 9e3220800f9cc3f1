//! Container registries of a cluster's nodes, after k3s's `registries.yaml`.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::given::{given, or_empty};
use super::most;

/// Container registries that the nodes of a cluster pull from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registries {
    /// Mirrors of registries, at most 32. Nodes ask the mirrors of a registry, then the registry itself. Default: none.
    /// Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::REGISTRIES), extend("nullable" = true, "x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["registry"]))]
    pub mirrors: Vec<RegistryMirror>,
    /// Credentials and certificates for registries and mirrors, at most 32. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::REGISTRIES), extend("nullable" = true, "x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["registry"]))]
    pub configs: Vec<RegistryConfig>,
}

/// Mirrors of one registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryMirror {
    /// Registry that images name, such as `docker.io`. `*` means every registry without an entry. Required. Mutable.
    #[schemars(length(min = 1, max = most::REGISTRY), regex(pattern = r"^([*]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?)$"))]
    pub registry: String,
    /// URLs of the mirrors, 1 to 8, such as `https://mirror.example.com`. Nodes ask them in this order. A URL with a
    /// path names the whole of the API's address, such as `https://mirror.example.com/v2/hub`. Required. Mutable.
    #[schemars(length(min = 1, max = most::ENDPOINTS), inner(length(max = most::ENDPOINT), regex(pattern = r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$")))]
    pub endpoints: Vec<String>,
    /// Names of images at the mirrors: regular expressions, and what takes the place of a match, such as
    /// `"^(.*)$": "hub/$1"`. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true, "maxProperties" = most::REWRITES))]
    pub rewrites: BTreeMap<String, String>,
}

/// Credentials and certificates for one registry or mirror.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.caSecretRef) || dyn(self.caSecretRef) == null || !has(self.caConfigMapRef) || dyn(self.caConfigMapRef) == null").message("give either caSecretRef or caConfigMapRef: the certificate authorities come from one place").field_path(".caConfigMapRef"))]
pub struct RegistryConfig {
    /// Registry or mirror by its host, with the port if its URL has one, such as `mirror.example.com:5000`. Required.
    /// Mutable.
    #[schemars(length(min = 1, max = most::REGISTRY), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$"))]
    pub registry: String,
    /// Secret with the credentials, in the cluster's namespace. Its type is `kubernetes.io/dockerconfigjson` or
    /// `kubernetes.io/basic-auth`. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_secret_ref: Option<SecretRef>,
    /// Secret with certificate authorities for the registry's certificate, PEM. Default: the well-known ones. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<KeyRef>,
    /// ConfigMap with certificate authorities for the registry's certificate, PEM. Default: the well-known ones.
    /// Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_config_map_ref: Option<KeyRef>,
    /// Takes any certificate. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
}

/// A Secret in the cluster's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret. Required. Mutable.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// A key of a Secret or ConfigMap in the cluster's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the Secret or ConfigMap. Required. Mutable.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Its key. Default: `ca.crt`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub key: Option<String>,
}

impl KeyRef {
    /// The key, with its default.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or("ca.crt")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn certificate_authorities_have_kubernetes_s_key() {
        let of = |value| serde_json::from_value::<KeyRef>(value).unwrap();
        assert_eq!(of(json!({"name": "n"})).key(), "ca.crt");
        assert_eq!(of(json!({"name": "n", "key": ""})).key(), "ca.crt");
        assert_eq!(of(json!({"name": "n", "key": "tls.crt"})).key(), "tls.crt");
    }

    #[test]
    fn a_list_that_is_null_is_empty() {
        assert_eq!(serde_json::from_value::<Registries>(json!({"mirrors": null})).unwrap(), Registries::default());
    }
}
