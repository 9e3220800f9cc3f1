//! Changes of labels and taints on running nodes after a change of the spec.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Taint};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::error::Error;
use crd::nodegroup::NodeMarks;
use provider::DesiredNodegroup;

/// Change of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Name of the node.
    pub node: String,
    /// Labels to set; those without a value are removed.
    pub labels: BTreeMap<String, Option<String>>,
    /// Taints to set, as `key=value:Effect`.
    pub add: Vec<String>,
    /// Taints to take away.
    pub remove: Vec<String>,
}

/// The labels and taints that the group's nodes should have.
pub fn wanted(plan: &DesiredNodegroup) -> NodeMarks {
    NodeMarks { labels: plan.labels.clone(), taints: plan.taints.clone() }
}

/// The labels and taints of a node.
pub fn of(node: &Node) -> NodeMarks {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    NodeMarks { labels: node.labels().clone(), taints: taints.map(text).collect() }
}

fn text(taint: &Taint) -> String {
    format!("{}={}:{}", taint.key, taint.value.as_deref().unwrap_or_default(), taint.effect)
}

/// Changes from the group's labels and taints `before` to the desired ones. Those that others set stay.
pub fn changes(wanted: &NodeMarks, before: Option<&NodeMarks>, nodes: &BTreeMap<String, NodeMarks>) -> Vec<Change> {
    let none = NodeMarks::default();
    let before = before.unwrap_or(&none);
    let change = |(name, node): (&String, &NodeMarks)| {
        let set = wanted.labels.iter().filter(|(key, value)| node.labels.get(*key) != Some(value));
        let gone =
            before.labels.keys().filter(|key| !wanted.labels.contains_key(*key) && node.labels.contains_key(*key));
        let mut labels: BTreeMap<String, Option<String>> =
            set.map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        labels.extend(gone.map(|key| (key.clone(), None)));
        let add = wanted.taints.iter().filter(|taint| !node.taints.contains(taint)).cloned().collect();
        let old = before.taints.iter().filter(|taint| !wanted.taints.contains(taint) && node.taints.contains(taint));
        Change { node: name.clone(), labels, add, remove: old.cloned().collect() }
    };
    let idle = |change: &Change| change.labels.is_empty() && change.add.is_empty() && change.remove.is_empty();
    nodes.iter().map(change).filter(|change| !idle(change)).collect()
}

/// Carries the changes out.
pub async fn apply(client: &Client, changes: &[Change]) -> Result<(), Error> {
    let api = Api::<Node>::all(client.clone());
    for change in changes {
        let failed = || Error::kubernetes(format!("changing labels and taints of node {}", change.node));
        let Some(node) = api.get_opt(&change.node).await.map_err(failed())? else { continue };
        let present = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
        let add: Vec<Taint> = change.add.iter().filter_map(|taint| parse(taint)).collect();
        // A node has one taint of each key and effect.
        let replaced = |t: &Taint| add.iter().any(|new| new.key == t.key && new.effect == t.effect);
        let mut taints: Vec<Taint> =
            present.into_iter().filter(|t| !change.remove.contains(&text(t)) && !replaced(t)).collect();
        taints.extend(add);
        // Another client that changes taints meanwhile, such as the node controller, isn't overruled: it is tried again.
        let body = json!({
            "metadata": {"resourceVersion": node.resource_version(), "labels": change.labels},
            "spec": {"taints": taints},
        });
        match api.patch(&change.node, &PatchParams::default(), &Patch::Merge(&body)).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => return Err(failed()(error)),
        }
    }
    Ok(())
}

fn parse(text: &str) -> Option<Taint> {
    let (pair, effect) = text.rsplit_once(':')?;
    let (key, value) = pair.split_once('=')?;
    let value = (!value.is_empty()).then(|| value.to_owned());
    Some(Taint { key: key.to_owned(), value, effect: effect.to_owned(), time_added: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(labels: &[(&str, &str)], taints: &[&str]) -> NodeMarks {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        NodeMarks { labels, taints: taints.iter().map(|t| (*t).to_owned()).collect() }
    }

    #[test]
    fn only_what_the_group_set_is_taken_away() {
        let node = marks(
            &[("team", "a"), ("old", "1"), ("foreign", "x")],
            &["old=1:NoSchedule", "node.kubernetes.io/not-ready=:NoSchedule"],
        );
        let before = marks(&[("team", "a"), ("old", "1")], &["old=1:NoSchedule"]);
        let wanted = marks(&[("team", "b"), ("new", "2")], &["new=:NoExecute"]);
        let found = changes(&wanted, Some(&before), &[("n".to_owned(), node)].into());
        let labels: BTreeMap<String, Option<String>> =
            [("team".into(), Some("b".into())), ("new".into(), Some("2".into())), ("old".into(), None)].into();
        let expected = Change {
            node: "n".into(),
            labels,
            add: vec!["new=:NoExecute".into()],
            remove: vec!["old=1:NoSchedule".into()],
        };
        assert_eq!(found, [expected]);
        let there = [("n".to_owned(), marks(&[("team", "b"), ("new", "2"), ("foreign", "x")], &["new=:NoExecute"]))];
        assert_eq!(changes(&wanted, Some(&wanted), &there.into()), []);
    }

    #[test]
    fn a_taint_is_read_as_it_is_written() {
        for written in ["a=b:NoSchedule", "a=:NoExecute", "k/x=v:PreferNoSchedule"] {
            assert_eq!(text(&parse(written).unwrap()), written);
        }
        assert_eq!(parse("nothing"), None);
    }
}
