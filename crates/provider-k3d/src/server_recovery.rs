//! Recreates missing servers of a cluster with several. The other servers have the data.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, EndpointSettings, NetworkingConfig};
use futures::future::{join_all, try_join_all};
use tokio::time::sleep;

use super::archive::File;
use super::docker::{self, failed, is_running, never_ran, within};
use super::k3d::K3d;
use super::logs::{wait_for_log, wait_for_log_since};
use super::nodegroup::{scripts, start};
use super::upgrade::{UP, copy};
use super::{addresses, archive, balancer, dns, names};
use provider::{DesiredCluster, Error};

/// Poll interval for a container that k3d is about to make.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks at a server that ended.
const AGAIN: Duration = Duration::from_secs(1);

/// Gives each of several servers its address while k3d makes them, and the first its files, which k3d gives to all
/// others. A server started without them ends, and Docker restarts it. Never returns if there is nothing to do.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn copy_files(
    docker: &Docker,
    name: &str,
    plan: &DesiredCluster,
    own: Option<&[Ipv4Addr]>,
) -> Result<(), Error> {
    let Some(own) = own else { return std::future::pending().await };
    for (number, server) in names::servers(name, plan.servers).iter().enumerate() {
        let doing = || format!("giving server {server} its files");
        while docker::inspect(docker, server).await.map_err(failed(doing()))?.is_none() {
            sleep(LOOK).await;
        }
        let mut files: Vec<File> = addresses::script(own, number).into_iter().collect();
        if number == 0 {
            files.extend(k3s::server::files(plan).iter().map(File::from));
        }
        archive::write(docker, server, &files).await?;
    }
    Ok(())
}

/// Fails if the remaining servers can never answer or be reached.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn ensure_quorum_possible(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<(), Error> {
    if plan.servers == 1 {
        return Ok(());
    }
    let (doing, name) = (format!("looking at what is left of cluster {}", plan.id), k3d.name_of(&plan.id));
    let mut missing = 0;
    for server in names::servers(&name, plan.servers) {
        missing += usize::from(docker::inspect(docker, &server).await.map_err(failed(&doing))?.is_none());
    }
    let balancer = names::balancer(&name);
    let why = if missing * 2 > plan.servers {
        format!(
            "{missing} of {} servers are gone with their data, and the others have no majority: delete the resource and create it again",
            plan.servers
        )
    } else if docker::inspect(docker, &balancer).await.map_err(failed(&doing))?.is_none() {
        format!(
            "the load balancer container {balancer} was removed and can't be recreated: save what you need from the servers, delete the resource and create it again"
        )
    } else {
        return Ok(());
    };
    Err(Error::Engine { doing, why })
}

/// Makes and starts missing servers if others run that they can join.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn recreate_missing(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<(), Error> {
    let doing = format!("looking for missing servers of cluster {}", plan.id);
    let (mut missing, mut pattern) = (Vec::new(), None);
    for server in names::servers(&k3d.name_of(&plan.id), plan.servers) {
        match docker::inspect(docker, &server).await.map_err(failed(&doing))? {
            None => missing.push(server),
            Some(seen) if never_ran(&seen) && plan.servers > 1 => {
                docker::remove(docker, &server).await.map_err(failed(&doing))?;
                missing.push(server);
            }
            Some(seen) if pattern.is_none() && is_running(&seen) => pattern = Some((server, seen)),
            Some(_) => {}
        }
    }
    // Where none runs, those that are there are started first.
    let Some((other, seen)) = pattern else { return Ok(()) };
    let name = k3d.name_of(&plan.id);
    let hosts = dns::hosts(docker, &names::servers(&name, plan.servers)).await?;
    for server in missing {
        tracing::warn!(cluster = %plan.id, server, "a server is gone; recreating it to join the others");
        let begun = docker::now(docker, &doing).await?;
        join(docker, &server, &other, &seen, plan).await?;
        let waiting = format!("waiting for server {server} to join the others of cluster {}", plan.id);
        within(k3d.settings.limits.wait, &waiting, joined(docker, &server, &waiting)).await?;
        dns::restore(docker, &server, hosts.as_deref(), begun).await;
        balancer::follow(docker, plan, &name).await?;
    }
    Ok(())
}

/// Waits until a server answers, even if its first starts fail: its place in etcd is free only after the others noticed
/// that its Node object is gone.
async fn joined(docker: &Docker, server: &str, waiting: &str) -> Result<(), Error> {
    loop {
        let Err(error) = wait_for_log(docker, server, UP, || waiting.to_owned()).await else { return Ok(()) };
        let seen = docker::inspect(docker, server).await.map_err(failed(waiting))?;
        if !matches!(error, Error::Engine { .. }) || seen.is_none() {
            return Err(error);
        }
        tracing::info!(server, %error, "a server that joins the others ended; Docker starts it again");
        sleep(AGAIN).await;
    }
}

/// Starts all stopped servers at once, then the balancer. k3d starts them one by one and would wait in vain: no server
/// answers without a majority, and no node joins without the balancer, which may need all addresses.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Engine`] and [`Error::Timeout`].
pub async fn start_servers(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<(), Error> {
    if plan.servers == 1 {
        return Ok(());
    }
    let doing = format!("starting the servers of cluster {}", plan.id);
    let name = k3d.name_of(&plan.id);
    let servers = names::servers(&name, plan.servers);
    let hosts = dns::hosts(docker, &servers).await?;
    let begun = docker::now(docker, &doing).await?;
    let mut stopped = Vec::new();
    for server in servers {
        let seen = docker::inspect(docker, &server).await.map_err(failed(&doing))?;
        // One that never ran hasn't got its files; it is made anew beside the others.
        if seen.is_some_and(|seen| !is_running(&seen) && !never_ran(&seen)) {
            docker.start_container(&server, None).await.map_err(failed(&doing))?;
            stopped.push(server);
        }
    }
    let up = stopped
        .iter()
        .map(|server| wait_for_log_since(docker, server, UP, begun, move || format!("waiting for server {server}")));
    within(k3d.settings.limits.wait, &doing, try_join_all(up)).await?;
    join_all(stopped.iter().map(|server| dns::restore(docker, server, hosts.as_deref(), begun))).await;
    balancer::follow(docker, plan, &name).await
}

async fn join(
    docker: &Docker,
    server: &str,
    other: &str,
    seen: &ContainerInspectResponse,
    plan: &DesiredCluster,
) -> Result<(), Error> {
    let doing = format!("recreating server {server} of cluster {}", plan.id);
    let unfit = || Error::Engine { doing: doing.clone(), why: format!("{other} isn't a k3d server") };
    let body = joining_container(seen, server, other).ok_or_else(unfit)?;
    let mut files = scripts(docker, other).await?;
    files.extend(k3s::server::files(plan).iter().map(File::from));
    files.extend(addresses::script(&addresses::of(seen), names::number(server)));
    // Its node's name, its password and its place in etcd are free again with its Node object, which goes when the others have seen to that.
    archive::run(docker, other, &["kubectl", "delete", "node", server, "--ignore-not-found", "--timeout=60s"]).await?;
    start(docker, server, body, &files).await
}

/// The container of a server like `seen` that joins `other`; `None` where that has no configuration.
fn joining_container(seen: &ContainerInspectResponse, server: &str, other: &str) -> Option<ContainerCreateBody> {
    let mut body = copy(seen)?;
    body.hostname = Some(server.to_owned());
    let command = body.cmd.get_or_insert_default();
    command.retain(|argument| argument != "--cluster-init" && !argument.starts_with(addresses::ARGUMENT));
    let own = addresses::of(seen).get(names::number(server)).copied();
    command.extend(own.map(|own| format!("{}{own}", addresses::ARGUMENT)));
    let environment = body.env.get_or_insert_default();
    environment.retain(|variable| !variable.starts_with("K3S_URL="));
    environment.push(format!("K3S_URL=https://{other}:6443"));
    body.labels.get_or_insert_default().insert("k3d.server.init".to_owned(), "false".to_owned());
    let mut host = seen.host_config.clone()?;
    // One that was upgraded has the volumes of the container before it; this one gets its own.
    host.volumes_from = None;
    body.host_config = Some(host);
    let networks = seen.network_settings.as_ref().and_then(|settings| settings.networks.as_ref())?;
    let endpoints: HashMap<String, EndpointSettings> =
        networks.keys().map(|network| (network.clone(), EndpointSettings::default())).collect();
    body.networking_config = Some(NetworkingConfig { endpoints_config: Some(endpoints) });
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_twin_joins_under_its_own_name_with_volumes_of_its_own() {
        let first: ContainerInspectResponse = serde_json::from_value(json!({
            "Id": "abc",
            "Config": {"Hostname": "a", "Image": "k3s:1", "Cmd": ["server", "--cluster-init", "--tls-san", "b", "--node-ip=10.0.0.7"], "Env": ["K3S_TOKEN=t", "K3S_URL=https://old:6443"],
                "Labels": {"k3d.role": "server", "k3d.server.init": "true", "k3eks.io/addresses": "10.0.0.7-10.0.0.8"}},
            "HostConfig": {"Privileged": true, "VolumesFrom": ["before"]},
            "NetworkSettings": {"Networks": {"net": {"IPAddress": "172.18.0.3", "Aliases": ["a"]}}},
        }))
        .unwrap();
        let joining = joining_container(&first, "a-server-1", "a").unwrap();
        assert_eq!(joining.hostname.as_deref(), Some("a-server-1"));
        assert_eq!(joining.cmd.unwrap(), ["server", "--tls-san", "b", "--node-ip=10.0.0.8"], "the address that it had");
        assert_eq!(joining.env.unwrap(), ["K3S_TOKEN=t", "K3S_URL=https://a:6443"]);
        assert_eq!(joining.labels.unwrap()["k3d.server.init"], "false");
        let host = joining.host_config.unwrap();
        assert_eq!((host.privileged, host.volumes_from), (Some(true), None));
        let endpoints = joining.networking_config.unwrap().endpoints_config.unwrap();
        assert_eq!(endpoints["net"], EndpointSettings::default());
    }
}
