//! Where an imported cluster is found.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::decision::Problem;
use crd::conditions::Reason;
use crd::names::is_object_name;
use crd::{EKSClusterConfig, keys};
use provider::Import;

/// Source of an imported cluster; `None` for a cluster made here.
///
/// # Errors
/// Where the Secret's name is one that is written here.
pub fn source(cluster: &EKSClusterConfig) -> Result<Option<Import>, Problem> {
    let name = cluster.name_any();
    if !cluster.spec.imported {
        return Ok(None);
    }
    if cluster.spec.certificate_authority.is_some() {
        let text = "certificateAuthority can't be set for an imported cluster, whose servers k3eks never changes; remove the field";
        return Err(Problem::stalled(Reason::InvalidSpec, text));
    }
    let connector = cluster.spec.connector_config.is_some().then(|| format!("{name}{}", keys::CONNECTOR_SUFFIX));
    let Some(secret) = cluster.spec.kubeconfig_secret.clone().or(connector) else {
        return Ok(Some(Import::Named(cluster.spec.display_name.clone().unwrap_or(name))));
    };
    // The name becomes a part of a URL, and definitions of before don't check it.
    if !is_object_name(&secret) {
        let text = format!(
            "kubeconfigSecret {secret:?} isn't a valid name; use the name of a Secret in the cluster's namespace (lower-case letters, digits, - and .)"
        );
        return Err(Problem::stalled(Reason::InvalidSpec, text));
    }
    let written = format!("{name}{}", keys::KUBECONFIG_SUFFIX);
    if secret == name || secret == written {
        let text = format!(
            "kubeconfigSecret can't be {secret}: k3eks writes the Secrets {name} and {written}; give yours another name"
        );
        return Err(Problem::stalled(Reason::InvalidSpec, text));
    }
    Ok(Some(Import::Secret(secret)))
}

/// Earliest creation time of a connector Secret; `None` if the cluster names its Secret itself. A connector's name
/// follows from the cluster's, so an older one was meant for another cluster.
pub fn since(cluster: &EKSClusterConfig) -> Option<Time> {
    cluster.spec.kubeconfig_secret.is_none().then(|| cluster.metadata.creation_timestamp.clone())?
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::cluster;

    #[test]
    fn clusters_are_found_by_name_by_secret_or_once_they_are_connected() {
        let of = |spec: Value| source(&cluster(spec, json!(null)));
        assert_eq!(of(json!({})), Ok(None));
        assert_eq!(of(json!({"imported": true})), Ok(Some(Import::Named("demo".into()))));
        assert_eq!(of(json!({"imported": true, "displayName": "dev"})), Ok(Some(Import::Named("dev".into()))));
        assert_eq!(of(json!({"imported": true, "kubeconfigSecret": "s"})), Ok(Some(Import::Secret("s".into()))));
        assert_eq!(of(json!({"imported": true, "kubeconfigSecret": ""})), Ok(Some(Import::Named("demo".into()))));
        let connector = json!({"roleArn": "arn:aws:iam::000000000000:role/r", "provider": "EKS_ANYWHERE"});
        let registered = of(json!({"imported": true, "connectorConfig": connector}));
        assert_eq!(registered, Ok(Some(Import::Secret("demo-connector".into()))));
        for wrong in ["demo-kubeconfig", "../../other/secrets/x", "a/b", "a?b", "A", "..", "-a"] {
            assert!(of(json!({"imported": true, "kubeconfigSecret": wrong})).is_err(), "{wrong}");
        }
    }
}
