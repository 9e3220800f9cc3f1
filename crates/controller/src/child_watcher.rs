//! Watches one child's API server: finds the endpoint, asks `/readyz` as administrator, watches the nodes, and starts
//! over when the connection is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::backoff::{Losses, questions};
use super::child_client::{self, ANSWER, Route};
use super::child_nodes::{self, ChildNode};
use super::error::Error;
use super::identity_service::{self, IdentityService};
use super::import_secret;
use super::registries::{self, Wanted};
use super::wake::Wake;
use crd::identity_service::POD_ADDRESS;
use crd::keys;
use limits::bounded;
use provider::{Access, ClusterProvider, DesiredCluster};

/// Between two questions to an API server that isn't ready yet.
pub const SOON: Duration = Duration::from_millis(100);
/// How long a starting API server is asked that often: the usual start-up time.
const PROMPT: Duration = Duration::from_secs(15);
/// The same, while there are no credentials.
const UNKNOWN: Duration = Duration::from_millis(250);
/// How long credentials are good for further questions: to read them from a server that is starting costs it time.
const FRESH: Duration = Duration::from_secs(2);
/// Longest pause between two questions to an API server that stays away.
const LATER: Duration = Duration::from_secs(5);
/// Attempts to redirect a cluster's nodes to the credentials endpoint, each time its API server is found.
const TRIES: usize = 5;
/// Page size of the list of nodes.
const PAGE: u32 = 40;
/// Most characters of a version.
const VERSION: usize = 64;

/// State of a child's API server.
#[derive(Clone, Debug, Default)]
pub struct Child {
    /// Credentials and address.
    pub access: Option<Access>,
    /// The route on which the API server answered last.
    pub route: Option<Route>,
    /// Whether an authenticated `/readyz` answered, and nothing has failed since.
    pub ready: bool,
    /// Whether the API server was asked at least once.
    pub asked: bool,
    /// Reported version, such as `v1.35.7+k3s1`.
    pub version: Option<String>,
    /// Public keys of its service accounts, as JSON; `None` without an identity service.
    pub jwks: Option<String>,
    /// Digest of the control plane and the endpoint's rules that this process last gave. Where it is lost the servers' files are
    /// compared once more, and nothing is restarted that has them.
    pub configured: Option<String>,
    /// Whether this process has moved the pods off servers that take none. Where it is lost it is looked once more: the
    /// taint has let no other pods in.
    pub cleared: bool,
    /// Why nodes can't be told of all registries of the spec; `None` where they were, and before that is known.
    pub registries_problem: Option<String>,
    /// Why the API server isn't ready.
    pub problem: String,
    /// Nodes by name; `None` before the first full list.
    pub nodes: Option<BTreeMap<String, ChildNode>>,
}

impl Child {
    /// Whether a first question was answered or failed.
    pub const fn is_known(&self) -> bool {
        self.asked
    }
}

/// Source of a cluster's address and credentials.
pub enum AccessSource {
    /// The provider.
    Provider(Arc<dyn ClusterProvider>),
    /// A Secret of this name, in the namespace of the resource. If a time is given, an older Secret doesn't count.
    Secret(String, Option<Time>),
}

/// An API server that answers.
struct Found {
    access: Access,
    client: Client,
    route: Route,
    version: String,
    jwks: Option<String>,
}

/// The watcher of one child.
pub struct ChildWatcher {
    pub plan: DesiredCluster,
    pub way_in: AccessSource,
    pub by_network: bool,
    pub guarded: Arc<AtomicBool>,
    pub identity: Option<IdentityService>,
    pub management: Client,
    pub registries: watch::Receiver<Wanted>,
    pub wake: Wake,
    pub state: Arc<Mutex<(Child, Option<Client>)>>,
    pub again: Arc<Notify>,
}

impl ChildWatcher {
    /// Watches until it is dropped.
    pub async fn forever(self) {
        let mut losses = Losses::default();
        loop {
            let client = self.find().await;
            let begun = tokio::time::Instant::now();
            let ended = tokio::select! {
                (ended, ()) = async { tokio::join!(self.watch_nodes(client), self.lead_pods()) } => ended,
                () = self.again.notified() => None,
                () = self.keep_registries() => None,
            };
            let pause = if ended.is_some() { losses.flooded() } else { losses.lost(begun.elapsed()) };
            self.update(|child, _| {
                child.ready = false;
                child.problem = ended.unwrap_or_else(|| "the connection to the API server was lost".into());
            });
            tokio::select! { () = tokio::time::sleep(pause) => {}, () = self.again.notified() => {} }
        }
    }

    /// Asks until `/readyz` answers. After a while the pauses grow while nothing changes.
    async fn find(&self) -> Client {
        let (mut pause, mut pauses) = (SOON, questions(SOON, LATER));
        let mut begun = tokio::time::Instant::now();
        let mut known = None;
        loop {
            match tokio::time::timeout(ANSWER, self.attempt(&mut known)).await {
                Ok(Ok(found)) => {
                    let client = found.client.clone();
                    self.update(|child, c| {
                        (child.ready, child.asked) = (true, true);
                        (child.access, child.route) = (Some(found.access), Some(found.route));
                        (child.version, child.jwks) = (Some(found.version), found.jwks);
                        child.problem.clear();
                        *c = Some(client.clone());
                    });
                    return client;
                }
                Ok(Err(problem)) => self.note(problem),
                Err(_) => self.note("the API server takes too long to answer".into()),
            }
            // Credentials are looked for less often: each look has Docker mount the server's volumes.
            let pause_now = if known.is_some() { pause } else { pause.max(UNKNOWN) };
            tokio::select! {
                () = tokio::time::sleep(pause_now) => {
                    if begun.elapsed() > PROMPT {
                        pause = pauses.next().unwrap_or(LATER);
                    }
                }
                () = self.again.notified() => {
                    known = None;
                    (pause, pauses, begun) = (SOON, questions(SOON, LATER), tokio::time::Instant::now());
                }
            }
        }
    }

    async fn attempt(&self, known: &mut Option<(Access, Instant)>) -> Result<Found, String> {
        let access = match known {
            Some((access, since)) if since.elapsed() < FRESH => access.clone(),
            _ => known.insert((self.access().await?, Instant::now())).0.clone(),
        };
        let routes = child_client::routes(self.by_network, self.guarded.load(Ordering::Relaxed));
        let (client, route) = child_client::first_ready(&access, routes).await?;
        let version = client
            .apiserver_version()
            .await
            .map_err(|e| format!("the API server doesn't report its version: {}", child_client::why(&e)))?;
        let jwks = self
            .lead(&client)
            .await
            .map_err(|e| format!("the API server can't be led to its users: {}", child_client::why(&e)))?;
        Ok(Found { access, client, route, version: text::fit(&version.git_version, VERSION), jwks })
    }

    async fn access(&self) -> Result<Access, String> {
        match &self.way_in {
            AccessSource::Provider(provider) => {
                let access = provider.access(&self.plan).await.map_err(|e| e.to_string())?;
                access.ok_or_else(|| "the API server has no credentials yet".into())
            }
            AccessSource::Secret(secret, since) => {
                import_secret::access(&self.management, &self.plan.id, secret, since.as_ref()).await
            }
        }
    }

    /// Points the cluster to the identity service. Returns the public keys of its service accounts.
    async fn lead(&self, client: &Client) -> Result<Option<String>, kube::Error> {
        // A cluster that was made elsewhere signs its users in as it always did.
        let Some(identity) = self.identity.as_ref().filter(|_| self.plan.import.is_none()) else { return Ok(None) };
        for (path, body) in identity_service::objects(&self.plan, identity) {
            let path = format!("{path}?fieldManager={}&force=true", keys::CLUSTER_MANAGER);
            let request = http::Request::patch(path)
                .header("content-type", "application/apply-patch+yaml")
                .body(body.to_string().into_bytes())
                .map_err(kube::Error::HttpError)?;
            client.request::<serde_json::Value>(request).await?;
        }
        let request = http::Request::get("/openid/v1/jwks").body(Vec::new()).map_err(kube::Error::HttpError)?;
        client.request_text(request).await.map(Some)
    }

    /// Redirects the credentials address of the cluster's nodes to the identity service.
    async fn lead_pods(&self) {
        let (Some(identity), AccessSource::Provider(provider), None) =
            (&self.identity, &self.way_in, &self.plan.import)
        else {
            return;
        };
        if !provider.capabilities().pod_credentials {
            return;
        }
        for _ in 0..TRIES {
            let to = (identity.host.as_str(), identity.pods_port);
            let led = provider.lead_pods(&self.plan.id, POD_ADDRESS, to).await;
            let Err(error) = led else { return };
            tracing::warn!(cluster = %self.plan.id, %error, "pods find no credentials by EKS Pod Identity yet");
            tokio::time::sleep(LATER).await;
        }
    }

    /// Tells the nodes where to pull images from, now and whenever that changes. Never ends.
    async fn keep_registries(&self) {
        let provider = match (&self.way_in, &self.plan.import) {
            (AccessSource::Provider(provider), None) if provider.capabilities().registries => provider,
            _ => return std::future::pending().await,
        };
        let (mut wanted, mut reached) = (self.registries.clone(), provider.registry_changes());
        loop {
            let now = wanted.borrow_and_update().clone();
            let given = self.give_registries(&**provider, &now).await;
            if let Err(error) = &given {
                tracing::warn!(cluster = %self.plan.id, %error, "nodes aren't told of their container registries yet");
            }
            tokio::select! {
                () = tokio::time::sleep(LATER), if given.is_err() => {}
                () = changes(reached.as_mut()) => {}
                changed = wanted.changed() => if changed.is_err() { return std::future::pending().await },
            }
        }
    }

    async fn give_registries(&self, provider: &dyn ClusterProvider, wanted: &Wanted) -> Result<(), Error> {
        let own = self.identity.as_ref().and_then(|identity| identity.registry_of(&self.plan));
        let (known, missing) = registries::resolve(&self.management, wanted, own).await?;
        let problem = (!missing.is_empty()).then(|| text::fit(&missing.join("; "), text::MESSAGE));
        self.update(|child, _| child.registries_problem = problem);
        Ok(provider.set_registries(&self.plan.id, &known).await?)
    }

    /// Follows the nodes until the watch fails for good. Returns what the API server did wrong if it flooded.
    async fn watch_nodes(&self, client: Client) -> Option<String> {
        let mut failures = 0;
        let stream = watcher(Api::<Node>::all(client), watcher::Config::default().page_size(PAGE));
        let mut stream = std::pin::pin!(stream.into_stream());
        let mut listed = BTreeMap::new();
        while let Some(event) = stream.next().await {
            let mut told = Ok(());
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(node)) => told = child_nodes::add(&mut listed, &node),
                Ok(watcher::Event::InitDone) => {
                    failures = 0;
                    let all = std::mem::take(&mut listed);
                    self.update(|child, _| child.nodes = Some(all));
                }
                Ok(watcher::Event::Apply(node)) => self.update(|child, _| {
                    told = child_nodes::add(child.nodes.get_or_insert_default(), &node);
                }),
                Ok(watcher::Event::Delete(node)) => self.update(|child, _| {
                    child.nodes.get_or_insert_default().remove(&node.name_any());
                }),
                Err(error) => {
                    tracing::debug!(cluster = %self.plan.id, error = text::sentence(&error), "watching nodes");
                    told = bounded::too_much(&error).map_or(Ok(()), |why| Err(format!("watching the nodes: {why}")));
                    failures += 1;
                    if failures > 1 && told.is_ok() {
                        return None;
                    }
                    tokio::time::sleep(SOON).await;
                }
            }
            if let Err(why) = told {
                return Some(why);
            }
        }
        None
    }

    /// Changes what is known and wakes the cluster and its node groups if anything is different.
    fn update(&self, change: impl FnOnce(&mut Child, &mut Option<Client>)) {
        let mut state = self.state.lock();
        let before = state.0.clone();
        let (child, client) = &mut *state;
        change(child, client);
        let differs = before.ready != child.ready
            || before.nodes != child.nodes
            || before.access != child.access
            || before.version != child.version
            || before.registries_problem != child.registries_problem;
        drop(state);
        if differs {
            self.wake.all_of(&self.plan.id);
        }
    }

    fn note(&self, problem: String) {
        tracing::trace!(cluster = %self.plan.id, problem, "asking the API server");
        let mut state = self.state.lock();
        let first = !std::mem::replace(&mut state.0.asked, true);
        state.0.problem = text::fit(&problem, text::MESSAGE);
        drop(state);
        if first {
            self.wake.all_of(&self.plan.id);
        }
    }
}

/// Ends at the next change, if there ever is one.
async fn changes(receiver: Option<&mut watch::Receiver<()>>) {
    if let Some(receiver) = receiver
        && receiver.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}
