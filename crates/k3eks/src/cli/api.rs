//! `k3eks api`: the EKS API over the resources of a management cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use aws::body::Bodies;
use aws::events::{BUDGET, EventLog};
use aws::metrics::ApiMetrics;
use aws::service::Service;
use aws::sigv4::{Authenticator, Caller, Key, Mode};
use aws::site::Names;
use axum::response::Response;
use axum_server::tls_rustls::RustlsConfig;
use clap::Args;
use eks::extra_routes::{self, AppState};
use eks::model;
use eks::operations::{self, EksState, Quotas, Settings};
use identity::child_proxy::ChildProxy;
use kube::Client;
use limits::port::enable_tls;
use prometheus_client::registry::Registry;
use store::{ROOM, Store};
use telemetry::logs::{self, LogFormat};
use tokio_util::sync::CancellationToken;

use super::auth::Auth;
use super::http_server::{self, Port};
use super::keys;
use super::sources::{self, Source};
use super::watched_dir::Folder;

/// Memory for bodies of what isn't EKS's.
const BODIES: usize = 256 * 1024;
/// The longest wait of a call on records, which the operator settles within milliseconds.
const SETTLE: Duration = Duration::from_secs(5);

/// The arguments of `k3eks api`.
#[derive(Args)]
pub struct Options {
    /// Address to serve the EKS API on.
    #[arg(long, env = "K3EKS_API_LISTEN", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// Address or network that may use the EKS API, besides this host; a leading `!` forbids one. Repeatable. Default:
    /// all.
    #[arg(long, env = "K3EKS_API_ALLOW_FROM", value_delimiter = ',')]
    allow_from: Vec<Source>,
    /// Host name that permissive requests may use. Repeatable. Always allowed: addresses, localhost, names of one
    /// label, and names that end with svc, cluster.local, internal or test.
    #[arg(long = "allow-host", env = "K3EKS_API_ALLOW_HOST", value_delimiter = ',')]
    allow_hosts: Vec<String>,
    /// File with the TLS certificate chain, PEM. Turns HTTPS on.
    #[arg(long, env = "K3EKS_API_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File with the certificate's private key, PEM.
    #[arg(long, env = "K3EKS_API_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Signature check of requests.
    #[arg(long, env = "K3EKS_API_AUTH", value_enum, default_value = "permissive")]
    auth: Auth,
    /// Folder with one file per access key. The file name is the access key id; the file has `secretAccessKey`,
    /// `account` and `principalArn`.
    #[arg(long, env = "K3EKS_API_KEYS", required_if_eq("auth", "strict"))]
    keys: Option<PathBuf>,
    /// AWS account of requests that name none.
    #[arg(long, env = "K3EKS_ACCOUNT", default_value = "000000000000")]
    account: String,
    /// AWS region of requests that name none.
    #[arg(long, env = "K3EKS_REGION", default_value = "us-east-1")]
    region: String,
    /// Namespace for new clusters.
    #[arg(long, env = "K3EKS_NAMESPACE", default_value = "default")]
    namespace: String,
    /// Namespace to watch. Default: all.
    #[arg(long, env = "K3EKS_WATCH_NAMESPACE")]
    watch_namespace: Option<String>,
    /// Kubernetes minor version of clusters that name none.
    #[arg(long, env = "K3EKS_DEFAULT_VERSION", default_value = kubernetes_versions::default())]
    default_version: String,
    /// Kubernetes minor version to offer besides the built-in ones. Repeatable.
    #[arg(long = "version-added", env = "K3EKS_API_VERSIONS", value_delimiter = ',')]
    versions: Vec<String>,
    /// Clusters per account and region.
    #[arg(long, help_heading = "Quotas", env = "K3EKS_QUOTA_CLUSTERS", default_value_t = Quotas::default().clusters)]
    quota_clusters: usize,
    /// Node groups per cluster.
    #[arg(long, help_heading = "Quotas", env = "K3EKS_QUOTA_NODEGROUPS", default_value_t = Quotas::default().nodegroups)]
    quota_nodegroups: usize,
    /// Nodes per node group.
    #[arg(long, help_heading = "Quotas", env = "K3EKS_QUOTA_NODES", default_value_t = Quotas::default().nodes)]
    quota_nodes: i32,
    /// Fargate profiles per cluster.
    #[arg(long, help_heading = "Quotas", env = "K3EKS_QUOTA_FARGATE_PROFILES", default_value_t = Quotas::default().fargate_profiles)]
    quota_fargate_profiles: usize,
    /// Selectors per Fargate profile.
    #[arg(long, help_heading = "Quotas", env = "K3EKS_QUOTA_FARGATE_SELECTORS", default_value_t = Quotas::default().fargate_selectors)]
    quota_fargate_selectors: usize,
    /// Labels per selector of a Fargate profile.
    #[arg(long, help_heading = "Quotas", env = "K3EKS_QUOTA_FARGATE_LABEL_PAIRS", default_value_t = Quotas::default().fargate_label_pairs)]
    quota_fargate_label_pairs: usize,
    /// Pod identity associations per cluster.
    #[arg(
        long,
        help_heading = "Quotas",
        env = "K3EKS_QUOTA_POD_IDENTITY_ASSOCIATIONS",
        default_value_t = Quotas::default().pod_identity_associations
    )]
    quota_pod_identity_associations: usize,
    /// MiB of records per account. All accounts together may use four times as much.
    #[arg(long, help_heading = "Quotas", env = "K3EKS_QUOTA_MEBIBYTES", default_value_t = ROOM)]
    quota_mebibytes: usize,
    /// Number of calls that `/_k3eks/events` keeps.
    #[arg(long, env = "K3EKS_API_EVENTS", default_value_t = 1000)]
    events: usize,
    /// Address to serve `/metrics` on over HTTP, without authentication. Default: none; the EKS API serves it to its
    /// users.
    #[arg(long, env = "K3EKS_API_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    #[command(flatten, next_help_heading = "Identity service")]
    identity: super::identity::Serving,
    #[command(flatten, next_help_heading = "Container registry")]
    registry: super::registry::Reach,
    /// Format of the log.
    #[arg(long, env = "K3EKS_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Log level or filter, such as `info` or `info,k3eks=debug`.
    #[arg(long, env = "K3EKS_LOG_LEVEL", default_value = "info")]
    log_level: String,
}

impl Options {
    fn settings(&self) -> Settings {
        let mut known: Vec<String> = kubernetes_versions::all().iter().map(|version| version.name.clone()).collect();
        let added = self.versions.iter().chain([&self.default_version]).filter(|version| !version.is_empty());
        added.for_each(|version| {
            if !known.contains(version) {
                known.push(version.clone());
            }
        });
        Settings {
            account: self.account.clone(),
            region: self.region.clone(),
            default_version: self.default_version.clone(),
            versions: known,
            quotas: Quotas {
                clusters: self.quota_clusters,
                nodegroups: self.quota_nodegroups,
                nodes: self.quota_nodes,
                fargate_profiles: self.quota_fargate_profiles,
                fargate_selectors: self.quota_fargate_selectors,
                fargate_label_pairs: self.quota_fargate_label_pairs,
                pod_identity_associations: self.quota_pod_identity_associations,
            },
            settle: SETTLE,
        }
    }

    /// Warns about a permissive API.
    fn warn(&self) {
        if self.auth == Auth::Strict {
            return;
        }
        let who = if self.allow_from.is_empty() {
            format!("anyone who reaches {}", self.listen)
        } else {
            let all: Vec<String> = self.allow_from.iter().map(ToString::to_string).collect();
            format!("any client at {} or on this host", all.join(", "))
        };
        tracing::warn!(
            "permissive: signatures aren't checked; {who} controls all clusters and can read their kubeconfigs; --auth strict (chart: api.auth) ends that"
        );
        if self.identity.well_known_keys {
            tracing::warn!(
                "permissive: anyone who reaches a child's API server, its own pods and other clusters' included, can sign in with well-known keys; --well-known-keys=false (chart: identity.wellKnownKeys) ends that"
            );
        }
    }

    fn mode(&self) -> Mode {
        match self.auth {
            Auth::Permissive => Mode::Permissive,
            Auth::Strict => Mode::Strict,
        }
    }

    /// Host names that requests may use: without signatures, none that a stranger can own.
    fn names(&self) -> Names {
        match self.auth {
            Auth::Permissive => Names::only(&self.allow_hosts),
            Auth::Strict => Names::all(),
        }
    }

    fn given_keys(&self, shutdown: &CancellationToken) -> anyhow::Result<Arc<Folder<Key>>> {
        match &self.keys {
            Some(path) => keys::open(path.clone(), &self.account, &self.region, shutdown.clone()),
            None => Ok(Folder::none()),
        }
    }
}

/// Serves until `shutdown`.
pub async fn run(options: Options, shutdown: CancellationToken) -> anyhow::Result<()> {
    logs::start(options.log_format, &options.log_level).map_err(anyhow::Error::msg)?;
    let client = Client::try_default()
        .await
        .context("finding the management cluster: set KUBECONFIG, or run in a pod with a service account")?;
    let watched = options.watch_namespace.as_deref().filter(|namespace| !namespace.is_empty());
    let (mode, account, region) = (options.mode(), &options.account, &options.region);
    let given = options.given_keys(&shutdown)?;
    let prepared = options.identity.prepare(&client, given, mode, (account, region), &shutdown).await?;
    let store =
        Store::start(client, &options.namespace, watched, shutdown.clone()).with_room_for(options.quota_mebibytes);
    let api = Arc::new(EksState::new(store, options.settings()));
    let authenticator = Authenticator::new(mode, prepared.keys.clone(), account, region);
    let ecr = options.registry.ecr(&authenticator, options.auth)?;
    let state = options.identity.state(&prepared, Arc::clone(&api), mode)?;
    let mut metrics = Registry::with_prefix("k3eks");
    let events = Arc::new(EventLog::new(options.events));
    let service = Service::new(model::eks(), operations::handlers(), Arc::clone(&api), authenticator.clone())?
        .observed_by(Arc::new(ApiMetrics::register(&mut metrics)))
        .observed_by(events.clone());
    let ready = Arc::new(AtomicBool::new(false));
    fill(Arc::clone(&api), Arc::clone(&ready), shutdown.clone());
    let app = Arc::new(AppState {
        api,
        authenticator,
        metrics,
        events,
        ready,
        bodies: Bodies::new(BODIES),
        // Of four at once.
        answers: Bodies::new(4 * BUDGET),
        names: options.names(),
        ecr: ecr.is_some(),
    });
    let eks = ecr::service::before(identity::routes::with_eks_api(&state, service.into_router()), ecr);
    let counters = extra_routes::scraped(Arc::clone(&app));
    let proxy = ChildProxy::new(std::env::var_os("KUBERNETES_SERVICE_HOST").is_some());
    let routes = extra_routes::routes(eks, console::routes(Arc::clone(&app), proxy), app);
    let routes = sources::guard(routes, &options.allow_from);
    options.warn();
    tokio::try_join!(
        scraped(options.metrics_listen, counters, shutdown.clone()),
        serve(&options, routes, shutdown.clone()),
        options.identity.serve(prepared, &state, shutdown.clone()),
    )?;
    Ok(())
}

/// Says when the resources have been read once.
fn fill(api: Arc<EksState>, ready: Arc<AtomicBool>, shutdown: CancellationToken) {
    tokio::spawn(async move {
        if shutdown.run_until_cancelled(api.store.filled()).await.is_some() {
            ready.store(true, Ordering::Relaxed);
            tracing::info!("ready");
        }
    });
}

async fn scraped(
    address: Option<SocketAddr>,
    counters: axum::Router,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Some(address) = address else { return Ok(()) };
    let port = Port { address, what: "the counters", argument: "--metrics-listen", known: |_| false };
    http_server::serve(port, None, counters, shutdown).await
}

async fn serve(options: &Options, router: axum::Router, shutdown: CancellationToken) -> anyhow::Result<()> {
    let tls =
        match options.tls_cert.as_ref().zip(options.tls_key.as_ref()) {
            None => None,
            Some((cert, key)) => {
                enable_tls();
                let read = RustlsConfig::from_pem_file(cert, key).await;
                Some(read.with_context(|| {
                    format!("reading the certificate {} and its key {}", cert.display(), key.display())
                })?)
            }
        };
    let known = |response: &Response| response.extensions().get::<Caller>().is_some_and(|caller| caller.verified);
    let port = Port { address: options.listen, what: "the EKS API", argument: "--listen", known };
    http_server::serve(port, tls, router, shutdown).await
}
