//! Images of a repository.

use std::future::ready;

use aws::error::ApiError;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::engine::{AT_ONCE, Manifest};
use crate::error::EcrError as _;
use crate::input::ImageId;
use crate::inventory::{self, Image};
use crate::manifest::Contents;
use crate::record;

/// The images of a repository; those without tags only where the folder of images can be seen.
///
/// # Errors
/// The registry can't be asked.
pub async fn all(call: &Call, name: &str) -> Result<Vec<Image>, ApiError> {
    let (engine, full) = (&call.ecr.engine, &call.registry.repository(name));
    let revisions = engine.inventory(full).await?.unwrap_or_default().revisions;
    Ok(inventory::images(engine, full, &revisions).await?)
}

/// `ListImages`
pub async fn list(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    call.record(name).await?;
    let images = all(&call, name).await?;
    let meant = images.iter().filter(|image| call.input.means(!image.tags.is_empty()));
    let ids = meant.flat_map(ids).collect();
    let (page, next) = call.input.page(ids, 100)?;
    Ok(json!({"imageIds": page, "nextToken": next}))
}

/// `DescribeImages`
pub async fn describe(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    call.record(name).await?;
    let mut images = all(&call, name).await?;
    if call.input.image_ids.is_some() {
        let mut wanted: Vec<Image> = Vec::new();
        for id in call.input.images()? {
            let at = images.iter().position(|image| is(image, id));
            let image = match (at, &id.image_digest) {
                (Some(at), _) => images[at].clone(),
                (None, Some(_)) if id.image_tag.is_none() => {
                    let found = find(&call, &call.registry.repository(name), id).await?;
                    Image::untagged(found.ok_or_else(|| missing(&call, name, id))?)
                }
                _ => return Err(missing(&call, name, id)),
            };
            // Two ids may be of one image.
            if wanted.iter().all(|other| other.digest != image.digest) {
                wanted.push(image);
            }
        }
        images = wanted;
    }
    let meant = images.iter().filter(|image| call.input.means(!image.tags.is_empty()));
    let details = meant.map(|image| detail(&call, name, image)).collect();
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
    let mut images = all(&call, name).await?;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in call.input.images()? {
        let Some(found) = find(&call, &full, id).await? else {
            failures.push(failure(id));
            continue;
        };
        let at = images.iter().position(|image| image.digest == found.digest);
        if let Some(tag) = &id.image_tag {
            // The list may be old: what was pushed since then stays.
            let tags = at.map_or(&[][..], |at| &images[at].tags);
            let others =
                tags != std::slice::from_ref(tag) || tagged_elsewhere(&call, &full, &found.digest, tag).await?;
            if others {
                engine.delete(&full, tag).await?;
                for image in &mut images {
                    image.tags.retain(|other| other != tag);
                }
                deleted.push(shown(Some(&found.digest), Some(tag)));
                continue;
            }
        }
        let lists: Vec<_> = images.iter().filter(|image| image.images.contains(&found.digest)).collect();
        if !lists.is_empty() {
            failures.push(referenced(&found.digest, id, &lists));
            continue;
        }
        engine.delete(&full, &found.digest).await?;
        let image = at.map_or_else(|| Image::untagged(found), |at| images.swap_remove(at));
        deleted.extend(ids(&image));
    }
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

/// Whether another tag, of those that are there now and begin no list, leads to the image.
async fn tagged_elsewhere(call: &Call, full: &str, digest: &str, tag: &str) -> Result<bool, ApiError> {
    let engine = &call.ecr.engine;
    let others = engine.tags(full).await?.into_iter().filter(|other| other != tag && !record::is_own(other));
    let leads = |other: String| async move {
        let found = engine.manifest(full, &other).await?;
        Ok::<_, ApiError>(found.is_some_and(|found| found.digest == digest))
    };
    stream::iter(others).map(leads).buffered(AT_ONCE).try_any(ready).await
}

/// The ids of an image: one for each tag.
fn ids(image: &Image) -> Vec<Value> {
    if image.tags.is_empty() {
        return vec![shown(Some(&image.digest), None)];
    }
    image.tags.iter().map(|tag| shown(Some(&image.digest), Some(tag))).collect()
}

/// That an image stays because manifest lists have it.
fn referenced(digest: &str, id: &ImageId, lists: &[&Image]) -> Value {
    let lists: Vec<_> = lists.iter().map(|list| list.digest.as_str()).collect();
    json!({
        "imageId": shown(Some(digest), id.image_tag.as_deref()),
        "failureCode": "ImageReferencedByManifestList",
        "failureReason": format!("Requested image referenced by manifest list: [{}]", lists.join(", ")),
    })
}

/// Whether the id is of this image.
pub fn is(image: &Image, id: &ImageId) -> bool {
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
    let is = |found: &Manifest| id.image_digest.as_ref().is_none_or(|digest| *digest == found.digest);
    Ok(found.filter(|found| is(found) && !Contents::read(&found.bytes).is_own()))
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
    let mut detail = json!({
        "registryId": call.registry.account,
        "repositoryName": name,
        "imageDigest": image.digest,
        "imageTags": image.tags,
        "imageSizeInBytes": image.size,
        "imageManifestMediaType": image.media_type,
    });
    if let Some(pushed) = image.pushed_at {
        detail["imagePushedAt"] = pushed.as_second().into();
    }
    if let Some(kind) = &image.config {
        detail["artifactMediaType"] = kind.as_str().into();
    }
    if image.tags.is_empty() {
        detail.as_object_mut().map(|members| members.remove("imageTags"));
    }
    detail
}
