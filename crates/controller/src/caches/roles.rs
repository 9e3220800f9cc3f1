//! The roles that the clusters' ConfigMaps `aws-auth` were last seen to have, so that they needn't be read at every
//! reconcile.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long the last read of a ConfigMap is trusted.
const FRESH: Duration = Duration::from_secs(60);

/// What is known of a cluster's ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappedRoles {
    /// The ConfigMap isn't kept: there is no identity service to ask it.
    NotKept,
    /// Nothing, or nothing since a while.
    Unknown,
    /// It is being written.
    Writing,
    /// It had these roles a short while ago.
    Known(BTreeSet<String>),
}

#[derive(Debug)]
enum Entry {
    Writing,
    Written(BTreeSet<String>, Instant),
}

/// What is known of the ConfigMaps, by the uid of the cluster. May be lost at any time: the ConfigMap is then read again.
#[derive(Debug, Default)]
pub struct Roles(Mutex<HashMap<String, Entry>>);

impl Roles {
    /// What is known of a cluster's ConfigMap.
    pub fn view(&self, uid: &str) -> MappedRoles {
        match self.0.lock().get(uid) {
            None => MappedRoles::Unknown,
            Some(Entry::Writing) => MappedRoles::Writing,
            Some(Entry::Written(roles, at)) if at.elapsed() < FRESH => MappedRoles::Known(roles.clone()),
            Some(Entry::Written(..)) => MappedRoles::Unknown,
        }
    }

    /// The ConfigMap is about to be written. Returns whether no other task writes it.
    pub fn begin(&self, uid: &str) -> bool {
        !matches!(self.0.lock().insert(uid.to_owned(), Entry::Writing), Some(Entry::Writing))
    }

    /// The ConfigMap has these roles now; `None` where that isn't known.
    pub fn end(&self, uid: &str, roles: Option<BTreeSet<String>>) {
        let mut all = self.0.lock();
        match roles {
            // Not of a cluster that was forgotten meanwhile.
            Some(roles) => drop(all.get_mut(uid).map(|entry| *entry = Entry::Written(roles, Instant::now()))),
            None => drop(all.remove(uid)),
        }
    }

    /// Forgets a cluster.
    pub fn forget(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::000000000000:role/nodes";

    #[test]
    fn one_writes_at_a_time_and_what_was_written_is_known() {
        let (known, roles) = (Roles::default(), BTreeSet::from([ROLE.to_owned()]));
        assert_eq!(known.view("u"), MappedRoles::Unknown);
        assert!(known.begin("u") && !known.begin("u"));
        assert_eq!(known.view("u"), MappedRoles::Writing);
        known.end("u", Some(roles.clone()));
        assert_eq!(known.view("u"), MappedRoles::Known(roles.clone()));
        assert!(known.begin("u"));
        known.end("u", None);
        assert_eq!(known.view("u"), MappedRoles::Unknown, "it is tried again");
        assert!(known.begin("u"));
        known.forget("u");
        known.end("u", Some(roles));
        assert_eq!(known.view("u"), MappedRoles::Unknown, "the cluster is gone");
    }
}
