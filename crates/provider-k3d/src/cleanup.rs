//! Removes everything that belongs to a cluster, in whatever state it is.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};
use futures::future::try_join_all;
use tokio::time::sleep;

use super::docker::{self, failed, is_busy, is_missing};
use super::names;
use provider::Error;

/// Interval of checks: Docker may still handle a request of a killed k3d.
const PAUSE: Duration = Duration::from_millis(250);

/// How thoroughly to check that nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmPasses {
    /// One empty check is enough.
    Once,
    /// Two empty checks, a moment apart.
    Twice,
}

/// Removes the containers, volumes and own network of k3d cluster `name` until nothing is left. `joined` is the network
/// that isn't the cluster's to remove. Has no time limit of its own.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn sweep(docker: &Docker, name: &str, joined: Option<&str>, care: ConfirmPasses) -> Result<(), Error> {
    let mut quiet = 0;
    let wanted = if care == ConfirmPasses::Twice { 2 } else { 1 };
    loop {
        let found = pass(docker, name, joined).await?;
        quiet = if found { 0 } else { quiet + 1 };
        if quiet == wanted {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

/// Removes what one check finds; returns whether there was anything.
async fn pass(docker: &Docker, name: &str, joined: Option<&str>) -> Result<bool, Error> {
    let doing = || format!("removing what is left of k3d cluster {name}");
    let label = format!("k3d.cluster={name}");
    let containers = docker::list(docker, std::slice::from_ref(&label)).await.map_err(failed(doing()))?;
    let ids = containers.iter().filter_map(|container| container.id.as_deref());
    try_join_all(ids.map(|id| docker::remove(docker, id))).await.map_err(failed(doing()))?;
    let (volumes, network) = futures::try_join!(volumes(docker, name, label), network(docker, name, joined))?;
    Ok(!containers.is_empty() || volumes || network)
}

async fn volumes(docker: &Docker, name: &str, label: String) -> Result<bool, Error> {
    let doing = || format!("removing the volumes of k3d cluster {name}");
    let filters = HashMap::from([("label".to_owned(), vec![label])]);
    let options = ListVolumesOptions { filters: Some(filters) };
    let listed = docker.list_volumes(Some(options)).await.map_err(failed(doing()))?;
    let mut volumes: Vec<String> = listed.volumes.unwrap_or_default().into_iter().map(|v| v.name).collect();
    let images = names::image_volume(name);
    if !volumes.contains(&images) {
        volumes.push(images);
    }
    let mut found = false;
    for volume in volumes {
        let options = RemoveVolumeOptions { force: false };
        found |= done(docker.remove_volume(&volume, Some(options)).await, doing)?;
    }
    Ok(found)
}

async fn network(docker: &Docker, name: &str, joined: Option<&str>) -> Result<bool, Error> {
    let network = names::own_network(name);
    if joined == Some(network.as_str()) {
        return Ok(false);
    }
    done(docker.remove_network(&network).await, || format!("removing network {network}"))
}

/// Whether there was something to remove. The next check finds what is still in use.
fn done(result: Result<(), bollard::errors::Error>, doing: impl Fn() -> String) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) if is_busy(&error) => Ok(true),
        Err(error) => Err(failed(doing())(error)),
    }
}
