//! Who is calling: credentials as Signature Version 4 has them, in headers or in a presigned URL.
//!
//! [`Mode::Permissive`] takes any credentials or none, and only reads from them which account and region are meant.
//! [`Mode::Strict`] signs each request again with the key that it claims to be signed with, and compares.

mod credentials;
mod keys;
mod request;
mod verify;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use arn::account_root;
use arn::is_account;
use credentials::PresentedCredentials;
pub use keys::{Key, KeyStore};
use request::is_region;
pub use request::{SignedRequest, basic_time, seconds};
pub use verify::{Proven, Purpose};

/// Whether signatures are checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Any credentials or none.
    #[default]
    Permissive,
    /// Only requests whose signature is that of a known key.
    Strict,
}

/// Who sent a request, and the account and region that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// Region of the credential scope.
    pub region: String,
    /// Access key id; none for a request without credentials.
    pub access_key_id: Option<String>,
    /// The IAM principal that owns the key.
    pub principal_arn: String,
    /// The role that the principal is a session of, with its path; else the same.
    pub identity_arn: String,
    /// Whether the signature was checked.
    pub verified: bool,
}

/// The service that a request says it is signed for; `None` where it isn't signed.
pub fn service(request: &SignedRequest<'_>) -> Option<String> {
    PresentedCredentials::find(request).ok().map(|presented| presented.service.into_owned())
}

/// Turns credentials into a [`Caller`].
#[derive(Clone)]
pub struct Authenticator {
    mode: Mode,
    keys: Arc<dyn KeyStore>,
    account: String,
    region: String,
}

impl Authenticator {
    /// An authenticator; `account` and `region` are those of requests that name none.
    pub fn new(mode: Mode, keys: Arc<dyn KeyStore>, account: &str, region: &str) -> Self {
        Self { mode, keys, account: account.to_owned(), region: region.to_owned() }
    }

    /// Whether signatures are checked.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The sender of a request to EKS. `now` is a parameter for the sake of tests.
    pub fn authenticate(&self, request: &SignedRequest<'_>, now: SystemTime) -> Result<Caller, ApiError> {
        self.authenticate_for("eks", request, now)
    }

    /// The same for any service.
    ///
    /// # Errors
    /// As those of [`prove`](Self::prove).
    pub fn authenticate_for(
        &self,
        service: &str,
        request: &SignedRequest<'_>,
        now: SystemTime,
    ) -> Result<Caller, ApiError> {
        match self.mode {
            Mode::Permissive => Ok(self.unverified_caller(PresentedCredentials::find(request).ok().as_ref())),
            Mode::Strict => self.prove_for(service, request, now),
        }
    }

    /// Says who signed the request, its signature checked in either mode.
    ///
    /// # Errors
    /// AWS's answer to credentials that are missing, malformed, unknown, expired or wrong.
    pub fn prove(&self, request: &SignedRequest<'_>, now: SystemTime) -> Result<Caller, ApiError> {
        self.prove_for("eks", request, now)
    }

    fn prove_for(&self, service: &str, request: &SignedRequest<'_>, now: SystemTime) -> Result<Caller, ApiError> {
        let presented = PresentedCredentials::find(request)?;
        let purpose = Purpose { service, presigned: None };
        let key = verify::verify(request, &presented, self.keys.as_ref(), purpose, now)?;
        Ok(Caller {
            account: key.account().to_owned(),
            region: presented.region.into_owned(),
            access_key_id: Some(presented.access_key_id.into_owned()),
            principal_arn: key.principal_arn().to_owned(),
            identity_arn: key.role_arn().unwrap_or(key.principal_arn()).to_owned(),
            verified: true,
        })
    }

    /// Refuses, before the body of this `length` is read, a request that can't be good whatever the body is. The body of `request` isn't    /// read; the sender is known only after [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    /// As those of [`authenticate`](Self::authenticate).
    pub fn admit(
        &self,
        service: &str,
        request: &SignedRequest<'_>,
        length: Option<u64>,
        now: SystemTime,
    ) -> Result<Proven, ApiError> {
        match self.mode {
            Mode::Permissive => Ok(Proven::NotYet),
            Mode::Strict => {
                let presented = PresentedCredentials::find(request)?;
                let purpose = Purpose { service, presigned: None };
                verify::verify_head(request, length, &presented, self.keys.as_ref(), (purpose, now))
            }
        }
    }

    /// The validity of the request's key, which a stream checks again for as long as it lasts.
    pub fn key_validity(&self, request: &SignedRequest<'_>) -> KeyValidity {
        let presented = PresentedCredentials::find(request).ok().filter(|_| self.mode == Mode::Strict);
        KeyValidity(presented.map(|presented| {
            let id = presented.access_key_id.into_owned();
            let token = presented.session_token.map(Cow::into_owned);
            let key = self.keys.lookup(&id, token.as_deref()).map(|key| key.fingerprint(b""));
            SignedWith { keys: Arc::clone(&self.keys), id, token, key }
        }))
    }

    fn unverified_caller(&self, presented: Option<&PresentedCredentials<'_>>) -> Caller {
        let id = presented.map(|presented| presented.access_key_id.as_ref());
        let token = presented.and_then(|presented| presented.session_token.as_deref());
        let key = id.and_then(|id| self.keys.lookup(id, token));
        let account = match (&key, id) {
            (Some(key), _) => key.account(),
            (None, Some(id)) if is_account(id) => id,
            _ => &self.account,
        };
        let region = presented.map(|presented| presented.region.as_ref()).filter(|region| is_region(region));
        let region = region.unwrap_or(&self.region);
        let root = account_root(region, account);
        let identity = key.as_ref().map(|key| key.role_arn().unwrap_or(key.principal_arn()).to_owned());
        Caller {
            principal_arn: key.as_ref().map_or_else(|| root.clone(), |key| key.principal_arn().into()),
            identity_arn: identity.unwrap_or(root),
            account: account.to_owned(),
            region: region.to_owned(),
            access_key_id: id.map(str::to_owned),
            verified: false,
        }
    }
}

/// The validity of the key that a request was signed with; without end where signatures aren't checked.
pub struct KeyValidity(Option<SignedWith>);

struct SignedWith {
    keys: Arc<dyn KeyStore>,
    id: String,
    token: Option<String>,
    key: Option<String>,
}

impl KeyValidity {
    /// Whether the key still exists, unchanged and not expired.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        let Some(asked) = &self.0 else { return true };
        let key = asked.keys.lookup(&asked.id, asked.token.as_deref());
        key.is_some_and(|key| !key.expired(now) && Some(key.fingerprint(b"")) == asked.key)
    }
}

/// The key that a request for another service than EKS is signed with, its signature checked, and the region that it names.
///
/// # Errors
/// AWS's answer to credentials that are missing, malformed, unknown, expired or wrong.
pub fn verify(
    request: &SignedRequest<'_>,
    keys: &dyn KeyStore,
    purpose: Purpose<'_>,
    now: SystemTime,
) -> Result<(Arc<Key>, String), ApiError> {
    let presented = PresentedCredentials::find(request)?;
    let key = verify::verify(request, &presented, keys, purpose, now)?;
    Ok((key, presented.region.into_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use http::HeaderMap;
    use jiff::Timestamp;

    use super::*;

    fn caller(authorization: Option<&str>, query: &str) -> Caller {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert("authorization", value.parse().unwrap());
        }
        let keys: HashMap<String, Arc<Key>> = HashMap::new();
        let auth = Authenticator::new(Mode::Permissive, Arc::new(keys), "000000000000", "us-east-1");
        let request = SignedRequest { method: "GET", path: "/clusters", query, headers: &headers, body: b"" };
        auth.authenticate(&request, SystemTime::now()).unwrap()
    }

    #[test]
    fn permissive_reads_account_and_region() {
        let header = |credential: &str| {
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=00")
        };
        let seen = caller(Some(&header("111111111111/20260101/eu-west-1/eks/aws4_request")), "");
        assert_eq!((seen.account.as_str(), seen.region.as_str()), ("111111111111", "eu-west-1"));
        assert_eq!(seen.principal_arn, "arn:aws:iam::111111111111:root");
        let seen = caller(Some(&header("test/20260101/eu-west-1/eks/aws4_request")), "");
        assert_eq!((seen.account.as_str(), seen.region.as_str()), ("000000000000", "eu-west-1"));
        assert_eq!(seen.access_key_id.as_deref(), Some("test"));
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=222222222222%2F20260101%2Fcn-north-1%2Feks%2Faws4_request\
            &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
        let seen = caller(None, query);
        assert_eq!((seen.account.as_str(), seen.region.as_str()), ("222222222222", "cn-north-1"));
    }

    #[test]
    fn a_time_has_one_spelling() {
        assert_eq!(basic_time("19700101T000102Z").map(Timestamp::as_second), Some(62));
        for other in [
            "19700101T00 102Z",
            "19700101T0001 2Z",
            "19700101T 00102Z",
            "1970010 T000102Z",
            "19700101T000102z",
            "19700101T102Z",
            "",
        ] {
            assert_eq!(basic_time(other), None, "{other}");
        }
    }

    /// Keys that may be removed while an answer is sent.
    #[derive(Default)]
    struct Changing(parking_lot::Mutex<HashMap<String, Arc<Key>>>);

    impl KeyStore for Changing {
        fn lookup(&self, access_key_id: &str, _: Option<&str>) -> Option<Arc<Key>> {
            self.0.lock().get(access_key_id).cloned()
        }
    }

    #[test]
    fn who_asked_stands_no_longer_than_the_key() {
        let keys = Arc::new(Changing::default());
        let put = |secret: &str, owner: &str, until: Option<SystemTime>| {
            let key = Key::new("AKIA1", secret, "111111111111", owner);
            let key = until.map_or_else(|| key.clone(), |until| key.clone().temporary("t", until));
            keys.0.lock().insert("AKIA1".into(), Arc::new(key));
        };
        let (ann, now) = ("arn:aws:iam::111111111111:user/ann", SystemTime::now());
        put("s", ann, None);
        let mut headers = HeaderMap::new();
        let text =
            "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/eu-west-1/eks/aws4_request, SignedHeaders=host, Signature=00";
        headers.insert("authorization", text.parse().unwrap());
        let request = SignedRequest { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
        let key_validity =
            |mode| Authenticator::new(mode, keys.clone(), "000000000000", "us-east-1").key_validity(&request);
        let (strict, permissive) = (key_validity(Mode::Strict), key_validity(Mode::Permissive));
        assert!(strict.is_valid(now));
        put("other", ann, None);
        assert!(!strict.is_valid(now), "another secret");
        put("s", "arn:aws:iam::111111111111:user/bob", None);
        assert!(!strict.is_valid(now), "another owner");
        put("s", ann, Some(now + std::time::Duration::from_secs(9)));
        assert!(strict.is_valid(now) && !strict.is_valid(now + std::time::Duration::from_secs(10)), "a session's end");
        keys.0.lock().clear();
        assert!(!strict.is_valid(now) && permissive.is_valid(now));
    }

    #[test]
    fn permissive_takes_no_or_odd_credentials() {
        for value in [None, Some("Bearer x"), Some("AWS4-HMAC-SHA256"), Some("AWS4-HMAC-SHA256 Credential=a/b")] {
            let seen = caller(value, "");
            assert_eq!((seen.account.as_str(), seen.region.as_str()), ("000000000000", "us-east-1"));
            assert!(!seen.verified);
        }
        let odd = "AWS4-HMAC-SHA256 Credential=a/20260101/../eks/aws4_request, SignedHeaders=host, Signature=00";
        assert_eq!(caller(Some(odd), "").region, "us-east-1");
    }
}
