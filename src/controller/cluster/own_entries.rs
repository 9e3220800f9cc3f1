//! Makes the access entries that EKS makes by itself, each once: whoever deletes one means it. Those of nodes go with the last node
//! group that has their role.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::validate;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::access_entry::{AccessEntrySpec, STANDARD};
use crate::crd::member::{is_left_behind, metadata, other_name};
use crate::crd::{AccessEntry, EKSClusterConfig, Nodegroup, keys, own_entries};

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
struct Step {
    /// Entries that were never made.
    make: Vec<AccessEntrySpec>,
    /// Principals whose entries go.
    remove: BTreeSet<String>,
    /// Principals whose entries were made, after the step.
    made: BTreeSet<String>,
}

/// Makes the entries that are lacking, and takes away those that have no group any more.
pub async fn keep(cluster: &EKSClusterConfig, ctx: &Context) -> Result<(), Error> {
    let id = validate::id(cluster);
    let Some(step) = step(cluster, &ctx.nodegroups_of(&id), &Timestamp::now().to_string()) else { return Ok(()) };
    let failed = |error| Error::kubernetes(format!("making the access entries of cluster {id}"))(error);
    let api = Api::<AccessEntry>::namespaced(ctx.client.clone(), &id.namespace);
    let mut there = api.list(&ListParams::default()).await.map_err(failed)?.items;
    there.retain(|entry| entry.spec.cluster_name == id.name && !is_left_behind(entry, cluster));
    for spec in step.make {
        if !there.iter().any(|entry| entry.spec.principal_arn == spec.principal_arn) {
            make(&api, cluster, spec).await.map_err(failed)?;
        }
    }
    let gone = |entry: &&AccessEntry| {
        step.remove.contains(&entry.spec.principal_arn)
            && entry.spec.type_ != STANDARD
            && entry.labels().contains_key(keys::LABEL_OWN_ENTRY)
    };
    for entry in there.iter().filter(gone) {
        match api.delete(&entry.name_any(), &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.map_err(failed)?),
        }
    }
    let made = json!({"metadata": {"annotations": {keys::ANNOTATION_OWN_ENTRIES: json!(step.made).to_string()}}});
    let clusters = Api::<EKSClusterConfig>::namespaced(ctx.client.clone(), &id.namespace);
    clusters.patch_metadata(&id.name, &PatchParams::default(), &Patch::Merge(&made)).await.map(drop).map_err(failed)
}

/// Makes an entry under the first name that is free.
async fn make(api: &Api<AccessEntry>, cluster: &EKSClusterConfig, spec: AccessEntrySpec) -> Result<(), kube::Error> {
    let principal = spec.principal_arn.clone();
    let mut entry = AccessEntry::new("", spec);
    *entry.meta_mut() = metadata(cluster, "access", &principal);
    entry.labels_mut().insert(keys::LABEL_OWN_ENTRY.to_owned(), "true".to_owned());
    for other in [None, Some(other_name(cluster, "access", &[&principal]))] {
        entry.metadata.name = other.or(entry.metadata.name);
        match api.create(&PostParams::default(), &entry).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {
                // Made through the EKS API meanwhile, or somebody else's of the same name.
                let found = api.get_opt(&entry.name_any()).await?;
                if found.is_some_and(|found| found.spec.principal_arn == principal && !is_left_behind(&found, cluster))
                {
                    return Ok(());
                }
            }
            result => return result.map(drop),
        }
    }
    Ok(())
}

/// What is to be done, if anything.
fn step(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>], now: &str) -> Option<Step> {
    let elsewhere = cluster.spec.imported || cluster.spec.connector_config.is_some();
    if elsewhere || cluster.metadata.deletion_timestamp.is_some() || !own_entries::has_entries(cluster) {
        return None;
    }
    let known: BTreeSet<String> = cluster
        .annotations()
        .get(keys::ANNOTATION_OWN_ENTRIES)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let mut wanted = own_entries::of_nodes(cluster, groups);
    // Who made the cluster may have the role of its nodes as well.
    wanted.extend(own_entries::of_creator(cluster, now).map(|entry| (entry.principal_arn.clone(), entry)));
    let made: BTreeSet<String> = wanted.keys().cloned().collect();
    let remove = known.difference(&made).cloned().collect();
    wanted.retain(|principal, _| !known.contains(principal));
    (known != made).then(|| Step { make: wanted.into_values().collect(), remove, made })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::controller::fixtures::{cluster, deleted, nodegroup};

    const ROOT: &str = "arn:aws:iam::000000000000:root";
    const ROLE: &str = "arn:aws:iam::000000000000:role/nodes";

    fn demo(mode: &str, known: Option<&[&str]>) -> EKSClusterConfig {
        let mut demo = cluster(json!({"accessConfig": {"authenticationMode": mode}}), Value::Null);
        if let Some(known) = known {
            demo.annotations_mut().insert(keys::ANNOTATION_OWN_ENTRIES.into(), json!(known).to_string());
        }
        demo
    }

    fn group() -> Nodegroup {
        nodegroup(json!({"nodeRole": ROLE}), Value::Null)
    }

    fn principals(step: &Step) -> Vec<&str> {
        step.make.iter().map(|entry| entry.principal_arn.as_str()).collect()
    }

    #[test]
    fn each_entry_is_made_once() {
        let groups = [Arc::new(group())];
        let first = step(&demo("API_AND_CONFIG_MAP", None), &groups, "now").unwrap();
        assert_eq!(principals(&first), [ROLE, ROOT]);
        assert!(first.remove.is_empty());
        // Whatever became of them.
        assert_eq!(step(&demo("API", Some(&[ROLE, ROOT])), &groups, "now"), None);
        let second = step(&demo("API", Some(&[ROOT])), &groups, "now").unwrap();
        assert_eq!(principals(&second), [ROLE]);
    }

    #[test]
    fn a_role_s_entry_goes_with_the_last_group_that_has_it() {
        let (one, going) = (Arc::new(group()), Arc::new(deleted(group())));
        let known = demo("API", Some(&[ROLE, ROOT]));
        assert_eq!(step(&known, &[one, going.clone()], "now"), None);
        let last = step(&known, &[going], "now").unwrap();
        assert_eq!((last.make.len(), last.remove, last.made), (0, [ROLE.into()].into(), [ROOT.into()].into()));
    }

    #[test]
    fn there_are_none_where_nobody_asks_them() {
        let groups = [Arc::new(group())];
        assert_eq!(step(&demo("CONFIG_MAP", None), &groups, "now"), None);
        assert_eq!(step(&deleted(demo("API", None)), &groups, "now"), None);
        let mut elsewhere = demo("API", None);
        elsewhere.spec.imported = true;
        assert_eq!(step(&elsewhere, &groups, "now"), None);
    }
}
