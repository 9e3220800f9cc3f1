//! The referrers of an image: manifests that name the image as their `subject`, such as signatures and attestations
//! (OCI distribution 1.1).
//!
//! CNCF distribution doesn't list referrers. They are kept in the registry as an image index, under a tag of its own for
//! each subject.

use std::future::ready;

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::engine::{AT_ONCE, Engine, Error, Manifest};
use super::manifest::{self, Contents, INDEX};

/// What the tags of these indexes begin with. No image can have such a tag.
const TAG: &str = "k3eks.referrers.";

/// A manifest that refers to another one, as an image index lists it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    media_type: String,
    digest: String,
    size: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    artifact_type: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    annotations: Map<String, Value>,
}

impl Referrer {
    /// A manifest of so many bytes that has this digest and, unless the manifest says so itself, this media type.
    pub fn new(manifest: Contents, size: usize, digest: &str, media_type: &str) -> Self {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let of_config = manifest.config.and_then(|config| config.media_type);
        Self {
            media_type: said(manifest.media_type).unwrap_or_else(|| media_type.to_owned()),
            digest: digest.into(),
            size,
            artifact_type: said(manifest.artifact_type).or(of_config).unwrap_or_default(),
            annotations: manifest.annotations.unwrap_or_default(),
        }
    }
}

/// The digest of a manifest's subject; `None` of a manifest that refers to nothing.
pub fn subject(manifest: &Contents) -> Option<&str> {
    manifest.subject.as_ref()?.digest.as_deref().filter(|digest| tag(digest).is_some())
}

/// The tag of the index of a subject's referrers; `None` where the subject isn't named by a digest.
fn tag(subject: &str) -> Option<String> {
    let (algorithm, hex) = subject.split_once(':')?;
    let fits = algorithm == "sha256" && hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| format!("{TAG}{hex}"))
}

/// Adds a manifest that was just pushed to the referrers of its subject. Only one may be added at a time.
///
/// # Errors
/// [`Error`]
pub async fn add(engine: &Engine, repository: &str, subject: &str, new: Referrer) -> Result<(), Error> {
    let Some(tag) = tag(subject) else { return Ok(()) };
    let former = engine.manifest(repository, &tag).await?;
    let mut all = still_there(engine, repository, former.as_ref()).await?;
    all.retain(|referrer| referrer.digest != new.digest);
    all.push(new);
    let mut kept = index(&all);
    kept["annotations"] = json!({manifest::REFERRERS: subject});
    engine.replace(repository, &tag, INDEX, kept.to_string(), former).await
}

/// The referrers of a subject that are still there.
///
/// # Errors
/// [`Error`]
pub async fn list(engine: &Engine, repository: &str, subject: &str) -> Result<Vec<Referrer>, Error> {
    let Some(tag) = tag(subject) else { return Ok(Vec::new()) };
    let kept = engine.manifest(repository, &tag).await?;
    still_there(engine, repository, kept.as_ref()).await
}

/// The referrers that an index lists, without those that went since.
async fn still_there(engine: &Engine, repository: &str, kept: Option<&Manifest>) -> Result<Vec<Referrer>, Error> {
    #[derive(Deserialize)]
    struct Index {
        manifests: Vec<Referrer>,
    }
    let listed = kept.and_then(|kept| serde_json::from_slice::<Index>(&kept.bytes).ok());
    let look = |referrer: Referrer| async move {
        Ok::<_, Error>(engine.manifest(repository, &referrer.digest).await?.map(|_| referrer))
    };
    let all = stream::iter(listed.map(|index| index.manifests).unwrap_or_default()).map(look).buffered(AT_ONCE);
    all.try_filter_map(|there| ready(Ok(there))).try_collect().await
}

/// The image index that lists these referrers.
pub fn index(referrers: &[Referrer]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": referrers})
}

/// Those of an artifact type.
pub fn of_type(referrers: Vec<Referrer>, artifact_type: &str) -> Vec<Referrer> {
    referrers.into_iter().filter(|referrer| referrer.artifact_type == artifact_type).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn made(more: Value) -> Vec<u8> {
        let mut manifest = json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.example.config"}});
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manifest.to_string().into_bytes()
    }

    fn subject_of(manifest: &[u8]) -> Option<String> {
        subject(&Contents::read(manifest)).map(str::to_owned)
    }

    fn is_own(manifest: &[u8]) -> bool {
        Contents::read(manifest).is_own()
    }

    fn referrer(manifest: &[u8], digest: &str) -> Referrer {
        Referrer::new(Contents::read(manifest), manifest.len(), digest, INDEX)
    }

    #[test]
    fn a_manifest_names_its_subject_by_digest() {
        assert_eq!(subject_of(&made(json!({"subject": {"digest": SUBJECT}}))).as_deref(), Some(SUBJECT));
        for none in [
            json!({}),
            json!({"subject": null}),
            json!({"subject": {"digest": null}}),
            json!({"subject": {"digest": "latest"}}),
        ] {
            assert_eq!(subject_of(&made(none)), None);
        }
        let nulls = json!({"subject": {"digest": SUBJECT}, "annotations": null, "config": null, "artifactType": null});
        assert_eq!(subject_of(&made(nulls)).as_deref(), Some(SUBJECT));
        assert_eq!(subject_of(b"no JSON"), None);
        assert_eq!(tag("sha256:../x"), None);
    }

    #[test]
    fn an_index_of_referrers_is_no_image() {
        assert!(is_own(&made(json!({"annotations": {manifest::REFERRERS: SUBJECT}}))));
        assert!(!is_own(&made(json!({"annotations": {"a": "b"}}))) && !is_own(b"no JSON"));
    }

    #[test]
    fn a_referrer_is_listed_with_its_artifact_type_and_annotations() {
        let bytes = made(json!({"artifactType": "application/vnd.example.sbom", "annotations": {"a": "b"}}));
        let listed = json!(referrer(&bytes, "sha256:1"));
        let expected = json!({"mediaType": INDEX, "digest": "sha256:1", "size": bytes.len(),
            "artifactType": "application/vnd.example.sbom", "annotations": {"a": "b"}});
        assert_eq!(listed, expected);
        let plain = referrer(&made(json!({"mediaType": "m"})), "sha256:2");
        assert_eq!((plain.artifact_type.as_str(), plain.media_type.as_str()), ("application/vnd.example.config", "m"));
        assert_eq!(of_type(vec![plain.clone()], "application/vnd.example.sbom"), []);
        assert_eq!(of_type(vec![plain.clone()], "application/vnd.example.config"), [plain]);
    }
}
