//! The images of a repository.

use std::collections::BTreeMap;
use std::future::ready;

use axum::body::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine::{Engine, Error, Manifest};
use super::front::time;
use super::storage::Revision;
use super::{record, referrers};

/// Manifests that are read at once.
const AT_ONCE: usize = 8;

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its digest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its manifest: what lists of images tell of it, since a repository may have many large ones.
    pub manifest: Manifest,
    /// When it was pushed last, if that is known.
    pub pushed_at: Option<Timestamp>,
}

impl Image {
    /// An image without tags.
    pub fn untagged(mut manifest: Manifest) -> Self {
        manifest.bytes = essentials(&manifest.bytes);
        let pushed_at = manifest.pushed.as_deref().and_then(time);
        Self { digest: manifest.digest.clone(), tags: Vec::new(), manifest, pushed_at }
    }

    /// The manifest's JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.manifest.bytes).unwrap_or_default()
    }

    /// Digests of the images that it is an index of.
    pub fn images(&self) -> Vec<String> {
        let manifest = self.json();
        let images = manifest["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
        images.iter().filter_map(|image| image["digest"].as_str().map(str::to_owned)).collect()
    }
}

/// Parts of a manifest that are told of images, with the layers as one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Essentials {
    artifact_type: Option<String>,
    config: Option<Part>,
    layers: Option<Vec<Part>>,
    manifests: Option<Vec<Part>>,
    subject: Option<Part>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

fn essentials(manifest: &[u8]) -> Bytes {
    let Ok(found) = serde_json::from_slice::<Essentials>(manifest) else { return Bytes::new() };
    let layers = found.layers.unwrap_or_default();
    let size: u64 = layers.iter().filter_map(|layer| layer.size).fold(0, u64::saturating_add);
    let of = |part: Part| Part { media_type: None, ..part };
    let kept = json!({
        "artifactType": found.artifact_type,
        "config": found.config,
        "layers": [{"size": size}],
        "manifests": found.manifests.map(|all| all.into_iter().map(of).collect::<Vec<_>>()),
        "subject": found.subject,
    });
    kept.to_string().into()
}

/// The images of a repository: those with tags, and those of `revisions` without.
///
/// # Errors
/// The registry can't be asked.
pub async fn images(engine: &Engine, repository: &str, revisions: &[Revision]) -> Result<Vec<Image>, Error> {
    let read = |reference: String| async move {
        // It may go between the two questions.
        engine.manifest(repository, &reference).await.map(|found| found.map(|found| (reference, found)))
    };
    let tags = engine.tags(repository).await?.into_iter().filter(|tag| !record::is_own(tag));
    // Own manifests are left out, and large ones shortened, as they come.
    let own = |manifest: &Manifest| record::is(manifest) || referrers::is(&manifest.bytes);
    let image = |found: (String, Manifest)| (found.0, (!own(&found.1)).then(|| Image::untagged(found.1)));
    let mut tagged = futures::stream::iter(tags).map(read).buffered(AT_ONCE).try_filter_map(|found| ready(Ok(found)));
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    while let Some(found) = tagged.try_next().await? {
        let (tag, Some(image)) = image(found) else { continue };
        images.entry(image.digest.clone()).or_insert(image).tags.push(tag);
    }
    let others: Vec<_> = revisions.iter().map(|one| one.digest.clone()).filter(|d| !images.contains_key(d)).collect();
    let mut untagged =
        futures::stream::iter(others).map(read).buffered(AT_ONCE).try_filter_map(|found| ready(Ok(found)));
    while let Some(found) = untagged.try_next().await? {
        let (digest, Some(image)) = image(found) else { continue };
        images.insert(digest, image);
    }
    for Revision { digest, pushed_at } in revisions {
        if let Some(image) = images.get_mut(digest) {
            image.pushed_at = Some(*pushed_at);
        }
    }
    Ok(images.into_values().collect())
}
