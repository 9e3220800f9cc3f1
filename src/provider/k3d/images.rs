//! Whether an image is there, and having it pulled where it isn't.

use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptions;
use futures::TryStreamExt;
use tokio::time::timeout;

use super::engine::{failed, is_missing};
use crate::provider::Error;

/// Sees to it that Docker has `image`, for `what`.
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

/// The image with its tag spelt out: without one, Docker would pull them all.
fn tagged(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains(':') || last.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::tagged;

    #[test]
    fn no_image_is_pulled_with_all_its_tags() {
        assert_eq!(tagged("rancher/k3s:v1"), "rancher/k3s:v1");
        assert_eq!(tagged("host:5000/k3s"), "host:5000/k3s:latest");
        assert_eq!(tagged("k3s@sha256:12"), "k3s@sha256:12");
    }
}
