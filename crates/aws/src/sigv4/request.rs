//! The signed parts of a request, and how a signature writes times.

use http::HeaderMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The parts of a request that a signature covers.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Raw path.
    pub path: &'a str,
    /// Raw query string; empty if there is none.
    pub query: &'a str,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body as it came.
    pub body: &'a [u8],
}

impl<'a> SignedRequest<'a> {
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// How a signature writes a time.
pub(super) const ISO_BASIC: &str = "%Y%m%dT%H%M%SZ";

/// A time in ISO 8601's basic format, such as `20260102T030405Z`, and in no other spelling: what reads it takes blanks for zeros.
pub fn basic_time(text: &str) -> Option<Timestamp> {
    let time = DateTime::strptime(ISO_BASIC, text).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    (text.len() == 16 && time.strftime(ISO_BASIC).to_string() == text).then_some(time)
}

/// Seconds, as `X-Amz-Expires` has them, in their one spelling: the signature is made anew of the number.
pub fn seconds(text: &str) -> Option<u64> {
    text.parse().ok().filter(|seconds: &u64| seconds.to_string() == text)
}

/// Whether a text may be the name of a region.
pub(super) fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
