//! Imported k3d clusters: found by name, looked at, and otherwise left alone.

use bollard::models::{ContainerInspectResponse, EndpointSettings, NetworkConnectRequest, NetworkDisconnectRequest};
use bollard::{ClientVersion, Docker};

use super::access::{self, Place};
use super::docker::{self, failed, is_running};
use super::k3d::K3d;
use super::{archive, names};
use provider::{Access, DesiredCluster, Error};

/// First version of Docker's API with a gateway priority for a container's networks.
const ORDERED: ClientVersion = ClientVersion { major_version: 1, minor_version: 48 };

/// How to reach the API server of the k3d cluster `name`; `None` while it doesn't run. If clusters join a network, its
/// server joins too, so that pods of the management cluster reach it. But if that network would become the server's
/// default route at its next start, k3s would change its node's address: then the server doesn't join, and is reached
/// by its published port.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Engine`] where there is no such cluster.
pub async fn access(k3d: &K3d, plan: &DesiredCluster, name: &str) -> Result<Option<Access>, Error> {
    let doing = format!("importing k3d cluster {name} as {}", plan.id);
    let docker = k3d.docker.client(&doing).await?;
    let server = names::server(name);
    let look = async |container: &str| docker::inspect(&docker, container).await.map_err(failed(&doing));
    let why = || format!("there is no container {server}; see `k3d cluster list`, and name the cluster in displayName");
    let mut seen = look(&server).await?.ok_or_else(|| Error::Engine { doing: doing.clone(), why: why() })?;
    if !is_running(&seen) {
        return Ok(None);
    }
    if let Some(network) = k3d.joined()
        && !is_on(&seen, network)
        && stays_second(network, own_network(&seen), docker.client_version())
    {
        join(&docker, network, &server).await.map_err(failed(&doing))?;
        seen = look(&server).await?.unwrap_or(seen);
    }
    // k3d publishes the API on a balancer, unless it was told to do without.
    let balancer = look(&format!("k3d-{name}-serverlb")).await?;
    let published = balancer.as_ref().and_then(Place::of).or_else(|| Place::of(&seen));
    let Some(Place { port, .. }) = published else { return Ok(None) };
    let address = k3d.joined().and_then(|network| address(&seen, network)).or_else(|| Place::of(&seen)?.address);
    let kubeconfig = archive::read(&docker, &server, access::KUBECONFIG).await?;
    let place = Place { port, address };
    let mut access = kubeconfig.and_then(|file| access::access(plan, &k3d.settings.endpoint_host, &place, &file));
    if let Some(access) = &mut access {
        // Its servers have no rules of ours.
        access.direct = None;
    }
    if let (Some(access), Some(network)) = (&mut access, k3d.joined())
        && !is_on(&seen, network)
    {
        access.internal = gateway(&docker, network).await.map_err(failed(&doing))?.map(|gateway| (gateway, port));
    }
    Ok(access)
}

/// The address of the machine in a network.
async fn gateway(docker: &Docker, network: &str) -> Result<Option<String>, bollard::errors::Error> {
    let seen = docker.inspect_network(network, None).await?;
    let configs = seen.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    Ok(configs.into_iter().find_map(|config| config.gateway))
}

/// Whether a container keeps its default route when it joins another network: without a priority, Docker takes the
/// first by name.
fn stays_second(other: &str, own: Option<&str>, version: ClientVersion) -> bool {
    version >= ORDERED || own.is_some_and(|own| own < other)
}

/// Takes the cluster's server off the network that it was made to join.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn release(k3d: &K3d, plan: &DesiredCluster, name: &str) -> Result<(), Error> {
    let Some(network) = k3d.joined() else { return Ok(()) };
    let doing = format!("releasing k3d cluster {name}, imported as {}", plan.id);
    let docker = k3d.docker.client(&doing).await?;
    let server = names::server(name);
    let Some(seen) = docker::inspect(&docker, &server).await.map_err(failed(&doing))? else { return Ok(()) };
    if !is_on(&seen, network) || own_network(&seen) == Some(network) {
        return Ok(());
    }
    let request = NetworkDisconnectRequest { container: server, force: Some(true) };
    docker::optional(docker.disconnect_network(network, request).await).map_err(failed(&doing)).map(drop)
}

async fn join(docker: &Docker, network: &str, server: &str) -> Result<(), bollard::errors::Error> {
    docker.connect_network(network, joining(server)).await
}

/// Keep the server's default route.
fn joining(server: &str) -> NetworkConnectRequest {
    let last = EndpointSettings { gw_priority: Some(-1), ..EndpointSettings::default() };
    NetworkConnectRequest { container: server.to_owned(), endpoint_config: Some(last) }
}

fn own_network(seen: &ContainerInspectResponse) -> Option<&str> {
    seen.config.as_ref()?.labels.as_ref()?.get("k3d.cluster.network").map(String::as_str)
}

fn is_on(seen: &ContainerInspectResponse, network: &str) -> bool {
    let networks = seen.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    networks.is_some_and(|networks| networks.contains_key(network))
}

fn address(seen: &ContainerInspectResponse, network: &str) -> Option<String> {
    super::containers::address(seen.network_settings.as_ref()?.networks.as_ref()?, network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_would_lead_out_of_the_server_is_not_joined() {
        let old = ClientVersion { major_version: 1, minor_version: 41 };
        assert!(stays_second("k3d-k3eks", Some("k3d-dev"), old));
        assert!(!stays_second("k3d-k3eks", Some("k3d-web"), old), "it comes first by name");
        assert!(stays_second("k3d-k3eks", Some("k3d-web"), ORDERED), "Docker is told");
        let told = joining("k3d-web-server-0").endpoint_config.unwrap().gw_priority;
        assert!(told.is_some_and(|priority| priority < 0), "any other network has 0: {told:?}");
    }
}
