//! Every key that a request may be signed with: those that were given, those of sessions, and the well-known ones.

use std::sync::Arc;

use super::sessions::Sessions;
use crate::eks::arn::account_root;
use crate::eks::sigv4::{Key, KeyStore, is_account};

/// The secret of the well-known keys.
const WELL_KNOWN: &str = "test";

/// Keys from everywhere.
pub struct Keys {
    /// Those that were given.
    pub given: Arc<dyn KeyStore>,
    /// Those of sessions.
    pub sessions: Arc<Sessions>,
    /// Account and region of the key `test`, and whether the keys are known that everybody knows: `test` and, for the root
    /// user of an account, its twelve digits, both with the secret `test`.
    pub well_known: Option<(String, String)>,
}

impl KeyStore for Keys {
    fn lookup(&self, access_key_id: &str, session_token: Option<&str>) -> Option<Arc<Key>> {
        if let Some(token) = session_token {
            return self.sessions.key(access_key_id, token).map(Arc::new);
        }
        self.given.lookup(access_key_id, None).or_else(|| {
            let (account, region) = self.well_known.as_ref()?;
            let account = if access_key_id == WELL_KNOWN { account } else { access_key_id };
            is_account(account)
                .then(|| Arc::new(Key::new(access_key_id, WELL_KNOWN, account, &account_root(region, account))))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn keys(well_known: bool) -> Keys {
        let mine = Arc::new(Key::new("AKIA1", "s", "111111111111", "arn:aws:iam::111111111111:user/me"));
        let given: HashMap<String, Arc<Key>> = [("AKIA1".to_owned(), mine)].into();
        Keys {
            given: Arc::new(given),
            sessions: Arc::new(Sessions::new(b"k")),
            well_known: well_known.then(|| ("000000000000".into(), "us-east-1".into())),
        }
    }

    #[test]
    fn well_known_keys_are_root_users_and_only_known_where_that_is_wanted() {
        let open = keys(true);
        let arn = |id: &str| open.lookup(id, None).map(|key| key.principal_arn().to_owned());
        assert_eq!(arn("test").as_deref(), Some("arn:aws:iam::000000000000:root"));
        assert_eq!(arn("222222222222").as_deref(), Some("arn:aws:iam::222222222222:root"));
        assert_eq!(arn("AKIA1").as_deref(), Some("arn:aws:iam::111111111111:user/me"));
        assert_eq!(arn("AKIA2"), None);
        assert!(keys(false).lookup("test", None).is_none() && keys(false).lookup("AKIA1", None).is_some());
    }
}
