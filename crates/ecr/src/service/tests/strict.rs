//! Strict authentication: only who signs with a known key is answered.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::*;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";

/// A request for a token, signed with this secret for this service.
fn signed(secret: &str, service: &str) -> Request {
    let identity = Credentials::new(KEY, secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default());
    let params = params.build().unwrap().into();
    let headers = [("host", "localhost"), ("x-amz-target", TARGET)];
    let signable = SignableRequest::new("POST", "http://localhost/", headers.into_iter(), SignableBody::Bytes(b"{}"));
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    let mut request = unsigned();
    instructions.apply_to_request_http1x(&mut request);
    request
}

fn unsigned() -> Request {
    let request = Request::post("http://localhost/").header("host", "localhost").header("x-amz-target", TARGET);
    request.body(Body::from("{}")).unwrap()
}

/// The status, and the error's name.
async fn answered(request: Request) -> (u16, String) {
    let ecr = Ecr::new(Engine::new(AWAY).unwrap(), "127.0.0.1:4567".into(), None);
    let key = Key::new(KEY, SECRET, "111122223333", "arn:aws:iam::111122223333:user/ada");
    let keys = HashMap::from([(KEY.to_owned(), Arc::new(key))]);
    let authenticator = Authenticator::new(Mode::Strict, Arc::new(keys), "000000000000", "us-east-1");
    let router = before(Router::new(), Some(service(ecr, authenticator).unwrap()));
    let response = router.oneshot(request).await.unwrap();
    let kind = response.headers().get("x-amzn-errortype").map(|kind| kind.to_str().unwrap().to_owned());
    (response.status().as_u16(), kind.unwrap_or_default())
}

#[tokio::test]
async fn who_signs_with_a_known_key_is_answered() {
    assert_eq!(answered(signed(SECRET, "ecr")).await, (200, String::new()));
}

#[tokio::test]
async fn other_requests_are_refused() {
    let (status, kind) = answered(unsigned()).await;
    assert_eq!((status, kind.as_str()), (403, "MissingAuthenticationTokenException"));
    for (secret, service) in [("wrong", "ecr"), (SECRET, "eks")] {
        let (status, kind) = answered(signed(secret, service)).await;
        assert_eq!((status, kind.as_str()), (403, "InvalidSignatureException"), "{service}");
    }
    let mut changed = signed(SECRET, "ecr");
    *changed.body_mut() = Body::from(r#"{"registryIds":["000000000000"]}"#);
    assert_eq!(answered(changed).await.0, 403);
}
