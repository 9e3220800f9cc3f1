//! Registries that `k3d registry create` made: nodes pull from them under the names that images have for k3d.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, NetworkConnectRequest};
use bollard::query_parameters::EventsOptions;
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::docker::{self, Connection, failed, is_busy};
use provider::{Error, Mirror, NodeRegistries};

/// Labels of k3d's registries.
const LABELS: [&str; 2] = ["app=k3d", "k3d.role=registry"];
/// Events after which nodes may reach another registry.
const EVENTS: [&str; 3] = ["start", "die", "destroy"];
/// How long the stream of events may be silent before it is made anew: a hanging daemon doesn't end it.
const SILENCE: Duration = Duration::from_secs(300);
/// Pause before that.
const PAUSE: Duration = Duration::from_secs(1);

/// A registry that runs.
#[derive(Debug, PartialEq, Eq)]
struct Registry {
    /// Name of its container, by which others on its networks find it.
    name: String,
    /// Port on the host: images name it.
    published: u16,
    /// Port of the container.
    port: u16,
    /// Its networks.
    networks: Vec<String>,
}

impl Registry {
    fn of(seen: &ContainerSummary) -> Option<Self> {
        let runs = seen.state == Some(ContainerSummaryStateEnum::RUNNING);
        let name = seen.names.iter().flatten().next()?.trim_start_matches('/').to_owned();
        let mut ports = seen.ports.iter().flatten();
        let (port, published) = ports.find_map(|port| Some((port.private_port, port.public_port?)))?;
        let networks = seen.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let networks = networks.into_iter().flat_map(HashMap::keys).cloned().collect();
        runs.then_some(Self { name, published, port, networks })
    }

    fn mirror(&self) -> Mirror {
        Mirror {
            registry: format!("{}:{}", self.name, self.published),
            endpoints: vec![format!("http://{}:{}", self.name, self.port)],
            ..Mirror::default()
        }
    }
}

/// The registries of nodes on `network` with those of k3d's that they reach, unless there is an entry for such a one. Clusters
/// share the network where `shared`.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn with(
    docker: &Docker,
    network: &str,
    shared: bool,
    given: &NodeRegistries,
) -> Result<NodeRegistries, Error> {
    let doing = || format!("looking for registries of k3d's that nodes on network {network} reach");
    let found = docker::list(docker, &LABELS.map(str::to_owned)).await.map_err(failed(doing()))?;
    let mut all = given.clone();
    for registry in found.iter().filter_map(Registry::of) {
        match reaches(docker, &registry, network, shared).await {
            Ok(true) => add(&mut all, &registry),
            Ok(false) => {}
            // One that just went, or won't be connected, keeps nodes from no other.
            Err(error) => {
                tracing::warn!(registry = registry.name, %error, "nodes don't pull from this registry of k3d's");
            }
        }
    }
    Ok(all)
}

fn add(all: &mut NodeRegistries, registry: &Registry) {
    let mirror = registry.mirror();
    if all.mirrors.iter().all(|one| one.registry != mirror.registry) {
        all.mirrors.push(mirror);
    }
}

/// Whether nodes on the network reach the registry. It joins a network that clusters share; one of a cluster's own couldn't
/// be removed with the cluster.
async fn reaches(docker: &Docker, registry: &Registry, network: &str, shared: bool) -> Result<bool, Error> {
    if registry.networks.iter().any(|one| one == network) {
        return Ok(true);
    }
    if !shared {
        return Ok(false);
    }
    let request = NetworkConnectRequest { container: registry.name.clone(), endpoint_config: None };
    match docker.connect_network(network, request).await {
        Ok(()) => Ok(true),
        // Somebody else was faster.
        Err(error) if is_busy(&error) => Ok(true),
        Err(error) => Err(failed(format!("connecting registry {} to network {network}", registry.name))(error)),
    }
}

/// Says when a registry of k3d's starts or ends, for ever.
pub async fn follow(connection: Arc<Connection>, changed: watch::Sender<()>) {
    let filters = HashMap::from([
        ("type".to_owned(), vec!["container".to_owned()]),
        ("label".to_owned(), LABELS.map(str::to_owned).to_vec()),
        ("event".to_owned(), EVENTS.map(str::to_owned).to_vec()),
    ]);
    loop {
        if let Ok(docker) = connection.client("listening for registries of k3d's").await {
            let options = EventsOptions { filters: Some(filters.clone()), ..Default::default() };
            let mut events = pin!(docker.events(Some(options)));
            // What happened since the last stream ended wasn't heard.
            changed.send_replace(());
            while let Ok(Some(Ok(_))) = timeout(SILENCE, events.next()).await {
                changed.send_replace(());
            }
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn registry(state: &str, ports: Value) -> Option<Registry> {
        let seen = json!({
            "Names": ["/k3d-reg"], "State": state, "Ports": ports,
            "NetworkSettings": {"Networks": {"bridge": {}}},
        });
        Registry::of(&serde_json::from_value(seen).unwrap())
    }

    #[test]
    fn a_registry_is_a_mirror_for_the_name_that_images_have_on_the_host() {
        let ports = json!([{"PrivatePort": 5000, "PublicPort": 5111, "IP": "0.0.0.0", "Type": "tcp"}]);
        let found = registry("running", ports.clone()).unwrap();
        assert_eq!(found.networks, ["bridge"]);
        assert_eq!(found.mirror().registry, "k3d-reg:5111");
        assert_eq!(found.mirror().endpoints, ["http://k3d-reg:5000"]);
        assert_eq!(registry("exited", ports), None);
        assert_eq!(registry("running", json!([{"PrivatePort": 5000, "Type": "tcp"}])), None);
    }

    #[test]
    fn an_entry_of_the_user_s_stays() {
        let ports = json!([{"PrivatePort": 5000, "PublicPort": 5111, "Type": "tcp"}]);
        let found = registry("running", ports).unwrap();
        let mut all = NodeRegistries::default();
        add(&mut all, &found);
        add(&mut all, &found);
        assert_eq!(all.mirrors.len(), 1);
        all.mirrors[0].endpoints = vec!["https://mine".into()];
        add(&mut all, &found);
        assert_eq!(all.mirrors[0].endpoints, ["https://mine"]);
    }
}
