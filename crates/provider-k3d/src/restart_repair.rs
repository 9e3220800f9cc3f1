//! Repairs servers that something else started: Docker after a restart, or a user. k3d adds the names of hosts only at
//! its own starts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard::Docker;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::containers::{Container, servers};
use super::dns;
use super::docker::{self, Connection};
use super::inventory::Inventory;
use provider::{ClusterId, MachineState};

/// A start of a server: which container, and when.
type Start = (Option<String>, Option<String>);

/// Debounce time: containers of a cluster start and move together.
const GATHER: Duration = Duration::from_millis(500);

/// The mending of one server: one after the other, and of those that wait only the newest.
#[derive(Debug, Default)]
struct Turns {
    newest: AtomicU64,
    turn: Mutex<()>,
}

impl Turns {
    /// Runs `work` after earlier work, unless newer work was queued by then.
    async fn after(self: Arc<Self>, number: u64, work: impl Future<Output = ()>) {
        sleep(GATHER).await;
        let _lock = self.turn.lock().await;
        if self.newest.load(Ordering::Relaxed) == number {
            work.await;
        }
    }

    fn next(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Last seen state of a cluster.
#[derive(Debug, Default)]
struct Seen {
    turns: HashMap<String, Arc<Turns>>,
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

/// Restores the names of hosts after every start of a server, and corrects changed addresses.
pub async fn repair(inventory: Arc<Inventory>, connection: Arc<Connection>, mut changes: Receiver<ClusterId>) {
    let mut seen: HashMap<ClusterId, Seen> = HashMap::new();
    let mut mending = JoinSet::new();
    loop {
        let told = match changes.recv().await {
            Ok(cluster) => vec![cluster],
            Err(RecvError::Lagged(_)) => inventory.clusters().unwrap_or_default(),
            Err(RecvError::Closed) => return,
        };
        while mending.try_join_next().is_some() {}
        for cluster in told {
            // While Docker is away there is nothing to see; its return is told.
            let (Ok(docker), Ok(all)) = (connection.client("looking at the servers").await, inventory.look(&cluster))
            else {
                continue;
            };
            if all.is_empty() {
                seen.remove(&cluster);
                continue;
            }
            let Some(starts) = starts(&docker, &all).await else { continue };
            let seen = seen.entry(cluster).or_default();
            for (server, begun) in seen.note(&all, starts) {
                let (docker, turns) = (docker.clone(), seen.turns.entry(server.clone()).or_default().clone());
                let work = async move { dns::restore(&docker, &server, None, begun).await };
                mending.spawn(turns.clone().after(turns.next(), work));
            }
        }
    }
}

/// The servers that run, and since when; `None` where that can't be asked.
async fn starts(docker: &Docker, all: &[Container]) -> Option<BTreeMap<String, Start>> {
    let mut starts = BTreeMap::new();
    for server in servers(all).filter(|server| server.state == MachineState::Running) {
        if let Some(seen) = docker::inspect(docker, &server.name).await.ok()? {
            starts.insert(server.name.clone(), (seen.id, seen.state.and_then(|state| state.started_at)));
        }
    }
    Some(starts)
}

/// A time of Docker's in whole seconds since 1970; the beginning of time where it says none.
fn seconds(time: Option<&str>) -> i64 {
    time.and_then(|time| time.parse().ok()).map_or(0, Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::Role;

    fn container(name: &str, address: Option<&str>) -> Container {
        Container {
            name: name.into(),
            cluster: ClusterId { namespace: "default".into(), name: "a".into() },
            role: Role::Server,
            state: MachineState::Running,
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

    #[tokio::test]
    async fn of_several_changes_at_once_the_last_is_mended_and_none_overtakes_another() {
        let (turns, done) = (Arc::new(Turns::default()), parking_lot::Mutex::new(Vec::new()));
        let (begins, begun) = tokio::sync::oneshot::channel();
        let (ends, end) = tokio::sync::oneshot::channel::<()>();
        let (passed, done) = (async { done.lock().push("first") }, &done);
        let first = turns.clone().after(turns.next(), passed);
        let second = turns.clone().after(turns.next(), async {
            begins.send(()).unwrap();
            end.await.unwrap();
            done.lock().push("second");
        });
        let third = async {
            begun.await.unwrap();
            turns.clone().after(turns.next(), async { done.lock().push("third") }).await;
        };
        let free = async {
            // The third is waiting for its turn once it has gathered.
            while turns.newest.load(Ordering::Relaxed) < 3 {
                tokio::task::yield_now().await;
            }
            sleep(GATHER).await;
            ends.send(()).unwrap();
        };
        tokio::join!(first, second, third, free);
        assert_eq!(*done.lock(), ["second", "third"]);
    }

    #[test]
    fn a_start_is_told_to_the_second() {
        assert_eq!(seconds(Some("1970-01-01T00:01:00.999999999Z")), 60);
        assert_eq!(seconds(None), 0);
    }
}
