//! The images of a repository.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::engine::{AT_ONCE, Engine, Error, Manifest};
use super::front::time;
use super::manifest::Contents;
use super::storage::Revision;
use super::{record, referrers};

/// An image: what lists of images tell of it, and not its manifest, since a repository may have many large ones.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its digest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Media type of its manifest.
    pub media_type: String,
    /// Media type of its configuration.
    pub config: Option<String>,
    /// Bytes of its configuration and its layers.
    pub size: u64,
    /// Digests of the images that it is an index of.
    pub images: Vec<String>,
    /// Digest of what it refers to.
    pub subject: Option<String>,
    /// When it was pushed last, if that is known.
    pub pushed_at: Option<Timestamp>,
}

impl Image {
    /// An image without tags.
    pub fn untagged(manifest: Manifest) -> Self {
        let contents = Contents::read(&manifest.bytes);
        Self::of(manifest, &contents)
    }

    fn of(manifest: Manifest, contents: &Contents) -> Self {
        Self {
            pushed_at: manifest.pushed.as_deref().and_then(time),
            digest: manifest.digest,
            tags: Vec::new(),
            media_type: manifest.media_type,
            config: contents.config.as_ref().and_then(|config| config.media_type.clone()),
            size: contents.size(),
            images: contents.images(),
            subject: referrers::subject(contents).map(str::to_owned),
        }
    }
}

/// The images of a repository: those with tags, and those of `revisions` without.
///
/// # Errors
/// The registry can't be asked.
pub async fn images(engine: &Engine, repository: &str, revisions: &[Revision]) -> Result<Vec<Image>, Error> {
    // The registry's own manifests are left out, and of the others little is kept, as they come.
    let read = |reference: String| async move {
        // It may go between the two questions.
        let Some(found) = engine.manifest(repository, &reference).await? else { return Ok(None) };
        let contents = Contents::read(&found.bytes);
        Ok::<_, Error>((!contents.is_own()).then(|| (reference, Image::of(found, &contents))))
    };
    let tags = engine.tags(repository).await?.into_iter().filter(|tag| !record::is_own(tag));
    let mut tagged = stream::iter(tags).map(read).buffered(AT_ONCE);
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    while let Some(found) = tagged.try_next().await? {
        let Some((tag, image)) = found else { continue };
        images.entry(image.digest.clone()).or_insert(image).tags.push(tag);
    }
    let others: Vec<_> = revisions.iter().map(|one| one.digest.clone()).filter(|d| !images.contains_key(d)).collect();
    let mut untagged = stream::iter(others).map(read).buffered(AT_ONCE);
    while let Some(found) = untagged.try_next().await? {
        images.extend(found);
    }
    for Revision { digest, pushed_at } in revisions {
        if let Some(image) = images.get_mut(digest) {
            image.pushed_at = Some(*pushed_at);
        }
    }
    Ok(images.into_values().collect())
}
