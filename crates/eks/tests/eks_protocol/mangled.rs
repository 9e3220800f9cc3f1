//! No request, however mangled, gives a 5xx or a panic.

use aws::service::Service;
use aws::sigv4::Mode;
use axum::body::Body;
use http::Request;
use k3eks_eks::model;
use proptest::prelude::*;

use super::support::{KEY_ID, answer, service};

fn path() -> impl Strategy<Value = String> {
    let count = model::eks().operations().len();
    let label = prop_oneof!["[a-z]{1,5}", "\\PC{0,12}", "arn(:|%3A|/|%2f|[a-z0-9]){0,12}", "%[0-9a-fA-F]{0,3}"];
    let template = (0..count, prop::collection::vec(label, 4)).prop_map(|(index, labels)| {
        let uri = &model::eks().operations()[index].uri;
        let segments = uri.split('/').scan(labels.into_iter(), |labels, segment| {
            Some(if segment.starts_with('{') { labels.next()? } else { segment.to_owned() })
        });
        segments.collect::<Vec<_>>().join("/")
    });
    prop_oneof![3 => template, 1 => "/\\PC{0,40}", 1 => "(/[a-z%0-9:.]{0,6}){0,40}"]
}

fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        "maxResults|nextToken|tagKeys|include|X-Amz-Algorithm|X-Amz-Credential|X-Amz-Date|X-Amz-Expires",
        "X-Amz-SignedHeaders|X-Amz-Signature|preserve",
        "[a-z%]{0,6}"
    ];
    let value = prop_oneof!["[0-9]{1,20}", "\\PC{0,10}", "AWS4-HMAC-SHA256", "20260102T030405Z", credential()];
    let pair = (name, value).prop_map(|(name, value)| format!("{name}={value}"));
    prop::collection::vec(pair, 0..8).prop_map(|pairs| pairs.join("&"))
}

fn credential() -> impl Strategy<Value = String> {
    "[a-z]{1,4}".prop_map(|region| format!("{KEY_ID}/20260102/{region}/eks/aws4_request"))
}

fn authorization() -> impl Strategy<Value = String> {
    let headers = prop_oneof!["host(;x-amz-date){0,2}", "[a-zA-Z;-]{0,20}", ";"];
    let full = (credential(), headers, "[0-9a-f]{0,64}").prop_map(|(credential, headers, signature)| {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={headers}, Signature={signature}")
    });
    prop_oneof![full, "[ -~]{0,60}", "AWS4-HMAC-SHA256 [ -~]{0,60}"]
}

fn now() -> String {
    k8s_openapi::jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json = "\\{(\"(name|tags|version|subnets|nodegroupName)\":(1|\"a\"|null|\\[\\]|\\{\\}),?){0,4}\\}";
    let chunks = "([0-9a-f]{1,3};chunk-signature=[0-9a-f]{0,4}\r\n[a-z]{0,9}\r\n){0,3}";
    prop_oneof![json.prop_map(String::into_bytes), chunks.prop_map(String::into_bytes), any::<Vec<u8>>()]
}

prop_compose! {
    fn mangled()(
        method in "GET|POST|DELETE|PUT|HEAD|[A-Z]{1,8}",
        path in path(),
        query in query(),
        authorization in prop::option::of(authorization()),
        date in prop_oneof![Just(now()), "[0-9TZ+ ]{0,16}"],
        hash in prop::option::of("UNSIGNED-PAYLOAD|STREAMING-AWS4-HMAC-SHA256-PAYLOAD|STREAMING-[A-Z]{0,4}|[a-f0-9]{64}"),
        body in body(),
    ) -> Option<Request<Body>> {
        let mut request = Request::builder().method(method.as_str()).uri(format!("{path}?{query}"));
        request = request.header("host", "localhost").header("x-amz-date", date);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        if let Some(value) = hash {
            request = request.header("x-amz-content-sha256", value);
        }
        request.body(Body::from(body)).ok()
    }
}

fn check(service: &Service<()>, request: Option<Request<Body>>) -> Result<(), TestCaseError> {
    let Some(request) = request else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let shown = format!("{request:?}");
    let answer = runtime.block_on(answer(service, request));
    prop_assert!(answer.status < 500, "{} for {shown}", answer.status);
    prop_assert!(answer.status == 200 || !answer.error().is_empty());
    Ok(())
}

proptest! {
    // With PROPTEST_CASES there are more of them.
    #![proptest_config(ProptestConfig { cases: 6 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn permissive_never_fails(request in mangled()) {
        thread_local!(static SERVICE: Service<()> = service(Mode::Permissive));
        SERVICE.with(|service| check(service, request))?;
    }

    #[test]
    fn strict_never_fails(request in mangled()) {
        thread_local!(static SERVICE: Service<()> = service(Mode::Strict));
        SERVICE.with(|service| check(service, request))?;
    }
}

#[tokio::test]
async fn very_long_targets_are_refused() {
    for target in [format!("/clusters?nextToken={}", "^".repeat(60_000)), format!("/{}", "a/".repeat(30_000))] {
        let request = Request::builder().uri(target).body(Body::empty()).unwrap();
        assert_eq!(answer(&service(Mode::Strict), request).await.status, 413);
    }
}
