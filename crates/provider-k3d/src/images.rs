//! Whether an image is there, and having it pulled where it isn't.

use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptions;
use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::docker::{failed, is_missing};
use super::k3d::K3d;
use super::runner::Call;
use provider::{DesiredCluster, Error};

/// Time limit of `k3d version`.
const ANSWER: Duration = Duration::from_secs(10);

/// Ensures that Docker has `image`, for `what`.
///
/// # Errors
/// [`Error::ImageUnavailable`] with Docker's words, [`Error::Unavailable`].
pub async fn ensure(docker: &Docker, image: &str, what: &str, limit: Duration) -> Result<(), Error> {
    match docker.inspect_image(image).await {
        Ok(_) => return Ok(()),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(failed(format!("looking for image {image}"))(error)),
    }
    tracing::info!(image, "pulling an image");
    let unavailable = |why: String| Error::ImageUnavailable { image: image.to_owned(), what: what.to_owned(), why };
    let options = CreateImageOptions { from_image: Some(tagged(image)), ..Default::default() };
    let pull = docker.create_image(Some(options), None, None).try_for_each(|_| async { Ok(()) });
    match timeout(limit, pull).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(match failed(format!("pulling image {image}"))(error) {
            away @ Error::Unavailable { .. } => away,
            Error::Engine { why, .. } => unavailable(why),
            other => unavailable(other.to_string()),
        }),
        Err(_) => Err(unavailable(format!("pulling it took longer than {} s", limit.as_secs()))),
    }
}

/// Pulls k3d's own images, so that a creation needn't wait for them. On failure, k3d reports the error later.
pub async fn helpers(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) {
    let tag = k3d.helper_tag.get_or_init(|| tag(k3d)).await;
    let Some(tag) = tag else { return };
    let what = format!("cluster {}", plan.id);
    for name in ["k3d-tools", "k3d-proxy"].iter().take(if plan.servers > 1 { 2 } else { 1 }) {
        let image = format!("ghcr.io/k3d-io/{name}:{tag}");
        if let Err(error) = ensure(docker, &image, &what, k3d.settings.limits.pull).await {
            tracing::warn!(cluster = %plan.id, %error, "an image that k3d needs isn't here yet");
        }
    }
}

/// The tag that k3d's own images have; `None` where somebody named others.
async fn tag(k3d: &K3d) -> Option<String> {
    if ["K3D_IMAGE_TOOLS", "K3D_IMAGE_LOADBALANCER"].iter().any(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    if let Ok(tag) = std::env::var("K3D_HELPER_IMAGE_TAG") {
        return Some(tag);
    }
    let call = Call { doing: "asking k3d for its version".into(), arguments: &["version"], input: None, limit: ANSWER };
    let said = Mutex::new(None);
    let on_line = |line: &str| {
        if let Some(version) = version(line) {
            *said.lock() = Some(version);
        }
    };
    k3d.runner.run(call, on_line).await.ok()?;
    said.into_inner()
}

/// k3d's version, from its output.
fn version(line: &str) -> Option<String> {
    line.strip_prefix("k3d version v").map(|version| version.trim().to_owned())
}

/// The image with its tag spelt out: without one, Docker would pull them all.
fn tagged(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains(':') || last.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::{tagged, version};

    #[test]
    fn no_image_is_pulled_with_all_its_tags() {
        assert_eq!(tagged("rancher/k3s:v1"), "rancher/k3s:v1");
        assert_eq!(tagged("host:5000/k3s"), "host:5000/k3s:latest");
        assert_eq!(tagged("k3s@sha256:12"), "k3s@sha256:12");
    }

    #[test]
    fn k3d_s_own_images_have_its_version() {
        assert_eq!(version("k3d version v5.9.0").as_deref(), Some("5.9.0"));
        assert_eq!(version("k3s version v1.33.6-k3s1 (default)"), None);
    }
}
