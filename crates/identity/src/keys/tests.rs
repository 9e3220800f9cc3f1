use std::collections::HashMap;

use std::time::{Duration, SystemTime};

use super::super::roles::Role;
use super::super::sessions::{Credentials, Keyring, Origin};
use super::*;
use aws::sigv4::Mode;

struct Roles(Vec<&'static str>);

impl RoleStore for Roles {
    fn role(&self, arn: &str) -> Option<Arc<Role>> {
        self.0.contains(&arn).then(|| Arc::new(Role::trusting_nobody(None)))
    }

    fn is_taken(&self, _: &str) -> bool {
        false
    }
}

fn keys(well_known: bool) -> Keys {
    let mode = if well_known { Mode::Permissive } else { Mode::Strict };
    let sessions = Sessions::new(Keyring { key: b"k".to_vec(), ..Keyring::default() }, mode);
    Keys {
        configured: Arc::new(given(&["s"])),
        sessions: Arc::new(sessions),
        well_known: well_known.then(|| ("000000000000".into(), "us-east-1".into())),
        roles: None,
    }
}

/// `AKIA1` with each of these secrets, the last of which counts; without any, nothing.
fn given(secrets: &[&str]) -> HashMap<String, Arc<Key>> {
    let key = |secret| Arc::new(Key::new("AKIA1", secret, "111111111111", "arn:aws:iam::111111111111:user/me"));
    secrets.iter().map(|secret| ("AKIA1".to_owned(), key(secret))).collect()
}

fn begun(keys: &Keys, origin: Origin) -> Credentials {
    let session = Session { principal: "arn:aws:iam::111111111111:user/me".into(), origin, ..Session::default() };
    keys.sessions.begin(session, Duration::from_secs(900), SystemTime::now()).unwrap()
}

fn knows(keys: &Keys, made: &Credentials) -> bool {
    keys.lookup(&made.access_key_id, Some(&made.session_token)).is_some()
}

#[test]
fn a_session_ends_with_its_key_and_with_that_key_s_secret() {
    let mut keys = keys(false);
    let made = begun(&keys, keys.sessions.origin(&keys.lookup("AKIA1", None).unwrap()));
    assert!(knows(&keys, &made));
    keys.configured = Arc::new(given(&["another"]));
    assert!(!knows(&keys, &made), "the key has another secret");
    keys.configured = Arc::new(given(&[]));
    assert!(!knows(&keys, &made), "the key is gone");
    keys.configured = Arc::new(given(&["s"]));
    assert!(knows(&keys, &made));
}

#[test]
fn a_session_of_everybody_s_key_is_none_where_keys_count() {
    let (open, strict) = (keys(true), keys(false));
    let made = begun(&open, open.sessions.origin(&open.lookup("111111111111", None).unwrap()));
    assert!(knows(&open, &made) && !knows(&strict, &made));
    let by_nobody = begun(&open, Origin::default());
    assert!(knows(&open, &by_nobody) && !knows(&strict, &by_nobody));
}

#[test]
fn a_session_ends_with_any_role_on_its_way() {
    let mut keys = keys(false);
    keys.roles = Some(Arc::new(Roles(vec!["a", "b"])));
    let first = begun(&keys, Origin::default().then("a"));
    let token = &first.session_token;
    let second = keys.sessions.origin(&keys.lookup(&first.access_key_id, Some(token)).unwrap()).then("b");
    let second = begun(&keys, second);
    assert!(knows(&keys, &first) && knows(&keys, &second));
    keys.roles = Some(Arc::new(Roles(vec!["b"])));
    assert!(!knows(&keys, &first) && !knows(&keys, &second));
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
