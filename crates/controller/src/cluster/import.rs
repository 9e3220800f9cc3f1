//! Imported clusters: looked at, and never made, changed or deleted.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Client, ResourceExt};

use super::next::{Next, begun};
use super::observe::Observed;
use crate::decision::{Decision, Problem};
use crd::conditions::{Health, Reason};
use crd::names::is_object_name;
use crd::phase::Phase;
use crd::{EKSClusterConfig, keys, kubeconfig};
use provider::{Access, ClusterId, Import};

/// Keys of the Secret that may have the kubeconfig, in the order in which they are looked for.
const SECRET_KEYS: [&str; 3] = [keys::KUBECONFIG_KEY, "kubeconfig", "config"];
/// Pause while an imported cluster is missing or doesn't answer.
const LATER: Duration = Duration::from_secs(5);

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

/// The next action for an imported cluster.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Decision<Next> {
    if seen.child.ready {
        let next = if !seen.inline.is_empty() {
            Next::SyncNodegroups(seen.inline.clone())
        } else if seen.access_written {
            Next::Nothing
        } else {
            Next::WriteAccess
        };
        return Decision::new(next, Phase::Active, Health::Ready).after(Duration::from_secs(600));
    }
    if begun(cluster) && !seen.child.is_known() {
        return Decision::new(Next::LookAgain, Phase::Active, Health::Ready).after(Duration::from_millis(300));
    }
    let problem = &seen.child.problem;
    if begun(cluster) {
        let text = format!("the imported cluster can't be reached: {problem}");
        return Decision::new(Next::Nothing, Phase::Active, Health::Failing(Reason::Unreachable, text)).after(LATER);
    }
    let text = if problem.is_empty() { "looking for the cluster".into() } else { format!("importing: {problem}") };
    Decision::new(Next::Nothing, Phase::Importing, Health::Progressing(Reason::WaitingForCluster, text)).after(LATER)
}

/// Earliest creation time of a connector Secret; `None` if the cluster names its Secret itself. A connector's name
/// follows from the cluster's, so an older one was meant for another cluster.
pub fn since(cluster: &EKSClusterConfig) -> Option<Time> {
    cluster.spec.kubeconfig_secret.is_none().then(|| cluster.metadata.creation_timestamp.clone())?
}

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
        api_port: None,
        ca_pem: ca.ok_or("its certificate-authority-data isn't a certificate in base64")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::children::Child;
    use crate::fixtures::{active, cluster, seen_cluster};

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

    #[test]
    fn it_is_importing_until_it_answers_and_stays_active_when_it_is_away() {
        let spec = || json!({"imported": true});
        let seen = |ready, problem: &str| Observed {
            child: Child { ready, asked: true, problem: problem.into(), ..Child::default() },
            ..seen_cluster()
        };
        let new = plan(&cluster(spec(), json!(null)), &seen(false, "no such host"));
        assert_eq!((new.next.clone(), new.phase), (Next::Nothing, Phase::Importing));
        assert!(matches!(&new.health, Health::Progressing(_, text) if text.contains("no such host")));
        assert_eq!(plan(&cluster(spec(), json!(null)), &seen(true, "")).phase, Phase::Active);
        let away = plan(&cluster(spec(), active()), &seen(false, "refused"));
        assert_eq!(away.phase, Phase::Active);
        assert!(matches!(away.health, Health::Failing(Reason::Unreachable, _)));
    }
}
