//! The connection to Docker, and Docker's errors in the port's terms.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as DockerError;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary, SystemInfo};
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions, StopContainerOptions};
use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::time::timeout;

use provider::Error;

/// How long Docker may take to begin an answer: longer than a container has to end.
const ANSWER: Duration = Duration::from_secs(90);
/// Seconds that a container has to end by itself. A server drains its node before it ends k3s.
pub const GRACE: i32 = 60;
/// Seconds for a server whose peers are gone: a drain would only wait for an answer.
pub const SHORT: i32 = 10;

/// The connection to Docker: made when it is first needed, made anew after Docker was away.
#[derive(Debug, Default)]
pub struct Connection {
    host: Option<String>,
    docker: RwLock<Option<Docker>>,
}

impl Connection {
    /// Speaks to the Docker at `host`, `None`: the one that the environment names.
    pub fn new(host: Option<String>) -> Self {
        Self { host, docker: RwLock::default() }
    }

    /// The connection.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with what was being done.
    pub async fn client(&self, doing: impl Into<String>) -> Result<Docker, Error> {
        let docker = self.docker.read().clone();
        match docker {
            Some(docker) => Ok(docker),
            None => self.connect(doing).await,
        }
    }

    /// A new connection, speaking the API version that the daemon knows.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with what was being done.
    pub async fn connect(&self, doing: impl Into<String>) -> Result<Docker, Error> {
        let unavailable = unavailable(doing);
        let docker = match &self.host {
            Some(host) => Docker::connect_with_host(host),
            None => Docker::connect_with_defaults(),
        };
        let docker = docker.map_err(&unavailable)?.with_timeout(ANSWER);
        let docker = docker.negotiate_version().await.map_err(&unavailable)?;
        *self.docker.write() = Some(docker.clone());
        Ok(docker)
    }
}

fn unavailable(doing: impl Into<String>) -> impl Fn(DockerError) -> Error {
    let doing = doing.into();
    move |error| Error::Unavailable { engine: "Docker", doing: doing.clone(), why: words(&error) }
}

/// Docker's error, met while `doing`, in the port's terms.
pub fn failed(doing: impl Into<String>) -> impl FnOnce(DockerError) -> Error {
    let doing = doing.into();
    move |error| match error {
        DockerError::RequestTimeoutError => Error::Timeout { doing, seconds: ANSWER.as_secs() },
        DockerError::IOError { .. }
        | DockerError::HyperResponseError { .. }
        | DockerError::HyperLegacyError { .. }
        | DockerError::SocketNotFoundError(_) => unavailable(doing)(error),
        other => Error::Engine { doing, why: words(&other) },
    }
}

/// What the error says, down to its cause.
pub fn words(error: &DockerError) -> String {
    if let DockerError::DockerResponseServerError { message, .. } = error {
        return message.clone();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// Whether Docker said that the thing doesn't exist.
pub fn is_missing(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 404, .. })
}

/// Whether Docker said that something else is in the way: it is in use, or already being removed.
pub fn is_busy(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 403 | 409, .. })
}

/// A missing thing as `None`.
pub fn optional<T>(result: Result<T, DockerError>) -> Result<Option<T>, DockerError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The container of that name or id; `None` where there is none.
pub async fn inspect(docker: &Docker, container: &str) -> Result<Option<ContainerInspectResponse>, DockerError> {
    optional(docker.inspect_container(container, None).await)
}

/// Docker's clock in seconds since 1970; Docker may run on another machine.
pub async fn now(docker: &Docker, doing: &str) -> Result<i64, Error> {
    docker.info().await.map(|info| time(&info)).map_err(failed(doing))
}

/// The same, from an answer of Docker; this machine's clock if the answer lacks it.
pub fn time(info: &SystemInfo) -> i64 {
    let now = info.system_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    now.unwrap_or_else(Timestamp::now).as_second()
}

/// The nodes of the k3d cluster of this name, running or not.
pub async fn agents(docker: &Docker, name: &str) -> Result<Vec<ContainerSummary>, DockerError> {
    list(docker, &[format!("k3d.cluster={name}"), "k3d.role=agent".to_owned()]).await
}

/// All containers, running or not, that carry every one of `labels` (`key` or `key=value`).
pub async fn list(docker: &Docker, labels: &[String]) -> Result<Vec<ContainerSummary>, DockerError> {
    let filters = (!labels.is_empty()).then(|| HashMap::from([("label".to_owned(), labels.to_vec())]));
    docker.list_containers(Some(ListContainersOptions { all: true, filters, ..Default::default() })).await
}

/// Stops a container, and gives it so many seconds to end what it does. One that is gone is stopped.
pub async fn stop(docker: &Docker, container: &str, grace: i32) -> Result<(), DockerError> {
    let options = StopContainerOptions { t: Some(grace), ..Default::default() };
    optional(docker.stop_container(container, Some(options)).await).map(drop)
}

/// Removes a container with its anonymous volumes, running or not. Says whether it was Docker's to remove: gone, or
/// already being removed, is a success.
pub async fn remove(docker: &Docker, container: &str) -> Result<(), DockerError> {
    let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
    match docker.remove_container(container, Some(options)).await {
        Err(error) if !is_missing(&error) && !is_busy(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether the container runs, or Docker is about to start it again.
pub fn is_running(server: &ContainerInspectResponse) -> bool {
    let status = server.state.as_ref().and_then(|state| state.status);
    matches!(status, Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::RESTARTING))
}

/// Whether a container was made but never started, by an interrupted k3d. Such a container lacks its files.
pub fn never_ran(seen: &ContainerInspectResponse) -> bool {
    let state = seen.state.as_ref().and_then(|state| state.status);
    state == Some(ContainerStateStatusEnum::CREATED)
}

/// `work` with the time limit `limit`.
pub async fn within<T>(limit: Duration, doing: &str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Timeout { doing: doing.to_owned(), seconds: limit.as_secs() };
    timeout(limit, work).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider::Retry;

    fn answer(status_code: u16) -> DockerError {
        DockerError::DockerResponseServerError { status_code, message: "no such thing".into() }
    }

    #[test]
    fn a_docker_that_is_away_is_waited_for() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        for error in [DockerError::from(refused), DockerError::SocketNotFoundError("/no/sock".into())] {
            let error = failed("testing")(error);
            assert!(matches!(error, Error::Unavailable { engine: "Docker", .. }), "{error}");
            assert_eq!(error.retry(), Retry::Waiting);
        }
        assert!(matches!(failed("testing")(DockerError::RequestTimeoutError), Error::Timeout { .. }));
    }

    #[test]
    fn a_docker_that_refuses_is_quoted() {
        let error = failed("testing")(answer(500));
        assert_eq!(error, Error::Engine { doing: "testing".into(), why: "no such thing".into() });
        assert!(is_missing(&answer(404)) && !is_missing(&answer(500)) && is_busy(&answer(409)));
        assert!(optional::<()>(Err(answer(404))).unwrap().is_none());
    }
}
