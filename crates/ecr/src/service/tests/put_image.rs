//! `PutImage` and `BatchCheckLayerAvailability`.

use super::*;
use crate::fake_registry::LAYER;

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// What `PutImage` answers: the error's name and message, or nothing and the image.
async fn put(registry: &str, more: Value) -> (String, Value) {
    let mut input = json!({"repositoryName": "app"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (_, kind, body) = sent_to(registry, "PutImage", input.to_string()).await;
    let told = if kind.is_empty() { &body["image"] } else { &body["message"] };
    (kind, told.clone())
}

fn manifest(layer: &str) -> String {
    json!({"schemaVersion": 2, "mediaType": OCI, "config": {"digest": LAYER}, "layers": [{"digest": layer}]})
        .to_string()
}

async fn with_repository(more: Value) -> String {
    let registry = fake_registry::listen().await;
    let mut input = json!({"repositoryName": "app"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert_eq!(sent_to(&registry, "CreateRepository", input.to_string()).await.0, StatusCode::OK);
    registry
}

#[tokio::test]
async fn an_image_gets_another_tag() {
    let registry = with_repository(json!({})).await;
    let text = manifest(LAYER);
    let (kind, image) = put(&registry, json!({"imageManifest": text, "imageTag": "v1"})).await;
    assert_eq!((kind.as_str(), &image["imageManifestMediaType"]), ("", &json!(OCI)), "{image}");
    let digest = image["imageId"]["imageDigest"].clone();
    let asked = json!({"repositoryName": "app", "imageIds": [{"imageTag": "v1"}]});
    let (_, _, got) = sent_to(&registry, "BatchGetImage", asked.to_string()).await;
    let again = json!({"imageManifest": got["images"][0]["imageManifest"], "imageTag": "v2", "imageDigest": digest});
    let (kind, image) = put(&registry, again.clone()).await;
    assert_eq!((kind.as_str(), &image["imageId"]), ("", &json!({"imageDigest": digest, "imageTag": "v2"})));
    let (kind, told) = put(&registry, again).await;
    let digest = digest.as_str().unwrap();
    let wanted = format!(
        "Image with digest '{digest}' and tag 'v2' already exists in the repository with name 'app' in registry with \
         id '000000000000'"
    );
    assert_eq!((kind.as_str(), told.as_str().unwrap()), ("ImageAlreadyExistsException", wanted.as_str()));
    assert_eq!(put(&registry, json!({"imageManifest": text})).await.0, "ImageAlreadyExistsException");
}

#[tokio::test]
async fn what_an_image_is_made_of_must_be_there() {
    let registry = with_repository(json!({})).await;
    let (kind, told) = put(&registry, json!({"imageManifest": manifest("sha256:bb")})).await;
    let wanted = "Layers with digests '[sha256:bb]' required for pushing image into repository with name 'app' in the \
        registry with id '000000000000' do not exist";
    assert_eq!((kind.as_str(), told.as_str().unwrap()), ("LayersNotFoundException", wanted));
    let index = json!({"schemaVersion": 2, "manifests": [{"digest": "sha256:cc"}]}).to_string();
    let index = json!({"imageManifest": index, "imageManifestMediaType": "application/vnd.oci.image.index.v1+json"});
    assert_eq!(put(&registry, index).await.0, "ReferencedImagesNotFoundException");
    for (member, input) in [
        ("ImageManifest", json!({"imageManifest": "{"})),
        ("imageManifestMediaType", json!({"imageManifest": "{}"})),
        ("ImageManifest", json!({"imageManifest": manifest("../x")})),
        ("imageTag", json!({"imageManifest": manifest(LAYER), "imageTag": record::TAG})),
        ("imageTag", json!({"imageManifest": manifest(LAYER), "imageTag": "a/b"})),
    ] {
        let (kind, told) = put(&registry, input).await;
        assert_eq!(kind, "InvalidParameterException");
        assert!(told.as_str().unwrap().starts_with(&format!("Invalid parameter at '{member}'")), "{told}");
    }
    let other = json!({"imageManifest": manifest(LAYER), "imageDigest": format!("sha256:{:064}", 0)});
    assert_eq!(put(&registry, other).await.0, "ImageDigestDoesNotMatchException");
}

#[tokio::test]
async fn an_immutable_tag_is_not_moved() {
    let registry = with_repository(json!({"imageTagMutability": "IMMUTABLE"})).await;
    assert_eq!(put(&registry, json!({"imageManifest": manifest(LAYER), "imageTag": "v1"})).await.0, "");
    let other = manifest(LAYER).replacen('{', "{ ", 1);
    let (kind, told) = put(&registry, json!({"imageManifest": other, "imageTag": "v1"})).await;
    assert_eq!(kind, "ImageTagAlreadyExistsException");
    assert!(told.as_str().unwrap().starts_with("The image tag 'v1' already exists in the 'app' repository"), "{told}");
    assert_eq!(put(&registry, json!({"imageManifest": other, "imageTag": "v2"})).await.0, "");
}

#[tokio::test]
async fn layers_are_there_or_not() {
    let registry = with_repository(json!({})).await;
    let input = json!({"repositoryName": "app", "layerDigests": [LAYER, "sha256:bb", "odd"]});
    let (_, _, body) = sent_to(&registry, "BatchCheckLayerAvailability", input.to_string()).await;
    assert_eq!(
        (&body["layers"][0]["layerAvailability"], &body["layers"][0]["layerSize"]),
        (&json!("AVAILABLE"), &json!(2))
    );
    assert_eq!(body["layers"][1], json!({"layerDigest": "sha256:bb", "layerAvailability": "UNAVAILABLE"}));
    assert_eq!(body["failures"][0]["failureCode"], "InvalidLayerDigest");
}
