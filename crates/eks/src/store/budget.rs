//! How much an account may have in records. This process and the operator keep all of them in memory, which is everybody's: without an end
//! to it, one account with a good key would take it from all others.

use std::collections::HashMap;

use kube::ResourceExt;
use parking_lot::Mutex;

use super::{Kind, Store, StoreError};
use crd::EKSClusterConfig;

/// What an account's records may have unless told otherwise, in MiB of JSON.
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
    pub(super) fn add<K: Kind>(&mut self, store: &Store) {
        for object in store.list::<K>() {
            let (uid, version) = (object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default());
            let known = self.before.remove(&uid).filter(|(of, _)| *of == version);
            let bytes = known.map_or_else(|| size(&*object), |(_, bytes)| bytes);
            self.after.insert(uid, (version, bytes));
            self.all += bytes;
            if account(&*object, &self.accounts) == Some(self.account) {
                self.own += bytes;
            }
        }
    }
}

impl Store {
    /// Sets how many MiB the records of an account may have.
    #[must_use]
    pub fn with_room_for(mut self, mebibytes: usize) -> Self {
        self.budget = Budget::of_mebibytes(mebibytes);
        self
    }

    /// Whether the object's account may have `more` bytes.
    ///
    /// # Errors
    /// [`StoreError::Full`]
    pub(super) fn has_room<K: Kind>(&self, object: &K, more: usize) -> Result<(), StoreError> {
        let place = |c: &EKSClusterConfig| (c.namespace().unwrap_or_default(), c.name_any());
        let clusters = self.list::<EKSClusterConfig>();
        let accounts = clusters.iter().map(|c| (place(c), c.spec.account_id.clone())).collect();
        // What belongs to nobody, nobody can ask for.
        let Some(account) = account(object, &accounts).map(str::to_owned) else { return Ok(()) };
        let mut sizes = self.budget.sizes.lock();
        let before = std::mem::take(&mut *sizes);
        let mut count = Count { accounts, account: &account, before, after: HashMap::new(), own: 0, all: 0 };
        self.count(&mut count);
        let (own, all) = (count.own + more, count.all + more);
        *sizes = count.after;
        if own > self.budget.account || all > self.budget.all {
            return Err(StoreError::Full(self.budget.account / MEBIBYTE));
        }
        Ok(())
    }
}

/// Bytes of JSON.
pub(super) fn size<K: Kind>(object: &K) -> usize {
    serde_json::to_vec(object).map_or(0, |text| text.len())
}

fn account<'a, K: Kind>(object: &'a K, accounts: &'a HashMap<(String, String), String>) -> Option<&'a str> {
    match object.holder() {
        Holder::Account(account) => Some(account),
        Holder::Cluster(name) => {
            accounts.get(&(object.namespace().unwrap_or_default(), name.to_owned())).map(String::as_str)
        }
    }
}
