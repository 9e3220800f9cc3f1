//! The members known, by kind, for those who only have names.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::ResourceExt;
use kube::runtime::reflector::Store;

use super::Kind;
use crate::controller::update::plan::Target;
use crate::provider::ClusterId;

type Find = Box<dyn Fn(&ClusterId, &str) -> Option<Target> + Send + Sync>;

/// The members known.
#[derive(Default)]
pub struct Members(Mutex<HashMap<String, Find>>);

impl Members {
    /// Adds a kind.
    pub fn add<K: Kind>(&self, store: Store<K>) {
        let find: Find = Box::new(move |cluster, name| {
            let belongs = |m: &&std::sync::Arc<K>| {
                m.cluster() == cluster.name
                    && m.namespace().as_deref() == Some(&cluster.namespace)
                    && m.eks_name() == name
            };
            let all = store.state();
            let status = all.iter().find(belongs)?.member_status();
            let observed = status.and_then(|s| s.observed_generation);
            Some(Target::new(observed, status.map_or(&[], |s| s.conditions.as_slice())))
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(K::kind(&()).into_owned(), find);
    }

    /// How the member `name` of `cluster` stands.
    pub fn find(&self, kind: &str, cluster: &ClusterId, name: &str) -> Option<Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(kind)?(cluster, name)
    }
}
