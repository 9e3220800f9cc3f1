//! Resources by the names that EKS has for them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use kube::{Resource, ResourceExt};

use super::{Kind, Store, StoreError};
use aws::error::ApiError;
use aws::sigv4::Caller;
use crd::member::is_left_behind;
use crd::names::{Identity, precedence};
use crd::{EKSClusterConfig, Member};

impl Store {
    /// The cluster of this name in the caller's account and region.
    ///
    /// # Errors
    /// EKS's answer where there is none.
    pub fn cluster(&self, caller: &Caller, name: &str) -> Result<Arc<EKSClusterConfig>, ApiError> {
        self.find_cluster(&identity(caller, name)).ok_or_else(|| no_cluster(name))
    }

    /// The cluster with this identity; the first by precedence where several have it.
    pub fn find_cluster(&self, identity: &Identity) -> Option<Arc<EKSClusterConfig>> {
        let all = self.list::<EKSClusterConfig>().into_iter();
        all.filter(|cluster| is(cluster, identity)).min_by(|a, b| precedence(a).cmp(&precedence(b)))
    }

    /// The clusters of the caller's account and region, one for each name.
    pub fn clusters(&self, caller: &Caller) -> Vec<Arc<EKSClusterConfig>> {
        let mut by_name: HashMap<String, Arc<EKSClusterConfig>> = HashMap::new();
        for cluster in self.list::<EKSClusterConfig>() {
            if cluster.spec.account_id != caller.account || cluster.spec.region != caller.region {
                continue;
            }
            match by_name.entry(Identity::of(&cluster).name) {
                Entry::Vacant(free) => {
                    free.insert(cluster);
                }
                Entry::Occupied(mut taken) => {
                    if precedence(&cluster) < precedence(taken.get()) {
                        taken.insert(cluster);
                    }
                }
            }
        }
        by_name.into_values().collect()
    }

    /// What belongs to the cluster, one for each name in EKS.
    pub fn members<K: Kind + Member>(&self, cluster: &EKSClusterConfig) -> Vec<Arc<K>> {
        let mut all: Vec<Arc<K>> = self.list::<K>();
        all.retain(|member| belongs(&**member, cluster));
        all.sort_by(|a, b| a.eks_name().cmp(&b.eks_name()).then_with(|| age(&**a).cmp(&age(&**b))));
        all.dedup_by(|younger, older| younger.eks_name() == older.eks_name());
        all
    }

    /// What belongs to the cluster and has this name in EKS; the oldest one where several have it.
    pub fn member<K: Kind + Member>(&self, cluster: &EKSClusterConfig, eks_name: &str) -> Option<Arc<K>> {
        let all = self.list::<K>().into_iter();
        all.filter(|member| belongs(&**member, cluster) && member.eks_name() == eks_name)
            .min_by(|a, b| age(&**a).cmp(&age(&**b)))
    }

    /// Creates what belongs to the cluster, under the name that it has or, where something else has that one, under `other`.
    /// `same` says of an object of this cluster whether it is the same one in EKS. What a cluster of this name left behind
    /// gives way.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where it is there already, and as [`Store::create`].
    pub async fn create_member<K: Kind + Member>(
        &self,
        cluster: &EKSClusterConfig,
        mut object: K,
        other: String,
        same: impl Fn(&K) -> bool + Send + Sync,
    ) -> Result<Arc<K>, StoreError> {
        let namespace = object.namespace().unwrap_or_default();
        for name in [object.name_any(), other] {
            object.meta_mut().name = Some(name.clone());
            match self.create(&object).await {
                Err(StoreError::Exists) => {}
                made => return made,
            }
            // Not where this cluster is the former one, and nobody here knows yet.
            let is_older = |found: &K| found.meta().creation_timestamp <= cluster.metadata.creation_timestamp;
            match self.fetch::<K>(&namespace, &name).await? {
                Some(found) if is_left_behind(&*found, cluster) && is_older(&found) => {
                    self.delete(&found).await?;
                }
                Some(found) if belongs(&*found, cluster) && same(&found) => return Err(StoreError::Exists),
                Some(_) => continue,
                None => {}
            }
            match self.create(&object).await {
                // It takes its time to go.
                Err(StoreError::Exists) => {}
                made => return made,
            }
        }
        Err(StoreError::Exists)
    }
}

/// Whether `member` belongs to the cluster, and not to one that had its name before.
fn belongs<K: Member>(member: &K, cluster: &EKSClusterConfig) -> bool {
    Some(member.cluster()) == cluster.metadata.name.as_deref()
        && member.meta().namespace == cluster.metadata.namespace
        && !is_left_behind(member, cluster)
}

/// EKS's answer for a cluster that isn't there.
pub fn no_cluster(name: &str) -> ApiError {
    ApiError::resource_not_found(format!("No cluster found for name: {name}.")).with("clusterName", name.into())
}

/// What `name` is to this caller.
pub fn identity(caller: &Caller, name: &str) -> Identity {
    Identity { account: caller.account.clone(), region: caller.region.clone(), name: name.to_owned() }
}

/// As [`Identity::of`], without making one.
fn is(cluster: &EKSClusterConfig, identity: &Identity) -> bool {
    let spec = &cluster.spec;
    let name = spec.display_name.as_deref().or(cluster.metadata.name.as_deref()).unwrap_or_default();
    name == identity.name && spec.account_id == identity.account && spec.region == identity.region
}

/// Older objects have smaller ages; the uid decides between equals, as it does in the controllers.
fn age<K: Resource>(object: &K) -> impl Ord + use<K> {
    (object.meta().creation_timestamp.clone(), object.meta().uid.clone())
}
