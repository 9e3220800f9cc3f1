//! The referrers of an image: manifests that name the image as their `subject`, such as signatures and attestations
//! (OCI distribution 1.1).
//!
//! CNCF distribution doesn't list referrers. They are kept in the registry as an image index, under a tag of its own for
//! each subject.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::engine::{Engine, Error};

/// Media type of an image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What the tags of these indexes begin with. No image can have such a tag.
const TAG: &str = "k3eks.referrers.";
/// Annotation that tells these indexes from images.
const ANNOTATION: &str = "io.k3eks.referrers";

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

/// Parts of a manifest that say what it refers to.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Manifest {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    subject: Option<Descriptor>,
    annotations: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Descriptor {
    media_type: Option<String>,
    digest: Option<String>,
}

/// The digest of a manifest's subject; `None` of a manifest that refers to nothing.
pub fn subject(manifest: &[u8]) -> Option<String> {
    let manifest: Manifest = serde_json::from_slice(manifest).ok()?;
    manifest.subject.and_then(|subject| subject.digest).filter(|digest| tag(digest).is_some())
}

/// How the index of its subject lists a manifest that has this digest and, unless the manifest says so itself, this media
/// type.
fn referrer(manifest: &[u8], digest: &str, media_type: &str) -> Option<Referrer> {
    let size = manifest.len();
    let manifest: Manifest = serde_json::from_slice(manifest).ok()?;
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let of_config = manifest.config.and_then(|config| config.media_type);
    Some(Referrer {
        media_type: said(manifest.media_type).unwrap_or_else(|| media_type.to_owned()),
        digest: digest.into(),
        size,
        artifact_type: said(manifest.artifact_type).or(of_config).unwrap_or_default(),
        annotations: manifest.annotations.unwrap_or_default(),
    })
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
pub async fn add(
    engine: &Engine,
    repository: &str,
    manifest: &[u8],
    digest: &str,
    media_type: &str,
) -> Result<(), Error> {
    let Some(subject) = subject(manifest) else { return Ok(()) };
    let (Some(tag), Some(new)) = (tag(&subject), referrer(manifest, digest, media_type)) else { return Ok(()) };
    let former = engine.manifest(repository, &tag).await?;
    let mut all = list(engine, repository, &subject).await?;
    all.retain(|referrer| referrer.digest != new.digest);
    all.push(new);
    let mut kept = index(&all);
    kept["annotations"] = json!({ANNOTATION: subject});
    let put = engine.put(repository, &tag, INDEX, kept.to_string()).await?;
    if let Some(former) = former.filter(|former| put.is_some_and(|put| put != former.digest)) {
        engine.delete(repository, &former.digest).await?;
    }
    Ok(())
}

/// Whether a manifest is such an index of referrers.
pub fn is(manifest: &[u8]) -> bool {
    let manifest: Option<Manifest> = serde_json::from_slice(manifest).ok();
    manifest.and_then(|manifest| manifest.annotations).is_some_and(|all| all.contains_key(ANNOTATION))
}

/// The referrers of a subject that are still there.
///
/// # Errors
/// [`Error`]
pub async fn list(engine: &Engine, repository: &str, subject: &str) -> Result<Vec<Referrer>, Error> {
    #[derive(Deserialize)]
    struct Index {
        manifests: Vec<Referrer>,
    }
    let Some(tag) = tag(subject) else { return Ok(Vec::new()) };
    let Some(found) = engine.manifest(repository, &tag).await? else { return Ok(Vec::new()) };
    let Ok(found) = serde_json::from_slice::<Index>(&found.bytes) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for referrer in found.manifests {
        if engine.manifest(repository, &referrer.digest).await?.is_some() {
            all.push(referrer);
        }
    }
    Ok(all)
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

    fn manifest(more: Value) -> Vec<u8> {
        let mut manifest = json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.example.config"}});
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manifest.to_string().into_bytes()
    }

    #[test]
    fn a_manifest_names_its_subject_by_digest() {
        assert_eq!(subject(&manifest(json!({"subject": {"digest": SUBJECT}}))).as_deref(), Some(SUBJECT));
        for none in [
            json!({}),
            json!({"subject": null}),
            json!({"subject": {"digest": null}}),
            json!({"subject": {"digest": "latest"}}),
        ] {
            assert_eq!(subject(&manifest(none)), None);
        }
        let nulls = json!({"subject": {"digest": SUBJECT}, "annotations": null, "config": null, "artifactType": null});
        assert_eq!(subject(&manifest(nulls)).as_deref(), Some(SUBJECT));
        assert_eq!(subject(b"no JSON"), None);
        assert_eq!(tag("sha256:../x"), None);
    }

    #[test]
    fn an_index_of_referrers_is_no_image() {
        assert!(is(&manifest(json!({"annotations": {ANNOTATION: SUBJECT}}))));
        assert!(!is(&manifest(json!({"annotations": {"a": "b"}}))) && !is(b"no JSON"));
    }

    #[test]
    fn a_referrer_is_listed_with_its_artifact_type_and_annotations() {
        let bytes = manifest(json!({"artifactType": "application/vnd.example.sbom", "annotations": {"a": "b"}}));
        let listed = json!(referrer(&bytes, "sha256:1", INDEX).unwrap());
        let expected = json!({"mediaType": INDEX, "digest": "sha256:1", "size": bytes.len(),
            "artifactType": "application/vnd.example.sbom", "annotations": {"a": "b"}});
        assert_eq!(listed, expected);
        let plain = referrer(&manifest(json!({"mediaType": "m"})), "sha256:2", INDEX).unwrap();
        assert_eq!((plain.artifact_type.as_str(), plain.media_type.as_str()), ("application/vnd.example.config", "m"));
        assert_eq!(of_type(vec![plain.clone()], "application/vnd.example.sbom"), []);
        assert_eq!(of_type(vec![plain.clone()], "application/vnd.example.config"), [plain]);
    }
}
