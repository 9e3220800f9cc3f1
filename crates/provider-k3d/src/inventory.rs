//! Shared view of what runs: one list of containers, then Docker's event stream.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures::StreamExt;
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;
use tokio::time::{sleep, timeout};

use super::containers::{Container, Containers};
use super::docker::{self, Connection, failed};
use super::names::LABEL_INSTANCE;
use provider::{ClusterId, Error};

/// Silence after which the stream is checked: a hanging daemon doesn't end it.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a check may take.
const CHECK: Duration = Duration::from_secs(10);
/// First and longest pause before Docker is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Events that change what is known of a container.
const EVENTS: [&str; 9] = ["create", "start", "restart", "rename", "die", "stop", "pause", "unpause", "destroy"];
/// Changes that a slow listener may lag behind before it needs a full resync.
const BACKLOG: usize = 1024;

/// What runs, as last seen.
#[derive(Debug)]
pub struct Inventory {
    instance: String,
    seen: RwLock<Result<Containers, Error>>,
    /// Clusters that somebody asked about: their listeners hear when Docker comes or goes, even without containers.
    asked: Mutex<BTreeSet<ClusterId>>,
    changes: broadcast::Sender<ClusterId>,
}

impl Inventory {
    /// An empty view.
    pub fn new(instance: &str) -> Arc<Self> {
        let unknown = Error::Unavailable {
            engine: "Docker",
            doing: "looking at the containers".into(),
            why: "it wasn't asked yet".into(),
        };
        Arc::new(Self {
            instance: instance.to_owned(),
            seen: RwLock::new(Err(unknown)),
            asked: Mutex::default(),
            changes: broadcast::channel(BACKLOG).0,
        })
    }

    /// Sends the changed clusters.
    pub fn changes(&self) -> broadcast::Receiver<ClusterId> {
        self.changes.subscribe()
    }

    /// The containers of a cluster.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the inventory isn't known.
    pub fn of(&self, cluster: &ClusterId) -> Result<Vec<Container>, Error> {
        let mut asked = self.asked.lock();
        if !asked.contains(cluster) {
            asked.insert(cluster.clone());
        }
        drop(asked);
        self.look(cluster)
    }

    /// The same, without notices when Docker comes or goes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the inventory isn't known.
    pub fn look(&self, cluster: &ClusterId) -> Result<Vec<Container>, Error> {
        self.with(|containers| containers.of(cluster).into_iter().cloned().collect())
    }

    /// The clusters that have containers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the inventory isn't known.
    pub fn clusters(&self) -> Result<Vec<ClusterId>, Error> {
        self.with(|containers| containers.clusters().into_iter().collect())
    }

    /// Forgets a cluster.
    pub fn forget(&self, cluster: &ClusterId) {
        self.asked.lock().remove(cluster);
    }

    fn with<T>(&self, look: impl FnOnce(&Containers) -> T) -> Result<T, Error> {
        self.seen.read().as_ref().map(look).map_err(Clone::clone)
    }

    /// Follows Docker for ever, across its restarts.
    pub async fn follow(self: Arc<Self>, connection: Arc<Connection>) {
        let mut pause = PAUSES.0;
        loop {
            let error = self.follow_once(&connection).await;
            if self.replace(Err(error.clone())) {
                tracing::warn!(error = %error, "lost sight of the containers");
                pause = PAUSES.0;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Lists everything, then follows the events until something breaks.
    async fn follow_once(&self, connection: &Connection) -> Error {
        let (docker, since) = match self.begin(connection).await {
            Ok(begun) => begun,
            Err(error) => return error,
        };
        let label = format!("{LABEL_INSTANCE}={}", self.instance);
        let filters = HashMap::from([
            ("type".to_owned(), vec!["container".to_owned()]),
            ("label".to_owned(), vec![label]),
            ("event".to_owned(), EVENTS.map(str::to_owned).to_vec()),
        ]);
        let options = EventsOptions { since: Some(since), filters: Some(filters), ..Default::default() };
        let mut events = pin!(docker.events(Some(options)));
        loop {
            let told = match timeout(SILENCE, events.next()).await {
                Ok(Some(Ok(event))) => self.event(&docker, &event).await,
                Ok(Some(Err(error))) => Err(failed("listening to events")(error)),
                Ok(None) => Err(away("the stream of events ended")),
                Err(_) => check(&docker).await,
            };
            if let Err(error) = told {
                // Whatever broke it, what is known grows old from here on.
                return away(&error.to_string());
            }
        }
    }

    /// Lists everything. The stream begins a little earlier, so that nothing is missed in between.
    async fn begin(&self, connection: &Connection) -> Result<(Docker, String), Error> {
        let doing = "looking at the containers";
        let docker = connection.connect(doing).await?;
        let info = docker.info().await.map_err(failed(doing))?;
        let label = format!("{LABEL_INSTANCE}={}", self.instance);
        let found = docker::list(&docker, &[label]).await.map_err(failed(doing))?;
        let known = found
            .iter()
            .filter_map(|summary| Some((summary.id.clone()?, Container::from_summary(&self.instance, summary)?)));
        self.replace(Ok(Containers::new(known)));
        tracing::info!(containers = found.len(), "looked at the containers, following Docker's events");
        Ok((docker, (docker::time(&info) - 1).to_string()))
    }

    /// Inspects the container of an event.
    async fn event(&self, docker: &Docker, event: &EventMessage) -> Result<(), Error> {
        let Some(id) = event.actor.as_ref().and_then(|actor| actor.id.as_deref()) else { return Ok(()) };
        let seen = docker::inspect(docker, id).await.map_err(failed(format!("looking at container {id}")))?;
        let now = seen.and_then(|seen| Container::from_inspect(&self.instance, &seen));
        // One that ended and started again before anybody looked is as it was, but what runs in it is new.
        let started = now.as_ref().filter(|_| event.action.as_deref() == Some("start")).map(|now| now.cluster.clone());
        let mut seen = self.seen.write();
        let changed = seen.as_mut().ok().and_then(|containers| containers.update(id, now));
        drop(seen);
        if let Some(cluster) = changed.or(started) {
            self.tell(cluster);
        }
        Ok(())
    }

    /// Replaces the view and tells all listeners, unless it was and stays unknown. Returns whether it told them.
    fn replace(&self, now: Result<Containers, Error>) -> bool {
        let mut seen = self.seen.write();
        let quiet = seen.is_err() && now.is_err();
        let before = std::mem::replace(&mut *seen, now);
        let mut all = self.asked.lock().clone();
        for containers in [before.as_ref(), seen.as_ref()].into_iter().flatten() {
            all.extend(containers.clusters());
        }
        drop(seen);
        if !quiet {
            for cluster in all {
                self.tell(cluster);
            }
        }
        !quiet
    }

    fn tell(&self, cluster: ClusterId) {
        // Nobody listens: nobody needs to be told.
        let _ = self.changes.send(cluster);
    }
}

fn away(why: &str) -> Error {
    Error::Unavailable { engine: "Docker", doing: "following the containers".into(), why: why.to_owned() }
}

async fn check(docker: &Docker) -> Result<(), Error> {
    match timeout(CHECK, docker.ping()).await {
        Ok(answer) => answer.map(drop).map_err(failed("checking that Docker answers")),
        Err(_) => Err(away(&format!("no answer within {} s", CHECK.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::Role;
    use provider::MachineState;

    fn id(name: &str) -> ClusterId {
        ClusterId { namespace: "default".into(), name: name.into() }
    }

    fn container(name: &str) -> (String, Container) {
        let container = Container {
            name: format!("k3d-{name}-server-0"),
            cluster: id(name),
            role: Role::Server,
            state: MachineState::Running,
            image: String::new(),
            address: None,
        };
        (name.to_owned(), container)
    }

    fn told(changes: &mut broadcast::Receiver<ClusterId>) -> Vec<String> {
        std::iter::from_fn(|| changes.try_recv().ok()).map(|id| id.name).collect()
    }

    #[test]
    fn an_unknown_world_is_an_error_and_everybody_hears_of_its_return() {
        let inventory = Inventory::new("me");
        let mut changes = inventory.changes();
        assert!(matches!(inventory.of(&id("asked")), Err(Error::Unavailable { .. })));
        assert!(!inventory.replace(Err(away("still away"))), "nothing changed");
        assert!(inventory.replace(Ok(Containers::new([container("one")]))));
        assert_eq!(told(&mut changes), ["asked", "one"]);
        assert_eq!(inventory.of(&id("one")).unwrap().len(), 1);
        assert!(inventory.of(&id("asked")).unwrap().is_empty());
        assert_eq!(inventory.clusters().unwrap(), [id("one")]);
    }

    #[test]
    fn those_that_vanished_in_between_are_told_too() {
        let inventory = Inventory::new("me");
        inventory.replace(Ok(Containers::new([container("one")])));
        let mut changes = inventory.changes();
        inventory.replace(Ok(Containers::new([container("two")])));
        assert_eq!(told(&mut changes), ["one", "two"]);
        inventory.replace(Err(away("gone")));
        assert_eq!(told(&mut changes), ["two"]);
        inventory.forget(&id("never asked"));
    }
}
