//! Logs of containers.

use bollard::Docker;
use bollard::query_parameters::LogsOptions;
use futures::StreamExt;

use super::docker::failed;
use provider::Error;

/// Waits until the container logs `text` (lower case). Fails if the container ends first.
pub async fn wait_for_log(docker: &Docker, name: &str, text: &str, doing: impl Fn() -> String) -> Result<(), Error> {
    wait_for_log_since(docker, name, text, 0, doing).await
}

/// The same for lines after `since`, in seconds since 1970.
pub async fn wait_for_log_since(
    docker: &Docker,
    name: &str,
    text: &str,
    since: i64,
    doing: impl Fn() -> String,
) -> Result<(), Error> {
    let since = i32::try_from(since).unwrap_or_default();
    let options =
        LogsOptions { follow: true, stdout: true, stderr: true, tail: "all".into(), since, ..Default::default() };
    let mut lines = std::pin::pin!(docker.logs(name, Some(options)));
    let mut last = String::new();
    while let Some(line) = lines.next().await {
        let line = line.map_err(failed(doing()))?.to_string();
        if line.to_ascii_lowercase().contains(text) {
            return Ok(());
        }
        if !line.trim().is_empty() {
            last = line.trim().chars().take(300).collect();
        }
    }
    Err(Error::Engine { doing: doing(), why: format!("it ended; its last log line: {last}") })
}

/// Whether the container ever logged `text` (lower case); `None` without a log or container.
pub async fn said(docker: &Docker, name: &str, text: &str) -> Result<Option<bool>, Error> {
    let options = LogsOptions { stdout: true, stderr: true, tail: "all".into(), ..Default::default() };
    let mut lines = std::pin::pin!(docker.logs(name, Some(options)));
    let mut found = None;
    while let Some(Ok(line)) = lines.next().await {
        if line.to_string().to_ascii_lowercase().contains(text) {
            return Ok(Some(true));
        }
        found = Some(false);
    }
    Ok(found)
}
