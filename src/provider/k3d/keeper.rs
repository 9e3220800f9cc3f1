//! Looks after servers that nobody here started: Docker starts them by itself after it was away, or a user does. k3d, which gives a cluster
//! the names of hosts at each start of its own, knows nothing of that.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bollard::Docker;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::containers::Container;
use super::engine::{self, Engine};
use super::world::World;
use super::{dns, servers};
use crate::provider::{ClusterId, ContainerState};

/// A start of a server: which container, and when.
type Start = (Option<String>, Option<String>);

/// What was seen of a cluster.
#[derive(Debug, Default)]
struct Seen {
    starts: BTreeMap<String, Start>,
    /// Last address of each of its containers.
    addresses: BTreeMap<String, String>,
}

impl Seen {
    /// Notes what there is now; the servers whose names of hosts may be wrong by it, and since when they run.
    fn note(&mut self, all: &[Container], starts: BTreeMap<String, Start>) -> Vec<(String, i64)> {
        let mut moved = false;
        for container in all {
            if let Some(address) = &container.address {
                let before = self.addresses.insert(container.name.clone(), address.clone());
                moved |= before.is_some_and(|before| before != *address);
            }
        }
        let before = std::mem::replace(&mut self.starts, starts);
        let concerned = self.starts.iter().filter(|(server, start)| moved || before.get(*server) != Some(start));
        concerned.map(|(server, start)| (server.clone(), seconds(start.1.as_deref()))).collect()
    }
}

/// Mends what a start took away, at every start of a server, and what other addresses made wrong, for ever.
pub async fn keep(world: Arc<World>, engine: Arc<Engine>, mut changes: Receiver<ClusterId>) {
    let mut seen: HashMap<ClusterId, Seen> = HashMap::new();
    let mut mending = JoinSet::new();
    loop {
        let told = match changes.recv().await {
            Ok(cluster) => vec![cluster],
            Err(RecvError::Lagged(_)) => world.clusters().unwrap_or_default(),
            Err(RecvError::Closed) => return,
        };
        while mending.try_join_next().is_some() {}
        for cluster in told {
            // While Docker is away there is nothing to see; its return is told.
            let (Ok(docker), Ok(all)) = (engine.docker("looking at the servers").await, world.look(&cluster)) else {
                continue;
            };
            if all.is_empty() {
                seen.remove(&cluster);
                continue;
            }
            let Some(starts) = starts(&docker, &all).await else { continue };
            for (server, begun) in seen.entry(cluster).or_default().note(&all, starts) {
                let docker = docker.clone();
                mending.spawn(async move { dns::restore(&docker, &server, None, begun).await });
            }
        }
    }
}

/// The servers that run, and since when; `None` where that can't be asked.
async fn starts(docker: &Docker, all: &[Container]) -> Option<BTreeMap<String, Start>> {
    let mut starts = BTreeMap::new();
    for server in servers(all).filter(|server| server.state == ContainerState::Running) {
        if let Some(seen) = engine::inspect(docker, &server.name).await.ok()? {
            starts.insert(server.name.clone(), (seen.id, seen.state.and_then(|state| state.started_at)));
        }
    }
    Some(starts)
}

/// A time of Docker's in whole seconds since 1970; the beginning of time where it says none.
fn seconds(time: Option<&str>) -> i64 {
    time.and_then(|time| chrono::DateTime::parse_from_rfc3339(time).ok()).map_or(0, |time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::k3d::containers::Role;

    fn container(name: &str, address: Option<&str>) -> Container {
        Container {
            name: name.into(),
            cluster: ClusterId { namespace: "default".into(), name: "a".into() },
            role: Role::Server,
            state: ContainerState::Running,
            image: String::new(),
            address: address.map(str::to_owned),
        }
    }

    #[test]
    fn servers_are_looked_after_when_they_start_and_when_somebody_has_another_address() {
        let started = |at: &str| {
            BTreeMap::from([("s".to_owned(), (Some("id".to_owned()), Some(format!("1970-01-01T00:00:{at}Z"))))])
        };
        let (server, node) = (container("s", Some("10.0.0.2")), |address| container("n", address));
        let mut seen = Seen::default();
        assert_eq!(seen.note(std::slice::from_ref(&server), started("01")), [("s".to_owned(), 1)]);
        let both = |address| [server.clone(), node(address)];
        assert!(seen.note(&both(Some("10.0.0.3")), started("01")).is_empty(), "a new node has no name yet");
        assert!(seen.note(&both(None), started("01")).is_empty(), "it stops");
        assert!(seen.note(&both(Some("10.0.0.3")), started("01")).is_empty(), "it starts where it was");
        assert_eq!(seen.note(&both(Some("10.0.0.4")), started("01")), [("s".to_owned(), 1)]);
        assert_eq!(seen.note(&both(Some("10.0.0.4")), started("02.5")), [("s".to_owned(), 2)]);
    }

    #[test]
    fn a_start_is_told_to_the_second() {
        assert_eq!(seconds(Some("1970-01-01T00:01:00.999999999Z")), 60);
        assert_eq!(seconds(None), 0);
    }
}
