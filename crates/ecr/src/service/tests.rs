mod images;
mod lifecycle_policies;
mod put_image;
mod repository_policies;
mod strict;

use std::collections::HashMap;

use aws::sigv4::{Key, Mode};
use axum::body::{Body, to_bytes};
use http::StatusCode;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::engine::Engine;
use crate::fake_registry;
use crate::record;

/// Nothing is behind it: what is asked for there is told by a `ServerException`.
const AWAY: &str = "http://127.0.0.1:1";

fn router(registry: &str) -> Router {
    router_with(registry, None)
}

fn router_with(registry: &str, key: Option<registry_credentials::Key>) -> Router {
    let ecr = Ecr::new(Engine::new(registry).unwrap(), "127.0.0.1:4567".into(), key);
    let keys: HashMap<String, Arc<Key>> = HashMap::new();
    let authenticator = Authenticator::new(Mode::Permissive, Arc::new(keys), "000000000000", "us-east-1");
    before(Router::new().fallback(|| async { "other" }), Some(service(ecr, authenticator).unwrap()))
}

async fn sent(operation: &str, body: String) -> (StatusCode, String, Value) {
    sent_to(AWAY, operation, body).await
}

async fn sent_to(registry: &str, operation: &str, body: String) -> (StatusCode, String, Value) {
    sent_by(router(registry), operation, body).await
}

async fn sent_by(router: Router, operation: &str, body: String) -> (StatusCode, String, Value) {
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    let request = Request::post("/").header("x-amz-target", target).body(Body::from(body)).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
    let kind = response.headers().get("x-amzn-errortype").map(|kind| kind.to_str().unwrap().to_owned());
    let status = response.status();
    let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert_eq!(body["__type"].as_str(), kind.as_deref());
    (status, kind.unwrap_or_default(), body)
}

async fn refused(operation: &str, input: Value) -> (String, String) {
    let (status, kind, body) = sent(operation, input.to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    (kind, body["message"].as_str().unwrap().to_owned())
}

#[test]
fn every_operation_of_the_model_has_a_handler() {
    let handlers = operations::handlers();
    assert!(handlers.missing(model::ecr()).is_empty() && handlers.unknown(model::ecr()).is_empty());
    assert_eq!(model::ecr().operations().len(), 23);
}

#[tokio::test]
async fn an_answer_is_what_the_model_says() {
    let (status, _, body) = sent("GetAuthorizationToken", "{}".into()).await;
    assert_eq!(status, StatusCode::OK);
    let data = &body["authorizationData"][0];
    assert_eq!(data["proxyEndpoint"], "http://127.0.0.1:4567");
    assert!(data["expiresAt"].is_number() && data["authorizationToken"].is_string(), "{body}");
}

#[tokio::test]
async fn a_token_is_one_that_the_registry_takes_until_it_expires() {
    let key = registry_credentials::Key::new(vec![7; 32]).unwrap();
    let (_, _, body) = sent_by(router_with(AWAY, Some(key.clone())), "GetAuthorizationToken", "{}".into()).await;
    let data = &body["authorizationData"][0];
    let (token, expires) = (data["authorizationToken"].as_str().unwrap(), data["expiresAt"].to_string());
    let expires: i64 = expires.split('.').next().unwrap().parse().unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!((now + 43_000..=now + 43_200).contains(&expires), "{expires}");
    let header = format!("Basic {token}");
    let root = "arn:aws:iam::000000000000:root".to_owned();
    let holder = registry_credentials::Holder::Principal { account: "000000000000".into(), arn: root };
    assert_eq!(key.verify(Some(&header), expires - 1), Ok(holder));
    assert_eq!(key.verify(Some(&header), expires), Err(registry_credentials::Refused::Expired));
}

#[tokio::test]
async fn the_registry_knows_the_ecr_api_by_its_credentials() {
    let key = registry_credentials::Key::new(vec![7; 32]).unwrap();
    let engine = Engine::new(&fake_registry::listen().await).unwrap();
    let schedule = crate::lifecycle::schedule::Schedule::new(std::time::Duration::ZERO);
    let front = crate::front::Front::new(engine, None, Some(key.clone()), schedule.into());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, crate::front::clients(front.into())).await.unwrap() });
    for (operation, input) in [
        ("CreateRepository", json!({"repositoryName": "app"})),
        ("DescribeRepositories", json!({})),
        ("DeleteRepository", json!({"repositoryName": "app"})),
    ] {
        let without = sent_by(router_with(&url, None), operation, input.to_string()).await;
        assert_eq!(without.0, StatusCode::INTERNAL_SERVER_ERROR, "{operation}");
        let (status, _, body) = sent_by(router_with(&url, Some(key.clone())), operation, input.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{operation}: {body}");
    }
}

#[tokio::test]
async fn every_answer_fits_the_model() {
    let registry = fake_registry::listen().await;
    let full = "000000000000.dkr.ecr.us-east-1.amazonaws.com/team/app";
    let image = json!({"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2}, "layers": []});
    let with = |mut input: Value, more: Value| {
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let named = |more: Value| with(json!({"repositoryName": "team/app"}), more);
    let arn = "arn:aws:ecr:us-east-1:000000000000:repository/team/app";
    let tagged = |more: Value| with(json!({"resourceArn": arn}), more);
    let ids = json!({"imageIds": [{"imageTag": "v1"}, {"imageTag": "none"}, {}]});
    let mut answers = HashMap::new();
    for (operation, input) in [
        (
            "CreateRepository",
            named(
                json!({"imageScanningConfiguration": {"scanOnPush": true}, "tags": [{"Key": "team", "Value": "a"}], "odd": 1}),
            ),
        ),
        ("TagResource", tagged(json!({"tags": [{"Key": "stage", "Value": "test"}]}))),
        ("UntagResource", tagged(json!({"tagKeys": ["team", "none"]}))),
        ("ListTagsForResource", tagged(json!({}))),
        ("DescribeRepositories", json!({})),
        ("DescribeRegistry", json!({})),
        ("PutImageTagMutability", named(json!({"imageTagMutability": "IMMUTABLE"}))),
        ("ListImages", named(json!({"maxResults": 1}))),
        ("DescribeImages", named(json!({}))),
        ("BatchGetImage", named(ids.clone())),
        ("BatchDeleteImage", named(ids)),
        ("DeleteRepository", named(json!({"force": true}))),
    ] {
        if operation == "ListImages" {
            let engine = Engine::new(&registry).unwrap();
            engine.put(full, "v1", "application/json", image.to_string()).await.unwrap();
        }
        let (status, _, body) = sent_to(&registry, operation, input.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{operation}: {body}");
        answers.insert(operation, body);
    }
    assert_eq!(answers["ListTagsForResource"], json!({"tags": [{"Key": "stage", "Value": "test"}]}));
    assert_eq!(answers["DescribeRegistry"]["replicationConfiguration"], json!({"rules": []}));
    let repository = &answers["CreateRepository"]["repository"];
    assert_eq!(repository["repositoryUri"], format!("127.0.0.1:4567/{full}"));
    assert_eq!(repository["imageScanningConfiguration"], json!({"scanOnPush": true}));
    assert_eq!(answers["DescribeRepositories"], json!({"repositories": [repository]}), "no token is no null");
    assert_eq!(answers["DeleteRepository"]["repository"]["imageTagMutability"], "IMMUTABLE");
    let detail = &answers["DescribeImages"]["imageDetails"][0];
    assert_eq!((&detail["imageTags"], &detail["imageSizeInBytes"]), (&json!(["v1"]), &json!(2)));
    assert!(detail["imagePushedAt"].is_f64(), "{detail}");
    assert_eq!(answers["ListImages"]["imageIds"][0]["imageDigest"], detail["imageDigest"]);
    for operation in ["BatchGetImage", "BatchDeleteImage"] {
        let codes: Vec<_> =
            answers[operation]["failures"].as_array().unwrap().iter().map(|f| &f["failureCode"]).collect();
        assert_eq!(codes, ["ImageNotFound", "MissingDigestAndTag"], "{operation}");
    }
}

#[tokio::test]
async fn what_the_model_forbids_is_refused_in_words_of_ecr() {
    let begin = |member: &str| format!("Invalid parameter at '{member}' failed to satisfy constraint: ");
    for (operation, input, member, constraint) in [
        ("CreateRepository", json!({}), "repositoryName", "'must not be null'"),
        (
            "CreateRepository",
            json!({"repositoryName": "No"}),
            "repositoryName",
            "'must satisfy regular expression '(?:",
        ),
        (
            "CreateRepository",
            json!({"repositoryName": "a--b"}),
            "repositoryName",
            "'must satisfy regular expression '(",
        ),
        ("DescribeRepositories", json!({"repositoryNames": ["No"]}), "repositoryName", "'must satisfy regular expr"),
        ("DescribeRepositories", json!({"maxResults": 0}), "maxResults", "'Member must be between 1 and 1000'"),
        (
            "BatchGetImage",
            json!({"repositoryName": "app", "imageIds": []}),
            "imageIds",
            "'Member must have length between 1 and 100'",
        ),
        ("BatchGetImage", json!({"repositoryName": "app"}), "imageIds", "'Member must have length between 1 and 100'"),
        (
            "PutImageTagMutability",
            json!({"repositoryName": "app", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}),
            "imageTagMutability",
            "'Member must satisfy enum value set: [MUTABLE, IMMUTABLE]; k3eks has no exclusions'",
        ),
        (
            "CreateRepository",
            json!({"repositoryName": "app", "imageTagMutability": "ODD"}),
            "imageTagMutability",
            "'Member must satisfy enum value set: [MUTABLE, IMMUTABLE]; k3eks has no exclusions'",
        ),
    ] {
        let (kind, message) = refused(operation, input.clone()).await;
        assert_eq!(kind, "InvalidParameterException", "{operation} {input}");
        let rest = message.strip_prefix(&begin(member)).unwrap_or_else(|| panic!("{operation} {input}: {message}"));
        assert!(rest.starts_with(constraint), "{operation} {input}: {message}");
    }
}

#[tokio::test]
async fn other_refusals_are_those_of_ecr() {
    let (kind, message) = refused("StartImageScan", json!({})).await;
    let told = "k3eks doesn't serve StartImageScan of ecr; docs/guides/images.md lists what it serves";
    assert_eq!((kind.as_str(), message.as_str()), ("UnsupportedOperation", told));
    let (kind, message) = refused("ListImages", json!({"registryId": "111122223333", "repositoryName": "app"})).await;
    let told = "User: arn:aws:iam::000000000000:root is not authorized to perform: ecr:ListImages on resource: \
        arn:aws:ecr:us-east-1:111122223333:repository/*";
    assert_eq!((kind.as_str(), message.as_str()), ("AccessDeniedException", told));
    let other = json!({"resourceArn": "arn:aws:ecr:us-east-1:111122223333:repository/app"});
    assert_eq!(refused("ListTagsForResource", other).await.0, "AccessDeniedException");
    for arn in ["app", "arn:aws:ecr:eu-west-1:000000000000:repository/app", "arn:aws:ecr:us-east-1:000000000000:app"] {
        let (kind, message) = refused("ListTagsForResource", json!({"resourceArn": arn})).await;
        let told = "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'";
        assert_eq!((kind.as_str(), message.as_str()), ("InvalidParameterException", told), "{arn}");
    }
    for unread in ["", "{", "[]", r#"{"repositoryName":5}"#] {
        let (status, kind, _) = sent("ListImages", unread.to_owned()).await;
        assert_eq!((status, kind.as_str()), (StatusCode::BAD_REQUEST, "SerializationException"), "{unread}");
    }
    let (status, kind, _) = sent("ListImages", " ".repeat(LARGEST + 1)).await;
    assert_eq!((status, kind.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException"));
}

#[tokio::test]
async fn a_registry_that_is_away_is_told_with_its_cause() {
    let (status, kind, body) = sent("DescribeRepositories", "{}".into()).await;
    assert_eq!((status, kind.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "ServerException"));
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with("the container registry at http://127.0.0.1:1 can't be asked"), "{message}");
}

#[tokio::test]
async fn what_is_not_for_ecr_goes_on() {
    for target in [None, Some("DynamoDB_20120810.ListTables"), Some("AmazonEC2ContainerRegistry_V20150921")] {
        let request =
            target.into_iter().fold(Request::post("/"), |request, target| request.header("x-amz-target", target));
        let response = router(AWAY).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), "other");
    }
}
