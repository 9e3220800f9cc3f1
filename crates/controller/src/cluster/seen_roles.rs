//! The roles that were last seen in the clusters' ConfigMaps `aws-auth`, so that they needn't be read at every reconcile.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long the last read of a ConfigMap is trusted.
const FRESH: Duration = Duration::from_secs(60);

/// Roles last seen in the ConfigMaps, by the uid of the cluster.
#[derive(Debug, Default)]
pub struct SeenRoles(Mutex<HashMap<String, (BTreeSet<String>, Instant)>>);

impl SeenRoles {
    /// Whether these are the roles that a ConfigMap had a short while ago.
    pub(super) fn is_fresh(&self, uid: &str, roles: &BTreeSet<String>) -> bool {
        let all = self.0.lock();
        all.get(uid).is_some_and(|(written, at)| written == roles && at.elapsed() < FRESH)
    }

    /// Takes down what a ConfigMap has.
    pub(super) fn note(&self, uid: &str, roles: BTreeSet<String>) {
        self.0.lock().insert(uid.to_owned(), (roles, Instant::now()));
    }

    /// Forgets a cluster.
    pub(super) fn forget(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::000000000000:role/nodes";

    #[test]
    fn it_is_looked_at_again_when_the_roles_change() {
        let (written, roles) = (SeenRoles::default(), BTreeSet::from([ROLE.to_owned()]));
        assert!(!written.is_fresh("u", &roles));
        written.note("u", roles.clone());
        assert!(written.is_fresh("u", &roles) && !written.is_fresh("u", &BTreeSet::new()));
        written.forget("u");
        assert!(!written.is_fresh("u", &roles));
    }
}
