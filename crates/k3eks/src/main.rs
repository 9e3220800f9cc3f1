//! The command line: the only place that names a concrete provider.

mod cli;
mod provider_options;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use controller::{self, Settings, leader::Leadership};
use k8s_openapi::api::core::v1::Namespace;
use kube::client::ClientBuilder;
use kube::{Api, Client, Config, ResourceExt};
use telemetry::admin;
use telemetry::logs::{self, LogFormat};
use telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequestLayer;

/// An Amazon EKS that runs where you are.
///
/// Exit codes: 0 success; 1 failure, standard error says why and what to do; 2 wrong arguments.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator on the management cluster: the one it runs in, or that of your kubeconfig.
    Operator(Box<Operator>),
    /// Serve the EKS API over the resources of the management cluster.
    Api(Box<cli::api::Options>),
    /// Serve the container registry to clients and nodes, by the names that ECR has.
    Registry(cli::registry::Options),
    /// Show clusters, their node groups and their progress.
    #[command(after_help = "Example: k3eks status --watch")]
    Status(cli::status::Options),
    /// Print the kubeconfig of a cluster, or add it to yours.
    #[command(after_help = "Example: k3eks kubeconfig dev --merge")]
    Kubeconfig(cli::kubeconfig::Options),
    /// Print the log of a cluster's control plane, or its audit log.
    #[command(after_help = "Examples:\n  k3eks logs dev --follow\n  k3eks logs dev --audit")]
    Logs(cli::logs::Options),
    /// Wake a hibernated cluster (`hibernateAfter`).
    Wake(cli::wake::Options),
    /// Revoke sessions: those of a role, user or access key, or all.
    #[command(after_help = "Example: k3eks revoke arn:aws:iam::000000000000:role/deploy")]
    Revoke(cli::revoke::Options),
    /// Check the host, the operator and the EKS API, and say how to fix what is wrong.
    Doctor(cli::doctor::Options),
    /// Check a running cluster with real pods: DNS, network, sign-in, pod credentials, volumes and more.
    #[command(after_help = "Example: k3eks verify dev")]
    Verify(cli::verify::Options),
    /// Bring images into the container registry.
    #[command(subcommand)]
    Images(cli::images::Command),
    /// Save what addons need, for machines without Internet access.
    #[command(subcommand)]
    Addons(cli::addons::Command),
    /// Print a shell's completion script.
    #[command(after_help = "Example, for bash: source <(k3eks completion bash)")]
    Completion(cli::shell::Completion),
    /// Print the manual page of k3eks or of a command.
    #[command(after_help = "Example: k3eks man status | man -l -")]
    Man(cli::shell::Manual),
    /// Write the reference of the resources and the EKS API as Markdown.
    Reference(cli::reference::Options),
    /// Print the custom resource definitions as YAML.
    #[command(after_help = "Example: k3eks crds | kubectl apply --server-side -f -")]
    Crds {
        /// Write one file per kind to this folder instead.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Operator {
    /// Provider of clusters that name none: auto, k3d or metadata. `auto` is k3d if Docker answers, else metadata.
    #[arg(long, env = "K3EKS_PROVIDER", default_value = "auto", value_parser = provider_options::choice)]
    provider: provider_options::Choice,
    /// Kubernetes minor version of clusters that name none.
    #[arg(long, env = "K3EKS_DEFAULT_VERSION", default_value = kubernetes_versions::default())]
    default_version: String,
    /// Clusters and node groups that are created at the same time; others wait.
    #[arg(long, env = "K3EKS_MAX_CONCURRENT_PROVISIONS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    max_concurrent_provisions: u16,
    /// Namespace to watch. Default: all.
    #[arg(long, env = "K3EKS_WATCH_NAMESPACE")]
    watch_namespace: Option<String>,
    /// Seconds until the containers of a cluster without a resource are removed.
    #[arg(long, env = "K3EKS_ORPHAN_GRACE", default_value_t = 300)]
    orphan_grace: u64,
    /// Number of updates of a cluster that are kept after they ended: the newest.
    #[arg(long, env = "K3EKS_KEEP_UPDATES", default_value_t = 100)]
    keep_updates: usize,
    /// Service account of the EKS API, as NAMESPACE/NAME. The operator lets it read the kubeconfig of each cluster.
    /// Default: none.
    #[arg(long, env = "K3EKS_API_SERVICE_ACCOUNT")]
    api_service_account: Option<controller::ServiceAccount>,
    /// Namespace of Argo CD, for clusters with `argocd.register`. Default: none, which refuses registration.
    #[arg(long, env = "K3EKS_ARGOCD_NAMESPACE")]
    argocd_namespace: Option<String>,
    /// Container registries of all clusters, as `spec.registries` of a cluster has them, in YAML or JSON. The Secrets and
    /// ConfigMaps are in the operator's namespace. Default: none.
    #[arg(long, env = "K3EKS_REGISTRIES", default_value = "", hide_default_value = true, value_parser = cli::registries::read)]
    registries: crd::registries::Registries,
    /// The helm program, which installs addons.
    #[arg(long, env = "K3EKS_HELM", default_value = "helm")]
    helm: PathBuf,
    /// Folder of charts, NAME-VERSION.tgz, for addons. A chart that isn't there comes from its repository.
    #[arg(long, env = "K3EKS_CHARTS", default_value = "/usr/share/k3eks/charts")]
    charts: PathBuf,
    /// AWS account that a namespace may use, as NAMESPACE=ACCOUNT; `*` means all. Repeatable. Once one is given,
    /// namespaces without an account can't make clusters. Default: all namespaces may use all accounts.
    #[arg(long = "namespace-account", env = "K3EKS_NAMESPACE_ACCOUNTS", value_delimiter = ',')]
    accounts: Vec<controller::Grant>,
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, env = "K3EKS_ADMIN_ADDRESS", default_value = "127.0.0.1:8080")]
    admin_address: SocketAddr,
    /// Format of the log.
    #[arg(long, env = "K3EKS_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Log level or filter, such as `info` or `info,k3eks=debug`.
    #[arg(long, env = "K3EKS_LOG_LEVEL", default_value = "info")]
    log_level: String,
    /// Elect a leader: only the replica that holds the Lease works. Default: true in a pod, else false.
    #[arg(long, env = "K3EKS_LEADER_ELECT")]
    leader_elect: Option<bool>,
    /// Label value of this operator's containers. Default: the uid of the management cluster's kube-system namespace.
    #[arg(long, env = "K3EKS_INSTANCE")]
    instance: Option<String>,
    #[command(flatten, next_help_heading = "k3d")]
    k3d: provider_options::K3d,
    #[command(flatten, next_help_heading = "Identity service")]
    identity: cli::identity::Reach,
    /// Namespace of the Lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default", hide = true)]
    pod_namespace: String,
    /// Name of this pod.
    #[arg(long, env = "POD_NAME", hide = true)]
    pod_name: Option<String>,
}

fn main() -> ExitCode {
    cli::shell::complete(Cli::command);
    let result = match Cli::parse().command {
        Command::Crds { dir } => crds(dir.as_deref()),
        Command::Operator(options) => operator(*options),
        Command::Api(options) => api(*options),
        Command::Registry(options) => registry(options),
        Command::Status(options) => ask(cli::status::run(options)),
        Command::Kubeconfig(options) => ask(cli::kubeconfig::run(options)),
        Command::Logs(options) => ask(cli::logs::run(options)),
        Command::Wake(options) => ask(cli::wake::run(options)),
        Command::Revoke(options) => ask(cli::revoke::run(options)),
        Command::Doctor(options) => ask(cli::doctor::run(options)),
        Command::Verify(options) => ask(cli::verify::run(options)),
        Command::Images(command) => ask(cli::images::run(command)),
        Command::Addons(command) => ask(cli::addons::run(command)),
        Command::Completion(options) => cli::shell::completion(&Cli::command(), &options),
        Command::Reference(options) => cli::reference::run(&options),
        Command::Man(options) => cli::shell::man(Cli::command(), &options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("k3eks: {}", text::sentence(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Writes the definitions, each to `<group>_<plural>.yaml`.
fn crds(dir: Option<&Path>) -> anyhow::Result<()> {
    for definition in crd::definitions() {
        let text = yaml::write(&definition).context("writing a definition as YAML")?;
        let text = format!("# Generated by `k3eks crds`. Don't edit.\n{text}");
        match dir {
            None => println!("---\n{text}"),
            Some(dir) => {
                let file = dir.join(format!("{}_{}.yaml", definition.spec.group, definition.spec.names.plural));
                std::fs::create_dir_all(dir)
                    .and_then(|()| std::fs::write(&file, text))
                    .with_context(|| format!("writing {}", file.display()))?;
            }
        }
    }
    Ok(())
}

/// Runs a command of the command line.
#[tokio::main]
async fn ask(asked: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    asked.await
}

#[tokio::main]
async fn api(options: cli::api::Options) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    cli::api::run(options, shutdown).await
}

#[tokio::main]
async fn registry(options: cli::registry::Options) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    cli::registry::run(options, shutdown).await
}

#[tokio::main]
async fn operator(options: Operator) -> anyhow::Result<()> {
    logs::start(options.log_format, &options.log_level).map_err(anyhow::Error::msg)?;
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let metrics = Metrics::new();
    let ready = Arc::new(AtomicBool::new(false));
    let admin = admin::Admin { metrics: metrics.clone(), ready: ready.clone() };
    let address = options.admin_address;
    let port = tokio::spawn(admin::serve(admin, address, shutdown.clone()));
    let work = shutdown.run_until_cancelled(async { connect(&options, metrics.clone()).await }).await;
    let Some(work) = work else { return Ok(()) };
    let (client, instance) = work?;
    ready.store(true, Ordering::Relaxed);
    let result = tokio::select! {
        ended = lead(options, client, instance, metrics, shutdown.clone()) => ended,
        ended = port => ended?.with_context(|| format!("serving {address}; take another --admin-address if it is in use")),
    };
    shutdown.cancel();
    result
}

/// A client of the management cluster, and the name of this installation.
async fn connect(options: &Operator, metrics: Arc<Metrics>) -> anyhow::Result<(Client, String)> {
    let config = Config::infer()
        .await
        .context("finding the management cluster: set KUBECONFIG, or run in a pod with a service account")?;
    let counted = MapRequestLayer::new(move |request: http::Request<kube::client::Body>| {
        metrics.request(request.method().as_str());
        request
    });
    let client = ClientBuilder::try_from(config)
        .context("reading the management cluster's kubeconfig")?
        .with_layer(&counted)
        .build();
    let instance = if let Some(instance) = &options.instance {
        instance.clone()
    } else {
        let system = Api::<Namespace>::all(client.clone()).get("kube-system").await;
        system.context("asking the management cluster for namespace kube-system")?.uid().unwrap_or_default()
    };
    Ok((client, instance))
}

/// Waits for leadership where that is asked for, then runs the controllers.
async fn lead(
    options: Operator,
    client: Client,
    instance: String,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let providers = provider_options::start(options.provider, &options.k3d, &instance).await?;
    let for_api = options.api_service_account.is_some();
    let settings = Settings {
        default_version: options.default_version,
        max_concurrent_provisions: usize::from(options.max_concurrent_provisions),
        watch_namespace: options.watch_namespace,
        orphan_grace: std::time::Duration::from_secs(options.orphan_grace),
        keep_updates: options.keep_updates,
        argocd_namespace: options.argocd_namespace.filter(|namespace| !namespace.is_empty()),
        accounts: options.accounts.into_iter().collect(),
        helm: options.helm,
        charts: Some(options.charts),
        children_by_network: in_pod,
        reader: options.api_service_account,
        registries: controller::DefaultRegistries {
            registries: options.registries,
            namespace: options.pod_namespace.clone(),
        },
        identity: options.identity.service(&client, &options.pod_namespace, for_api).await?,
    };
    let holder = options.pod_name.clone().unwrap_or_else(|| format!("k3eks-{}", std::process::id()));
    let leadership = options
        .leader_elect
        .unwrap_or(in_pod)
        .then(|| Leadership::new(client.clone(), &options.pod_namespace, &holder));
    if let Some(leadership) = &leadership {
        tracing::info!(holder, "waiting for leadership");
        if !leadership.acquire(&shutdown).await {
            return Ok(());
        }
    }
    metrics.leader.set(1);
    tracing::info!(instance, provider = providers.default_name(), "working");
    let run = controller::run(client, settings, providers, metrics.clone(), options.pod_name, shutdown.clone());
    match leadership {
        None => run.await?,
        Some(leadership) => {
            tokio::select! {
                ended = run => {
                    leadership.release().await;
                    ended?;
                }
                lost = leadership.hold(&shutdown) => {
                    // Without the Lease another replica works: what is under way here must end at once.
                    anyhow::ensure!(!lost, "leadership was lost; the process ends so that it starts anew");
                }
            }
        }
    }
    metrics.leader.set(0);
    Ok(())
}

fn stop_on_signals(shutdown: CancellationToken) -> anyhow::Result<()> {
    let ended = cli::termination()?;
    tokio::spawn(async move {
        ended.await;
        tracing::info!("stopping");
        shutdown.cancel();
    });
    Ok(())
}
