//! Signatures: made by the SDKs' signer, by botocore (fixed examples), and wrong in each way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws::error::ApiError;
use aws::sigv4::{Authenticator, Caller, Key, Mode, SignedRequest};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use sha2::{Digest, Sha256};

use super::support::{KEY_ID, SECRET, answer, keys, service};

const TOKEN: &str = "token/with+signs==";
const HOST: &str = "localhost:4566";

struct Signer {
    secret: &'static str,
    service: &'static str,
    presign: Option<Duration>,
    age: i64,
}

impl Default for Signer {
    fn default() -> Self {
        Self { secret: SECRET, service: "eks", presign: None, age: 0 }
    }
}

impl Signer {
    fn time(&self) -> SystemTime {
        let age = Duration::from_secs(self.age.unsigned_abs());
        if self.age < 0 { SystemTime::now() + age } else { SystemTime::now() - age }
    }

    fn request(&self, method: &Method, target: &str, body: &[u8]) -> Request<Body> {
        let identity = Credentials::new(KEY_ID, self.secret, None, None, "test").into();
        let mut settings = SigningSettings::default();
        if self.presign.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = self.presign;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name(self.service)
            .time(self.time())
            .settings(settings);
        let params = params.build().unwrap().into();
        let uri = format!("http://{HOST}{target}");
        let headers = [("content-type", "application/json"), ("host", HOST)];
        let signable =
            SignableRequest::new(method.as_str(), &uri, headers.into_iter(), SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = Request::builder().method(method).uri(&uri).body(Body::from(body.to_vec())).unwrap();
        headers.iter().for_each(|(name, value)| drop(request.headers_mut().insert(*name, value.parse().unwrap())));
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

async fn outcome(request: Request<Body>) -> (u16, String, String) {
    let answer = answer(&service(Mode::Strict), request).await;
    let message = answer.body["message"].as_str().unwrap_or_default().to_owned();
    (answer.status, answer.error().to_owned(), message)
}

async fn refused(request: Request<Body>) -> (String, String) {
    let (status, error, message) = outcome(request).await;
    assert_eq!(status, 403);
    (error, message)
}

#[tokio::test]
async fn the_sdks_signatures_are_taken() {
    let signer = Signer::default();
    let presigner = Signer { presign: Some(Duration::from_secs(60)), ..Signer::default() };
    for (method, target, body) in [
        (Method::GET, "/clusters/c", &b""[..]),
        (Method::GET, "/tags/arn%3Aaws%3Aeks%3Aus-east-1%3A000000000000%3Acluster%2Fa", b""),
        (Method::GET, "/tags/arn:aws:eks:us-east-1:000000000000:cluster/a", b""),
        (Method::DELETE, "/tags/arn?tagKeys=b&tagKeys=a%20c&tagKeys=%C3%A9", b""),
        (Method::POST, "/clusters/c/node-groups/n/update-config", b"{\"labels\":{}}"),
    ] {
        assert_eq!(outcome(signer.request(&method, target, body)).await.0, 200, "{target}");
        assert_eq!(outcome(presigner.request(&method, target, body)).await.0, 200, "presigned {target}");
    }
}

#[tokio::test]
async fn what_was_changed_after_signing_is_refused() {
    let signed = || Signer::default().request(&Method::POST, "/clusters/c/updates?a=1", b"{\"version\":\"1.35\"}");
    let mut changed = [signed(), signed(), signed(), signed()];
    *changed[0].body_mut() = Body::from("{\"version\":\"1.36\"}");
    *changed[1].uri_mut() = "/clusters/d/updates?a=1".parse().unwrap();
    *changed[2].uri_mut() = "/clusters/c/updates?a=2".parse().unwrap();
    changed[3].headers_mut().insert("host", "elsewhere".parse().unwrap());
    for request in changed {
        let (error, message) = refused(request).await;
        assert_eq!(error, "InvalidSignatureException");
        assert!(message.starts_with("The request signature we calculated does not match"), "{message}");
    }
    let wrong = Signer { secret: "other", ..Signer::default() };
    assert_eq!(refused(wrong.request(&Method::GET, "/clusters", b"")).await.0, "InvalidSignatureException");
}

#[tokio::test]
async fn clocks_and_scopes_are_checked() {
    let late = Signer { age: 301, ..Signer::default() };
    assert!(refused(late.request(&Method::GET, "/clusters", b"")).await.1.starts_with("Signature expired: "));
    let early = Signer { age: -400, ..Signer::default() };
    assert!(refused(early.request(&Method::GET, "/clusters", b"")).await.1.starts_with("Signature not yet current"));
    let close = Signer { age: 200, ..Signer::default() };
    assert_eq!(outcome(close.request(&Method::GET, "/clusters", b"")).await.0, 200);
    let presigned = Signer { age: 30, presign: Some(Duration::from_secs(20)), ..Signer::default() };
    assert!(refused(presigned.request(&Method::GET, "/clusters", b"")).await.1.starts_with("Signature expired: "));
    let other = Signer { service: "sts", ..Signer::default() };
    assert!(refused(other.request(&Method::GET, "/clusters", b"")).await.1.contains("correct service: 'eks'"));
}

#[tokio::test]
async fn incomplete_and_unknown_credentials_are_told_apart() {
    let plain = || Signer::default().request(&Method::GET, "/clusters", b"");
    let with = |name: &'static str, value: &str| {
        let mut request = plain();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let mut none = plain();
    none.headers_mut().remove("authorization");
    assert_eq!(refused(none).await.0, "MissingAuthenticationTokenException");
    let authorization = plain().headers()["authorization"].to_str().unwrap().to_owned();
    for broken in ["Bearer x", "AWS4-HMAC-SHA256 x", &authorization.replace("Signature", "S")] {
        assert_eq!(refused(with("authorization", broken)).await.0, "IncompleteSignatureException", "{broken}");
    }
    let unknown = authorization.replace(KEY_ID, "AKIDOTHER");
    assert_eq!(refused(with("authorization", &unknown)).await.0, "UnrecognizedClientException");
    let unsigned_host = authorization.replace("content-type;host;", "content-type;");
    assert_eq!(refused(with("authorization", &unsigned_host)).await.0, "InvalidSignatureException");
    assert_eq!(refused(with("x-amz-date", "yesterday")).await.0, "IncompleteSignatureException");
    assert_eq!(refused(with("x-amz-security-token", "t")).await.0, "UnrecognizedClientException");
}

/// 2026-01-02T03:04:05Z, when the examples were signed.
fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn temporary(expires: SystemTime) -> Authenticator {
    let key = Key::new(KEY_ID, SECRET, "111111111111", "arn:aws:iam::111111111111:user/u").temporary(TOKEN, expires);
    assert!(!format!("{key:?}").contains("wJalr") && !format!("{key:?}").contains(TOKEN));
    let keys = HashMap::from([(KEY_ID.to_owned(), Arc::new(key))]);
    Authenticator::new(Mode::Strict, Arc::new(keys), "000000000000", "us-east-1")
}

fn permanent() -> Authenticator {
    Authenticator::new(Mode::Strict, Arc::new(keys()), "000000000000", "us-east-1")
}

fn example(
    authenticator: &Authenticator,
    (method, target, body): (&str, &str, &[u8]),
    headers: &[(&'static str, &str)],
    now: SystemTime,
) -> Result<Caller, ApiError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut map = HeaderMap::new();
    map.insert("host", HOST.parse().unwrap());
    headers.iter().for_each(|(name, value)| drop(map.insert(*name, value.parse().unwrap())));
    let request = SignedRequest { method, path, query, headers: &map, body };
    authenticator.authenticate(&request, now)
}

fn authorization(region: &str, headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={KEY_ID}/20260102/{region}/eks/aws4_request, \
         SignedHeaders={headers}, Signature={signature}"
    )
}

#[test]
fn botocores_signatures_are_taken() {
    let arn = "/tags/arn%3Aaws%3Aeks%3Aus-east-1%3A000000000000%3Acluster%2Fa";
    let query = "tagKeys=b%20c&tagKeys=a%2Fb&tagKeys=%C3%A9";
    for (method, target, signature) in [
        ("GET", arn.to_owned(), "d618678975f6ef20ec8916a8c4cddfba0a1f3887a0a0b130bcd0aab0c3085a34"),
        ("DELETE", format!("{arn}?{query}"), "08d1140a8776401fb90c58322f403d7fa54dfc440e4159bf75bafb202654415b"),
    ] {
        let authorization = authorization("us-east-1", "host;x-amz-date", signature);
        let headers = [("x-amz-date", "20260102T030405Z"), ("authorization", &authorization)];
        let caller = example(&permanent(), (method, &target, b""), &headers, then()).unwrap();
        assert_eq!((caller.account.as_str(), caller.region.as_str()), ("111111111111", "us-east-1"));
        assert_eq!(caller.principal_arn, "arn:aws:iam::111111111111:user/u");
        assert!(caller.verified);
    }
}

#[test]
fn session_tokens_have_to_fit_and_to_last() {
    let authorization = authorization(
        "eu-west-1",
        "content-type;host;x-amz-date;x-amz-security-token",
        "d4303aadd4592e026a256ba4b2ed7577f813e542d804ede3f1b28f69f352a58d",
    );
    let headers = [
        ("content-type", "application/json"),
        ("x-amz-date", "20260102T030405Z"),
        ("x-amz-security-token", TOKEN),
        ("authorization", &authorization),
    ];
    let request = ("POST", "/clusters", &b"{\"name\":\"c\"}"[..]);
    let later = then() + Duration::from_secs(60);
    let seen = |authenticator: &Authenticator| example(authenticator, request, &headers, then());
    assert_eq!(seen(&temporary(later)).unwrap().region, "eu-west-1");
    assert_eq!(seen(&temporary(then())).unwrap_err().code().name(), "ExpiredTokenException");
    assert_eq!(seen(&permanent()).unwrap_err().code().name(), "UnrecognizedClientException");
}

#[test]
fn botocores_presigned_urls_are_taken_while_they_last() {
    let target = "/clusters?maxResults=5&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Feks%2Faws4_request&X-Amz-Date=20260102T030405Z\
        &X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=token%2Fwith%2Bsigns%3D%3D\
        &X-Amz-Signature=12ab72d563b1978d41b65a984e1de459aa840b69c32a295026e9f17213d7bd16";
    let authenticator = temporary(then() + Duration::from_secs(3600));
    let after = |seconds| then() + Duration::from_secs(seconds);
    assert!(example(&authenticator, ("GET", target, b""), &[], after(59)).is_ok());
    assert!(example(&authenticator, ("GET", target, b""), &[], after(61)).is_err());
    let longer = target.replace("Expires=60", "Expires=600");
    assert!(example(&authenticator, ("GET", &longer, b""), &[], after(59)).is_err());
}

/// Signs with the crate's own pieces what its high-level function doesn't offer: a hash that stands in for the body.
fn signed_by_hand(hash: &str) -> String {
    let canonical = format!(
        "POST\n/clusters\n\nhost:{HOST}\nx-amz-content-sha256:{hash}\nx-amz-date:20260102T030405Z\n\n\
         host;x-amz-content-sha256;x-amz-date\n{hash}"
    );
    let digest = format!("{:x}", Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n20260102T030405Z\n20260102/us-east-1/eks/aws4_request\n{digest}");
    let key = v4::generate_signing_key(SECRET, then(), "us-east-1", "eks");
    let signature = v4::calculate_signature(key, text.as_bytes());
    authorization("us-east-1", "host;x-amz-content-sha256;x-amz-date", &signature)
}

fn with_hash(hash: &str, body: &[u8]) -> Result<Caller, ApiError> {
    let authorization = signed_by_hand(hash);
    let headers =
        [("x-amz-date", "20260102T030405Z"), ("x-amz-content-sha256", hash), ("authorization", &authorization)];
    example(&permanent(), ("POST", "/clusters", body), &headers, then())
}

#[test]
fn the_body_is_signed_whatever_its_headers_say() {
    assert!(with_hash(&format!("{:x}", Sha256::digest(b"body")), b"body").is_ok());
    assert!(with_hash(&format!("{:x}", Sha256::digest(b"body")), b"other").is_err());
    for word in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-X",
        "unsigned",
    ] {
        assert_eq!(with_hash(word, b"anything").unwrap_err().code().name(), "InvalidSignatureException", "{word}");
        assert!(with_hash(word, b"0\r\n\r\n").is_err(), "{word}");
    }
}

/// A body that tells whether anybody looked at it.
fn watched() -> (Body, Arc<AtomicBool>) {
    let looked = Arc::new(AtomicBool::new(false));
    let seen = looked.clone();
    let parts = futures::stream::once(async move {
        seen.store(true, Ordering::Relaxed);
        Ok::<_, std::io::Error>("{}".to_owned())
    });
    (Body::from_stream(parts), looked)
}

#[tokio::test]
async fn the_body_of_a_stranger_is_not_read() {
    let signed = |signer: Signer, hash: Option<&str>| {
        let mut request = signer.request(&Method::POST, "/clusters/c/node-groups/n/update-config", b"{}");
        hash.map(|hash| request.headers_mut().insert("x-amz-content-sha256", hash.parse().unwrap()));
        request
    };
    let mut anonymous = signed(Signer::default(), None);
    anonymous.headers_mut().remove("authorization");
    let mut unknown = signed(Signer::default(), None);
    let other = unknown.headers()["authorization"].to_str().unwrap().replace(KEY_ID, "AKIDOTHER");
    unknown.headers_mut().insert("authorization", other.parse().unwrap());
    let late = signed(Signer { age: 400, ..Signer::default() }, None);
    let digest = format!("{:x}", Sha256::digest(b"{}"));
    let wrong = signed(Signer { secret: "guess", ..Signer::default() }, Some(&digest));
    let word = signed(Signer::default(), Some("UNSIGNED-PAYLOAD"));
    for mut request in [anonymous, unknown, late, wrong, word] {
        let (body, looked) = watched();
        *request.body_mut() = body;
        refused(request).await;
        assert!(!looked.load(Ordering::Relaxed));
    }
    let mut good = signed(Signer::default(), None);
    let (body, looked) = watched();
    *good.body_mut() = body;
    assert_eq!(outcome(good).await.0, 200);
    assert!(looked.load(Ordering::Relaxed));
}
