//! Makes the access entries that EKS makes by itself. Each is made once, so that a deleted one stays deleted. Entries
//! of nodes go with the last node group that has their role.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::validate;
use crate::context::Context;
use crate::error::Error;
use crd::access_entry::{AccessEntrySpec, STANDARD};
use crd::member::{is_left_behind, metadata, other_name};
use crd::{AccessEntry, EKSClusterConfig, Nodegroup, keys, own_entries};

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Entries that were never made.
    make: Vec<AccessEntrySpec>,
    /// Principals whose entries go.
    remove: BTreeSet<String>,
    /// Principals whose entries were made, after the step.
    made: BTreeSet<String>,
}

/// Makes missing entries and removes those without a group.
pub async fn apply(cluster: &EKSClusterConfig, step: Step, ctx: &Context) -> Result<(), Error> {
    let id = validate::id(cluster);
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

/// What is to be done, if anything. Synchronous, no client.
pub fn plan(cluster: &EKSClusterConfig, groups: &[Arc<Nodegroup>], now: &Time) -> Option<Step> {
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
    wanted
        .extend(own_entries::of_creator(cluster, &now.0.to_string()).map(|entry| (entry.principal_arn.clone(), entry)));
    let made: BTreeSet<String> = wanted.keys().cloned().collect();
    let remove = known.difference(&made).cloned().collect();
    wanted.retain(|principal, _| !known.contains(principal));
    (known != made).then(|| Step { make: wanted.into_values().collect(), remove, made })
}

#[cfg(test)]
mod tests;
