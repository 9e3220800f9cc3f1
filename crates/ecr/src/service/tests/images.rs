//! Images with and without tags.

use super::*;

const FULL: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com/app";

async fn asked(registry: &str, operation: &str, more: Value) -> Value {
    let mut input = json!({"repositoryName": "app"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (_, _, body) = sent_to(registry, operation, input.to_string()).await;
    body
}

/// Puts an image, and says its digest.
async fn put(registry: &str, reference: &str, manifest: Value) -> String {
    let engine = Engine::new(registry).unwrap();
    engine.put(FULL, reference, "application/json", manifest.to_string()).await.unwrap().unwrap()
}

#[tokio::test]
async fn images_without_tags_are_listed_and_the_record_is_not() {
    let registry = fake_registry::listen().await;
    asked(&registry, "CreateRepository", json!({})).await;
    asked(&registry, "PutImageTagMutability", json!({"imageTagMutability": "IMMUTABLE"})).await;
    let old = put(&registry, "v1", json!({"number": 1})).await;
    let new = put(&registry, "v1", json!({"number": 2})).await;
    let tagged = json!({"imageDigest": new, "imageTag": "v1"});
    for (filter, wanted) in [
        (json!({"filter": {"tagStatus": "TAGGED"}}), vec![tagged.clone()]),
        (json!({"filter": {"tagStatus": "UNTAGGED"}}), vec![json!({"imageDigest": old})]),
        (json!({}), vec![tagged, json!({"imageDigest": old})]),
    ] {
        let listed = asked(&registry, "ListImages", filter.clone()).await;
        let listed = listed["imageIds"].as_array().unwrap();
        assert!(listed.len() == wanted.len() && wanted.iter().all(|id| listed.contains(id)), "{filter}: {listed:?}");
        let described = asked(&registry, "DescribeImages", filter.clone()).await;
        assert_eq!(described["imageDetails"].as_array().unwrap().len(), wanted.len(), "{filter}");
    }
    let refused = asked(&registry, "DeleteRepository", json!({})).await;
    assert_eq!(refused["__type"], "RepositoryNotEmptyException");
    asked(&registry, "BatchDeleteImage", json!({"imageIds": [{"imageTag": "v1"}, {"imageDigest": old}]})).await;
    assert_eq!(asked(&registry, "ListImages", json!({})).await["imageIds"], json!([]));
    assert_eq!(asked(&registry, "DeleteRepository", json!({})).await["repository"]["repositoryName"], "app");
}

#[tokio::test]
async fn an_image_stays_while_a_manifest_list_has_it() {
    let registry = fake_registry::listen().await;
    asked(&registry, "CreateRepository", json!({})).await;
    let image = put(&registry, "v1", json!({"number": 1})).await;
    let list = put(&registry, "all", json!({"manifests": [{"digest": image}]})).await;
    let told = asked(&registry, "BatchDeleteImage", json!({"imageIds": [{"imageDigest": image}]})).await;
    let reason = format!("Requested image referenced by manifest list: [{list}]");
    let failure = json!({
        "imageId": {"imageDigest": image}, "failureCode": "ImageReferencedByManifestList", "failureReason": reason,
    });
    assert_eq!(told, json!({"imageIds": [], "failures": [failure]}));
    let both = json!({"imageIds": [{"imageDigest": list}, {"imageDigest": image}]});
    let told = asked(&registry, "BatchDeleteImage", both).await;
    assert_eq!((told["imageIds"].as_array().unwrap().len(), &told["failures"]), (2, &json!([])));
}

#[tokio::test]
async fn the_record_is_no_image() {
    let registry = fake_registry::listen().await;
    asked(&registry, "CreateRepository", json!({})).await;
    let record = Engine::new(&registry).unwrap().manifest(FULL, record::TAG).await.unwrap().unwrap();
    let ids = json!({"imageIds": [{"imageDigest": record.digest}, {"imageTag": record::TAG}]});
    for operation in ["BatchGetImage", "BatchDeleteImage"] {
        let told = asked(&registry, operation, ids.clone()).await;
        assert_eq!(told["failures"].as_array().unwrap().len(), 2, "{operation}: {told}");
    }
    assert_eq!(asked(&registry, "DescribeImages", ids).await["__type"], "ImageNotFoundException");
    assert_eq!(asked(&registry, "ListImages", json!({})).await["imageIds"], json!([]));
}
