//! What is read of a manifest: of an image, an index of images, or something that refers to an image.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Annotation of the manifests that are records of repositories.
pub const RECORD: &str = "io.k3eks.repository";
/// Annotation of the manifests that are lists of referrers.
pub const REFERRERS: &str = "io.k3eks.referrers";

/// The members of a manifest that count here. One that can't be read has none.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Contents {
    /// Its own media type.
    pub media_type: Option<String>,
    /// Type of an artifact that is no image.
    pub artifact_type: Option<String>,
    /// The configuration of an image.
    pub config: Option<Descriptor>,
    /// The layers of an image.
    pub layers: Option<Vec<Descriptor>>,
    /// The manifests of an index.
    pub manifests: Option<Vec<Descriptor>>,
    /// What the manifest refers to.
    pub subject: Option<Descriptor>,
    /// Its annotations.
    pub annotations: Option<Map<String, Value>>,
}

/// What a manifest names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Descriptor {
    /// Its media type.
    pub media_type: Option<String>,
    /// Its digest.
    pub digest: Option<String>,
    /// Its size in bytes.
    pub size: Option<i64>,
}

impl Contents {
    /// Reads a manifest's text.
    pub fn read(manifest: &[u8]) -> Self {
        serde_json::from_slice(manifest).unwrap_or_default()
    }

    /// An annotation.
    pub fn annotation(&self, name: &str) -> Option<&Value> {
        self.annotations.as_ref()?.get(name)
    }

    /// Whether the manifest is one that the registry itself makes: a record, also one that has changed since, or a list of
    /// referrers.
    pub fn is_own(&self) -> bool {
        [RECORD, REFERRERS].iter().any(|name| self.annotation(name).is_some())
    }

    /// Size in bytes of an image: of its configuration and its layers.
    pub fn size(&self) -> u64 {
        let parts = self.layers.iter().flatten().chain(&self.config);
        let sizes = parts.filter_map(|part| u64::try_from(part.size?).ok());
        sizes.fold(0, u64::saturating_add)
    }

    /// Digests of the images of an index.
    pub fn images(&self) -> Vec<String> {
        self.manifests.iter().flatten().filter_map(|image| image.digest.clone()).collect()
    }
}
