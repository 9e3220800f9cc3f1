//! Stable addresses for several servers. Docker gives a restarted container any free address, but etcd knows its
//! members by address. So each server has a second one, from the upper end of the network, which Docker doesn't assign.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use bollard::Docker;
use bollard::models::{ContainerInspectResponse, NetworkCreateRequest};
use ipnet::Ipv4Net;

use super::archive::File;
use super::docker::{self, failed, is_missing};
use super::k3d::K3d;
use super::names;
use provider::{DesiredCluster, Error};

/// Container label: the addresses of all servers of the cluster, in the order of their numbers, joined by `-`.
pub const LABEL: &str = "k3eks.io/addresses";
/// k3d runs every script of this kind whenever the container starts.
const SCRIPT: &str = "/bin/k3d-entrypoint-k3eks-address.sh";
/// k3s's argument for the address by which others know a node.
pub const ARGUMENT: &str = "--node-ip=";

/// Addresses and network of the servers of `plan`, if there are several. Makes the network if the cluster has its own.
///
/// # Errors
/// [`Error::Unavailable`], and [`Error::Engine`] also where the network has no room.
pub async fn choose(
    k3d: &K3d,
    docker: &Docker,
    plan: &DesiredCluster,
) -> Result<Option<(String, Vec<Ipv4Addr>)>, Error> {
    if plan.servers == 1 {
        return Ok(None);
    }
    let name = k3d.name_of(&plan.id);
    let network = k3d.joined().map_or_else(|| names::own_network(&name), str::to_owned);
    let doing = format!("choosing addresses in network {network} for the servers of cluster {}", plan.id);
    let refused = |why: String| Error::Engine { doing: doing.clone(), why };
    if k3d.joined().is_none() {
        make(docker, &network).await?;
    }
    let seen = docker.inspect_network(&network, None).await.map_err(failed(&doing))?;
    let subnets = seen.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let subnet = subnets.into_iter().find_map(|config| config.subnet?.parse::<Ipv4Net>().ok());
    let subnet =
        subnet.ok_or_else(|| refused("it has no IPv4 subnet; name another one as the operator's network".into()))?;
    let members = seen.containers.unwrap_or_default().into_values().filter_map(|member| member.ipv4_address);
    let mut taken: BTreeSet<Ipv4Addr> = members.filter_map(|address| address.split('/').next()?.parse().ok()).collect();
    for other in docker::list(docker, &[LABEL.to_owned()]).await.map_err(failed(&doing))? {
        taken.extend(listed(other.labels.as_ref()));
    }
    let start = plan.id.to_string().bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let found = free(subnet, &taken, start, plan.servers);
    found
        .map(|addresses| Some((network, addresses)))
        .ok_or_else(|| refused(format!("{subnet} has no room for {} more", plan.servers)))
}

async fn make(docker: &Docker, network: &str) -> Result<(), Error> {
    match docker.inspect_network(network, None).await {
        Ok(_) => return Ok(()),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(failed(format!("looking for network {network}"))(error)),
    }
    let request = NetworkCreateRequest {
        name: network.to_owned(),
        driver: Some("bridge".into()),
        labels: Some(HashMap::from([("app".to_owned(), "k3d".to_owned())])),
        ..Default::default()
    };
    docker.create_network(request).await.map_err(failed(format!("making network {network}"))).map(drop)
}

/// `count` addresses of the upper quarter of `subnet`, which Docker, starting from below, hardly ever reaches. `start`
/// varies the first address, so that concurrent creations don't collide.
fn free(subnet: Ipv4Net, taken: &BTreeSet<Ipv4Addr>, start: u32, count: usize) -> Option<Vec<Ipv4Addr>> {
    let last = u32::from(subnet.broadcast()).checked_sub(1)?;
    let room = (last.checked_sub(u32::from(subnet.network()))? / 4).max(1);
    let all = (0..room).map(|n| Ipv4Addr::from(last - (start % room + n) % room));
    let found: Vec<Ipv4Addr> = all.filter(|address| !taken.contains(address)).take(count).collect();
    (found.len() == count).then_some(found)
}

/// The addresses as a label's value.
pub fn label(addresses: &[Ipv4Addr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
}

/// The addresses in a server's labels; none for a cluster made without them.
pub fn of(server: &ContainerInspectResponse) -> Vec<Ipv4Addr> {
    listed(server.config.as_ref().and_then(|config| config.labels.as_ref()))
}

fn listed(labels: Option<&HashMap<String, String>>) -> Vec<Ipv4Addr> {
    let text = labels.and_then(|labels| labels.get(LABEL)).map(String::as_str).unwrap_or_default();
    text.split('-').filter_map(|address| address.parse().ok()).collect()
}

/// The script that gives server `number` its address whenever its container starts. `None` if it has no address.
pub fn script(addresses: &[Ipv4Addr], number: usize) -> Option<File> {
    let own = addresses.get(number)?;
    let others: Vec<String> = addresses.iter().filter(|other| *other != own).map(ToString::to_string).collect();
    let content = format!(
        "#!/bin/sh
# Written by k3eks: the address by which the other servers know this one. Docker's own changes.
set -e
ip -4 address show | grep -qF ' {own}/32 ' && exit 0
device=$(ip -4 route get {own} | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
ip address add {own}/32 dev \"$device\"
for other in {others}; do
  ip route replace \"$other/32\" dev \"$device\" src {own}
done
",
        others = others.join(" ")
    );
    Some(File::program(SCRIPT, content))
}

#[cfg(test)]
mod tests;
