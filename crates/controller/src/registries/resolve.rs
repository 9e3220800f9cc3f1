//! Reads what the entries of registries name.

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::{Source, Wanted, content};
use crate::error::Error;
use crate::secrets;
use crd::registries::{RegistryConfig, RegistryMirror};
use provider::{Mirror, NodeRegistries, NodeRegistry, RegistryConfig as NodeRegistryConfig};

/// What nodes are to be told. Beside it, what is missing and what to do about that: nodes then keep what they have.
///
/// # Errors
/// [`Error::Kubernetes`] where the management cluster can't be asked.
pub async fn resolve(
    client: &Client,
    wanted: &Wanted,
    own: Option<NodeRegistry>,
) -> Result<(NodeRegistries, Vec<String>), Error> {
    let (mut configs, mut missing) = (BTreeMap::new(), Vec::new());
    for (namespace, config) in &wanted.configs {
        let (found, problems) = one(client, namespace, config).await?;
        configs.insert(config.registry.clone(), found);
        missing.extend(problems);
    }
    let mirrors = wanted.mirrors.iter().map(mirror).collect();
    Ok((NodeRegistries { own, mirrors, configs, complete: missing.is_empty() }, missing))
}

fn mirror(wanted: &RegistryMirror) -> Mirror {
    Mirror { registry: wanted.registry.clone(), endpoints: wanted.endpoints.clone(), rewrites: wanted.rewrites.clone() }
}

/// How one registry is reached, as far as that is known, and what is missing.
async fn one(
    client: &Client,
    namespace: &str,
    config: &RegistryConfig,
) -> Result<(NodeRegistryConfig, Vec<String>), Error> {
    let registry = &config.registry;
    let mut found = NodeRegistryConfig {
        insecure_skip_verify: config.insecure_skip_verify == Some(true),
        ..NodeRegistryConfig::default()
    };
    let mut missing = Vec::new();
    if let Some(named) = &config.auth_secret_ref {
        let name = &named.name;
        let read = read::<Secret>(client, namespace, name).await?.ok_or_else(|| {
            format!("doesn't exist; create it: kubectl -n {namespace} create secret docker-registry {name} --docker-server={registry} --docker-username=USER --docker-password=PASSWORD")
        });
        match read.and_then(|secret| content::credentials(&secret, registry)) {
            Ok(credentials) => found.credentials = Some(credentials),
            Err(why) => missing.push(format!("registry {registry}: Secret {namespace}/{name} {why}")),
        }
    }
    for (source, named) in [(Source::Secret, &config.ca_secret_ref), (Source::ConfigMap, &config.ca_config_map_ref)] {
        let Some(named) = named else { continue };
        let (name, key) = (&named.name, named.key());
        let (kind, made_as, data) = match source {
            Source::Secret => {
                let found = read::<Secret>(client, namespace, name).await?;
                ("Secret", "secret generic", found.map(|secret| secrets::text(&secret, key)))
            }
            Source::ConfigMap => {
                let found = read::<ConfigMap>(client, namespace, name).await?;
                ("ConfigMap", "configmap", found.map(|map| map.data?.remove(key)))
            }
        };
        let create = format!("kubectl -n {namespace} create {made_as} {name} --from-file={key}=FILE");
        let read = data.ok_or_else(|| format!("doesn't exist; create it: {create}"));
        let read =
            read.and_then(|text| text.ok_or_else(|| format!("has no text in its key {key}; create it: {create}")));
        let read = read.and_then(|text| {
            content::certificates(&text).map_err(|why| format!("{why} in its key {key}; create it anew: {create}"))
        });
        match read {
            Ok(pem) => found.ca_pem = Some(pem),
            Err(why) => missing.push(format!("registry {registry}: {kind} {namespace}/{name} {why}")),
        }
    }
    Ok((found, missing))
}

async fn read<K>(client: &Client, namespace: &str, name: &str) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
{
    let doing = format!("reading {} {namespace}/{name} of a container registry", K::kind(&()));
    Api::<K>::namespaced(client.clone(), namespace).get_opt(name).await.map_err(Error::kubernetes(doing))
}

#[cfg(test)]
mod tests;
