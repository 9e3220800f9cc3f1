//! The keys that requests may be signed with.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Finds the key of an access key id.
pub trait KeyStore: Send + Sync {
    /// The key, if there is one. Keys of sessions are only found together with the session's token.
    fn lookup(&self, access_key_id: &str, session_token: Option<&str>) -> Option<Arc<Key>>;
}

impl<S: BuildHasher + Send + Sync> KeyStore for HashMap<String, Arc<Key>, S> {
    fn lookup(&self, access_key_id: &str, _: Option<&str>) -> Option<Arc<Key>> {
        self.get(access_key_id).cloned()
    }
}

/// A secret key and its owner. Its `Debug` form shows no secret.
#[derive(Clone)]
pub struct Key {
    credentials: Credentials,
    account: String,
    principal_arn: String,
    role_arn: Option<String>,
    session: Option<Session>,
}

#[derive(Clone)]
struct Session {
    token: String,
    expires: SystemTime,
}

impl Key {
    /// A permanent key.
    pub fn new(access_key_id: &str, secret: &str, account: &str, principal_arn: &str) -> Self {
        Self {
            credentials: Credentials::new(access_key_id, secret, None, None, "k3eks"),
            account: account.to_owned(),
            principal_arn: principal_arn.to_owned(),
            role_arn: None,
            session: None,
        }
    }

    /// Makes the key a temporary one, which is only good together with this session token.
    #[must_use]
    pub fn temporary(mut self, token: &str, expires: SystemTime) -> Self {
        self.session = Some(Session { token: token.to_owned(), expires });
        self
    }

    /// Says which role the session is of; the session's own ARN leaves out the role's path.
    #[must_use]
    pub fn of_role(mut self, arn: &str) -> Self {
        self.role_arn = Some(arn.to_owned());
        self
    }

    /// Whether it is of a session.
    pub fn is_temporary(&self) -> bool {
        self.session.is_some()
    }

    /// The session token that it is only good with.
    pub fn session_token(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.token.as_str())
    }

    /// A fingerprint of secret, account and owner. It reveals nothing of the secret without `key`.
    #[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "HMAC takes keys of any length")]
    pub fn fingerprint(&self, key: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
        let secret = self.credentials.secret_access_key();
        for part in ["fingerprint", self.access_key_id(), secret, &self.account, &self.principal_arn] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        STANDARD.encode(&mac.finalize().into_bytes()[..12])
    }

    /// The role that the session is of.
    pub fn role_arn(&self) -> Option<&str> {
        self.role_arn.as_deref()
    }

    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        self.credentials.access_key_id()
    }

    /// The account that the key belongs to.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The principal that the key belongs to.
    pub fn principal_arn(&self) -> &str {
        &self.principal_arn
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Whether a request with this session token, or none, may use the key.
    pub(super) fn takes_token(&self, token: Option<&str>) -> bool {
        match (&self.session, token) {
            (None, None) => true,
            (Some(session), Some(token)) => bool::from(session.token.as_bytes().ct_eq(token.as_bytes())),
            _ => false,
        }
    }

    /// Whether the session is over.
    pub(super) fn expired(&self, now: SystemTime) -> bool {
        self.session.as_ref().is_some_and(|session| session.expires <= now)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("access_key_id", &self.credentials.access_key_id())
            .field("account", &self.account)
            .field("principal_arn", &self.principal_arn)
            .finish_non_exhaustive()
    }
}
