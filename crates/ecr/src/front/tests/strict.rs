//! The front with a key, and all who try to get past it.

use axum::body::to_bytes;
use http::Uri;
use registry_credentials::{Holder, SHORTEST, TOKEN, basic};
use serde_json::{Value, json};

use super::*;

const OWN: &str = "000000000000";
const OTHER: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com";
const DIGEST_OF_RECORD: &str = "sha256:5ec0";

fn key() -> Key {
    Key::new(vec![7; SHORTEST]).unwrap()
}

fn ann(expires: i64) -> String {
    let arn = format!("arn:aws:iam::{OWN}:user/ann");
    key().authorization(Holder::Principal { account: OWN.into(), arn }, Some(Timestamp::now().as_second() + expires))
}

fn nodes_of(account: &str) -> String {
    let (namespace, name) = ("default".into(), "demo".into());
    key().authorization(Holder::Cluster { account: account.into(), namespace, name }, None)
}

/// A registry in which every repository is there and its record, and which says what it was asked for.
async fn behind() -> Arc<Front> {
    let router =
        Router::new().fallback(|method: Method, uri: Uri, headers: http::HeaderMap, body: String| async move {
            if method == Method::GET && uri.path().ends_with(record::TAG) {
                let record = json!({"createdAt": 1, "imageTagMutability": "MUTABLE", "imageScanningConfiguration": {},
                "encryptionConfiguration": {}});
                let manifest = json!({"annotations": {"io.k3eks.repository": record.to_string()}}).to_string();
                return Response::builder().header(DIGEST, DIGEST_OF_RECORD).body(Body::from(manifest)).unwrap();
            }
            let header = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
            let seen = json!({"method": method.as_str(), "for": uri.to_string(), "body": body,
            "type": header("content-type"), "authorization": header("authorization")});
            Response::new(Body::from(seen.to_string()))
        });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = Engine::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    Arc::new(Front::new(engine, None, Some(key()), Arc::new(Schedule::new(Duration::ZERO))))
}

async fn answer(router: Router, method: &str, path: &str, who: Option<&str>) -> (u16, http::HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(who) = who {
        request = request.header("authorization", who);
    }
    // A form, as the registry behind would read it.
    let form = format!("mount=sha256:a&from={OTHER}/app");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(form)).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    (head.status.as_u16(), head.headers, body)
}

async fn told(router: Router, method: &str, path: &str, who: &str) -> (u16, Value) {
    let (status, _, body) = answer(router, method, path, Some(who)).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test]
async fn whoever_has_no_credentials_is_asked_for_them_as_ecr_asks() {
    let front = behind().await;
    for router in [clients(front.clone()), nodes(front.clone())] {
        for path in ["/v2/", "/v2", &format!("/v2/{ECR}/app/manifests/v1"), "/v2/docker.io/library/busybox/tags/list"] {
            let (status, headers, body) = answer(router.clone(), "GET", path, None).await;
            assert_eq!(status, 401, "{path}");
            assert_eq!(headers["www-authenticate"], "Basic realm=\"k3eks\",service=\"ecr.amazonaws.com\"");
            assert!(body.contains("no basic auth credentials"), "{body}");
        }
    }
    for path in ["/v2/_catalog", "/", "/v2/app/manifests/v1"] {
        assert_eq!(answer(clients(front.clone()), "GET", path, None).await.0, 401, "{path}");
    }
    assert_eq!(answer(clients(front), "GET", HEALTH, None).await.0, 200);
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_expired_ones_say_so() {
    let front = behind().await;
    let other = Key::new(vec![8; SHORTEST]).unwrap();
    let arn = "arn:aws:iam::000000000000:root".to_owned();
    let forged = other.authorization(Holder::Principal { account: OWN.into(), arn }, Some(i64::MAX));
    let any = basic("AWS", "any");
    let app = format!("/v2/{ECR}/app/manifests/v1");
    for path in ["/v2/", &app] {
        for who in [forged.as_str(), any.as_str(), "Bearer a"] {
            assert_eq!(told(clients(front.clone()), "GET", path, who).await.0, 401, "{path} {who}");
            assert_eq!(told(nodes(front.clone()), "GET", path, who).await.0, 401, "{path} {who}");
        }
        let (status, body) = told(clients(front.clone()), "GET", path, &ann(-1)).await;
        let expected = "Your authorization token has expired. Reauthenticate and try again.";
        assert_eq!((status, &body["errors"][0]), (403, &json!({"code": "DENIED", "message": expected})));
        assert_eq!(told(clients(front.clone()), "GET", path, &ann(TOKEN)).await.0, 200);
    }
    let twice = Request::get("/v2/").header("authorization", ann(TOKEN)).header("authorization", forged);
    let twice = clients(front).oneshot(twice.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(twice.status(), 401, "the registry behind could mean either");
}

#[tokio::test]
async fn a_token_is_good_for_its_account_and_for_copies() {
    let front = behind().await;
    let (who, own, other) = (ann(TOKEN), format!("/v2/{ECR}/team/app"), format!("/v2/{OTHER}/team/app"));
    for (method, below, operation) in [
        ("GET", "manifests/v1", "BatchGetImage"),
        ("PUT", "manifests/v1", "PutImage"),
        ("DELETE", "manifests/v1", "BatchDeleteImage"),
        ("GET", "tags/list", "ListImages"),
        ("GET", "referrers/sha256:a", "BatchGetImage"),
        ("HEAD", "blobs/sha256:a", ""),
        ("GET", "blobs/sha256:a", "GetDownloadUrlForLayer"),
        ("DELETE", "blobs/sha256:a", "BatchDeleteImage"),
        ("POST", "blobs/uploads/", "InitiateLayerUpload"),
        ("PATCH", "blobs/uploads/1", "UploadLayerPart"),
        ("PUT", "blobs/uploads/1", "CompleteLayerUpload"),
    ] {
        assert_eq!(
            told(clients(front.clone()), method, &format!("{own}/{below}"), &who).await.0,
            200,
            "{method} {below}"
        );
        let (status, body) = told(clients(front.clone()), method, &format!("{other}/{below}"), &who).await;
        assert_eq!(status, 403, "{method} {below}");
        let expected = format!(
            "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: ecr:{operation} on resource: \
             arn:aws:ecr:us-east-1:111122223333:repository/team/app because no resource-based policy allows the \
             ecr:{operation} action"
        );
        if method != "HEAD" {
            assert_eq!(body["errors"][0], json!({"code": "DENIED", "message": expected}), "{method} {below}");
        }
        let copy = told(clients(front.clone()), method, &format!("/v2/docker.io/library/a/{below}"), &who).await.0;
        let removes = method == "DELETE";
        assert_eq!(copy, if removes { 403 } else { 200 }, "{method} {below}");
    }
    assert_eq!(told(clients(front.clone()), "GET", "/v2/_catalog", &who).await.0, 403);
    assert_eq!(told(clients(front), "GET", "/v2/_catalog", &key().authorization(Holder::Api, None)).await.0, 200);
}

#[tokio::test]
async fn the_record_of_a_repository_is_the_ecr_api_s() {
    let front = behind().await;
    let record = format!("/v2/{ECR}/app/manifests/{}", record::TAG);
    let by_digest = format!("/v2/{ECR}/app/manifests/{DIGEST_OF_RECORD}");
    let api = key().authorization(Holder::Api, Some(Timestamp::now().as_second() + 60));
    for (method, path) in [("PUT", &record), ("DELETE", &record), ("DELETE", &by_digest)] {
        assert_eq!(told(clients(front.clone()), method, path, &ann(TOKEN)).await.0, 403, "{method} {path}");
        assert_eq!(told(clients(front.clone()), method, path, &api).await.0, 200, "{method} {path}");
    }
    assert_eq!(told(clients(front), "GET", &record, &ann(TOKEN)).await.0, 200);
}

#[tokio::test]
async fn layers_are_taken_over_only_from_where_they_may_be_pulled() {
    let front = behind().await;
    let upload = async |query: &str| {
        let path = format!("/v2/{ECR}/app/blobs/uploads/{query}");
        let (status, seen) = told(clients(front.clone()), "POST", &path, &ann(TOKEN)).await;
        assert_eq!((status, &seen["type"]), (200, &json!("application/octet-stream")), "{query}: {seen}");
        assert_eq!(seen["authorization"], Value::Null, "credentials stay here");
        seen["for"].as_str().unwrap().split_once('?').unwrap().1.to_owned()
    };
    for from in [format!("{ECR}/base"), "docker.io/library/a".to_owned()] {
        let kept = upload(&format!("?mount=sha256:a&from={from}")).await;
        assert_eq!(kept, format!("mount=sha256%3Aa&from={}", from.replace('/', "%2F")));
    }
    let encoded = format!("{OTHER}/app").replace('1', "%31").replace('.', "%2e").replace('/', "%2F");
    for from in [
        format!("from={OTHER}/app"),
        format!("from={encoded}"),
        format!("%66rom={OTHER}/app"),
        format!("from={ECR}/base&from={OTHER}/app"),
        format!("from={ECR}/../{OTHER}/app"),
        format!("from={ECR}/%2e%2e/{OTHER}/app"),
        format!("from={ECR}//app"),
        "from=app".to_owned(),
        "from=".to_owned(),
        String::new(),
    ] {
        assert_eq!(upload(&format!("?{from}&mount=sha256:a&digest=sha256:b")).await, "digest=sha256%3Ab", "{from}");
    }
}

#[tokio::test]
async fn nodes_pull_what_is_their_account_s_and_copies() {
    let front = behind().await;
    let own = nodes_of(OWN);
    let pull = |name: &str, ns: &str| format!("/v2/{name}/manifests/v1?ns={ns}");
    for (path, expected) in [
        (pull("app", ECR), 200),
        (pull(&format!("{ECR}/app"), "127.0.0.1:4567"), 200),
        (pull("library/busybox", "docker.io"), 200),
        (pull("app", OTHER), 403),
        (pull(&format!("{OTHER}/app"), "127.0.0.1:4567"), 403),
        (pull(&format!("{OTHER}/app"), ECR), 403),
        (pull("../app", OTHER), 404),
        (pull(&format!("{ECR}/../{OTHER}/app"), ECR), 404),
        (pull("%2e%2e/app", OTHER), 404),
        (format!("/v2/app/blobs/sha256:a?ns={OTHER}"), 403),
        (format!("/v2/app/blobs/sha256:a?ns={ECR}&ns={OTHER}"), 200),
    ] {
        assert_eq!(told(nodes(front.clone()), "GET", &path, &own).await.0, expected, "{path}");
    }
    assert_eq!(told(nodes(front.clone()), "GET", &pull("app", OTHER), &nodes_of("111122223333")).await.0, 200);
    assert_eq!(told(nodes(front.clone()), "GET", &pull("app", ECR), &ann(TOKEN)).await.0, 200, "a pull secret");
    let path = format!("/v2/{ECR}/app/manifests/v1");
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(told(clients(front.clone()), method, &path, &own).await.0, 401, "{method}");
    }
    let message = told(nodes(front), "GET", &pull("app", OTHER), &own).await.1;
    let message = message["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("Nodes of cluster default/demo in account 000000000000 are not authorized"),
        "{message}"
    );
}

#[tokio::test]
async fn tricks_with_paths_lead_nowhere() {
    let front = behind().await;
    for path in [
        format!("/v2/{ECR}/../{OTHER}/app/manifests/v1"),
        format!("/v2/{ECR}/%2e%2e/{OTHER}/app/manifests/v1"),
        format!("/v2/{ECR}%2f..%2f{OTHER}/app/manifests/v1"),
        format!("/v2/{ECR}//app/manifests/v1"),
        format!("/v2//{OTHER}/app/manifests/v1"),
        format!("//v2/{OTHER}/app/manifests/v1"),
        format!("/v2/{ECR}/app/manifests/../../../{OTHER}/app/manifests/v1"),
        format!("/v2/{ECR}/app/manifests/..%2f..%2f{OTHER}"),
        format!("/v2/{ECR}/app/blobs/uploads/../../../../{OTHER}/app/manifests/v1"),
        format!("/v2/{ECR}/app/blobs/uploads/..;/x"),
        "/v2//_catalog".to_owned(),
        "/v2/_catalog/".to_owned(),
        "/v2/%5fcatalog".to_owned(),
        "/v2/./_catalog".to_owned(),
    ] {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            assert_eq!(told(clients(front.clone()), method, &path, &ann(TOKEN)).await.0, 404, "{method} {path}");
        }
    }
}
