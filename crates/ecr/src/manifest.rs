//! What is read of a manifest: of an image, an index of images, or something that refers to an image.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// Media type of an image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
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

    /// Reads the text of a manifest that is pushed; `None` of JSON that others may read in another way, such as with a member
    /// twice. The registry behind refuses what is no JSON.
    pub fn pushed(manifest: &[u8]) -> Option<Self> {
        let is_json = || serde_json::from_slice::<IgnoredAny>(manifest).is_ok();
        serde_json::from_slice(manifest).ok().or_else(|| (!is_json()).then(Self::default))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_read_in_one_way_or_not_at_all() {
        let own = br#"{"annotations": {"io.k3eks.repository": "{}"}}"#;
        assert!(Contents::pushed(own).unwrap().is_own());
        let twice = br#"{"annotations": {"io.k3eks.repository": "{}"}, "mediaType": "a", "mediaType": "b"}"#;
        assert!(Contents::pushed(twice).is_none());
        assert!(!Contents::pushed(b"no JSON").unwrap().is_own());
        assert!(Contents::pushed(br#"{"config": {"size": 1}, "layers": null}"#).is_some());
    }
}
