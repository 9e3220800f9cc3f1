//! Our containers as last seen, without I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary, ContainerSummaryStateEnum, EndpointSettings,
};

use super::names::{self, LABEL_CERTIFIED_BY, LABEL_IMAGE, LABEL_NODEGROUP, LABEL_ZONE};
use provider::{ClusterId, MachineState};

/// k3d's label for what a container is.
const LABEL_ROLE: &str = "k3d.role";
/// k3d's label for the network that a cluster lives in.
const LABEL_NETWORK: &str = "k3d.cluster.network";

/// One of our containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// What it is.
    pub role: Role,
    /// Whether it runs.
    pub state: MachineState,
    /// Image it was made from.
    pub image: String,
    /// Address on the cluster's network.
    pub address: Option<String>,
}

/// What a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs the control plane.
    Server,
    /// A node of a group.
    Node {
        /// The group.
        group: String,
        /// The availability zone.
        zone: Option<String>,
        /// Fingerprint of the certificate authority that signed when it was made.
        certified_by: Option<String>,
    },
    /// Stands before several servers.
    Balancer,
    /// One of k3d's other helpers.
    Helper,
}

impl Container {
    /// From an entry of Docker's list; `None` where it isn't of this `instance`.
    pub fn from_summary(instance: &str, summary: &ContainerSummary) -> Option<Self> {
        let name = summary.names.as_ref()?.first()?;
        let networks = summary.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let state = match summary.state? {
            ContainerSummaryStateEnum::CREATED => MachineState::Created,
            ContainerSummaryStateEnum::EXITED => MachineState::Exited,
            ContainerSummaryStateEnum::REMOVING | ContainerSummaryStateEnum::DEAD => MachineState::Removing,
            // Docker itself starts a restarting one again.
            _ => MachineState::Running,
        };
        Self::new(instance, name, summary.labels.as_ref()?, state, summary.image.as_deref(), networks)
    }

    /// From Docker's full description; `None` where it isn't of this `instance`.
    pub fn from_inspect(instance: &str, seen: &ContainerInspectResponse) -> Option<Self> {
        let config = seen.config.as_ref()?;
        let networks = seen.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let state = match seen.state.as_ref()?.status? {
            ContainerStateStatusEnum::CREATED => MachineState::Created,
            ContainerStateStatusEnum::EXITED => MachineState::Exited,
            ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD => MachineState::Removing,
            _ => MachineState::Running,
        };
        let name = seen.name.as_deref()?;
        Self::new(instance, name, config.labels.as_ref()?, state, config.image.as_deref(), networks)
    }

    fn new(
        instance: &str,
        name: &str,
        labels: &HashMap<String, String>,
        state: MachineState,
        image: Option<&str>,
        networks: Option<&HashMap<String, EndpointSettings>>,
    ) -> Option<Self> {
        let role = match labels.get(LABEL_ROLE).map(String::as_str) {
            Some("server") => Role::Server,
            Some("loadbalancer") => Role::Balancer,
            Some("agent") => Role::Node {
                group: labels.get(LABEL_NODEGROUP).cloned().unwrap_or_default(),
                zone: labels.get(LABEL_ZONE).cloned(),
                certified_by: labels.get(LABEL_CERTIFIED_BY).cloned(),
            },
            _ => Role::Helper,
        };
        let address = labels.get(LABEL_NETWORK).and_then(|network| address(networks?, network));
        Some(Self {
            name: name.trim_start_matches('/').to_owned(),
            cluster: names::owner(instance, labels)?,
            role,
            state,
            image: labels.get(LABEL_IMAGE).map_or(image.unwrap_or_default(), String::as_str).to_owned(),
            address,
        })
    }
}

impl Container {
    /// Whether it is a server or a node.
    pub const fn runs_k3s(&self) -> bool {
        matches!(self.role, Role::Server | Role::Node { .. })
    }
}

/// A container's address on `network`.
pub fn address(networks: &HashMap<String, EndpointSettings>, network: &str) -> Option<String> {
    networks.get(network)?.ip_address.clone().filter(|address| !address.is_empty())
}

/// Our containers as last seen, by Docker's id.
#[derive(Debug, Default)]
pub struct Containers(BTreeMap<String, Container>);

impl Containers {
    /// What one look at everything found.
    pub fn new(found: impl IntoIterator<Item = (String, Container)>) -> Self {
        Self(found.into_iter().collect())
    }

    /// The container `id` is now as given, `None`: it is gone. Says whose inventory changed, if it did.
    pub fn update(&mut self, id: &str, now: Option<Container>) -> Option<ClusterId> {
        let before = match &now {
            Some(container) => self.0.insert(id.to_owned(), container.clone()),
            None => self.0.remove(id),
        };
        if before == now { None } else { now.or(before).map(|container| container.cluster) }
    }

    /// The containers of one cluster, by name.
    pub fn of(&self, cluster: &ClusterId) -> Vec<&Container> {
        let mut found: Vec<&Container> = self.0.values().filter(|c| c.cluster == *cluster).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// The clusters that have containers.
    pub fn clusters(&self) -> BTreeSet<ClusterId> {
        self.0.values().map(|c| c.cluster.clone()).collect()
    }
}

/// Those that run the control plane, in the order of their names.
pub fn servers(all: &[Container]) -> impl Iterator<Item = &Container> {
    let mut servers: Vec<&Container> =
        all.iter().filter(|c| c.role == Role::Server && !names::is_old_server(&c.name)).collect();
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    servers.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels() -> serde_json::Value {
        json!({
            "k3eks.io/instance": "me", "k3eks.io/cluster": "default.dev", "k3eks.io/nodegroup": "workers",
            "k3eks.io/zone": "us-east-1a", "k3eks.io/image": "k3s:1", "k3eks.io/certified-by": "1f", "k3d.role": "agent",
            "k3d.cluster.network": "net",
        })
    }

    fn summary(state: &str) -> ContainerSummary {
        serde_json::from_value(json!({
            "Id": "abc", "Names": ["/k3d-n-0"], "Image": "sha256:1234", "State": state, "Labels": labels(),
            "NetworkSettings": {"Networks": {"other": {"IPAddress": "1.1.1.1"}, "net": {"IPAddress": "172.18.0.3"}}},
        }))
        .unwrap()
    }

    #[test]
    fn list_and_inspect_tell_the_same() {
        let listed = Container::from_summary("me", &summary("running")).unwrap();
        let inspected = serde_json::from_value(json!({
            "Id": "abc", "Name": "/k3d-n-0", "State": {"Status": "running"}, "Config": {"Image": "k3s:1", "Labels": labels()},
            "NetworkSettings": {"Networks": {"net": {"IPAddress": "172.18.0.3"}}},
        }))
        .unwrap();
        assert_eq!(Container::from_inspect("me", &inspected).as_ref(), Some(&listed));
        assert_eq!(listed.address.as_deref(), Some("172.18.0.3"));
        assert_eq!(listed.image, "k3s:1", "the image is named as it was asked for");
        let (zone, certified_by) = (Some("us-east-1a".into()), Some("1f".into()));
        assert_eq!(listed.role, Role::Node { group: "workers".into(), zone, certified_by });
        assert_eq!(Container::from_summary("someone else", &summary("running")), None);
    }

    #[test]
    fn states_are_told_apart() {
        let state = |text| Container::from_summary("me", &summary(text)).unwrap().state;
        assert_eq!(state("created"), MachineState::Created);
        assert_eq!(state("restarting"), MachineState::Running);
        assert_eq!(state("exited"), MachineState::Exited);
        assert_eq!(state("dead"), MachineState::Removing);
    }

    #[test]
    fn only_a_change_is_told() {
        let node = Container::from_summary("me", &summary("running")).unwrap();
        let dead = Container { state: MachineState::Exited, ..node.clone() };
        let mut inventory = Containers::new([("abc".to_owned(), node.clone())]);
        assert_eq!(inventory.update("abc", Some(node.clone())), None);
        assert_eq!(inventory.update("abc", Some(dead)), Some(node.cluster.clone()));
        assert_eq!(inventory.of(&node.cluster)[0].state, MachineState::Exited);
        assert_eq!(inventory.update("abc", None), Some(node.cluster.clone()));
        assert_eq!(inventory.update("abc", None), None);
        assert_eq!(inventory.update("def", None), None);
        assert!(inventory.clusters().is_empty() && inventory.of(&node.cluster).is_empty());
    }
}
