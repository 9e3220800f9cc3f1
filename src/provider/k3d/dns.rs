//! Names of hosts that k3d gave a cluster's DNS. k3s writes its own manifest for the DNS anew whenever it starts, without them.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::models::EndpointResource;
use serde::Deserialize;
use tokio::time::timeout;

use super::archive::{self, File};
use super::engine::{self, failed};
use super::logs::says_since;
use crate::provider::Error;

/// The manifest, which k3s applies whenever it changes.
const MANIFEST: &str = "/var/lib/rancher/k3s/server/manifests/coredns.yaml";
/// The name of the machine that Docker runs on. k3d writes it into the server's own file, too, which Docker makes anew.
const HOST: &str = " host.k3d.internal";
/// What k3s says once it has written it, in lower case.
const WRITTEN: &str = "cluster dns configmap";
/// How long that may take after the API server answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names as the first of the servers, running or not, has them that has any.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn hosts(docker: &Docker, servers: &[String]) -> Result<Option<String>, Error> {
    for server in servers {
        let manifest = archive::read(docker, server, MANIFEST).await?.unwrap_or_default();
        if let Some(hosts) = read(&String::from_utf8_lossy(&manifest)) {
            return Ok(Some(hosts));
        }
    }
    Ok(None)
}

/// Gives a server that started at `begun`, in seconds since 1970, names that there were before. That it can't doesn't make the start a failure.
pub async fn restore(docker: &Docker, server: &str, hosts: Option<&str>, begun: i64) {
    let Some(hosts) = hosts else { return };
    let given = async {
        if let Some(line) = hosts.lines().find(|line| line.ends_with(HOST)) {
            let append = format!("grep -q '{HOST}$' /etc/hosts || echo '{line}' >>/etc/hosts");
            archive::run(docker, server, &["sh", "-c", &append]).await?;
        }
        let hosts = current(hosts, &members(docker, server).await?);
        says_since(docker, server, WRITTEN, begun, || format!("waiting for the DNS manifest of server {server}"))
            .await?;
        let manifest = archive::read(docker, server, MANIFEST).await?.unwrap_or_default();
        match written(&String::from_utf8_lossy(&manifest), &hosts) {
            Some(text) => archive::write(docker, server, &[File::secret(MANIFEST, text)]).await,
            None => Ok(()),
        }
    };
    match timeout(PATIENCE, given).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(server, %error, "the cluster's DNS doesn't know the names of hosts any more"),
        Err(_) => {
            tracing::warn!(server, "k3s wrote no manifest for its DNS; it doesn't know the names of hosts any more");
        }
    }
}

/// Addresses of the containers in a server's network, by name.
async fn members(docker: &Docker, server: &str) -> Result<HashMap<String, String>, Error> {
    let doing = || format!("looking for the containers beside server {server}");
    let seen = engine::inspect(docker, server).await.map_err(failed(doing()))?;
    let labels = seen.and_then(|seen| seen.config?.labels).unwrap_or_default();
    let Some(network) = labels.get("k3d.cluster.network") else { return Ok(HashMap::new()) };
    let seen = docker.inspect_network(network, None).await.map_err(failed(doing()))?;
    let members = seen.containers.unwrap_or_default().into_values();
    let named = |member: EndpointResource| {
        Some((member.name?, member.ipv4_address?.split('/').next().unwrap_or_default().to_owned()))
    };
    Ok(members.filter_map(named).collect())
}

/// The names with the addresses that containers have now; others keep theirs.
fn current(hosts: &str, members: &HashMap<String, String>) -> String {
    let line = |line: &str| match line.split_once(' ').and_then(|(_, name)| Some((members.get(name)?, name))) {
        Some((address, name)) => format!("{address} {name}\n"),
        None => format!("{line}\n"),
    };
    hosts.lines().map(line).collect()
}

/// Documents of the manifest.
fn documents(manifest: &str) -> Vec<serde_yaml::Value> {
    let all = serde_yaml::Deserializer::from_str(manifest);
    all.filter_map(|one| serde_yaml::Value::deserialize(one).ok()).filter(|one| !one.is_null()).collect()
}

fn is_of_hosts(document: &serde_yaml::Value) -> bool {
    document.get("kind").and_then(|kind| kind.as_str()) == Some("ConfigMap")
}

fn read(manifest: &str) -> Option<String> {
    let all = documents(manifest);
    let hosts = all.iter().find(|document| is_of_hosts(document))?.get("data")?.get("NodeHosts")?.as_str()?;
    hosts.contains(HOST).then(|| hosts.to_owned())
}

/// The manifest with these names; `None` where it has them.
fn written(manifest: &str, hosts: &str) -> Option<String> {
    if read(manifest).is_some() {
        return None;
    }
    let mut all = documents(manifest);
    let data = all.iter_mut().find(|document| is_of_hosts(document))?.get_mut("data")?.as_mapping_mut()?;
    data.insert("NodeHosts".into(), hosts.into());
    let texts: Result<Vec<String>, _> = all.iter().map(serde_yaml::to_string).collect();
    Some(texts.ok()?.join("---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGED: &str = "kind: ServiceAccount\n---\nkind: ConfigMap\ndata:\n  Corefile: |\n    .:53 {\n    }\n  NodeHosts: \"\"\n---\nkind: Deployment\n";
    const HOSTS: &str = "172.18.0.1 host.k3d.internal\n172.18.0.2 k3d-a-server-0\n";

    #[test]
    fn names_that_a_start_took_away_are_given_back() {
        assert_eq!(read(STAGED), None);
        let restored = written(STAGED, HOSTS).unwrap();
        assert_eq!(read(&restored).as_deref(), Some(HOSTS));
        assert_eq!(documents(&restored).len(), 3);
        assert!(restored.contains(".:53"), "{restored}");
        assert_eq!(written(&restored, HOSTS), None, "k3d was there first");
        assert_eq!(written("nothing", HOSTS), None);
    }

    #[test]
    fn a_container_s_name_leads_to_where_it_is_now() {
        let members = HashMap::from([("k3d-a-server-0".to_owned(), "172.18.0.9".to_owned())]);
        assert_eq!(current(HOSTS, &members), "172.18.0.1 host.k3d.internal\n172.18.0.9 k3d-a-server-0\n");
    }
}
