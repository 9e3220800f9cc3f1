//! Writes the roles of node groups into the ConfigMap `aws-auth`, as EKS does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::node_roles::{self, Edited};
use super::observe::Observed;
use super::validate;
use crate::context::Context;
use crd::cluster_settings::AuthenticationMode;
use crd::plain_yaml::Unread;
use crd::{EKSClusterConfig, Nodegroup, own_entries};

const NAME: &str = "aws-auth";
const NAMESPACE: &str = "kube-system";
const ROLES: &str = "mapRoles";
/// Annotation of the ConfigMap: the roles that k3eks wrote, as JSON.
const OURS: &str = "k3eks.io/node-roles";
/// The longest wait for an answer of the cluster.
const ANSWER: Duration = Duration::from_secs(5);
/// Pause before the next attempt.
pub const AGAIN: Duration = Duration::from_secs(10);

/// Adds missing roles and removes those that no group has any more. Returns whether the ConfigMap is up to date.
pub async fn keep(cluster: &EKSClusterConfig, seen: &Observed, ctx: &Context) -> bool {
    let (id, uid) = (validate::id(cluster), cluster.uid().unwrap_or_default());
    if cluster.metadata.deletion_timestamp.is_some() {
        ctx.aws_auth.forget(&uid);
        return true;
    }
    if ctx.settings.identity.is_none() || !is_asked(cluster) || !seen.child.ready {
        return true;
    }
    let Some(client) = ctx.children.client(&id) else { return true };
    let wanted = roles(cluster, &ctx.nodegroups_of(&id));
    if ctx.aws_auth.is_fresh(&uid, &wanted) {
        return true;
    }
    let said = match tokio::time::timeout(ANSWER, write(client, &wanted)).await {
        Ok(Ok(Ok(()))) => None,
        // Until somebody mends it.
        Ok(Ok(Err(unread))) => Some((true, format!("{ROLES} can't be read, so it stays unchanged: {unread}"))),
        Ok(Err(error)) => Some((false, text::sentence(&error))),
        Err(_) => Some((false, "the cluster's API server takes too long to answer".to_owned())),
    };
    let over = said.as_ref().is_none_or(|(over, _)| *over);
    if let Some((_, why)) = said {
        tracing::warn!(cluster = %id, why, "the roles of nodes aren't in aws-auth");
    }
    if over {
        ctx.aws_auth.note(&uid, wanted);
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
    use crate::fixtures::{cluster, deleted, nodegroup};

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
}
