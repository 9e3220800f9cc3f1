//! All keys that may sign a request: configured ones, those of sessions, and the well-known ones.

use std::sync::Arc;

use super::roles::RoleStore;
use super::sessions::{Session, Sessions};
use arn::account_root;
use arn::is_account;
use aws::sigv4::{Key, KeyStore};

/// The secret of the well-known keys.
const WELL_KNOWN: &str = "test";

/// Every key that may sign a request.
pub struct Keys {
    /// Configured keys.
    pub configured: Arc<dyn KeyStore>,
    /// Keys of sessions.
    pub sessions: Arc<Sessions>,
    /// Account and region of the key `test`; `None` if the well-known keys are off. These are `test` and, for the root
    /// user of an account, its twelve digits, both with the secret `test`.
    pub well_known: Option<(String, String)>,
    /// The known roles; `None` if any role may be assumed.
    pub roles: Option<Arc<dyn RoleStore>>,
}

impl Keys {
    /// A permanent key.
    fn permanent(&self, access_key_id: &str) -> Option<Arc<Key>> {
        self.configured.lookup(access_key_id, None).or_else(|| {
            let (account, region) = self.well_known.as_ref()?;
            let account = if access_key_id == WELL_KNOWN { account } else { access_key_id };
            is_account(account)
                .then(|| Arc::new(Key::new(access_key_id, WELL_KNOWN, account, &account_root(region, account))))
        })
    }

    /// Whether the session's origin still exists unchanged.
    fn is_valid(&self, session: &Session) -> bool {
        let origin = &session.origin;
        let same = |key: Arc<Key>, generation: &str| self.sessions.generation(&key) == generation;
        let key = origin.key.as_ref();
        let key = key.is_none_or(|of| self.permanent(&of.id).is_some_and(|key| same(key, &of.generation)));
        let known = |roles: &Arc<dyn RoleStore>| origin.roles.iter().all(|role| roles.role(role).is_some());
        key && self.roles.as_ref().is_none_or(known)
    }
}

impl KeyStore for Keys {
    fn lookup(&self, access_key_id: &str, session_token: Option<&str>) -> Option<Arc<Key>> {
        let Some(token) = session_token else { return self.permanent(access_key_id) };
        let session = self.sessions.find(access_key_id, token).filter(|session| self.is_valid(session))?;
        Some(Arc::new(self.sessions.key(&session, token)))
    }
}

#[cfg(test)]
mod tests;
