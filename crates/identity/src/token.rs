//! The tokens of `aws eks get-token`: a presigned GetCallerIdentity request, bound to one cluster by a signed header.
//! Source: the rules of aws-iam-authenticator's server.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue, Uri};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use regex::Regex;
use std::sync::LazyLock;

use super::principal::Principal;
use aws::sigv4::{KeyStore, Purpose, SignedRequest, basic_time, seconds, verify};

/// Prefix of a token.
pub const PREFIX: &str = "k8s-aws-v1.";
/// The header that names the cluster.
const CLUSTER: &str = "x-k8s-aws-id";
/// Longest token.
const LONGEST: usize = 16 * 1024;
/// Lifetime of a token, whatever its URL says.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// Why a token is refused. Its sender may see the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(pub String);

impl AuthError {
    /// A refusal in these words.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// AWS's own hosts of STS, in all partitions.
#[expect(clippy::expect_used, reason = "the pattern is part of the program, and a test uses it")]
static HOSTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^sts(-fips)?(\.[a-z]{2}(-[a-z]+)+-\d)?\.(amazonaws\.com(\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov)$")
        .expect("the pattern of hosts")
});

/// Parameters that the URL may have, in lower case.
const PARAMETERS: [&str; 9] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Checks a token for the cluster of this name in EKS. `own` are further hosts of STS besides AWS's, with ports.
///
/// # Errors
/// Why it isn't valid.
pub fn check(
    token: &str,
    cluster: &str,
    keys: &dyn KeyStore,
    own: &[String],
    now: SystemTime,
) -> Result<Principal, AuthError> {
    let (uri, host) = inspect(token, own)?;
    let query = uri.query().unwrap_or_default();
    let mut headers = HeaderMap::new();
    let unfit = |_| AuthError::new("the token's host or the cluster's name can't be a header");
    headers.insert("host", HeaderValue::from_str(&host).map_err(unfit)?);
    headers.insert(CLUSTER, HeaderValue::from_str(cluster).map_err(unfit)?);
    let request = SignedRequest { method: "GET", path: uri.path(), query, headers: &headers, body: b"" };
    let purpose = Purpose { service: "sts", presigned: Some(LIFE) };
    let (key, _) = verify(&request, keys, purpose, now).map_err(|error| AuthError::new(error.message()))?;
    Ok(Principal::of(&key))
}

/// The query of the token's URL for a remote STS, which knows the signer; `None` if the key is known here. Checks everything but the signature.
///
/// # Errors
/// Why the token is invalid, whoever signed it.
pub fn query_for_remote_sts(
    token: &str,
    keys: &dyn KeyStore,
    own: &[String],
    now: SystemTime,
) -> Result<Option<String>, AuthError> {
    let (uri, _) = inspect(token, own)?;
    let query = uri.query().unwrap_or_default();
    let parameters = form(query);
    let value =
        |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    let key = value("X-Amz-Credential").and_then(|scope| scope.split('/').next()).unwrap_or_default();
    if keys.lookup(key, value("X-Amz-Security-Token")).is_some() {
        return Ok(None);
    }
    let date = value("X-Amz-Date").unwrap_or_default();
    let date = basic_time(date).ok_or_else(|| AuthError::new("the token has no date"))?;
    let age = Timestamp::try_from(now).unwrap_or(Timestamp::MAX).duration_since(date);
    if age > SignedDuration::from_secs(LIFE.as_secs().cast_signed()) || age < SignedDuration::from_mins(-5) {
        return Err(AuthError::new("the token has expired, or isn't valid yet"));
    }
    Ok(Some(query.to_owned()))
}

/// Checks all of a token but its signature and its time; the URL and its host.
fn inspect(token: &str, own: &[String]) -> Result<(Uri, String), AuthError> {
    let uri = decode(token)?;
    let host = uri.authority().map(|a| a.as_str().to_owned()).unwrap_or_default();
    check_address(&uri, &host, own)?;
    check_query(uri.query().unwrap_or_default())?;
    Ok((uri, host))
}

fn decode(token: &str) -> Result<Uri, AuthError> {
    if token.len() > LONGEST {
        return Err(AuthError::new("the token is too long"));
    }
    let rest =
        token.strip_prefix(PREFIX).ok_or_else(|| AuthError::new(format!("the token doesn't begin with {PREFIX}")))?;
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let url = GeneralPurpose::new(&URL_SAFE, config).decode(rest);
    let url = url.map_err(|_| AuthError::new("the token isn't base64"))?;
    let url = String::from_utf8(url).map_err(|_| AuthError::new("the token holds no text"))?;
    if url.contains('#') {
        return Err(AuthError::new("the token's URL has a fragment"));
    }
    url.parse().map_err(|_| AuthError::new("the token holds no URL"))
}

fn check_address(uri: &Uri, host: &str, own: &[String]) -> Result<(), AuthError> {
    // Clients differ in what they take for the host if there is an @.
    if host.contains('@') {
        return Err(AuthError::new("the token's URL names a user"));
    }
    let ours = own.iter().any(|o| o == host) || is_loopback(uri.host().unwrap_or_default());
    let secure = uri.scheme_str() == Some("https");
    if !(secure || ours && uri.scheme_str() == Some("http")) {
        return Err(AuthError::new("the token's URL isn't HTTPS"));
    }
    if !ours && !HOSTS.is_match(host) {
        return Err(AuthError::new(format!("the token is signed for {host}, which isn't STS")));
    }
    if uri.path() != "/" {
        return Err(AuthError::new("the token's URL has a path"));
    }
    Ok(())
}

/// Whether it is the user's own machine, where this STS is published.
fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn check_query(query: &str) -> Result<(), AuthError> {
    let mut seen = BTreeSet::new();
    let mut signed = String::new();
    for (name, value) in form(query) {
        let name = name.to_ascii_lowercase();
        if !PARAMETERS.contains(&name.as_str()) {
            return Err(AuthError::new(format!("the token's URL has a parameter {name}, which isn't expected")));
        }
        match name.as_str() {
            "action" if value != "GetCallerIdentity" => {
                return Err(AuthError::new("the token's URL has another action than GetCallerIdentity"));
            }
            "x-amz-expires" if seconds(&value).is_none_or(|n| n > LIFE.as_secs()) => {
                return Err(AuthError::new("the token's URL is valid for longer than 15 minutes"));
            }
            "x-amz-signedheaders" => signed = value,
            _ => {}
        }
        if !seen.insert(name.clone()) {
            return Err(AuthError::new(format!("the token's URL has the parameter {name} twice")));
        }
    }
    if !seen.contains("action") {
        return Err(AuthError::new("the token's URL has no action"));
    }
    let mut headers: Vec<&str> = signed.split(';').collect();
    headers.sort_unstable();
    if headers != ["host", CLUSTER] {
        return Err(AuthError::new(format!(
            "the token must be signed with the headers host and {CLUSTER}, and no others"
        )));
    }
    Ok(())
}

/// Names and values of a form.
pub fn form(text: &str) -> Vec<(String, String)> {
    aws::input::pairs(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[cfg(test)]
mod tests;
