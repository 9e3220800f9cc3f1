//! The controllers: one per kind, level-triggered. Observe, compare, do one thing, say so.

mod accounts;
mod backoff;
mod caches;
mod child_client;
mod child_clusters;
mod child_nodes;
mod child_watcher;
pub mod cluster;
mod context;
mod decision;
mod error;
#[cfg(test)]
mod fixtures;
mod identity_service;
mod import_secret;
mod insights;
mod jobs;
mod late;
pub mod leader;
mod member;
mod members;
pub mod nodegroup;
mod orphans;
mod owned_objects;
mod providers;
mod registries;
mod report;
mod secrets;
mod service_account;
pub mod status;
mod triggers;
mod update;
mod wake;
mod watch;

pub use accounts::{Accounts, Grant};
pub use context::Settings;
pub use error::Error;
pub use identity_service::IdentityService;
pub use member::addon_release;
pub use providers::Providers;
pub use registries::DefaultRegistries;
pub use service_account::ServiceAccount;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::select_all;
use futures::{FutureExt, Stream};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

use context::Context;
use crd::{CertificateAuthority, EKSClusterConfig, Nodegroup, Phase, Update};
use telemetry::metrics::{ByPhase, ByReadiness, Failure, Kind, Metrics};
use wake::Wake;

/// Limit of concurrent reconciles per kind.
const CONCURRENCY: u16 = 32;
/// Debounce time of triggers.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// The controller of clusters or of node groups, whose objects others wake too, until shutdown.
fn controller<K>(
    stream: impl Stream<Item = watcher::Result<K>> + Send + 'static,
    store: Store<K>,
    woken: impl IntoIterator<Item = UnboundedReceiver<ObjectRef<K>>>,
    ctx: &Context,
) -> Controller<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    Controller::for_stream(stream, store)
        .with_config(Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
        .reconcile_on(select_all(woken.into_iter().map(UnboundedReceiverStream::new)))
        .graceful_shutdown_on(ctx.shutdown.clone().cancelled_owned())
}

/// Runs the controllers until `shutdown`, then waits for what is under way to stop.
///
/// # Errors
/// [`Error::Kubernetes`] where the custom resources can't be listed at the start.
pub async fn run(
    client: Client,
    settings: Settings,
    providers: Providers,
    metrics: Arc<Metrics>,
    pod: Option<String>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let clusters = watch::source::<EKSClusterConfig>(&client, settings.watch_namespace.as_deref());
    let nodegroups = watch::source::<Nodegroup>(&client, settings.watch_namespace.as_deref());
    let updates = watch::source::<Update>(&client, settings.watch_namespace.as_deref());
    let authorities = watch::source::<CertificateAuthority>(&client, settings.watch_namespace.as_deref());
    let ((clusters_wake, woken_clusters), (groups_wake, woken_nodegroups)) = (unbounded_channel(), unbounded_channel());
    let wake = Wake { clusters: clusters_wake, nodegroups: groups_wake, known: nodegroups.store.clone() };
    let (owned, owned_listed, lost) = watch::owned(&client, settings.watch_namespace.as_deref(), shutdown.clone());
    let (by_network, identity) = (settings.children_by_network, settings.identity.clone());
    let children = child_clusters::Children::new(client.clone(), by_network, identity, wake.clone(), shutdown.clone());
    let listed = vec![clusters.listed, nodegroups.listed, updates.listed, authorities.listed.clone()];
    let ctx = Arc::new(Context {
        jobs: jobs::Jobs::new(settings.max_concurrent_provisions, metrics.clone(), shutdown.clone()),
        children,
        clusters: clusters.store.clone(),
        stores: context::Stores {
            nodegroups: nodegroups.store.clone(),
            nodegroups_now: late::NodegroupsNow::default(),
            updates: updates.store.clone(),
            members: members::Members::default(),
            owned,
            listed: [listed, owned_listed].concat(),
        },
        reports: report::Reports::new(client.clone(), pod),
        caches: caches::Caches::default(),
        backoff: backoff::Backoff::default(),
        helm: Arc::new(helm::Helm::new(settings.helm.clone(), settings.charts.clone())),
        client,
        settings,
        providers,
        metrics,
        wake,
        shutdown: shutdown.clone(),
    });
    watch::world(&ctx, shutdown.clone());
    watch::registries(&ctx, &shutdown);
    orphans::start(&ctx, shutdown.clone());
    cluster::hibernation::start(&ctx, shutdown.clone());
    let counting = tokio::spawn(shutdown.clone().run_until_cancelled_owned(count(ctx.clone())));
    let of_clusters = cluster::run(clusters.stream, clusters.store, [woken_clusters, lost], ctx.clone());
    let of_nodegroups = nodegroup::run(nodegroups.stream, nodegroups.store, woken_nodegroups, ctx.clone());
    let of_updates = update::run(updates.stream, updates.store, ctx.clone());
    tokio::select! {
        _ = async { tokio::join!(of_clusters, of_nodegroups, of_updates, member::all(&ctx, authorities), insights::run(ctx.clone())) } => {}
        () = stopped_early(&ctx) => {}
    }
    ctx.jobs.drained().await;
    counting.abort();
    Ok(())
}

/// Ends at a shutdown before the first lists: a controller would wait for them for ever.
async fn stopped_early(ctx: &Context) {
    ctx.shutdown.cancelled().await;
    if ctx.all_listed().now_or_never().is_some() {
        std::future::pending::<()>().await;
    }
}

/// Counts and times one reconcile.
async fn counted(
    ctx: &Context,
    kind: &'static str,
    uid: Option<&String>,
    reconcile: impl Future<Output = Result<Action, Error>>,
) -> Result<Action, Error> {
    if ctx.shutdown.run_until_cancelled(ctx.all_listed()).await.is_none() {
        return Ok(Action::await_change());
    }
    let begun = Instant::now();
    let result = reconcile.await;
    if let (Ok(_), Some(uid)) = (&result, uid) {
        ctx.backoff.worked(uid);
    }
    ctx.metrics.reconciles.get_or_create(&Kind { kind }).inc();
    ctx.metrics.reconcile_seconds.get_or_create(&Kind { kind }).observe(begun.elapsed().as_secs_f64());
    result
}

/// Counts a failed reconcile and says when the next try is.
fn failed(ctx: &Context, kind: &'static str, uid: &str, generation: Option<i64>, error: &Error) -> Duration {
    ctx.metrics.errors.get_or_create(&Failure { kind, category: error.category() }).inc();
    ctx.backoff.failed(uid, generation.unwrap_or_default(), Instant::now())
}

/// Keeps the gauges up to date.
async fn count(ctx: Arc<Context>) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        let clusters = ctx.clusters.state();
        for phase in Phase::ALL {
            let n = clusters.iter().filter(|c| c.status.as_ref().and_then(|s| s.phase) == Some(phase)).count();
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            ctx.metrics.clusters.get_or_create(&ByPhase { phase: phase.as_str() }).set(n);
        }
        let statuses = ctx.stores.nodegroups.state();
        let (all, ready) = statuses
            .iter()
            .filter_map(|g| g.status.as_ref())
            .fold((0, 0), |(all, ready), s| (all + i64::from(s.replicas), ready + i64::from(s.ready_replicas)));
        ctx.metrics.nodes.get_or_create(&ByReadiness { state: "ready" }).set(ready);
        ctx.metrics.nodes.get_or_create(&ByReadiness { state: "not-ready" }).set(all - ready);
        ctx.metrics.queue_depth.set(i64::try_from(ctx.jobs.under_way()).unwrap_or(i64::MAX));
    }
}
