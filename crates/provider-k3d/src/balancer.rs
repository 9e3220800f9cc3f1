//! The balancer before several servers: nginx, which asks for their addresses once, when it starts or is told to read its configuration again.

use std::net::Ipv4Addr;

use bollard::Docker;
use serde_json::Value;

use super::archive::{self, File};
use super::docker::{self, failed, is_running};
use super::{addresses, names};
use provider::{DesiredCluster, Error};

/// Where k3d writes which servers it leads to.
const CONFIGURATION: &str = "/etc/confd/values.yaml";

/// Has the balancer of k3d's cluster `name` lead to its servers where they are now; starts one that is stopped. Nothing where there is none.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn follow(docker: &Docker, plan: &DesiredCluster, name: &str) -> Result<(), Error> {
    if plan.servers == 1 {
        return Ok(());
    }
    let balancer = names::balancer(name);
    let doing = format!("leading {balancer} to the servers of cluster {}", plan.id);
    let Some(seen) = docker::inspect(docker, &balancer).await.map_err(failed(&doing))? else { return Ok(()) };
    let servers = names::servers(name, plan.servers);
    let mut fixed = Vec::new();
    for server in &servers {
        if let Some(seen) = docker::inspect(docker, server).await.map_err(failed(&doing))? {
            fixed = addresses::of(&seen);
            break;
        }
    }
    if let Some(found) = archive::read(docker, &balancer, CONFIGURATION).await?
        && let Some(content) = aimed(&found, &servers, &fixed)
    {
        archive::write(docker, &balancer, &[File::program(CONFIGURATION, content)]).await?;
    }
    if !is_running(&seen) {
        return docker.start_container(&balancer, None).await.map_err(failed(&doing));
    }
    // It goes on as before while a name isn't known, and is told again when that server is there.
    if let Err(error) = archive::run(docker, &balancer, &["nginx", "-s", "reload"]).await {
        tracing::warn!(cluster = %plan.id, %error, "the balancer didn't read its configuration again");
    }
    Ok(())
}

/// The configuration with fixed addresses in place of names, which nobody has to ask for; `None` where that changes nothing.
fn aimed(found: &[u8], servers: &[String], fixed: &[Ipv4Addr]) -> Option<String> {
    let mut read: Value = yaml::read(std::str::from_utf8(found).ok()?).ok()?;
    let before = read.clone();
    let ports = read.get_mut("ports")?.as_object_mut()?;
    for host in ports.values_mut().filter_map(Value::as_array_mut).flatten() {
        let number = servers.iter().position(|server| host.as_str() == Some(server));
        if let Some(address) = number.and_then(|number| fixed.get(number)) {
            *host = address.to_string().into();
        }
    }
    (read != before).then(|| yaml::write(&read).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_give_way_to_addresses_that_stay() {
        let found =
            b"ports:\n  6443.tcp:\n  - k3d-a-server-0\n  - k3d-a-server-1\nsettings:\n  workerConnections: 1026\n";
        let servers = names::servers("a", 2);
        let fixed = [Ipv4Addr::new(10, 0, 0, 9), Ipv4Addr::new(10, 0, 0, 8)];
        let aimed_at = aimed(found, &servers, &fixed).unwrap();
        let read: Value = yaml::read(&aimed_at).unwrap();
        assert_eq!(read["ports"]["6443.tcp"], json!(["10.0.0.9", "10.0.0.8"]));
        assert_eq!(read["settings"]["workerConnections"], 1026);
        assert_eq!(aimed(aimed_at.as_bytes(), &servers, &fixed), None, "done once, it stays");
        assert_eq!(aimed(found, &servers, &[]), None, "a cluster that was made without goes on by names");
        assert_eq!(aimed(b"nothing", &servers, &fixed), None);
    }
}
