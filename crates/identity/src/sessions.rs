//! Temporary credentials. A session's token holds all of its claims and is signed, and its secret key is derived from the token: nothing
//! has to be stored, and every replica accepts the sessions of every other.
//!
//! A token also holds the session's origin: the mode of the API that issued it, the first key with that key's
//! generation, and the roles in between. A session ends with each of them, and when it is revoked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use super::principal::canonical;
use aws::sigv4::{Key, Mode};

/// Where a session comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The first key; none for a session by a service account's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<OriginKey>,
    /// ARNs of the assumed roles in order, the session's own last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// A permanent key, as sessions record it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginKey {
    /// Access key id.
    pub id: String,
    /// ARN of its owner.
    pub principal: String,
    /// Changes when the secret, the account or the owner does.
    pub generation: String,
}

impl Origin {
    /// The origin of a session of this role that a session of this origin assumes.
    #[must_use]
    pub fn then(mut self, role: &str) -> Self {
        self.roles.push(role.to_owned());
        self
    }
}

/// Claims of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its access key id.
    pub key: String,
    /// ARN of the caller: of an assumed role, or of a user.
    pub principal: String,
    /// ARN of the role, with its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The account.
    pub account: String,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// When it began, in seconds since 1970.
    #[serde(default)]
    pub iat: u64,
    /// Mode of the API that issued it.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Origin,
    /// Session tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Session {
    /// Whether `identity` is the session's own ARN, that of its role or user, or a key or role of its origin. Roles match
    /// with and without their path.
    pub fn is_of(&self, identity: &str) -> bool {
        let key = self.origin.key.as_ref();
        self.principal == identity
            || canonical(&self.principal) == identity
            || key.is_some_and(|key| key.id == identity || key.principal == identity)
            || self.origin.roles.iter().any(|role| role == identity)
    }
}

/// Credentials of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Begins with `ASIA`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// When it ends.
    pub expires: SystemTime,
}

/// The signing key of sessions, and the revoked ones.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keyring {
    /// The signing key. With it sessions of any principal can be made.
    pub key: Vec<u8>,
    /// Identities, as [`Session::is_of`] takes them, and the time up to which their sessions are revoked, in seconds since 1970.
    pub revoked: BTreeMap<String, u64>,
}

/// Makes and verifies sessions.
pub struct Sessions {
    mode: Mode,
    keyring: RwLock<Keyring>,
}

impl Sessions {
    /// Sessions of an API in this mode. An API in another mode refuses them.
    pub fn new(keyring: Keyring, mode: Mode) -> Self {
        Self { mode, keyring: RwLock::new(keyring) }
    }

    /// Replaces the keyring. Sessions that were signed with another key end.
    pub fn renew(&self, keyring: Keyring) {
        *self.keyring.write() = keyring;
    }

    fn keyring(&self) -> parking_lot::RwLockReadGuard<'_, Keyring> {
        self.keyring.read()
    }

    /// A fingerprint of the key, which only the sessions' own key can compute.
    pub fn generation(&self, key: &Key) -> String {
        key.fingerprint(&self.keyring().key)
    }

    /// Where a session that `key` asks for comes from.
    pub fn origin(&self, key: &Key) -> Origin {
        if let Some(token) = key.session_token() {
            return self.find(key.access_key_id(), token).map(|session| session.origin).unwrap_or_default();
        }
        let generation = self.generation(key);
        let (id, principal) = (key.access_key_id().to_owned(), key.principal_arn().to_owned());
        Origin { key: Some(OriginKey { id, principal, generation }), roles: Vec::new() }
    }

    /// Begins a session that ends after `life`; its key and end are filled in.
    ///
    /// # Errors
    /// The session can't be written as JSON.
    pub fn begin(
        &self,
        session: Session,
        life: Duration,
        now: SystemTime,
    ) -> Result<Credentials, jsonwebtoken::errors::Error> {
        let expires = now + life;
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (exp, iat) = (seconds(expires), seconds(now));
        let id = Uuid::new_v4().simple().to_string().to_uppercase();
        let session = Session { key: format!("ASIA{}", &id[..16]), exp, iat, mode: Some(self.mode), ..session };
        let keyring = self.keyring();
        let token = jsonwebtoken::encode(&Header::default(), &session, &EncodingKey::from_secret(&keyring.key))?;
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(exp);
        Ok(Credentials {
            secret_access_key: secret(&keyring.key, &token),
            access_key_id: session.key,
            session_token: token,
            expires,
        })
    }

    /// The session of `token`, expired or not; `None` for a revoked token, another key's, or one of an API in another
    /// mode.
    pub fn find(&self, access_key_id: &str, token: &str) -> Option<Session> {
        let mut validation = Validation::new(Algorithm::HS256);
        // An expired session is found, so that its error differs from that of an unknown one.
        validation.validate_exp = false;
        let keyring = self.keyring();
        let key = DecodingKey::from_secret(&keyring.key);
        let session = jsonwebtoken::decode::<Session>(token, &key, &validation).ok()?.claims;
        let revoked = keyring.revoked.iter().any(|(identity, until)| session.iat <= *until && session.is_of(identity));
        (session.key == access_key_id && session.mode == Some(self.mode) && !revoked).then_some(session)
    }

    /// The key that requests of a session are signed with.
    pub fn key(&self, session: &Session, token: &str) -> Key {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(session.exp);
        let key = Key::new(&session.key, &secret(&self.keyring().key, token), &session.account, &session.principal);
        let key = key.temporary(token, end);
        match &session.role {
            Some(role) => key.of_role(role),
            None => key,
        }
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn secret(key: &[u8], token: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(b"secret access key\0");
    mac.update(token.as_bytes());
    STANDARD.encode(&mac.finalize().into_bytes()[..30])
}

#[cfg(test)]
mod tests;
