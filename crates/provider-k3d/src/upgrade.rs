//! Upgrades a cluster's server to another image and keeps its data: a new container takes over name, volumes and
//! network. The old container is renamed until the new one is up, and returns if that fails.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, EndpointSettings, NetworkingConfig};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, RenameContainerOptions};

use super::docker::{self, failed, is_running, within};
use super::k3d::K3d;
use super::logs::{wait_for_log, wait_for_log_since};
use super::names::{self, LABEL_IMAGE};
use super::nodegroup::scripts;
use super::{addresses, archive, balancer, dns, endpoint, images};
use k3s::paths::NODE_PASSWORD;
use provider::{DesiredCluster, Error, Progress};

/// Marker file in the server: not empty while a restart is pending.
pub const OWED: &str = "/etc/k3eks/restart-owed";
/// What k3s says when its API server answers, in lower case.
pub const UP: &str = "k3s is up and running";

/// Upgrades the servers to the plan's image, one after the other.
pub async fn upgrade(k3d: &K3d, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
    let doing = format!("upgrading cluster {} to {}", plan.id, plan.version);
    let docker = k3d.docker.client(&doing).await?;
    progress.tell(1, 4, "checking the image");
    images::ensure(&docker, &plan.image, &format!("cluster {}", plan.id), k3d.settings.limits.pull).await?;
    let name = k3d.name_of(&plan.id);
    let servers = names::servers(&name, plan.servers);
    let hosts = dns::hosts(&docker, &servers).await?;
    for server in &servers {
        let begun = docker::now(&docker, &doing).await?;
        let ended = upgrade_one(k3d, &docker, server, plan, progress).await;
        balancer::follow(&docker, plan, &name).await?;
        ended?;
        dns::restore(&docker, server, hosts.as_deref(), begun).await;
    }
    Ok(())
}

/// Upgrades one server to the plan's image; other servers keep the API up.
async fn upgrade_one(
    k3d: &K3d,
    docker: &Docker,
    server: &str,
    plan: &DesiredCluster,
    progress: &Progress,
) -> Result<(), Error> {
    let doing = format!("upgrading server {server} of cluster {} to {}", plan.id, plan.version);
    recover(docker, server, None).await?;
    let missing = || Error::Engine { doing: doing.clone(), why: format!("server {server} doesn't exist") };
    let old = docker::inspect(docker, server).await.map_err(failed(&doing))?.ok_or_else(missing)?;
    let which = if plan.servers > 1 { server } else { "the server" };
    let outdated = image(&old) != Some(plan.image.as_str());
    if outdated {
        progress.tell(2, 4, format!("stopping {which}"));
        rename_to_old(docker, server, &doing).await?;
    } else if plan.servers > 1
        && docker::inspect(docker, &names::old_server(server)).await.map_err(failed(&doing))?.is_none()
    {
        return Ok(());
    }
    let replaced = within(k3d.settings.limits.create, &doing, async {
        if outdated {
            progress.tell(3, 4, format!("starting {which} on {}", plan.image));
            replace(docker, server, &old, plan, &doing).await?;
        }
        progress.tell(4, 4, "waiting for the API server");
        wait_for_log(docker, server, UP, || format!("waiting for server {server} on {}", plan.image)).await
    })
    .await;
    let Err(error) = replaced else { return remove_old_server(docker, server, &doing).await };
    back(docker, server).await?;
    Err(error)
}

/// Restarts the servers, one after the other.
pub async fn restart(k3d: &K3d, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
    let doing = format!("restarting the servers of cluster {}", plan.id);
    let docker = k3d.docker.client(&doing).await?;
    let name = k3d.name_of(&plan.id);
    for server in names::servers(&name, plan.servers) {
        within(k3d.settings.limits.create, &doing, restart_one(&docker, &server, progress)).await?;
        balancer::follow(&docker, plan, &name).await?;
    }
    Ok(())
}

/// Restarts one server; its files count from then on.
pub async fn restart_one(docker: &Docker, server: &str, progress: &Progress) -> Result<(), Error> {
    let doing = || format!("restarting server {server}");
    progress.tell(1, 2, doing());
    let hosts = dns::hosts(docker, &[server.to_owned()]).await?;
    docker::stop(docker, server, docker::GRACE).await.map_err(failed(doing()))?;
    let begun = docker::now(docker, &doing()).await?;
    docker.start_container(server, None).await.map_err(failed(doing()))?;
    progress.tell(2, 2, "waiting for the API server");
    wait_for_log_since(docker, server, UP, begun, || format!("waiting for server {server}")).await?;
    dns::restore(docker, server, hosts.as_deref(), begun).await;
    archive::write(docker, server, &[archive::File::secret(OWED, "")]).await
}

/// Leaves one server after an interrupted upgrade: the new one if it runs, or if it is known to have been up because
/// the cluster `has` its image; else the old one.
pub async fn recover(docker: &Docker, server: &str, has: Option<&str>) -> Result<(), Error> {
    let doing = format!("looking for what an interrupted upgrade of {server} left");
    let Some(old) = docker::inspect(docker, &names::old_server(server)).await.map_err(failed(&doing))? else {
        return Ok(());
    };
    let new = docker::inspect(docker, server).await.map_err(failed(&doing))?;
    if new.as_ref().is_some_and(is_running) {
        return Ok(());
    }
    if new.as_ref().is_some_and(|new| is_done(&old, new, has)) {
        tracing::info!(server, "an upgrade was done but for its last step, the old server goes");
        return remove_old_server(docker, server, &doing).await;
    }
    tracing::info!(server, "an upgrade was interrupted, the old server comes back");
    back(docker, server).await
}

/// Completes an interrupted upgrade whose new server runs: removes the old server once the new one answers, or restores
/// it.
pub async fn settle(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<(), Error> {
    for server in names::servers(&k3d.name_of(&plan.id), plan.servers) {
        let doing = format!("ending the upgrade of server {server} of cluster {}", plan.id);
        let Some(old) = docker::inspect(docker, &names::old_server(&server)).await.map_err(failed(&doing))? else {
            continue;
        };
        let new = docker::inspect(docker, &server).await.map_err(failed(&doing))?;
        if new.as_ref().is_some_and(|new| is_done(&old, new, Some(&plan.image))) {
            remove_old_server(docker, &server, &doing).await?;
            continue;
        }
        let up = wait_for_log(docker, &server, UP, || format!("waiting for server {server}"));
        match within(k3d.settings.limits.wait / 2, &doing, up).await {
            Ok(()) => remove_old_server(docker, &server, &doing).await?,
            Err(error) => {
                tracing::warn!(server, %error, "the server that an upgrade brought doesn't answer, the old one comes back");
                back(docker, &server).await?;
            }
        }
    }
    Ok(())
}

/// Whether the cluster is known to have gone from `old` to `new`.
fn is_done(old: &ContainerInspectResponse, new: &ContainerInspectResponse, has: Option<&str>) -> bool {
    has.is_some() && image(new) == has && image(old) != has
}

/// The image as it was asked for.
pub fn image(seen: &ContainerInspectResponse) -> Option<&str> {
    let config = seen.config.as_ref()?;
    config.labels.as_ref().and_then(|labels| labels.get(LABEL_IMAGE)).or(config.image.as_ref()).map(String::as_str)
}

async fn rename_to_old(docker: &Docker, server: &str, doing: &str) -> Result<(), Error> {
    docker::stop(docker, server, docker::GRACE).await.map_err(failed(doing))?;
    let options = RenameContainerOptions { name: names::old_server(server) };
    docker.rename_container(server, options).await.map_err(failed(doing))
}

async fn replace(
    docker: &Docker,
    server: &str,
    old: &ContainerInspectResponse,
    plan: &DesiredCluster,
    doing: &str,
) -> Result<(), Error> {
    let unfit = || Error::Engine { doing: doing.to_owned(), why: format!("{server} isn't a k3d server") };
    let body = successor(old, &plan.image).ok_or_else(unfit)?;
    let mut files = scripts(docker, &names::old_server(server)).await?;
    files.extend(k3s::server::files(plan).iter().map(archive::File::from));
    let password = archive::read(docker, &names::old_server(server), NODE_PASSWORD).await?;
    files.extend(password.map(|password| archive::File::secret(NODE_PASSWORD, password)));
    files.extend(addresses::script(&addresses::of(old), names::number(server)));
    files.extend(plan.public_endpoint.has_rules().then(|| endpoint::script(&plan.public_endpoint)));
    let options = CreateContainerOptions { name: Some(server.to_owned()), ..Default::default() };
    docker.create_container(Some(options), body).await.map_err(failed(doing))?;
    archive::write(docker, server, &files).await?;
    docker.start_container(server, None).await.map_err(failed(doing))
}

/// The configuration of a container like `seen`; `None` where that has none.
pub fn copy(seen: &ContainerInspectResponse) -> Option<ContainerCreateBody> {
    // Both have the same fields, the one as Docker tells them, the other as it takes them.
    serde_json::from_value(serde_json::to_value(seen.config.as_ref()?).ok()?).ok()
}

/// The container that takes the place of `old`; `None` where that has no configuration.
fn successor(old: &ContainerInspectResponse, image: &str) -> Option<ContainerCreateBody> {
    let mut body = copy(old)?;
    let mut host = old.host_config.clone()?;
    // Volumes that nobody named stay without a name, so that they go with the last container that has them.
    host.volumes_from = Some(vec![old.id.clone()?]);
    body.image = Some(image.to_owned());
    body.labels.get_or_insert_default().insert(LABEL_IMAGE.to_owned(), image.to_owned());
    body.host_config = Some(host);
    let networks = old.network_settings.as_ref().and_then(|s| s.networks.clone()).unwrap_or_default();
    let place = |(name, seen): (String, EndpointSettings)| {
        let kept = EndpointSettings { ipam_config: seen.ipam_config, aliases: seen.aliases, ..Default::default() };
        (name, kept)
    };
    let endpoints: HashMap<String, EndpointSettings> = networks.into_iter().map(place).collect();
    body.networking_config = Some(NetworkingConfig { endpoints_config: Some(endpoints) });
    Some(body)
}

/// The old server comes back.
async fn back(docker: &Docker, server: &str) -> Result<(), Error> {
    let doing = format!("bringing back server {server} as it was before its upgrade");
    let old = names::old_server(server);
    if docker::inspect(docker, &old).await.map_err(failed(&doing))?.is_none() {
        return Ok(());
    }
    remove(docker, server, &doing).await?;
    docker.rename_container(&old, RenameContainerOptions { name: server.to_owned() }).await.map_err(failed(&doing))?;
    docker.start_container(server, None).await.map_err(failed(&doing))
}

async fn remove_old_server(docker: &Docker, server: &str, doing: &str) -> Result<(), Error> {
    remove(docker, &names::old_server(server), doing).await
}

/// Removes a container whose volumes another one has.
async fn remove(docker: &Docker, name: &str, doing: &str) -> Result<(), Error> {
    let options = RemoveContainerOptions { force: true, v: false, ..Default::default() };
    docker::optional(docker.remove_container(name, Some(options)).await).map_err(failed(doing)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_successor_has_all_of_the_old_one_but_the_image() {
        let old: ContainerInspectResponse = serde_json::from_value(json!({
            "Id": "abc", "Name": "/k3d-a-server-0",
            "Config": {"Image": "k3s:1", "Cmd": ["server"], "Env": ["K3S_TOKEN=t"], "Labels": {"k3d.role": "server", "k3eks.io/image": "k3s:1"},
                "Entrypoint": ["/bin/k3d-entrypoint.sh"], "ExposedPorts": {"6443/tcp": {}}},
            "HostConfig": {"Privileged": true, "Binds": ["images:/k3d/images"], "PortBindings": {"6443/tcp": [{"HostPort": "16443"}]}},
            "NetworkSettings": {"Networks": {"net": {"IPAddress": "172.18.0.3", "IPAMConfig": {"IPv4Address": "172.18.0.3"}}}},
        }))
        .unwrap();
        assert_eq!(image(&old), Some("k3s:1"));
        let new = successor(&old, "k3s:2").unwrap();
        assert_eq!((new.image.as_deref(), new.cmd), (Some("k3s:2"), Some(vec!["server".to_owned()])));
        assert_eq!(new.labels.unwrap()[LABEL_IMAGE], "k3s:2");
        let host = new.host_config.unwrap();
        assert_eq!((host.volumes_from, host.privileged), (Some(vec!["abc".to_owned()]), Some(true)));
        assert!(host.port_bindings.unwrap().contains_key("6443/tcp"));
        let endpoints = new.networking_config.unwrap().endpoints_config.unwrap();
        assert_eq!(endpoints["net"].ipam_config.as_ref().unwrap().ipv4_address.as_deref(), Some("172.18.0.3"));
        assert_eq!(endpoints["net"].ip_address, None);
    }

    #[test]
    fn a_new_server_that_was_up_once_isn_t_given_up() {
        let on = |image: &str| -> ContainerInspectResponse {
            serde_json::from_value(json!({"Config": {"Image": image}})).unwrap()
        };
        let (old, new) = (on("k3s:1"), on("k3s:2"));
        assert!(is_done(&old, &new, Some("k3s:2")), "the status says that the upgrade is done");
        assert!(!is_done(&old, &new, Some("k3s:1")), "the status doesn't say so");
        assert!(!is_done(&old, &new, None), "an upgrade begins anew");
        assert!(!is_done(&old, &old, Some("k3s:1")), "nobody knows which of the two");
    }

    #[test]
    fn an_old_server_is_known_by_its_name() {
        assert!(names::is_old_server(&names::old_server("k3d-a-server-0")) && !names::is_old_server("k3d-a-server-0"));
    }
}
