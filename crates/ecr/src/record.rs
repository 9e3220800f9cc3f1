//! What is known of a repository besides its images: a manifest without images, under a tag of its own.
//!
//! It is in the registry itself, so that it lasts as long as the images do, and is written at once or not at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine::{Engine, Error, Manifest};
use super::manifest::{self, Contents, INDEX};

/// The tag of the record. No image can have it.
pub const TAG: &str = "k3eks.repository";
/// What the tags begin with that the registry itself makes: records and lists of referrers. No image can have one.
pub const OWN: &str = "k3eks.";

/// A repository, as it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Seconds since 1970.
    pub created_at: i64,
    /// `MUTABLE` or `IMMUTABLE`.
    pub image_tag_mutability: String,
    /// As it was asked for.
    pub image_scanning_configuration: Value,
    /// As it was asked for.
    pub encryption_configuration: Value,
    /// Tags of the repository itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who may use the repository, as the JSON that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Which images expire, as the JSON that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_policy: Option<String>,
}

impl Record {
    /// Whether a tag may not be moved.
    pub fn is_immutable(&self) -> bool {
        self.image_tag_mutability == "IMMUTABLE"
    }
}

/// Whether a tag is one that the registry itself makes.
pub fn is_own(tag: &str) -> bool {
    tag.starts_with(OWN)
}

/// The record of a repository; none where there is no such repository.
///
/// # Errors
/// [`Error`]
pub async fn read(engine: &Engine, repository: &str) -> Result<Option<Record>, Error> {
    let mut found = engine.manifest(repository, TAG).await?;
    if found.is_none() {
        // A record that just changed isn't where the tag led to before.
        found = engine.manifest(repository, TAG).await?;
    }
    let read = |found: Manifest| {
        serde_json::from_str(Contents::read(&found.bytes).annotation(manifest::RECORD)?.as_str()?).ok()
    };
    Ok(found.and_then(read))
}

/// Writes the record of a repository, and removes the manifest that it takes the place of.
///
/// # Errors
/// [`Error`]
pub async fn write(engine: &Engine, repository: &str, record: &Record) -> Result<(), Error> {
    let text = json!(record).to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [],
        "annotations": {manifest::RECORD: text},
    });
    let before = engine.manifest(repository, TAG).await?;
    engine.replace(repository, TAG, INDEX, manifest.to_string(), before).await
}
