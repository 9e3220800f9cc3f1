//! A cluster as one that Argo CD deploys to: a Secret in Argo CD's own namespace, by which it knows clusters.

use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::access::{apply, digest};
use super::inline::label_value;
use crate::controller::context::{Context, Settings};
use crate::controller::decision::Problem;
use crate::controller::error::Error;
use crate::controller::owned::{Owned, WRITTEN_FROM};
use crate::crd::conditions::Reason;
use crate::crd::{EKSClusterConfig, keys, names};
use crate::provider::Access;

/// Whether Argo CD is to know the cluster.
pub fn wanted(cluster: &EKSClusterConfig) -> bool {
    cluster.spec.argocd.as_ref().is_some_and(|argocd| argocd.register)
}

/// Why Argo CD can't be told of it, if that is asked for.
pub fn check(cluster: &EKSClusterConfig, settings: &Settings) -> Result<(), Problem> {
    if wanted(cluster) && settings.argocd_namespace.is_none() {
        let text = "argocd.register: this operator wasn't told where Argo CD is; start it with --argocd-namespace (chart: operator.argocdNamespace), or set argocd.register to false";
        return Err(Problem::stalled(Reason::InvalidSpec, text));
    }
    Ok(())
}

/// Whether the Secret is there and was written from this very `access`. Where other namespaces aren't watched, that it was written once counts.
pub fn written(cluster: &EKSClusterConfig, access: &Access, settings: &Settings, owned: &Owned) -> bool {
    match &settings.argocd_namespace {
        Some(namespace) if wanted(cluster) && settings.watch_namespace.is_none() => {
            owned.secret(namespace, &name(cluster), &digest(cluster, access))
        }
        _ => true,
    }
}

/// Writes the Secret, or removes it where it isn't wanted.
pub async fn write(cluster: &EKSClusterConfig, access: &Access, server: &str, ctx: &Context) -> Result<(), Error> {
    let Some(namespace) = ctx.settings.argocd_namespace.as_ref().filter(|_| wanted(cluster)) else {
        return remove(cluster, ctx).await;
    };
    let unusable = |why: String| Error::Kubeconfig { cluster: access.endpoint.clone(), why };
    let config = config(cluster, access).map_err(|e| unusable(e.to_string()))?;
    let name = name(cluster);
    let body = json!({
        "type": "Opaque",
        "metadata": {
            "name": name,
            "labels": {
                "argocd.argoproj.io/secret-type": "cluster",
                keys::LABEL_CLUSTER: label_value(&cluster.name_any()),
                "app.kubernetes.io/managed-by": "k3eks",
            },
            "annotations": {WRITTEN_FROM: digest(cluster, access)},
        },
        "stringData": {"name": cluster.name_any(), "server": server, "config": config.to_string()},
    });
    apply::<Secret>(ctx, namespace, &name, body).await
}

/// Argo CD knows the cluster no more, if it ever did.
pub async fn remove(cluster: &EKSClusterConfig, ctx: &Context) -> Result<(), Error> {
    let Some(namespace) = &ctx.settings.argocd_namespace else { return Ok(()) };
    let name = name(cluster);
    // Where other namespaces aren't watched, only trying tells.
    let is_watched = ctx.settings.watch_namespace.is_none();
    if is_watched && ctx.owned.secret_annotations(namespace, &name).is_none() {
        return Ok(());
    }
    match Api::<Secret>::namespaced(ctx.client.clone(), namespace).delete(&name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 || (status.code == 403 && !is_watched) => Ok(()),
        Err(error) => Err(Error::kubernetes(format!("deleting Secret {namespace}/{name}"))(error)),
    }
}

/// Name of the Secret: clusters of all namespaces meet there.
fn name(cluster: &EKSClusterConfig) -> String {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    format!("k3eks-{name}-{}", &names::digest(&[&namespace, &name])[..8])
}

/// The credentials, in Argo CD's own form.
fn config(cluster: &EKSClusterConfig, access: &Access) -> Result<Value, serde_yaml::Error> {
    let kubeconfig: Value = serde_yaml::from_str(&access.kubeconfig)?;
    let (place, user) = (&kubeconfig["clusters"][0]["cluster"], &kubeconfig["users"][0]["user"]);
    let mut tls = json!({"caData": place["certificate-authority-data"]});
    for (there, here) in [("certData", "client-certificate-data"), ("keyData", "client-key-data")] {
        if user[here].is_string() {
            tls[there] = user[here].clone();
        }
    }
    // The certificate of a cluster that was made elsewhere doesn't have the Service's name.
    if cluster.spec.imported {
        tls["serverName"] = "kubernetes".into();
    }
    let mut config = json!({"tlsClientConfig": tls});
    if user["token"].is_string() {
        config["bearerToken"] = user["token"].clone();
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_in_argo_cds_form() {
        let object = json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "a", "namespace": "b"}, "spec": {"imported": true, "argocd": {"register": true}}});
        let cluster: EKSClusterConfig = serde_json::from_value(object).unwrap();
        assert!(wanted(&cluster));
        let kubeconfig = json!({"clusters": [{"cluster": {"certificate-authority-data": "Y2E=", "server": "https://a"}}], "users": [{"user": {"token": "t"}}]});
        let access = Access {
            kubeconfig: kubeconfig.to_string(),
            endpoint: "https://a".into(),
            internal: None,
            api_port: None,
            ca_pem: "ca".into(),
        };
        let expected = json!({"bearerToken": "t", "tlsClientConfig": {"caData": "Y2E=", "serverName": "kubernetes"}});
        assert_eq!(config(&cluster, &access).unwrap(), expected);
        let other: EKSClusterConfig = serde_json::from_value(json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "a", "namespace": "c"}, "spec": {}})).unwrap();
        assert!(!wanted(&other) && name(&cluster) != name(&other));
    }
}
