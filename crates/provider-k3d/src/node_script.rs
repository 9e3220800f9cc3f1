//! Where pods of every node's container find their credentials, outside their cluster: by packet filter rules.

use bollard::Docker;
use futures::future::try_join_all;

use super::archive::{self, File};
use super::k3d::K3d;
use provider::{ClusterId, Error, MachineState};

/// k3d runs every script of this kind whenever the container starts. Nodes get it from their server.
pub const SCRIPT: &str = "/bin/k3d-entrypoint-k3eks-pods.sh";

/// Has every node of the cluster lead `address`, port 80, to the host and port `to`, now and whenever it starts.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn lead(k3d: &K3d, id: &ClusterId, address: &str, to: (&str, u16)) -> Result<(), Error> {
    let docker = k3d.docker.client(&format!("leading pods of cluster {id} to their credentials")).await?;
    let wanted = script(address, to);
    let all = k3d.inventory.of(id)?;
    let running = all.iter().filter(|c| c.state == MachineState::Running && c.runs_k3s());
    try_join_all(running.map(|c| set(&docker, &c.name, &wanted))).await.map(drop)
}

async fn set(docker: &Docker, container: &str, wanted: &File) -> Result<(), Error> {
    if archive::read(docker, container, &wanted.path).await?.is_some_and(|found| found == wanted.content) {
        return Ok(());
    }
    archive::write(docker, container, std::slice::from_ref(wanted)).await?;
    archive::run(docker, container, &[&wanted.path]).await.map(drop)
}

/// Rules before those of kube-proxy, which knows nothing of the address.
fn script(address: &str, (host, port): (&str, u16)) -> File {
    File::program(
        SCRIPT,
        format!(
            "#!/bin/sh
# Written by k3eks: where pods of this node find their credentials.
set -e
rules() {{ iptables -w 10 -t nat \"$@\"; }}
rules -N K3EKS-PODS 2>/dev/null || rules -F K3EKS-PODS
rules -A K3EKS-PODS -p tcp -j DNAT --to-destination {host}:{port}
for chain in PREROUTING OUTPUT; do
  rules -C $chain -d {address}/32 -p tcp --dport 80 -j K3EKS-PODS 2>/dev/null ||
    rules -I $chain -d {address}/32 -p tcp --dport 80 -j K3EKS-PODS
done
"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_leads_to_who_answers_now() {
        let text = |host| String::from_utf8(script("169.254.170.23", (host, 9080)).content).unwrap();
        assert!(text("172.18.0.2").contains("DNAT --to-destination 172.18.0.2:9080"));
        assert!(text("172.18.0.2").contains("-F K3EKS-PODS"), "an earlier answer goes");
        assert_ne!(text("172.18.0.2"), text("172.18.0.3"));
    }
}
