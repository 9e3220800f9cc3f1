//! Pod identity associations that come and go with an addon.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};

use super::pod_identity_records;
use aws::error::ApiError;
use crd::pod_identity::PodIdentityAssociationSpec;
use crd::{Addon, EKSClusterConfig, Member, PodIdentityAssociation, member};
use store::Store;

/// An association that a request names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wanted {
    pub service_account: String,
    pub role_arn: String,
}

fn owned_by(association: &PodIdentityAssociation, addon: &Addon) -> bool {
    member::is_owned_by(association, addon.metadata.uid.as_deref())
}

fn of(store: &Store, addon: &Addon, cluster: &EKSClusterConfig) -> Vec<Arc<PodIdentityAssociation>> {
    let mut all = store.members::<PodIdentityAssociation>(cluster);
    all.retain(|association| owned_by(association, addon));
    all
}

/// ARNs of the addon's associations.
pub(super) fn arns(store: &Store, addon: &Addon, cluster: &EKSClusterConfig) -> Vec<String> {
    of(store, addon, cluster).iter().map(|association| pod_identity_records::arn(association, cluster)).collect()
}

/// The addon that an association belongs to.
pub(super) fn owner(
    store: &Store,
    association: &PodIdentityAssociation,
    cluster: &EKSClusterConfig,
) -> Option<Arc<Addon>> {
    store.members::<Addon>(cluster).into_iter().find(|addon| owned_by(association, addon))
}

/// Refuses associations of service accounts that have one already, not counting those of `addon` itself.
pub(super) fn check_free(
    store: &Store,
    cluster: &EKSClusterConfig,
    addon: Option<&Addon>,
    namespace: &str,
    wanted: &[Wanted],
) -> Result<(), ApiError> {
    let all = store.members::<PodIdentityAssociation>(cluster);
    let same = |a: &PodIdentityAssociation, w: &Wanted| {
        a.spec.namespace == namespace && a.spec.service_account == w.service_account
    };
    let foreign = all.iter().filter(|a| addon.is_none_or(|addon| !owned_by(a, addon)));
    match foreign.into_iter().find(|a| wanted.iter().any(|w| same(a, w))) {
        Some(taken) => Err(ApiError::resource_in_use(format!("Association already exists: {}", taken.eks_name()))),
        None => Ok(()),
    }
}

/// Makes, changes and deletes associations until the addon has those that are wanted.
pub(super) async fn set(
    store: &Store,
    cluster: &EKSClusterConfig,
    addon: &Addon,
    namespace: &str,
    wanted: &[Wanted],
) -> Result<(), ApiError> {
    let present = of(store, addon, cluster);
    let find = |w: &Wanted| present.iter().find(|a| a.spec.service_account == w.service_account);
    for association in &present {
        if !wanted.iter().any(|w| w.service_account == association.spec.service_account) {
            store.delete(association).await?;
        }
    }
    for one in wanted {
        if let Some(association) = find(one) {
            let role = |a: &mut PodIdentityAssociation| {
                a.spec.role_arn.clone_from(&one.role_arn);
                Ok(())
            };
            store.change(association, role).await?;
        } else {
            pod_identity_records::put(store, cluster, association(cluster, addon, namespace, one)).await?;
        }
    }
    Ok(())
}

fn association(cluster: &EKSClusterConfig, addon: &Addon, namespace: &str, one: &Wanted) -> PodIdentityAssociation {
    let spec = PodIdentityAssociationSpec {
        cluster_name: cluster.name_any(),
        namespace: namespace.to_owned(),
        service_account: one.service_account.clone(),
        role_arn: one.role_arn.clone(),
        target_role_arn: None,
        disable_session_tags: None,
        policy: None,
        tags: BTreeMap::new(),
    };
    let mut made = PodIdentityAssociation::new("", spec);
    made.metadata = member::metadata(cluster, "pod-identity", &format!("{namespace}-{}", one.service_account));
    made.metadata.owner_references.get_or_insert_default().extend(addon.owner_ref(&()));
    made
}
