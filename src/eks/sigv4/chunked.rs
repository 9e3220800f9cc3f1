//! Bodies in the `aws-chunked` framing: `<size in hex>;chunk-signature=<signature>`, the data, and so on until a chunk
//! of size zero, which trailers may follow.

use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::eks::error::ApiError;

/// How the content hash of a framed body begins.
pub const STREAMING: &str = "STREAMING-";
/// How it begins if every chunk is signed.
pub const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What the signature of the first chunk builds on.
pub struct Seed<'a> {
    pub secret: &'a str,
    pub time: SystemTime,
    pub date: &'a str,
    pub region: &'a str,
    pub service: &'a str,
    pub signature: &'a str,
}

struct Chunk<'a> {
    data: &'a [u8],
    signature: Option<&'a str>,
}

/// The data of all chunks.
pub fn decode(body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let chunks = parse(body).ok_or_else(|| ApiError::serialization("The body is not a sequence of chunks"))?;
    Ok(chunks.iter().flat_map(|chunk| chunk.data).copied().collect())
}

/// Whether each chunk is signed, each signature building on the one before; nothing if not.
pub fn verify(body: &[u8], seed: &Seed<'_>) -> Option<()> {
    let key = generate_signing_key(seed.secret, seed.time, seed.region, seed.service);
    let scope = format!("{}/{}/{}/aws4_request", &seed.date[..8], seed.region, seed.service);
    let mut previous = seed.signature.to_owned();
    for chunk in parse(body)? {
        let hash = format!("{:x}", Sha256::digest(chunk.data));
        let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{scope}\n{previous}\n{NOTHING}\n{hash}", seed.date);
        let expected = calculate_signature(key.as_ref(), text.as_bytes());
        if !bool::from(expected.as_bytes().ct_eq(chunk.signature?.as_bytes())) {
            return None;
        }
        previous = expected;
    }
    Some(())
}

fn parse(mut body: &[u8]) -> Option<Vec<Chunk<'_>>> {
    let mut chunks = Vec::new();
    loop {
        let end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let head = std::str::from_utf8(&body[..end]).ok()?;
        let (size, extension) = head.split_once(';').unwrap_or((head, ""));
        let size = usize::from_str_radix(size, 16).ok()?;
        let rest = &body[end + 2..];
        let data = rest.get(..size)?;
        chunks.push(Chunk { data, signature: extension.strip_prefix("chunk-signature=") });
        if size == 0 {
            return Some(chunks);
        }
        body = rest[size..].strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_trailers_left_out() {
        let body = b"5;chunk-signature=a\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(decode(body).unwrap(), b"hello!");
    }

    #[test]
    fn broken_framing_is_refused() {
        for body in [&b""[..], b"5\r\nhel", b"zz\r\n", b"ffffffffffffffff\r\n", b"1\r\nab\r\n0\r\n", b"-1\r\n"] {
            assert!(decode(body).is_err());
        }
    }
}
