//! Images that come by way of the API: `PutImage`, and the question for layers before it.

use aws::error::ApiError;
use futures::{StreamExt, TryStreamExt};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::images;
use crate::call::Call;
use crate::engine::Error;
use crate::error::EcrError as _;
use crate::record;

/// Parts of an image that are looked for at once.
const AT_ONCE: usize = 16;
/// The media type of layers that ECR tells.
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// `BatchCheckLayerAvailability`
pub async fn check_layers(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    call.record(name).await?;
    let full = call.registry.repository(name);
    let (mut layers, mut failures) = (Vec::new(), Vec::new());
    for digest in call.input.layer_digests.as_deref().unwrap_or_default() {
        if !is_digest(digest) {
            let reason = format!("Invalid layer digest '{digest}'");
            failures.push(json!({"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": reason}));
            continue;
        }
        layers.push(match call.ecr.engine.blob(&full, digest).await? {
            Some(size) => json!({
                "layerDigest": digest,
                "layerAvailability": "AVAILABLE",
                "layerSize": size,
                "mediaType": LAYER,
            }),
            None => json!({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}),
        });
    }
    Ok(json!({"layers": layers, "failures": failures}))
}

/// `PutImage`
pub async fn put(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let tag = tag(&call)?;
    let text = call.input.image_manifest.as_deref().unwrap_or_default();
    let digest = format!("sha256:{:x}", Sha256::digest(text));
    let manifest = serde_json::from_str(text).ok().filter(Value::is_object);
    let manifest = manifest.ok_or_else(|| ApiError::invalid("ImageManifest", "Invalid JSON syntax"))?;
    let media_type = call.input.image_manifest_media_type.as_deref().or(manifest["mediaType"].as_str());
    let media_type = media_type.ok_or_else(|| {
        ApiError::invalid("imageManifestMediaType", "must not be null: the manifest has no mediaType")
    })?;
    if http::HeaderValue::from_str(media_type).is_err() {
        return Err(ApiError::invalid("imageManifestMediaType", "must be a media type"));
    }
    if let Some(asked) = call.input.image_digest.as_deref().filter(|asked| *asked != digest) {
        return Err(ApiError::other_digest(asked, &digest));
    }
    let (engine, full) = (&call.ecr.engine, call.registry.repository(name));
    let _changes = call.ecr.changes.lock().await;
    let record = call.record(name).await?;
    let there = engine.manifest(&full, tag.unwrap_or(&digest)).await?;
    match (&there, tag) {
        (Some(there), _) if there.digest == digest => {
            return Err(ApiError::image_exists(&call.registry, name, &digest, tag));
        }
        (Some(_), Some(tag)) if record.is_immutable() => return Err(ApiError::tag_exists(name, tag)),
        _ => {}
    }
    parts(&call, name, &manifest).await?;
    let put = engine.put(&full, tag.unwrap_or(&digest), media_type, text.to_owned()).await;
    put.map_err(|error| match error {
        Error::Refused { status: StatusCode::BAD_REQUEST, why, .. } => ApiError::invalid("ImageManifest", &why),
        error => error.into(),
    })?;
    Ok(json!({"image": {
        "registryId": call.registry.account,
        "repositoryName": name,
        "imageId": images::shown(Some(&digest), tag),
        "imageManifest": text,
        "imageManifestMediaType": media_type,
    }}))
}

/// The image's tag, if it is to have one.
fn tag(call: &Call) -> Result<Option<&str>, ApiError> {
    let Some(tag) = call.input.image_tag.as_deref() else { return Ok(None) };
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let is_tag = tag.len() <= 128
        && tag.bytes().all(|b| word(b) || b".-".contains(&b))
        && tag.bytes().next().is_some_and(word)
        && !record::is_own(tag);
    let constraint = "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'";
    if is_tag { Ok(Some(tag)) } else { Err(ApiError::invalid("imageTag", constraint)) }
}

/// Looks for what the manifest is made of.
///
/// # Errors
/// Some of it isn't there.
async fn parts(call: &Call, name: &str, manifest: &Value) -> Result<(), ApiError> {
    let (engine, full) = (&call.ecr.engine, &call.registry.repository(name));
    let digests = |parts: &[Value]| -> Vec<String> {
        // What has addresses of its own needn't be here.
        let own = parts.iter().filter(|part| part["urls"].as_array().is_none_or(Vec::is_empty));
        own.filter_map(|part| part["digest"].as_str().map(str::to_owned)).collect()
    };
    let list = |member: &str| manifest[member].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_index = manifest["manifests"].is_array();
    let digests = if of_index {
        digests(list("manifests"))
    } else {
        digests(&[std::slice::from_ref(&manifest["config"]), list("layers")].concat())
    };
    if let Some(odd) = digests.iter().find(|digest| !is_digest(digest)) {
        return Err(ApiError::invalid("ImageManifest", &format!("'{odd}' is not a digest")));
    }
    let look = |digest: String| async move {
        let there = if of_index {
            engine.manifest(full, &digest).await?.is_some()
        } else {
            engine.blob(full, &digest).await?.is_some()
        };
        Ok::<_, ApiError>((!there).then_some(digest))
    };
    let missing: Vec<_> = futures::stream::iter(digests).map(look).buffered(AT_ONCE).try_collect().await?;
    let missing: Vec<_> = missing.iter().flatten().map(String::as_str).collect();
    if missing.is_empty() { Ok(()) } else { Err(ApiError::no_parts(&call.registry, name, &missing, of_index)) }
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(&b))
            && !hex.is_empty()
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}
