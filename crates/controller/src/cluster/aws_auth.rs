//! Writes the roles of node groups into the ConfigMap `aws-auth`, as EKS does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tracing::Instrument;

use super::node_roles::{self, Edited};
use super::observe::Observed;
use super::validate;
use crate::caches::MappedRoles;
use crate::context::Context;
use crd::cluster_settings::AuthenticationMode;
use crd::plain_yaml::Unread;
use crd::{EKSClusterConfig, Nodegroup, own_entries};
use provider::ClusterId;

const NAME: &str = "aws-auth";
const NAMESPACE: &str = "kube-system";
const ROLES: &str = "mapRoles";
/// Annotation of the ConfigMap: the roles that k3eks wrote, as JSON.
const OURS: &str = "k3eks.io/node-roles";
/// The longest wait for an answer of the cluster.
const ANSWER: Duration = Duration::from_secs(5);
/// Pause before the next attempt.
const AGAIN: Duration = Duration::from_secs(10);

/// The roles to be written, unless the ConfigMap is known to have them. Synchronous, no client.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Option<BTreeSet<String>> {
    if cluster.metadata.deletion_timestamp.is_some() || !is_asked(cluster) || !seen.child.ready {
        return None;
    }
    let wanted = roles(cluster, &seen.nodegroups);
    match &seen.mapped_roles {
        MappedRoles::NotKept | MappedRoles::Writing => None,
        MappedRoles::Known(known) if *known == wanted => None,
        MappedRoles::Unknown | MappedRoles::Known(_) => Some(wanted),
    }
}

/// Begins to add missing roles and to remove those that no group has any more. A child that is slow to answer must not
/// keep the cluster's status waiting. The cluster is woken at the end, or where that failed, when it is time to try again.
pub fn start(cluster: &EKSClusterConfig, wanted: BTreeSet<String>, ctx: &Arc<Context>) {
    let (id, uid) = (validate::id(cluster), cluster.uid().unwrap_or_default());
    let Some(client) = ctx.children.client(&id) else { return };
    if !ctx.caches.roles.begin(&uid) {
        return;
    }
    let worker = ctx.clone();
    let work = async move {
        let kept = keep(&id, client, &wanted).await;
        // Until its end nobody begins another attempt.
        if !kept {
            tokio::time::sleep(AGAIN).await;
        }
        worker.caches.roles.end(&uid, kept.then_some(wanted));
        worker.wake.cluster(&id);
    };
    tokio::spawn(ctx.shutdown.clone().run_until_cancelled_owned(work.in_current_span()));
}

/// Brings the ConfigMap up to date, or says why not. Returns whether nothing more can be done.
async fn keep(cluster: &ClusterId, client: Client, wanted: &BTreeSet<String>) -> bool {
    let said = match tokio::time::timeout(ANSWER, write(client, wanted)).await {
        Ok(Ok(Ok(()))) => None,
        // Until somebody mends it.
        Ok(Ok(Err(unread))) => Some((true, format!("{ROLES} can't be read, so it stays unchanged: {unread}"))),
        Ok(Err(error)) => Some((false, text::sentence(&error))),
        Err(_) => Some((false, "the cluster's API server takes too long to answer".to_owned())),
    };
    let over = said.as_ref().is_none_or(|(over, _)| *over);
    if let Some((_, why)) = said {
        tracing::warn!(%cluster, why, "the roles of nodes aren't in aws-auth");
    }
    over
}

/// Whether the ConfigMap says who may use the cluster.
fn is_asked(cluster: &EKSClusterConfig) -> bool {
    cluster.spec.authentication_mode() != AuthenticationMode::Api
        && !cluster.spec.imported
        && cluster.spec.connector_config.is_none()
}

/// The roles of the node groups, as `aws-auth` has them.
fn roles(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>]) -> BTreeSet<String> {
    let role = |group: &Arc<Nodegroup>| node_roles::without_path(&own_entries::node_role(cluster, group));
    own_entries::staying(groups).map(role).collect()
}

async fn write(client: Client, wanted: &BTreeSet<String>) -> Result<Result<(), Unread>, kube::Error> {
    let api = Api::<ConfigMap>::namespaced(client, NAMESPACE);
    let found = api.get_opt(NAME).await?;
    let change = match change(found.as_ref(), wanted) {
        Ok(Some(change)) => change,
        Ok(None) => return Ok(Ok(())),
        Err(unread) => return Ok(Err(unread)),
    };
    if found.is_some() {
        // Refused where somebody else changed it meanwhile.
        api.patch(NAME, &PatchParams::default(), &Patch::Merge(&change)).await?;
    } else {
        let new = serde_json::from_value(change).map_err(kube::Error::SerdeError)?;
        api.create(&PostParams::default(), &new).await?;
    }
    Ok(Ok(()))
}

/// The new ConfigMap, or the patch of the existing one.
fn change(found: Option<&ConfigMap>, wanted: &BTreeSet<String>) -> Result<Option<Value>, Unread> {
    let annotations = found.and_then(|map| map.metadata.annotations.as_ref());
    let ours: BTreeSet<String> =
        annotations.and_then(|all| serde_json::from_str(all.get(OURS)?).ok()).unwrap_or_default();
    let text = found.and_then(|map| map.data.as_ref()?.get(ROLES)).map_or("", String::as_str);
    let Edited { text, ours: left } = node_roles::edit(text, wanted, &ours)?;
    if text.is_none() && left == ours {
        return Ok(None);
    }
    let mut change = json!({"metadata": {"annotations": {OURS: json!(left).to_string()}}});
    if let Some(text) = text {
        change["data"] = json!({ROLES: text});
    }
    match found {
        Some(map) => change["metadata"]["resourceVersion"] = json!(map.metadata.resource_version),
        None => change["metadata"]["name"] = NAME.into(),
    }
    Ok(Some(change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child_clusters::Child;
    use crate::fixtures::{cluster, deleted, nodegroup, seen_cluster};

    const ROLE: &str = "arn:aws:iam::000000000000:role/nodes";

    fn made(change: &Value) -> ConfigMap {
        let mut map: ConfigMap = serde_json::from_value(change.clone()).unwrap();
        map.metadata.resource_version = Some("7".into());
        map
    }

    #[test]
    fn the_first_group_makes_it_and_the_last_one_leaves_it() {
        let (some, none) = (BTreeSet::from([ROLE.to_owned()]), BTreeSet::new());
        assert_eq!(change(None, &none), Ok(None));
        let new = change(None, &some).unwrap().unwrap();
        assert_eq!(new["metadata"]["name"], NAME);
        let map = made(&new);
        assert_eq!(change(Some(&map), &some), Ok(None));
        let last = change(Some(&map), &none).unwrap().unwrap();
        assert_eq!((&last["data"][ROLES], &last["metadata"]["resourceVersion"]), (&json!("[]\n"), &json!("7")));
        assert_eq!(last["metadata"]["annotations"][OURS], "[]");
    }

    #[test]
    fn a_map_that_cannot_be_read_is_left_alone() {
        let map = made(&json!({"data": {ROLES: "- a: [", "mapUsers": "x"}}));
        assert!(change(Some(&map), &BTreeSet::from([ROLE.to_owned()])).is_err());
    }

    #[test]
    fn the_roles_are_those_of_groups_that_stay() {
        let demo = cluster(json!({}), Value::Null);
        let given = nodegroup(json!({"nodeRole": "arn:aws:iam::000000000000:role/path/nodes"}), Value::Null);
        let going = deleted(nodegroup(json!({"nodeRole": "arn:aws:iam::000000000000:role/going"}), Value::Null));
        let groups = [given, nodegroup(json!({}), Value::Null), going].map(Arc::new);
        let expected = ["arn:aws:iam::000000000000:role/demo-node-role", ROLE].map(str::to_owned);
        assert_eq!(roles(&demo, &groups), BTreeSet::from(expected));
        let asked = |mode: &str| is_asked(&cluster(json!({"accessConfig": {"authenticationMode": mode}}), Value::Null));
        assert!(is_asked(&demo) && asked("API_AND_CONFIG_MAP") && !asked("API"));
    }

    #[test]
    fn the_roles_are_written_where_they_are_not_known_to_be_there() {
        let demo = cluster(json!({}), Value::Null);
        let groups = vec![Arc::new(nodegroup(json!({"nodeRole": ROLE}), Value::Null))];
        let roles = BTreeSet::from([ROLE.to_owned()]);
        let child = Child { ready: true, ..Child::default() };
        let seen = |mapped_roles| Observed {
            mapped_roles,
            nodegroups: groups.clone(),
            child: child.clone(),
            ..seen_cluster()
        };
        assert_eq!(plan(&demo, &seen(MappedRoles::Unknown)), Some(roles.clone()));
        assert_eq!(plan(&demo, &seen(MappedRoles::Known(BTreeSet::new()))), Some(roles.clone()));
        for settled in [MappedRoles::Known(roles), MappedRoles::Writing, MappedRoles::NotKept] {
            assert_eq!(plan(&demo, &seen(settled.clone())), None, "{settled:?}");
        }
        assert_eq!(plan(&deleted(demo.clone()), &seen(MappedRoles::Unknown)), None);
        let away = Observed { child: Child::default(), ..seen(MappedRoles::Unknown) };
        assert_eq!(plan(&demo, &away), None, "nobody answers");
    }
}
