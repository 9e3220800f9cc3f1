//! The Secret with an imported cluster's kubeconfig.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Client, ResourceExt};

use crd::{keys, kubeconfig};
use provider::{Access, ClusterId};

/// Keys of the Secret that may have the kubeconfig, in the order in which they are looked for.
const SECRET_KEYS: [&str; 3] = [keys::KUBECONFIG_KEY, "kubeconfig", "config"];
/// Access from a Secret made no earlier than `since`.
///
/// # Errors
/// In words for people: there is no such Secret, or its kubeconfig can't be used.
pub async fn access(client: &Client, id: &ClusterId, secret: &str, since: Option<&Time>) -> Result<Access, String> {
    let api = Api::<Secret>::namespaced(client.clone(), &id.namespace);
    let found = api
        .get_opt(secret)
        .await
        .map_err(|e| format!("reading Secret {}/{secret}: {}", id.namespace, text::sentence(&e)))?;
    let waiting = || {
        format!(
            "waiting for Secret {}/{secret} with the cluster's kubeconfig: kubectl -n {} create secret generic {secret} --from-file={}=KUBECONFIG",
            id.namespace,
            id.namespace,
            keys::KUBECONFIG_KEY
        )
    };
    if let Some(found) = &found {
        meant(found, since).map_err(|why| format!("Secret {}/{secret} {why}", id.namespace))?;
    }
    let data = found.and_then(|found| found.data).ok_or_else(waiting)?;
    let bytes = SECRET_KEYS.iter().find_map(|key| data.get(*key));
    let bytes = bytes
        .ok_or_else(|| format!("Secret {}/{secret} has none of the keys {}", id.namespace, SECRET_KEYS.join(", ")))?;
    let text = String::from_utf8_lossy(&bytes.0);
    of(&text).map_err(|why| format!("the kubeconfig in Secret {secret} can't be used: {why}"))
}

/// Whether a Secret is as new as the registration.
fn meant(secret: &Secret, since: Option<&Time>) -> Result<(), &'static str> {
    let Some(since) = since else { return Ok(()) };
    if secret.labels().contains_key(keys::LABEL_CLUSTER) {
        return Err("belongs to another cluster; use a Secret with another name");
    }
    if secret.metadata.creation_timestamp.as_ref().is_some_and(|made| made.0 < since.0) {
        return Err(
            "is older than the cluster's registration, so it was meant for another cluster; delete it and create it again",
        );
    }
    Ok(())
}

/// Access from a kubeconfig's current context. The Secret is a stranger's: everything else in it is dropped, and
/// references to files and programs are refused.
fn of(text: &str) -> Result<Access, String> {
    let own = kubeconfig::read(text)?;
    let cluster = own.clusters.first().and_then(|named| named.cluster.clone()).unwrap_or_default();
    let endpoint = cluster.server.ok_or("its cluster has no server")?;
    let ca = cluster.certificate_authority_data.unwrap_or_default();
    let ca = STANDARD.decode(ca.trim()).ok().and_then(|ca| String::from_utf8(ca).ok());
    Ok(Access {
        kubeconfig: yaml::write(&own).map_err(|e| e.to_string())?,
        endpoint,
        internal: None,
        direct: None,
        placement: None,
        ca_pem: ca.ok_or("its certificate-authority-data isn't a certificate in base64")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::import_source::since;
    use crate::fixtures::cluster;

    fn kubeconfig(cluster: Value, user: Value) -> Result<Access, String> {
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": user}, {"name": "prod-admin", "user": {"exec": {"command": "sh"}}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        });
        of(&text.to_string())
    }

    #[test]
    fn a_kubeconfig_with_everything_in_it_is_a_way_in() {
        let server = json!({"server": "https://there:6443", "certificate-authority-data": STANDARD.encode("PEM")});
        let access = kubeconfig(server, json!({"token": "t"})).unwrap();
        assert_eq!((access.endpoint.as_str(), access.ca_pem.as_str()), ("https://there:6443", "PEM"));
        assert!(
            access.kubeconfig.contains("token") && !access.kubeconfig.contains("prod-admin"),
            "{}",
            access.kubeconfig
        );
    }

    #[test]
    fn a_kubeconfig_never_makes_the_operator_run_a_program_or_read_a_file() {
        let server = json!({"server": "https://there:6443"});
        for user in [
            json!({"exec": {"command": "sh", "apiVersion": "client.authentication.k8s.io/v1"}}),
            json!({"tokenFile": "/etc/passwd"}),
            json!({"client-certificate": "/a", "client-key": "/b"}),
            json!({"auth-provider": {"name": "gcp", "config": {"cmd-path": "sh"}}}),
        ] {
            let why = kubeconfig(server.clone(), user).unwrap_err();
            assert!(why.contains("--flatten"), "{why}");
        }
        assert!(kubeconfig(json!({"server": "https://there", "certificate-authority": "/ca"}), json!({})).is_err());
    }

    #[test]
    fn a_secret_that_was_left_by_another_registration_connects_nothing() {
        let made = |time: &str, labels: Value| -> Secret {
            serde_json::from_value(json!({"metadata": {"creationTimestamp": time, "labels": labels}})).unwrap()
        };
        let registered = |more: Value| {
            let mut one = cluster(
                json!({"imported": true, "connectorConfig": {"roleArn": "r", "provider": "OTHER"}}),
                json!(null),
            );
            one.metadata.creation_timestamp = made("2026-01-02T03:04:05Z", json!({})).metadata.creation_timestamp;
            one.spec.kubeconfig_secret = serde_json::from_value(more).unwrap();
            since(&one)
        };
        let since = registered(json!(null));
        assert!(meant(&made("2026-01-02T03:04:05Z", json!({})), since.as_ref()).is_ok());
        assert!(meant(&made("2026-01-02T03:04:04Z", json!({})), since.as_ref()).unwrap_err().contains("older"));
        let ours = json!({(keys::LABEL_CLUSTER): "other"});
        assert!(meant(&made("2026-01-03T00:00:00Z", ours.clone()), since.as_ref()).is_err());
        // One that is named is the one that is meant.
        assert!(meant(&made("2020-01-01T00:00:00Z", ours), registered(json!("mine")).as_ref()).is_ok());
    }
}
