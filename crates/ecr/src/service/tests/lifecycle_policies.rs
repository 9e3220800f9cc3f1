//! Lifecycle policies and their previews.

use super::*;

const FULL: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com/app";

fn keeping(status: &str, count: u64) -> Value {
    let selection = json!({"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": count});
    json!({"rules": [{"rulePriority": 7, "selection": selection, "action": {"type": "expire"}}]})
}

/// The error's name, and the answer.
async fn asked(api: &Router, operation: &str, more: Value) -> (String, Value) {
    let mut input = json!({"repositoryName": "app"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (_, kind, body) = sent_by(api.clone(), operation, input.to_string()).await;
    (kind, body)
}

#[tokio::test]
async fn a_policy_is_kept_until_it_is_deleted() {
    let registry = fake_registry::listen().await;
    let api = router(&registry);
    asked(&api, "CreateRepository", json!({})).await;
    let (kind, body) = asked(&api, "GetLifecyclePolicy", json!({})).await;
    let told =
        "Lifecycle policy does not exist for the repository with name 'app' in the registry with id '000000000000'";
    assert_eq!((kind.as_str(), &body["message"]), ("LifecyclePolicyNotFoundException", &json!(told)));
    let text = keeping("any", 2).to_string();
    let (kind, body) = asked(&api, "PutLifecyclePolicy", json!({"lifecyclePolicyText": text})).await;
    assert_eq!((kind.as_str(), &body["lifecyclePolicyText"]), ("", &json!(text)));
    let odd = keeping("odd", 2).to_string();
    let (kind, body) = asked(&api, "PutLifecyclePolicy", json!({"lifecyclePolicyText": odd})).await;
    let told = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation \
        failure: instance value (\"odd\") not found in enum (possible values: [\"tagged\",\"untagged\",\"any\"])'";
    assert_eq!((kind.as_str(), &body["message"]), ("InvalidParameterException", &json!(told)));
    let (_, kept) = asked(&api, "GetLifecyclePolicy", json!({})).await;
    assert_eq!((&kept["lifecyclePolicyText"], &kept["lastEvaluatedAt"]), (&json!(text), &json!(0.0)));
    assert_eq!(asked(&api, "DeleteLifecyclePolicy", json!({})).await.1, kept);
    assert_eq!(asked(&api, "DeleteLifecyclePolicy", json!({})).await.0, "LifecyclePolicyNotFoundException");
}

#[tokio::test]
async fn a_preview_tells_what_would_expire() {
    let registry = fake_registry::listen().await;
    let api = router(&registry);
    asked(&api, "CreateRepository", json!({})).await;
    let start = async |more| asked(&api, "StartLifecyclePolicyPreview", more).await;
    let preview = async |more| asked(&api, "GetLifecyclePolicyPreview", more).await;
    assert_eq!(start(json!({})).await.0, "LifecyclePolicyNotFoundException");
    assert_eq!(preview(json!({})).await.0, "LifecyclePolicyPreviewNotFoundException");
    let engine = Engine::new(&registry).unwrap();
    for number in 0..3 {
        engine.put(FULL, "v1", "application/json", json!({"number": number}).to_string()).await.unwrap();
    }
    let text = keeping("untagged", 1).to_string();
    let (kind, body) = start(json!({"lifecyclePolicyText": text})).await;
    assert_eq!((kind.as_str(), &body["status"]), ("", &json!("IN_PROGRESS")), "{body}");
    let (_, body) = preview(json!({})).await;
    assert_eq!((&body["status"], &body["lifecyclePolicyText"]), (&json!("COMPLETE"), &json!(text)));
    assert_eq!(body["summary"], json!({"expiringImageTotalCount": 1}));
    let image = &body["previewResults"][0];
    assert_eq!((&image["action"], &image["appliedRulePriority"]), (&json!({"type": "EXPIRE"}), &json!(7)));
    assert!(image["imagePushedAt"].is_f64() && image.get("imageTags").is_none(), "{image}");
    let digest = &image["imageDigest"];
    for (more, count) in [
        (json!({"filter": {"tagStatus": "TAGGED"}}), 0),
        (json!({"imageIds": [{"imageDigest": digest}]}), 1),
        (json!({"imageIds": [{"imageTag": "v1"}]}), 0),
    ] {
        assert_eq!(preview(more).await.1["previewResults"].as_array().unwrap().len(), count);
    }
    let listed = asked(&api, "ListImages", json!({})).await.1;
    assert_eq!(listed["imageIds"].as_array().unwrap().len(), 3, "a preview removes nothing");
    asked(&api, "DeleteRepository", json!({"force": true})).await;
    asked(&api, "CreateRepository", json!({})).await;
    assert_eq!(preview(json!({})).await.0, "LifecyclePolicyPreviewNotFoundException", "it went with the repository");
}
