//! The images of a repository.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::engine::{Engine, Error, Manifest};
use super::front::time;
use super::storage::Revision;
use super::{record, referrers};

/// Manifests that are read at once.
const AT_ONCE: usize = 16;

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its digest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its manifest.
    pub manifest: Manifest,
    /// When it was pushed last, if that is known.
    pub pushed_at: Option<Timestamp>,
}

impl Image {
    /// An image without tags.
    pub fn untagged(manifest: Manifest) -> Self {
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
    let tagged: Vec<_> = futures::stream::iter(tags).map(read).buffered(AT_ONCE).try_collect().await?;
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    for (tag, manifest) in tagged.into_iter().flatten() {
        images.entry(manifest.digest.clone()).or_insert_with(|| Image::untagged(manifest)).tags.push(tag);
    }
    let others: Vec<_> = revisions.iter().map(|one| one.digest.clone()).filter(|d| !images.contains_key(d)).collect();
    let untagged: Vec<_> = futures::stream::iter(others).map(read).buffered(AT_ONCE).try_collect().await?;
    images.extend(untagged.into_iter().flatten().map(|(digest, found)| (digest, Image::untagged(found))));
    for Revision { digest, pushed_at } in revisions {
        if let Some(image) = images.get_mut(digest) {
            image.pushed_at = Some(*pushed_at);
        }
    }
    let own = |manifest: &Manifest| record::is(manifest) || referrers::is(&manifest.bytes);
    Ok(images.into_values().filter(|image| !own(&image.manifest)).collect())
}
