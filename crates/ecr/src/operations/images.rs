//! Images of a repository.

use std::collections::BTreeMap;

use aws::error::ApiError;
use futures::StreamExt;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::engine::Manifest;
use crate::error::EcrError as _;
use crate::front::seconds;
use crate::input::ImageId;
use crate::record;

/// Manifests that are read at once.
const AT_ONCE: usize = 16;

/// An image that has tags.
pub struct Image {
    /// Its digest.
    pub digest: String,
    tags: Vec<String>,
    manifest: Manifest,
}

/// The images of a repository that have tags.
///
/// # Errors
/// The registry can't be asked.
pub async fn all(call: &Call, name: &str) -> Result<Vec<Image>, ApiError> {
    let (engine, full) = (&call.ecr.engine, &call.registry.repository(name));
    let tags = engine.tags(full).await?.into_iter().filter(|tag| !record::is_own(tag));
    let read = |tag: String| async move { engine.manifest(full, &tag).await.map(|found| (tag, found)) };
    let read: Vec<_> = futures::stream::iter(tags).map(read).buffered(AT_ONCE).collect().await;
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    for found in read {
        // A tag may go between the two questions.
        let (tag, Some(manifest)) = found? else { continue };
        let digest = manifest.digest.clone();
        let image = images.entry(digest.clone()).or_insert_with(|| Image { digest, tags: Vec::new(), manifest });
        image.tags.push(tag);
    }
    Ok(images.into_values().collect())
}

/// `ListImages`
pub async fn list(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    call.record(name).await?;
    let images = if untagged(&call) { Vec::new() } else { all(&call, name).await? };
    let ids = images
        .iter()
        .flat_map(|image| image.tags.iter().map(|tag| json!({"imageDigest": image.digest, "imageTag": tag})));
    let (page, next) = call.input.page(ids.collect(), 100)?;
    Ok(json!({"imageIds": page, "nextToken": next}))
}

/// `DescribeImages`
pub async fn describe(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    call.record(name).await?;
    let mut images = if untagged(&call) { Vec::new() } else { all(&call, name).await? };
    if call.input.image_ids.is_some() {
        let mut wanted = Vec::new();
        for id in call.input.images()? {
            let at = images.iter().position(|image| is(image, id));
            wanted.push(match (at, &id.image_digest) {
                (Some(at), _) => images.swap_remove(at),
                (None, Some(digest)) if id.image_tag.is_none() => {
                    let found = call.ecr.engine.manifest(&call.registry.repository(name), digest).await?;
                    let manifest = found.ok_or_else(|| missing(&call, name, id))?;
                    Image { digest: digest.clone(), tags: Vec::new(), manifest }
                }
                _ => return Err(missing(&call, name, id)),
            });
        }
        images = wanted;
    }
    let details = images.iter().map(|image| detail(&call, name, image)).collect();
    let (page, next) = call.input.page(details, 100)?;
    Ok(json!({"imageDetails": page, "nextToken": next}))
}

/// `BatchGetImage`
pub async fn get(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    call.record(name).await?;
    let full = call.registry.repository(name);
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in call.input.images()? {
        let Some(found) = find(&call, &full, id).await? else {
            failures.push(failure(id));
            continue;
        };
        images.push(json!({
            "registryId": call.registry.account,
            "repositoryName": name,
            "imageId": shown(Some(&found.digest), id.image_tag.as_deref()),
            "imageManifest": String::from_utf8_lossy(&found.bytes),
            "imageManifestMediaType": found.media_type,
        }));
    }
    Ok(json!({"images": images, "failures": failures}))
}

/// `BatchDeleteImage`: a tag alone takes the image along that has no other.
pub async fn delete(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let _changes = call.ecr.changes.lock().await;
    call.record(name).await?;
    let (engine, full) = (&call.ecr.engine, call.registry.repository(name));
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in call.input.images()? {
        let Some(found) = find(&call, &full, id).await? else {
            failures.push(failure(id));
            continue;
        };
        let images = all(&call, name).await?;
        let tags = images.iter().find(|image| image.digest == found.digest).map_or(&[][..], |image| &image.tags);
        match &id.image_tag {
            Some(tag) if tags.len() > 1 => {
                engine.delete(&full, tag).await?;
                deleted.push(shown(Some(&found.digest), Some(tag)));
            }
            _ => {
                engine.delete(&full, &found.digest).await?;
                let all = tags.iter().map(|tag| shown(Some(&found.digest), Some(tag)));
                deleted.extend(if tags.is_empty() { vec![shown(Some(&found.digest), None)] } else { all.collect() });
            }
        }
    }
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

/// Whether only images without tags are meant. The registry doesn't list these.
fn untagged(call: &Call) -> bool {
    call.input.filter.as_ref().and_then(|filter| filter.tag_status.as_deref()) == Some("UNTAGGED")
}

fn is(image: &Image, id: &ImageId) -> bool {
    (id.image_digest.is_some() || id.image_tag.is_some())
        && id.image_digest.as_ref().is_none_or(|digest| *digest == image.digest)
        && id.image_tag.as_ref().is_none_or(|tag| image.tags.contains(tag))
}

/// By what the registry is asked for an image: its tag first, which may lead elsewhere than to the digest.
fn reference(id: &ImageId) -> Option<&str> {
    let fits =
        |text: &&str| !record::is_own(text) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":._-".contains(&b));
    id.image_tag.as_deref().or(id.image_digest.as_deref()).filter(fits)
}

/// The image that has the tag, the digest or both.
async fn find(call: &Call, full: &str, id: &ImageId) -> Result<Option<Manifest>, ApiError> {
    let Some(reference) = reference(id) else { return Ok(None) };
    let found = call.ecr.engine.manifest(full, reference).await?;
    Ok(found.filter(|found| id.image_digest.as_ref().is_none_or(|digest| *digest == found.digest)))
}

fn missing(call: &Call, name: &str, id: &ImageId) -> ApiError {
    ApiError::no_image(&call.registry, name, id.image_digest.as_deref(), id.image_tag.as_deref())
}

fn failure(id: &ImageId) -> Value {
    let (code, reason) = match (&id.image_digest, &id.image_tag) {
        (None, None) => ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"),
        _ => ("ImageNotFound", "Requested image not found"),
    };
    let id = shown(id.image_digest.as_deref(), id.image_tag.as_deref());
    json!({"imageId": id, "failureCode": code, "failureReason": reason})
}

/// An image's id as answers have it.
pub fn shown(digest: Option<&str>, tag: Option<&str>) -> Value {
    let members = [("imageDigest", digest), ("imageTag", tag)];
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Value::Object(members.collect::<Map<_, _>>())
}

fn detail(call: &Call, name: &str, image: &Image) -> Value {
    let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap_or_default();
    let layers = manifest["layers"].as_array().map_or(&[][..], Vec::as_slice);
    let size: u64 = layers.iter().chain([&manifest["config"]]).filter_map(|part| part["size"].as_u64()).sum();
    let mut detail = json!({
        "registryId": call.registry.account,
        "repositoryName": name,
        "imageDigest": image.digest,
        "imageTags": image.tags,
        "imageSizeInBytes": size,
        "imageManifestMediaType": image.manifest.media_type,
    });
    if let Some(pushed) = image.manifest.pushed.as_deref().and_then(seconds) {
        detail["imagePushedAt"] = pushed.into();
    }
    if let Some(kind) = manifest["config"]["mediaType"].as_str() {
        detail["artifactMediaType"] = kind.into();
    }
    if image.tags.is_empty() {
        detail.as_object_mut().map(|members| members.remove("imageTags"));
    }
    detail
}
