//! Names of hosts that k3d gave a cluster's DNS. k3s writes its own manifest for the DNS anew whenever it starts, without them.
//!
//! k3d adds the names when it starts a cluster itself. For all other starts, Docker's included, each server keeps them
//! in a file.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{EndpointResource, Ipam};
use futures::future::try_join_all;
use serde_json::Value;
use tokio::time::timeout;

use super::archive::{self, File};
use super::docker::{self, failed};
use super::logs::wait_for_log_since;
use k3s::paths::DNS_MANIFEST;
use provider::Error;

/// Where a server keeps them beside the manifest.
const KEPT: &str = "/etc/k3eks/hosts";
/// The name of the machine that Docker runs on. k3d writes it into the server's own file, too, which Docker makes anew.
const HOST: &str = " host.k3d.internal";
/// Log line of k3s after writing the manifest, in lower case.
const WRITTEN: &str = "cluster dns configmap";
/// Longest wait for the log line after the API server answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long that may take after the start of a server that nobody waited for. One that runs for longer has written it.
const FROM_START: Duration = Duration::from_secs(600);

/// The names as the first of the servers, running or not, has them that has any.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn hosts(docker: &Docker, servers: &[String]) -> Result<Option<String>, Error> {
    for server in servers {
        if let Some(hosts) = known(docker, server).await?.hosts(None) {
            return Ok(Some(hosts));
        }
    }
    Ok(None)
}

/// Address of the machine that Docker runs on, as the cluster's DNS knows it; before k3d has told the DNS, as k3d finds it: the gateway of the
/// cluster's network. `None` where Docker runs in a virtual machine of Docker Desktop, whose gateway isn't the user's machine.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn machine(docker: &Docker, server: &str, network: &str) -> Result<Option<String>, Error> {
    if let Some(address) = known(docker, server).await?.hosts(None).as_deref().and_then(of_machine) {
        return Ok(Some(address));
    }
    let doing = || format!("looking for the gateway of network {network}");
    let info = docker.info().await.map_err(failed(doing()))?;
    if info.operating_system.is_some_and(|system| system.contains("Docker Desktop")) {
        return Ok(None);
    }
    let seen = docker.inspect_network(network, None).await.map_err(failed(doing()))?;
    Ok(gateway(seen.ipam))
}

/// The first gateway, as k3d takes it.
fn gateway(ipam: Option<Ipam>) -> Option<String> {
    ipam?.config?.into_iter().find_map(|config| config.gateway.filter(|gateway| gateway.parse::<IpAddr>().is_ok()))
}

fn of_machine(hosts: &str) -> Option<String> {
    hosts.lines().find_map(|line| line.strip_suffix(HOST)).map(str::to_owned)
}

/// Saves the names in servers that k3d just made or started. A failure is only logged.
pub async fn keep(docker: &Docker, servers: &[String]) {
    let kept = async {
        let hosts = hosts(docker, servers).await?;
        try_join_all(servers.iter().map(|server| mend(docker, server, hosts.as_deref()))).await
    };
    if let Err(error) = kept.await {
        tracing::warn!(%error, "the cluster's DNS won't know the names of hosts after a restart of Docker");
    }
}

/// Gives a server that started at `begun`, in seconds since 1970, names that there were before; `None`: those that it kept itself. That it
/// can't doesn't make the start a failure.
pub async fn restore(docker: &Docker, server: &str, hosts: Option<&str>, begun: i64) {
    let given = async {
        if hosts.is_none() && known(docker, server).await?.hosts(None).is_none() {
            return Ok(());
        }
        let doing = format!("waiting for the DNS manifest of server {server}");
        // Of an old server's log nothing may be left.
        if docker::now(docker, &doing).await? - begun < FROM_START.as_secs().cast_signed() {
            wait_for_log_since(docker, server, WRITTEN, begun, || doing.clone()).await?;
        }
        mend(docker, server, hosts).await
    };
    match timeout(if hosts.is_some() { PATIENCE } else { FROM_START }, given).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(server, %error, "the cluster's DNS doesn't know the names of hosts any more"),
        Err(_) => {
            tracing::warn!(server, "k3s wrote no manifest for its DNS; it doesn't know the names of hosts any more");
        }
    }
}

/// The names that a server has.
struct Known {
    manifest: String,
    kept: String,
}

impl Known {
    /// Those of the manifest, to which k3d may have added some; else `before`, which the manifest had before a start; else those that were kept.
    fn hosts(&self, before: Option<&str>) -> Option<String> {
        let kept = || Some(self.kept.clone()).filter(|kept| kept.contains(HOST));
        read(&self.manifest).or_else(|| before.map(str::to_owned)).or_else(kept)
    }
}

async fn known(docker: &Docker, server: &str) -> Result<Known, Error> {
    let text = async |path| {
        let found = archive::read(docker, server, path).await?.unwrap_or_default();
        Ok::<_, Error>(String::from_utf8_lossy(&found).into_owned())
    };
    Ok(Known { manifest: text(DNS_MANIFEST).await?, kept: text(KEPT).await? })
}

/// Writes the names wherever a running server wants them, with the addresses that they have now.
async fn mend(docker: &Docker, server: &str, hosts: Option<&str>) -> Result<(), Error> {
    let known = known(docker, server).await?;
    let Some(hosts) = known.hosts(hosts) else { return Ok(()) };
    let hosts = current(&hosts, &members(docker, server).await?);
    if let Some(line) = hosts.lines().find(|line| line.ends_with(HOST)) {
        let append = format!("grep -q '{HOST}$' /etc/hosts || echo '{line}' >>/etc/hosts");
        archive::run(docker, server, &["sh", "-c", &append]).await?;
    }
    let manifest = written(&known.manifest, &hosts).map(|text| File::secret(DNS_MANIFEST, text));
    let kept = (known.kept != hosts).then(|| File::secret(KEPT, hosts));
    archive::write(docker, server, &manifest.into_iter().chain(kept).collect::<Vec<_>>()).await
}

/// Addresses of the containers in a server's network, by name.
async fn members(docker: &Docker, server: &str) -> Result<HashMap<String, String>, Error> {
    let doing = || format!("looking for the containers beside server {server}");
    let seen = docker::inspect(docker, server).await.map_err(failed(doing()))?;
    let labels = seen.and_then(|seen| seen.config?.labels).unwrap_or_default();
    let Some(network) = labels.get("k3d.cluster.network") else { return Ok(HashMap::new()) };
    let seen = docker.inspect_network(network, None).await.map_err(failed(doing()))?;
    let members = seen.containers.unwrap_or_default().into_values();
    let named = |member: EndpointResource| {
        Some((member.name?, member.ipv4_address?.split('/').next().unwrap_or_default().to_owned()))
    };
    Ok(members.filter_map(named).collect())
}

/// The names with the addresses that containers have now, each line once; others keep theirs.
fn current(hosts: &str, members: &HashMap<String, String>) -> String {
    let line = |line: &str| match line.split_once(' ').and_then(|(_, name)| Some((members.get(name)?, name))) {
        Some((address, name)) => format!("{address} {name}\n"),
        None => format!("{line}\n"),
    };
    let mut there = BTreeSet::new();
    hosts.lines().map(line).filter(|line| there.insert(line.clone())).collect()
}

/// Documents of the manifest; none where one of them can't be read.
fn documents(manifest: &str) -> Vec<Value> {
    yaml::read_all(manifest).unwrap_or_default()
}

fn is_of_hosts(document: &Value) -> bool {
    document.get("kind").and_then(|kind| kind.as_str()) == Some("ConfigMap")
}

fn read(manifest: &str) -> Option<String> {
    let all = documents(manifest);
    let hosts = all.iter().find(|document| is_of_hosts(document))?.get("data")?.get("NodeHosts")?.as_str()?;
    hosts.contains(HOST).then(|| hosts.to_owned())
}

/// The manifest with these names; `None` where it has them, and where it isn't one.
fn written(manifest: &str, hosts: &str) -> Option<String> {
    if read(manifest).as_deref() == Some(hosts) {
        return None;
    }
    let mut all = documents(manifest);
    let data = all.iter_mut().find(|document| is_of_hosts(document))?.get_mut("data")?.as_object_mut()?;
    data.insert("NodeHosts".into(), hosts.into());
    yaml::write_all(&all).ok()
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
        let moved = HOSTS.replace("172.18.0.2", "172.18.0.9");
        assert_eq!(read(&written(&restored, &moved).unwrap()).as_deref(), Some(moved.as_str()));
    }

    #[test]
    fn names_are_kept_for_a_start_that_nobody_was_told_of() {
        let known = |manifest: &str, kept: &str| Known { manifest: manifest.into(), kept: kept.into() };
        assert_eq!(known(STAGED, HOSTS).hosts(None).as_deref(), Some(HOSTS));
        assert_eq!(known(STAGED, "").hosts(None), None);
        let more = format!("{HOSTS}172.18.0.3 k3d-a-agent-0\n");
        let restored = written(STAGED, &more).unwrap();
        assert_eq!(known(&restored, HOSTS).hosts(Some(HOSTS)), Some(more.clone()), "k3d knows better");
        assert_eq!(known(STAGED, HOSTS).hosts(Some(&more)), Some(more), "it added some since they were kept");
    }

    #[test]
    fn the_machine_s_address_is_that_of_its_name() {
        assert_eq!(of_machine(HOSTS).as_deref(), Some("172.18.0.1"));
        assert_eq!(of_machine("172.18.0.2 k3d-a-server-0\n"), None);
    }

    #[test]
    fn where_no_name_is_known_yet_the_network_leads_to_the_machine() {
        let ipam = |text: &str| serde_json::from_str(text).unwrap();
        let config =
            r#"{"Config": [{"Subnet": "172.18.0.0/16"}, {"Subnet": "172.19.0.0/16", "Gateway": "172.19.0.1"}]}"#;
        assert_eq!(gateway(ipam(config)).as_deref(), Some("172.19.0.1"));
        assert_eq!(gateway(ipam(r#"{"Config": [{"Gateway": ""}]}"#)), None);
        assert_eq!(gateway(None), None);
    }

    #[test]
    fn a_container_s_name_leads_to_where_it_is_now() {
        let members = HashMap::from([("k3d-a-server-0".to_owned(), "172.18.0.9".to_owned())]);
        let expected = "172.18.0.1 host.k3d.internal\n172.18.0.9 k3d-a-server-0\n";
        assert_eq!(current(HOSTS, &members), expected);
        assert_eq!(current(&format!("{HOSTS}{HOSTS}"), &members), expected, "k3d adds what is there already");
    }
}
