//! The records of pod identity associations, those of an addon and those of their own.

use std::sync::Arc;

use crd::names::Identity;
use crd::{EKSClusterConfig, Member, PodIdentityAssociation, member};
use store::{Store, StoreError};

/// ARN of an association.
pub(super) fn arn(association: &PodIdentityAssociation, cluster: &EKSClusterConfig) -> String {
    association.arn_in(&Identity::of(cluster), "podidentityassociation", &association.eks_name())
}

/// Creates an association.
pub(super) async fn put(
    store: &Store,
    cluster: &EKSClusterConfig,
    association: PodIdentityAssociation,
) -> Result<Arc<PodIdentityAssociation>, StoreError> {
    let (namespace, account) = (association.spec.namespace.clone(), association.spec.service_account.clone());
    let other = member::other_name(cluster, "pod-identity", &[&namespace, &account]);
    let same =
        |found: &PodIdentityAssociation| found.spec.namespace == namespace && found.spec.service_account == account;
    store.create_member(cluster, association, other, same).await
}
