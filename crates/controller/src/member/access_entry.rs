//! Access policies of an access entry as RBAC in the child cluster, bound to a group of this entry alone.

use std::collections::BTreeSet;
use std::fmt::Debug;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding, Subject};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::health::{self, Kind, MemberHealth};
use crate::cluster::validate;
use crate::context::Context;
use crate::error::Error;
use crd::access_entry::AccessScope;
use crd::identity_service::{entry_group, entry_id};
use crd::{AccessEntry, EKSClusterConfig, access_policies, keys};

/// Label of an access entry's objects: the id of its principal.
const LABEL: &str = "k3eks.io/access-entry";
/// Requests to one child at once.
const AT_ONCE: usize = 4;

impl Kind for AccessEntry {
    async fn assess(&self, cluster: &EKSClusterConfig, ctx: &Context) -> Result<MemberHealth, Error> {
        if ctx.settings.identity.is_none()
            || cluster.spec.imported
            || ctx.providers.of(cluster).is_none_or(|p| !p.capabilities().api_server)
        {
            return Ok(MemberHealth::Record);
        }
        let id = validate::id(cluster);
        let child = ctx.children.view(&id);
        let Some(client) = ctx.children.client(&id).filter(|_| child.ready) else {
            return Ok(health::out_of_reach(&child));
        };
        let failed = |error: kube::Error| {
            Error::kubernetes(format!("writing what {} may do in cluster {id}", self.spec.principal_arn))(error)
        };
        let known =
            ctx.stores.members.of::<Self>(&id).iter().map(|entry| entry_id(&entry.spec.principal_arn)).collect();
        grant(&client, self, &known).await.map_err(failed)?;
        Ok(if is_scoped(self) { MemberHealth::Followed } else { MemberHealth::Working })
    }
}

/// Whether the scope can match new namespaces.
fn is_scoped(entry: &AccessEntry) -> bool {
    entry.spec.access_policies.iter().any(|p| p.access_scope.type_ == "namespace")
}

/// Applies exactly the entry's policies, and removes objects of deleted entries. `known` holds the ids of all entries.
async fn grant(client: &Client, entry: &AccessEntry, known: &BTreeSet<String>) -> Result<(), kube::Error> {
    let id = entry_id(&entry.spec.principal_arn);
    let namespaces = if is_scoped(entry) { namespaces(client).await? } else { Vec::new() };
    let wanted = bindings(entry, &namespaces);
    for policy in wanted.iter().map(|b| b.policy.clone()).collect::<BTreeSet<_>>() {
        let body = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": role(&policy), "labels": {"app.kubernetes.io/managed-by": "k3eks"}},
            "rules": access_policies::rules(&policy)});
        apply(&Api::<ClusterRole>::all(client.clone()), &role(&policy), &body).await?;
    }
    // Looked at every few seconds where new namespaces may come, so that only what lacks is written.
    let mut there = BTreeSet::new();
    let group = entry_group(&entry.spec.principal_arn);
    let binds = |subjects: &Option<Vec<Subject>>| {
        subjects.as_deref().is_some_and(|all| matches!(all, [one] if one.kind == "Group" && one.name == group))
    };
    let labelled = ListParams::default().labels(LABEL);
    let stale = |labels: &std::collections::BTreeMap<String, String>, name: &str, namespace: Option<&str>| {
        let of = labels.get(LABEL).map_or("", String::as_str);
        let kept = wanted.iter().any(|b| b.name(&id) == name && b.namespace.as_deref() == namespace);
        if of == id { !kept } else { !known.contains(of) }
    };
    let api = Api::<ClusterRoleBinding>::all(client.clone());
    for found in api.list(&labelled).await? {
        if stale(found.labels(), &found.name_any(), None) {
            gone(api.delete(&found.name_any(), &DeleteParams::default()).await)?;
        } else if binds(&found.subjects) {
            there.insert((found.name_any(), None));
        }
    }
    for found in Api::<RoleBinding>::all(client.clone()).list(&labelled).await? {
        let namespace = found.namespace().unwrap_or_default();
        if stale(found.labels(), &found.name_any(), Some(&namespace)) {
            let api = Api::<RoleBinding>::namespaced(client.clone(), &namespace);
            gone(api.delete(&found.name_any(), &DeleteParams::default()).await)?;
        } else if binds(&found.subjects) {
            there.insert((found.name_any(), Some(namespace)));
        }
    }
    let lacking = wanted.iter().filter(|b| !there.contains(&(b.name(&id), b.namespace.clone())));
    futures::stream::iter(lacking.map(Ok))
        .try_for_each_concurrent(AT_ONCE, |binding| {
            let (name, body) = (binding.name(&id), binding.body(&id, &entry.spec.principal_arn));
            let client = client.clone();
            async move {
                match &binding.namespace {
                    None => apply(&Api::<ClusterRoleBinding>::all(client), &name, &body).await,
                    Some(namespace) => apply(&Api::<RoleBinding>::namespaced(client, namespace), &name, &body).await,
                }
            }
        })
        .await
}

async fn namespaces(client: &Client) -> Result<Vec<String>, kube::Error> {
    let all = Api::<Namespace>::all(client.clone()).list_metadata(&ListParams::default()).await?;
    let lasting = all.iter().filter(|n| n.metadata.deletion_timestamp.is_none());
    Ok(lasting.map(ResourceExt::name_any).collect())
}

async fn apply<K>(api: &Api<K>, name: &str, body: &Value) -> Result<(), kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    api.patch(name, &PatchParams::apply(keys::MEMBER_MANAGER).force(), &Patch::Apply(body)).await.map(drop)
}

/// Ignores objects that are gone already.
fn gone<T>(deleted: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match deleted {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

/// Name of the ClusterRole of a policy.
fn role(policy: &str) -> String {
    format!("eks:access-policy:{policy}")
}

/// One policy in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binding {
    policy: String,
    /// None: the whole cluster.
    namespace: Option<String>,
}

impl Binding {
    fn name(&self, id: &str) -> String {
        format!("eks:access-entry:{id}:{}", self.policy)
    }

    fn body(&self, id: &str, principal: &str) -> Value {
        let kind = if self.namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": {
                "name": self.name(id), "namespace": self.namespace,
                "labels": {LABEL: id, "app.kubernetes.io/managed-by": "k3eks"},
                "annotations": {"k3eks.io/principal": principal},
            },
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role(&self.policy)},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": entry_group(principal)}],
        })
    }
}

/// The entry's policies, applied to these existing namespaces.
fn bindings(entry: &AccessEntry, namespaces: &[String]) -> Vec<Binding> {
    let mut all = Vec::new();
    for associated in &entry.spec.access_policies {
        let Some(policy) = access_policies::name(&associated.policy_arn) else { continue };
        let policy = policy.to_owned();
        let AccessScope { type_, namespaces: patterns } = &associated.access_scope;
        if type_ == "namespace" {
            let within = namespaces.iter().filter(|name| patterns.iter().any(|pattern| matches(pattern, name)));
            all.extend(within.map(|name| Binding { policy: policy.clone(), namespace: Some(name.clone()) }));
        } else {
            all.push(Binding { policy, namespace: None });
        }
    }
    all
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(scope: Value) -> AccessEntry {
        serde_json::from_value(json!({
            "apiVersion": "k3eks.io/v1alpha1", "kind": "AccessEntry", "metadata": {"name": "e"},
            "spec": {"clusterName": "c", "principalArn": "arn:aws:iam::1:role/r", "accessPolicies": [
                {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "accessScope": scope}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_policy_is_bound_in_the_cluster_or_in_the_namespaces_that_exist() {
        let cluster = bindings(&entry(json!({"type": "cluster"})), &[]);
        assert_eq!(cluster, [Binding { policy: "AmazonEKSViewPolicy".into(), namespace: None }]);
        let there = ["dev-a".to_owned(), "dev-b".to_owned(), "prod".to_owned()];
        let scoped = bindings(&entry(json!({"type": "namespace", "namespaces": ["dev-*", "gone"]})), &there);
        let names: Vec<_> = scoped.iter().filter_map(|b| b.namespace.as_deref()).collect();
        assert_eq!(names, ["dev-a", "dev-b"]);
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in
            [("*", "a"), ("a*", "a"), ("a*", "ab"), ("*b", "ab"), ("a*c", "abc"), ("a*b*c", "axbyc"), ("a", "a")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a*", "b"), ("*b", "ba"), ("a*b*c", "ac"), ("a", "ab"), ("ab*ba", "aba")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn bindings_name_the_entry_s_own_group() {
        let binding = Binding { policy: "AmazonEKSViewPolicy".into(), namespace: None };
        let body = binding.body("abc", "arn:aws:iam::1:role/r");
        assert_eq!(body["subjects"][0]["name"], entry_group("arn:aws:iam::1:role/r"));
        assert_eq!(body["roleRef"]["name"], "eks:access-policy:AmazonEKSViewPolicy");
    }
}
