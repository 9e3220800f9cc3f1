//! Reading the credentials that a request presents.

use std::borrow::Cow;

use crate::error::{ApiError, ErrorCode};
use crate::input::pairs;

use super::request::SignedRequest;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// The query parameters that the signer adds to a presigned URL, besides the session token.
const PRESIGNED: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"];

/// Credentials as presented, not checked.
pub struct PresentedCredentials<'a> {
    pub access_key_id: Cow<'a, str>,
    /// Day of the credential scope.
    pub day: Cow<'a, str>,
    pub region: Cow<'a, str>,
    pub service: Cow<'a, str>,
    /// Names separated by `;`.
    pub signed_headers: Cow<'a, str>,
    pub signature: Cow<'a, str>,
    /// When the request was signed; empty if the request doesn't say.
    pub date: Cow<'a, str>,
    pub session_token: Option<Cow<'a, str>>,
    /// Lifetime in seconds; only presigned URLs have one.
    pub expires: Option<Cow<'a, str>>,
}

impl<'a> PresentedCredentials<'a> {
    /// Finds the credentials in headers or query string.
    pub fn find(request: &SignedRequest<'a>) -> Result<Self, ApiError> {
        if let Some(authorization) = request.header("authorization") {
            return Self::from_header(request, authorization);
        }
        if request.query.contains("X-Amz-") {
            return Self::from_query(request.query);
        }
        Err(ApiError::new(ErrorCode::MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token"))
    }

    fn from_header(request: &SignedRequest<'a>, authorization: &'a str) -> Result<Self, ApiError> {
        let rest = authorization
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| incomplete(&format!("Unsupported AWS 'algorithm': only {ALGORITHM} is understood")))?;
        let find = |name: &str| {
            rest.split(',')
                .filter_map(|part| part.trim().split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| Cow::Borrowed(value))
                .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let date = Cow::Borrowed(request.header("x-amz-date").unwrap_or_default());
        let (credential, signature, signed_headers) = (find("Credential")?, find("Signature")?, find("SignedHeaders")?);
        let [access_key_id, day, region, service] = scope(credential)?;
        let session_token = request.header("x-amz-security-token").map(Cow::Borrowed);
        Ok(Self { access_key_id, day, region, service, signed_headers, signature, date, session_token, expires: None })
    }

    fn from_query(query: &'a str) -> Result<Self, ApiError> {
        let optional = |name: &str| pairs(query).find(|(key, _)| key == name).map(|(_, value)| value);
        let find = |name: &str| {
            optional(name).ok_or_else(|| {
                incomplete(&format!("AWS query-string parameters must include '{name}'. Re-examine the query-string"))
            })
        };
        if find("X-Amz-Algorithm")? != ALGORITHM {
            return Err(incomplete(&format!("Unsupported AWS 'algorithm': only {ALGORITHM} is understood")));
        }
        let [access_key_id, day, region, service] = scope(find("X-Amz-Credential")?)?;
        Ok(Self {
            access_key_id,
            day,
            region,
            service,
            signed_headers: find("X-Amz-SignedHeaders")?,
            signature: find("X-Amz-Signature")?,
            date: find("X-Amz-Date")?,
            session_token: optional("X-Amz-Security-Token"),
            expires: Some(find("X-Amz-Expires")?),
        })
    }
}

/// The query string as it was before it was signed.
pub fn unsigned_query(query: &str) -> String {
    let ours = |pair: &&str| !PRESIGNED.contains(&pair.split('=').next().unwrap_or_default());
    query.split('&').filter(ours).collect::<Vec<_>>().join("&")
}

fn incomplete(message: &str) -> ApiError {
    ApiError::new(ErrorCode::INCOMPLETE_SIGNATURE, message)
}

/// Access key id, day, region and service of a credential; an access key id may have slashes itself.
fn scope(credential: Cow<'_, str>) -> Result<[Cow<'_, str>; 4], ApiError> {
    let refused =
        || incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term");
    let split = |text: &str| -> Option<[usize; 4]> {
        let mut ends = text.rmatch_indices('/').map(|(index, _)| index);
        Some([ends.next()?, ends.next()?, ends.next()?, ends.next()?])
    };
    let [term, service, region, day] = split(&credential).ok_or_else(refused)?;
    if credential[term + 1..] != *TERMINATOR || day == 0 {
        return Err(refused());
    }
    let ranges = [0..day, day + 1..region, region + 1..service, service + 1..term];
    Ok(match credential {
        Cow::Borrowed(text) => ranges.map(|range| Cow::Borrowed(&text[range])),
        Cow::Owned(text) => ranges.map(|range| Cow::Owned(text[range].to_owned())),
    })
}
