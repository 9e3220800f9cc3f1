//! Adds nodes to a group and takes them away.

use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptions;
use futures::future::{join_all, try_join_all};

use super::archive::{self, File};
use super::containers::{Container, Role, servers};
use super::docker::{self, failed, is_running, within, words};
use super::k3d::K3d;
use super::logs::wait_for_log;
use super::node_container::{self, Machine, Pattern};
use super::{dns, images, names, node_script, registries_script};
use provider::{ClusterId, DesiredNodegroup, Error, MachineState, Progress};

/// Poll interval while a container is being removed.
const LOOK: Duration = Duration::from_millis(100);
/// Scripts that k3d and others may have put into a server; those that are there are needed in a node too.
const SCRIPTS: [&str; 6] = [
    "/bin/k3d-entrypoint.sh",
    "/bin/k3d-entrypoint-dns.sh",
    "/bin/k3d-entrypoint-cgroupv2.sh",
    "/bin/k3d-entrypoint-mounts.sh",
    node_script::SCRIPT,
    registries_script::SCRIPT,
];
/// What k3s says when a node has joined, in lower case.
const JOINED: &str = "successfully registered node";

/// Adds `count` nodes in parallel.
pub async fn create(k3d: &K3d, plan: &DesiredNodegroup, count: usize, progress: &Progress) -> Result<(), Error> {
    let what = format!("node group {} of cluster {}", plan.name, plan.cluster);
    let doing = format!("adding {count} nodes to {what}");
    let limit = k3d.settings.limits.nodes;
    let docker = k3d.docker.client(&doing).await?;
    progress.tell(1, 3, "checking the image");
    images::ensure(&docker, &plan.image, &what, k3d.settings.limits.pull).await?;
    within(limit, &doing, async {
        progress.tell(2, 3, format!("starting {count} node{}", if count == 1 { "" } else { "s" }));
        let (pattern, machine) =
            futures::try_join!(Box::pin(pattern(k3d, &docker, plan, &doing)), machine(&docker, &doing))?;
        let containers = k3d.inventory.of(&plan.cluster)?;
        let signer = plan.authorities.first();
        let existing: Vec<(&str, bool)> = containers
            .iter()
            .filter_map(|c| match &c.role {
                Role::Node { group, zone, certified_by } if *group == plan.name => {
                    Some((zone.as_deref()?, c.image == plan.image && certified_by.as_ref() == signer))
                }
                _ => None,
            })
            .collect();
        let zones = node_container::zones(&plan.zones, &existing, count);
        let names = names::nodes(&k3d.settings.instance, &plan.cluster, &plan.name, count);
        let new = names.clone();
        let added = names.into_iter().zip(zones).map(|(name, zone)| {
            let body = node_container::container(&k3d.settings.instance, plan, &pattern, machine, &name, zone);
            add(&docker, name, body, &pattern.scripts, progress)
        });
        // Every one gets its chance: what came into being stays.
        join_all(added).await.into_iter().collect::<Result<(), Error>>()?;
        // All nodes are told again whenever that is due.
        if let Err(error) = registries_script::catch_up(k3d, &docker, &plan.cluster, &pattern.scripts, &new).await {
            tracing::warn!(cluster = %plan.cluster, %error, "new nodes have the registries of a moment ago");
        }
        Ok(())
    })
    .await
}

/// Removes those of `names` that are nodes of the cluster.
pub async fn delete(k3d: &K3d, id: &ClusterId, nodes: &[String]) -> Result<(), Error> {
    let doing = format!("removing {} nodes of cluster {id}", nodes.len());
    let docker = k3d.docker.client(&doing).await?;
    within(k3d.settings.limits.delete, &doing, async {
        let labels = names::labels(&k3d.settings.instance, id, "");
        let labels = labels.iter().filter(|(key, _)| *key != names::LABEL_IMAGE);
        let mut labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
        labels.push("k3d.role=agent".to_owned());
        let found = docker::list(&docker, &labels).await.map_err(failed(&doing))?;
        let named = |name: &String| nodes.iter().any(|node| name.trim_start_matches('/') == node);
        let found = found.iter().filter(|c| c.names.iter().flatten().any(named)).filter_map(|c| c.id.as_deref());
        try_join_all(found.map(|id| removed(&docker, id))).await.map_err(failed(&doing)).map(drop)
    })
    .await
}

/// Removes a container and waits until it is gone: Docker may already be removing it.
async fn removed(docker: &Docker, id: &str) -> Result<(), bollard::errors::Error> {
    docker::remove(docker, id).await?;
    while docker::inspect(docker, id).await?.is_some() {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn pattern(k3d: &K3d, docker: &Docker, plan: &DesiredNodegroup, doing: &str) -> Result<Pattern, Error> {
    let name = k3d.name_of(&plan.cluster);
    let containers = k3d.inventory.of(&plan.cluster)?;
    let runs = |c: &&Container| c.state == MachineState::Running;
    let server = servers(&containers).find(runs).map_or_else(|| names::server(&name), |c| c.name.clone());
    let missing = || Error::Engine { doing: doing.to_owned(), why: format!("server {server} doesn't run") };
    let seen = docker::inspect(docker, &server).await.map_err(failed(doing))?;
    let seen = seen.filter(is_running).ok_or_else(missing)?;
    let mut pattern = Pattern::of(&seen).ok_or_else(missing)?;
    if containers.iter().any(|c| c.role == Role::Balancer) {
        pattern.url = format!("https://{}:6443", names::balancer(&name));
    }
    pattern.machine = dns::machine(docker, &server, &pattern.network).await?;
    if pattern.entrypoint.is_some() {
        pattern.scripts = scripts(docker, &server).await?;
    }
    Ok(pattern)
}

/// The scripts in a container, of which one may have credentials.
pub async fn scripts(docker: &Docker, container: &str) -> Result<Vec<File>, Error> {
    let read = SCRIPTS.map(|path| archive::read(docker, container, path));
    let read = try_join_all(read).await?.into_iter().zip(SCRIPTS);
    let file = |path, content| match path {
        registries_script::SCRIPT => File::secret_program(path, content),
        _ => File::program(path, content),
    };
    Ok(read.filter_map(|(content, path)| Some(file(path, content?))).collect())
}

async fn machine(docker: &Docker, doing: &str) -> Result<Machine, Error> {
    let info = docker.info().await.map_err(failed(doing))?;
    Ok(Machine {
        cpus: info.ncpu.and_then(|n| n.try_into().ok()).unwrap_or(1),
        memory: info.mem_total.and_then(|n| n.try_into().ok()).unwrap_or_default(),
    })
}

/// Makes and starts a node, and waits until it has joined.
async fn add(
    docker: &Docker,
    name: String,
    body: ContainerCreateBody,
    scripts: &[File],
    progress: &Progress,
) -> Result<(), Error> {
    start(docker, &name, body, scripts).await?;
    progress.tell(3, 3, "waiting for the nodes to join");
    wait_for_log(docker, &name, JOINED, || format!("waiting for node {name} to join")).await
}

/// Makes and starts a container. One that can't be started is removed again.
pub async fn start(docker: &Docker, name: &str, body: ContainerCreateBody, scripts: &[File]) -> Result<(), Error> {
    let doing = format!("starting container {name}");
    let options = CreateContainerOptions { name: Some(name.to_owned()), ..Default::default() };
    docker.create_container(Some(options), body).await.map_err(failed(&doing))?;
    let started = async {
        archive::write(docker, name, scripts).await?;
        docker.start_container(name, None).await.map_err(failed(&doing))
    };
    let result = started.await;
    if result.is_err()
        && let Err(e) = docker::remove(docker, name).await
    {
        tracing::warn!(container = name, error = words(&e), "a container that didn't start couldn't be removed");
    }
    result
}
