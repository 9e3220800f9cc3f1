//! Registers a cluster with Argo CD: a Secret in Argo CD's namespace.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::owned_access::{apply, digest};
use crate::context::{Context, Settings};
use crate::decision::Problem;
use crate::error::Error;
use crate::owned_objects::{Owned, WRITTEN_FROM, label_value};
use crd::conditions::Reason;
use crd::{EKSClusterConfig, keys, names};
use provider::Access;

/// Argo CD's name and address for the cluster that it runs in.
const ITSELF: &str = "in-cluster";
const OWN_SERVER: &str = "https://kubernetes.default.svc";
/// Label of the Secrets by which Argo CD knows clusters.
const TYPE: &str = "argocd.argoproj.io/secret-type";

/// Why a requested registration is impossible.
pub fn check(cluster: &EKSClusterConfig, settings: &Settings) -> Result<(), Problem> {
    if cluster.spec.registers_with_argocd() && settings.argocd_namespace.is_none() {
        let text = "argocd.register needs Argo CD's namespace; start the operator with --argocd-namespace (chart: operator.argocdNamespace), or set argocd.register to false";
        return Err(Problem::stalled(Reason::InvalidSpec, text));
    }
    if cluster.spec.registers_with_argocd() && known_name(cluster, usual(settings)) == ITSELF {
        let text = format!(
            "argocd.register: {ITSELF} is Argo CD's name for its own cluster; give this cluster another name, or set argocd.register to false"
        );
        return Err(Problem::stalled(Reason::NameTaken, text));
    }
    Ok(())
}

/// The default namespace.
fn usual(settings: &Settings) -> &str {
    settings.watch_namespace.as_deref().unwrap_or("default")
}

/// Argo CD's name for the cluster: its name in the default namespace, else `NAMESPACE/NAME`.
fn known_name(cluster: &EKSClusterConfig, usual: &str) -> String {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    if namespace == usual { name } else { format!("{namespace}/{name}") }
}

/// Whether the Secret exists and was written from this `access`. In namespaces that aren't watched, one write counts.
pub fn written(cluster: &EKSClusterConfig, access: &Access, settings: &Settings, owned: &Owned) -> bool {
    match &settings.argocd_namespace {
        Some(namespace) if cluster.spec.registers_with_argocd() && settings.watch_namespace.is_none() => {
            owned.secret(namespace, &name(cluster), &digest(cluster, access))
        }
        _ => true,
    }
}

/// Writes the Secret from the kubeconfig for pods, or removes an unwanted Secret.
pub async fn write(cluster: &EKSClusterConfig, access: &Access, kubeconfig: &str, ctx: &Context) -> Result<(), Error> {
    let Some(namespace) = ctx.settings.argocd_namespace.as_ref().filter(|_| cluster.spec.registers_with_argocd())
    else {
        return remove(cluster, ctx).await;
    };
    let unusable = |e: yaml::Error| Error::Kubeconfig { cluster: access.endpoint.clone(), why: e.to_string() };
    let (server, config) = known_as(kubeconfig).map_err(unusable)?;
    let name = name(cluster);
    let known = known_name(cluster, usual(&ctx.settings));
    is_free(cluster, namespace, &name, (&known, server.as_str().unwrap_or_default()), ctx).await?;
    let body = json!({
        "type": "Opaque",
        "metadata": {
            "name": name,
            "labels": {
                TYPE: "cluster",
                keys::LABEL_CLUSTER: label_value(&cluster.name_any()),
                "app.kubernetes.io/managed-by": "k3eks",
            },
            "annotations": {WRITTEN_FROM: digest(cluster, access)},
        },
        "stringData": {"name": known, "server": server, "config": config.to_string()},
    });
    apply::<Secret>(ctx, namespace, &name, body).await
}

/// Applications choose a cluster by name or by server, so neither may belong to another cluster.
async fn is_free(
    cluster: &EKSClusterConfig,
    namespace: &str,
    secret: &str,
    (name, server): (&str, &str),
    ctx: &Context,
) -> Result<(), Error> {
    let api = Api::<Secret>::namespaced(ctx.client.clone(), namespace);
    let others = match api.list(&ListParams::default().labels(&format!("{TYPE}=cluster"))).await {
        Ok(others) => others.items,
        // Where other namespaces aren't watched it may only write there.
        Err(kube::Error::Api(status)) if status.code == 403 && ctx.settings.watch_namespace.is_some() => Vec::new(),
        Err(error) => return Err(Error::kubernetes(format!("listing Argo CD's clusters in {namespace}"))(error)),
    };
    match taken(&others, secret, (name, server)) {
        Some(what) => Err(Error::Taken { what, cluster: cluster.name_any() }),
        None => Ok(()),
    }
}

/// The name or server that a Secret other than `secret` uses already.
fn taken(others: &[Secret], secret: &str, (name, server): (&str, &str)) -> Option<String> {
    let plain = |server: &str| server.trim_end_matches('/').to_owned();
    if plain(server) == OWN_SERVER {
        return Some(format!("Argo CD's own cluster {OWN_SERVER}"));
    }
    others.iter().filter(|other| other.name_any() != secret).find_map(|other| {
        let text = |key: &str| {
            let bytes = other.data.as_ref().and_then(|data| data.get(key));
            bytes.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned())
        };
        let of = |what: &str| format!("Argo CD's cluster with the {what} (Secret {})", other.name_any());
        if text("name").as_deref() == Some(name) {
            return Some(of(&format!("name {name}")));
        }
        (text("server").map(|server| plain(&server)) == Some(plain(server))).then(|| of(&format!("server {server}")))
    })
}

/// Unregisters the cluster.
pub async fn remove(cluster: &EKSClusterConfig, ctx: &Context) -> Result<(), Error> {
    let Some(namespace) = &ctx.settings.argocd_namespace else { return Ok(()) };
    let name = name(cluster);
    // Where other namespaces aren't watched, only trying tells.
    let is_watched = ctx.settings.watch_namespace.is_none();
    if is_watched && ctx.stores.owned.secret_annotations(namespace, &name).is_none() {
        return Ok(());
    }
    match Api::<Secret>::namespaced(ctx.client.clone(), namespace).delete(&name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 || (status.code == 403 && !is_watched) => Ok(()),
        Err(error) => Err(Error::kubernetes(format!("deleting Secret {namespace}/{name}"))(error)),
    }
}

/// Name of the Secret. Secrets of clusters of all namespaces share Argo CD's namespace.
fn name(cluster: &EKSClusterConfig) -> String {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    format!("k3eks-{name}-{}", &names::digest(&[&namespace, &name])[..8])
}

/// Server and credentials of a kubeconfig, in Argo CD's own form.
fn known_as(kubeconfig: &str) -> Result<(Value, Value), yaml::Error> {
    let kubeconfig: Value = yaml::read(kubeconfig)?;
    let (place, user) = (&kubeconfig["clusters"][0]["cluster"], &kubeconfig["users"][0]["user"]);
    let mut tls = json!({});
    for (there, here) in [
        ("caData", &place["certificate-authority-data"]),
        ("serverName", &place["tls-server-name"]),
        ("certData", &user["client-certificate-data"]),
        ("keyData", &user["client-key-data"]),
    ] {
        if here.is_string() {
            tls[there] = here.clone();
        }
    }
    let mut config = json!({"tlsClientConfig": tls});
    if user["token"].is_string() {
        config["bearerToken"] = user["token"].clone();
    }
    Ok((place["server"].clone(), config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_in_argo_cds_form() {
        let place =
            json!({"certificate-authority-data": "Y2E=", "server": "https://a", "tls-server-name": "kubernetes"});
        let kubeconfig = json!({"clusters": [{"cluster": place}], "users": [{"user": {"token": "t"}}]});
        let expected = json!({"bearerToken": "t", "tlsClientConfig": {"caData": "Y2E=", "serverName": "kubernetes"}});
        assert_eq!(known_as(&kubeconfig.to_string()).unwrap(), (json!("https://a"), expected));
    }

    #[test]
    fn a_name_or_a_server_that_argo_cd_knows_already_is_taken() {
        let other: Secret = serde_json::from_value(json!({
            "metadata": {"name": "theirs"}, "data": {"name": "ZGVtbw==", "server": "aHR0cHM6Ly9hLw=="},
        }))
        .unwrap();
        let taken = |secret: &str, name: &str, server: &str| {
            super::taken(std::slice::from_ref(&other), secret, (name, server)).unwrap_or_default()
        };
        assert_eq!(taken("mine", "demo", "https://b"), "Argo CD's cluster with the name demo (Secret theirs)");
        assert_eq!(taken("mine", "b/demo", "https://a"), "Argo CD's cluster with the server https://a (Secret theirs)");
        assert!(taken("mine", "other", "https://kubernetes.default.svc/").contains("own cluster"));
        assert_eq!(taken("mine", "b/demo", "https://b"), "");
        assert_eq!(taken("theirs", "demo", "https://a"), "", "its own");
    }

    #[test]
    fn clusters_of_one_name_are_told_apart() {
        let cluster = |namespace: &str, spec: Value| -> EKSClusterConfig {
            let metadata = json!({"name": "a", "namespace": namespace});
            let object = json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": metadata, "spec": spec});
            serde_json::from_value(object).unwrap()
        };
        let (one, other) = (cluster("b", json!({"argocd": {"register": true}})), cluster("c", json!({})));
        assert!(one.spec.registers_with_argocd() && !other.spec.registers_with_argocd() && name(&one) != name(&other));
        assert_eq!((known_name(&one, "b"), known_name(&other, "b")), ("a".into(), "c/a".into()));
    }
}
