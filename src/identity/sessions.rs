//! Temporary credentials. A session's token says all about it and is signed, and its secret key is made from the token: nothing
//! has to be stored, and every replica knows the sessions of every other.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::eks::sigv4::Key;

/// What a session is of.
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
    /// Session tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// What a session is used with.
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

/// Makes sessions, and knows those that it made.
pub struct Sessions {
    key: Vec<u8>,
}

impl Sessions {
    /// Sessions that are signed with `key`. Whoever has it can make sessions of any principal.
    pub fn new(key: &[u8]) -> Self {
        Self { key: key.to_vec() }
    }

    /// Begins a session that ends after `life`; its key and end are filled in.
    ///
    /// # Errors
    /// Only if the session can't be written as JSON.
    pub fn begin(
        &self,
        session: Session,
        life: Duration,
        now: SystemTime,
    ) -> Result<Credentials, jsonwebtoken::errors::Error> {
        let expires = now + life;
        let exp = expires.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let id = Uuid::new_v4().simple().to_string().to_uppercase();
        let session = Session { key: format!("ASIA{}", &id[..16]), exp, ..session };
        let token = jsonwebtoken::encode(&Header::default(), &session, &EncodingKey::from_secret(&self.key))?;
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(exp);
        Ok(Credentials {
            secret_access_key: self.secret(&token),
            access_key_id: session.key,
            session_token: token,
            expires,
        })
    }

    /// The session that `token` is of, over or not; `None` for a token that isn't from here or belongs to another key.
    pub fn find(&self, access_key_id: &str, token: &str) -> Option<Session> {
        let mut validation = Validation::new(Algorithm::HS256);
        // A session that is over is found, so that it can be told from one that never was.
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(&self.key);
        let session = jsonwebtoken::decode::<Session>(token, &key, &validation).ok()?.claims;
        (session.key == access_key_id).then_some(session)
    }

    /// The key that requests of a session are signed with.
    pub fn key(&self, access_key_id: &str, token: &str) -> Option<Key> {
        let session = self.find(access_key_id, token)?;
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(session.exp);
        let key = Key::new(access_key_id, &self.secret(token), &session.account, &session.principal);
        let key = key.temporary(token, end);
        Some(match &session.role {
            Some(role) => key.of_role(role),
            None => key,
        })
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn secret(&self, token: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length");
        mac.update(b"secret access key\0");
        mac.update(token.as_bytes());
        STANDARD.encode(&mac.finalize().into_bytes()[..30])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(sessions: &Sessions) -> Credentials {
        let session = Session { principal: "arn:aws:sts::1:assumed-role/a/b".into(), ..Session::default() };
        sessions.begin(session, Duration::from_secs(900), SystemTime::now()).unwrap()
    }

    #[test]
    fn a_session_is_known_by_its_token_and_key_and_by_nothing_else() {
        let sessions = Sessions::new(b"one");
        let made = begun(&sessions);
        let found = sessions.find(&made.access_key_id, &made.session_token).unwrap();
        assert_eq!(found.principal, "arn:aws:sts::1:assumed-role/a/b");
        assert!(sessions.find("ASIAOTHER", &made.session_token).is_none());
        assert!(Sessions::new(b"two").find(&made.access_key_id, &made.session_token).is_none());
        let (head, rest) = made.session_token.split_once('.').unwrap();
        let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert_ne!(head, none);
        assert!(sessions.find(&made.access_key_id, &format!("{none}.{rest}")).is_none());
    }

    #[test]
    fn two_sessions_have_two_secrets() {
        let sessions = Sessions::new(b"one");
        let (a, b) = (begun(&sessions), begun(&sessions));
        assert_ne!(a.secret_access_key, b.secret_access_key);
        assert_eq!((a.access_key_id.len(), a.secret_access_key.len()), (20, 40));
    }
}
