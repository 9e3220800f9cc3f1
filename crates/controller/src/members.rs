//! The members known, by kind, for those who only have names.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::runtime::reflector::Store;
use parking_lot::Mutex;

use crd::{Member, MemberStatus};
use provider::ClusterId;

type Find = Box<dyn Fn(&ClusterId, &str, Option<&Time>) -> Option<MemberStatus> + Send + Sync>;

/// The members known.
#[derive(Default)]
pub struct Members {
    find: Mutex<HashMap<String, Find>>,
    stores: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl Members {
    /// Adds a kind.
    pub fn add<K: Member + Clone + Send + Sync + 'static>(&self, store: Store<K>) {
        self.stores.lock().insert(TypeId::of::<K>(), Box::new(store.clone()));
        let find: Find = Box::new(move |cluster, name, by| {
            let belongs = |m: &&std::sync::Arc<K>| {
                m.cluster() == cluster.name
                    && m.namespace().as_deref() == Some(&cluster.namespace)
                    && m.eks_name() == name
                    && m.meta().creation_timestamp.as_ref() <= by
            };
            let all = store.state();
            Some(all.iter().find(belongs)?.member_status().cloned().unwrap_or_default())
        });
        self.find.lock().insert(K::kind(&()).into_owned(), find);
    }

    /// Status of the member `name` of `cluster`, if it was there by then: one of the same name that came later is another.
    pub fn find(&self, kind: &str, cluster: &ClusterId, name: &str, by: Option<&Time>) -> Option<MemberStatus> {
        self.find.lock().get(kind)?(cluster, name, by)
    }

    /// All members of a kind that the cluster has, without those that are being deleted.
    pub fn of<K: Member + Clone + Send + Sync + 'static>(&self, cluster: &ClusterId) -> Vec<Arc<K>> {
        let mut all = self.with_deleted(cluster);
        all.retain(|m: &Arc<K>| m.meta().deletion_timestamp.is_none());
        all
    }

    /// The same, with those that are being deleted.
    pub fn with_deleted<K: Member + Clone + Send + Sync + 'static>(&self, cluster: &ClusterId) -> Vec<Arc<K>> {
        let stores = self.stores.lock();
        let Some(store) = stores.get(&TypeId::of::<K>()).and_then(|store| store.downcast_ref::<Store<K>>()) else {
            return Vec::new();
        };
        let mut all = store.state();
        all.retain(|m| m.cluster() == cluster.name && m.namespace().as_deref() == Some(&cluster.namespace));
        all.sort_by_key(|m| m.eks_name());
        all
    }
}
