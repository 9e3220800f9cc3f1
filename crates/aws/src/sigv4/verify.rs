//! Checking a signature by making it again.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{ApiError, ErrorCode};

use super::credentials::{PresentedCredentials, unsigned_query};
use super::keys::{Key, KeyStore};
use super::request::{ISO_BASIC, SignedRequest, basic_time, is_region, seconds};

/// The header with the body's hash, or with a word that says why there is none.
pub const CONTENT_HASH: &str = "x-amz-content-sha256";

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const SKEW: Duration = Duration::from_secs(5 * 60);
const LONGEST_LIFE: u64 = 7 * 24 * 60 * 60;
/// The signer gives up on longer ones, since encoding may make a URI three times as long.
const LONGEST_URI: usize = 16 * 1024;
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
    Secret Access Key and signing method. Consult the service documentation for details.";

/// What a request is signed for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// The service, as credentials name it.
    pub service: &'a str,
    /// How long a presigned URL is good, whatever it says itself.
    pub presigned: Option<Duration>,
}

/// Checks everything about the credentials and returns the key that they belong to.
pub fn verify(
    request: &SignedRequest<'_>,
    presented: &PresentedCredentials<'_>,
    keys: &dyn KeyStore,
    purpose: Purpose<'_>,
    now: SystemTime,
) -> Result<Arc<Key>, ApiError> {
    let known = check_head(request, presented, keys, purpose, now)?;
    if known.key.expired(now) {
        // Only a request with a good signature learns that the session has expired.
        known.check(request.body)?;
        let message = "The security token included in the request is expired";
        return Err(ApiError::new(ErrorCode::EXPIRED_TOKEN, message));
    }
    known.check(request.body)?;
    Ok(known.key)
}

/// Checks a request before its body is read. With a `length` of 0, or the body's digest in the headers, it checks everything but the
/// digest itself; else it checks key and time, and the signature only after the body is read.
pub fn verify_head(
    request: &SignedRequest<'_>,
    length: Option<u64>,
    presented: &PresentedCredentials<'_>,
    keys: &dyn KeyStore,
    (purpose, now): (Purpose<'_>, SystemTime),
) -> Result<Proven, ApiError> {
    let known = check_head(request, presented, keys, purpose, now)?;
    let declared = request.header(CONTENT_HASH);
    match (declared, length) {
        (Some(hash), _) => known.check_signature(&known.allowed(hash)?)?,
        (None, Some(0)) => known.check(b"")?,
        (None, _) => return Ok(Proven::NotYet),
    }
    Ok(Proven::ByHeaders)
}

/// What the headers of a request prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// Who sent it.
    ByHeaders,
    /// Nothing: the signature covers a body whose digest the headers don't have.
    NotYet,
}

/// Checks everything but the signature.
fn check_head<'a>(
    request: &'a SignedRequest<'a>,
    presented: &'a PresentedCredentials<'a>,
    keys: &dyn KeyStore,
    purpose: Purpose<'_>,
    now: SystemTime,
) -> Result<Signing<'a>, ApiError> {
    let service = purpose.service;
    if presented.service != service {
        return Err(invalid(format!("Credential should be scoped to correct service: '{service}'.")));
    }
    if !is_region(&presented.region) {
        return Err(invalid("Credential should be scoped to a valid region."));
    }
    let time = signing_time(presented)?;
    let shortest = u64::from(purpose.presigned.is_none());
    let expires = lifetime(presented, shortest)?;
    check_clock(presented, time, expires.map(|told| purpose.presigned.unwrap_or(told)), now)?;
    let unknown = || {
        let message = "The security token included in the request is invalid.";
        ApiError::new(ErrorCode::UNRECOGNIZED_CLIENT, message)
    };
    let key = keys.lookup(&presented.access_key_id, presented.session_token.as_deref()).ok_or_else(unknown)?;
    if !key.takes_token(presented.session_token.as_deref()) {
        return Err(unknown());
    }
    // The one service whose presigned URLs may leave the body out.
    let unsigned = service == "sts" && expires.is_some();
    Ok(Signing { request, presented, key, time, expires, unsigned })
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::INVALID_SIGNATURE, message)
}

fn signing_time(presented: &PresentedCredentials<'_>) -> Result<SystemTime, ApiError> {
    let date = &presented.date;
    if date.is_empty() {
        let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
        return Err(ApiError::new(ErrorCode::INCOMPLETE_SIGNATURE, message));
    }
    let parsed = basic_time(date).and_then(|parsed| u64::try_from(parsed.as_second()).ok()).ok_or_else(|| {
        let message = format!("Date must be in ISO-8601 'basic format'. Got '{date}'.");
        ApiError::new(ErrorCode::INCOMPLETE_SIGNATURE, message)
    })?;
    let day = &date[..8];
    if presented.day != day {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{}' != '{day}', from '{date}'.",
            presented.day
        )));
    }
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(parsed))
}

fn lifetime(presented: &PresentedCredentials<'_>, shortest: u64) -> Result<Option<Duration>, ApiError> {
    let Some(text) = &presented.expires else { return Ok(None) };
    match seconds(text) {
        Some(seconds) if (shortest..=LONGEST_LIFE).contains(&seconds) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(invalid(format!("X-Amz-Expires must be between {shortest} and {LONGEST_LIFE} seconds"))),
    }
}

fn check_clock(
    presented: &PresentedCredentials<'_>,
    time: SystemTime,
    expires: Option<Duration>,
    now: SystemTime,
) -> Result<(), ApiError> {
    let date = &presented.date;
    let show = |time: SystemTime| Timestamp::try_from(time).unwrap_or(Timestamp::MAX).strftime(ISO_BASIC).to_string();
    if time > now + SKEW {
        let (late, now) = (show(now + SKEW), show(now));
        return Err(invalid(format!("Signature not yet current: {date} is still later than {late} ({now} + 5 min.)")));
    }
    if let Some(expires) = expires {
        let end = time + expires;
        if end < now {
            return Err(invalid(format!("Signature expired: {} is now earlier than {}", show(end), show(now))));
        }
    } else if time + SKEW < now {
        let (early, now) = (show(now - SKEW), show(now));
        return Err(invalid(format!("Signature expired: {date} is now earlier than {early} ({now} - 5 min.)")));
    }
    Ok(())
}

/// All that goes into a signature.
struct Signing<'a> {
    request: &'a SignedRequest<'a>,
    presented: &'a PresentedCredentials<'a>,
    key: Arc<Key>,
    time: SystemTime,
    expires: Option<Duration>,
    /// Whether the body may be left out of the signature.
    unsigned: bool,
}

impl Signing<'_> {
    fn check(&self, body: &[u8]) -> Result<(), ApiError> {
        let computed = || format!("{:x}", Sha256::digest(body));
        let hash = match self.request.header(CONTENT_HASH) {
            Some(declared) => {
                let allowed = self.allowed(declared)?;
                if allowed != UNSIGNED && allowed != computed() {
                    return Err(invalid(MISMATCH));
                }
                allowed
            }
            None => computed(),
        };
        self.check_signature(&hash)
    }

    /// What the headers say that the body's digest is: a digest, or a word in place of one where that is allowed.
    fn allowed(&self, declared: &str) -> Result<String, ApiError> {
        let digest = declared.len() == 64 && declared.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if digest || self.unsigned && declared == UNSIGNED { Ok(declared.to_owned()) } else { Err(invalid(MISMATCH)) }
    }

    fn check_signature(&self, hash: &str) -> Result<(), ApiError> {
        let expected = self.signature(self.signed_headers()?, hash).ok_or_else(|| invalid(MISMATCH))?;
        let same = bool::from(expected.as_bytes().ct_eq(self.presented.signature.as_bytes()));
        if same { Ok(()) } else { Err(invalid(MISMATCH)) }
    }

    /// Names and values of the headers that were signed, which have to be there and have to include `host`.
    fn signed_headers(&self) -> Result<Vec<(&str, &str)>, ApiError> {
        let mut headers = Vec::with_capacity(8);
        for name in self.presented.signed_headers.split(';') {
            let before = headers.len();
            for value in self.request.headers.get_all(name) {
                headers.push((name, value.to_str().map_err(|_| invalid(MISMATCH))?));
            }
            if headers.len() == before {
                return Err(invalid(MISMATCH));
            }
        }
        if !headers.iter().any(|(name, _)| *name == "host") {
            let message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(invalid(message));
        }
        if self.expires.is_none() && !headers.iter().any(|(name, _)| *name == "x-amz-date") {
            return Err(invalid("'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."));
        }
        Ok(headers)
    }

    fn signature(&self, headers: Vec<(&str, &str)>, hash: &str) -> Option<String> {
        let mut settings = SigningSettings::default();
        settings.excluded_headers = None;
        let query = if self.expires.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = self.expires;
            Cow::Owned(unsigned_query(self.request.query))
        } else {
            Cow::Borrowed(self.request.query)
        };
        let separator = if query.is_empty() { "" } else { "?" };
        let identity = self.key.credentials().clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.presented.region)
            .name(&self.presented.service)
            .time(self.time)
            .settings(settings)
            .build()
            .ok()?
            .into();
        let uri = format!("{}{separator}{query}", self.request.path);
        if uri.len() > LONGEST_URI {
            return None;
        }
        let body = SignableBody::Precomputed(hash.to_owned());
        let request = SignableRequest::new(self.request.method, uri, headers.into_iter(), body).ok()?;
        sign(request, &params).ok().map(|output| output.signature().to_owned())
    }
}
