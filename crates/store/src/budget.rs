//! How much an account may have in records. This process and the operator keep all of them in memory, which is everybody's: without an end
//! to it, one account with a good key would take it from all others.

use std::collections::HashMap;
use std::sync::Arc;

use kube::ResourceExt;
use parking_lot::Mutex;
use serde::Serialize;

use super::error::StoreError;
use crd::EKSClusterConfig;

/// The default size of an account's records, in MiB of JSON.
pub const ACCOUNT: usize = 16;
/// How many accounts may have all of theirs.
const ACCOUNTS: usize = 4;
const MEBIBYTE: usize = 1024 * 1024;

/// To which account a record belongs.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// It says so itself.
    Account(&'a str),
    /// That of the cluster resource of this name in the same namespace.
    Cluster(&'a str),
}

/// What counts for an account.
pub trait Held {
    /// Whose it is.
    fn holder(&self) -> Holder<'_>;
}

/// The limits, and how large the records are that were looked at last.
pub struct Budget {
    /// Bytes for each account.
    account: usize,
    /// Bytes for all of them.
    all: usize,
    /// Resource version and bytes, by uid.
    sizes: Mutex<HashMap<String, (String, usize)>>,
}

impl Budget {
    /// So many bytes for each account.
    pub fn new(account: usize) -> Self {
        Self { account, all: account.saturating_mul(ACCOUNTS), sizes: Mutex::default() }
    }

    /// So many MiB for each account.
    pub fn of_mebibytes(account: usize) -> Self {
        Self::new(account.saturating_mul(MEBIBYTE))
    }

    /// Whether the object's account may have `more` bytes. `add` counts the records of all kinds.
    ///
    /// # Errors
    /// [`StoreError::Full`]
    pub(super) fn check<K: Held + ResourceExt>(
        &self,
        object: &K,
        more: usize,
        clusters: &[Arc<EKSClusterConfig>],
        add: impl FnOnce(&mut Count<'_>),
    ) -> Result<(), StoreError> {
        let place = |c: &EKSClusterConfig| (c.namespace().unwrap_or_default(), c.name_any());
        let accounts = clusters.iter().map(|c| (place(c), c.spec.account_id.clone())).collect();
        // An object of no account can't be requested.
        let Some(account) = account(object, &accounts).map(str::to_owned) else { return Ok(()) };
        let mut sizes = self.sizes.lock();
        let before = std::mem::take(&mut *sizes);
        let mut count = Count { accounts, account: &account, before, after: HashMap::new(), own: 0, all: 0 };
        add(&mut count);
        let (own, all) = (count.own + more, count.all + more);
        *sizes = count.after;
        if own > self.account || all > self.all {
            return Err(StoreError::Full(self.account / MEBIBYTE));
        }
        Ok(())
    }
}

/// Adds up what is there.
pub(super) struct Count<'a> {
    /// Account of each cluster resource, by namespace and name.
    accounts: HashMap<(String, String), String>,
    /// Whose records are counted.
    account: &'a str,
    before: HashMap<String, (String, usize)>,
    after: HashMap<String, (String, usize)>,
    own: usize,
    all: usize,
}

impl Count<'_> {
    /// Takes account of the records of one kind.
    pub(super) fn add<K: Held + ResourceExt + Serialize>(&mut self, objects: &[Arc<K>]) {
        for object in objects {
            let (uid, version) = (object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default());
            let known = self.before.remove(&uid).filter(|(of, _)| *of == version);
            let bytes = known.map_or_else(|| size(&**object), |(_, bytes)| bytes);
            self.after.insert(uid, (version, bytes));
            self.all += bytes;
            if account(&**object, &self.accounts) == Some(self.account) {
                self.own += bytes;
            }
        }
    }
}

/// Bytes of JSON.
pub(super) fn size<K: Serialize>(object: &K) -> usize {
    serde_json::to_vec(object).map_or(0, |text| text.len())
}

fn account<'a, K: Held + ResourceExt>(
    object: &'a K,
    accounts: &'a HashMap<(String, String), String>,
) -> Option<&'a str> {
    match object.holder() {
        Holder::Account(account) => Some(account),
        Holder::Cluster(name) => {
            accounts.get(&(object.namespace().unwrap_or_default(), name.to_owned())).map(String::as_str)
        }
    }
}
