//! `k3eks registry`: what stands before the container registry; and what the ECR API is told of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws::service::Service;
use aws::sigv4::Authenticator;
use aws::site::{self, Names};
use axum::middleware;
use axum::response::Response;
use clap::Args;
use ecr::Ecr;
use ecr::engine::Engine;
use ecr::front::{self, Front};
use ecr::lifecycle::schedule::Schedule;
use ecr::lifecycle::sweeper::Sweeper;
use limits::port::Limits;
use registry_credentials::Key;
use telemetry::logs::{self, LogFormat};
use tokio_util::sync::CancellationToken;

use super::auth::Auth;
use super::http_server::{self, Port};
use super::registry_key;
use super::sources::{self, Source};

/// For a layer to arrive.
const LAYER: Duration = Duration::from_secs(60 * 60);
/// Without a write to a repository, before its lifecycle policy is carried out.
const QUIET: Duration = Duration::from_secs(5);

/// The arguments of `k3eks registry`.
#[derive(Args)]
pub struct Options {
    /// The container registry behind.
    #[arg(long, env = "K3EKS_REGISTRY_ENGINE", default_value = "http://127.0.0.1:5000")]
    engine: String,
    /// Folder of the registry's images, to tell when they were pushed and which have no tag. Default: none; nobody is
    /// told, and lifecycle policies aren't carried out.
    #[arg(long, env = "K3EKS_REGISTRY_STORAGE")]
    storage: Option<PathBuf>,
    /// Address for clients, who push and pull.
    #[arg(long, env = "K3EKS_REGISTRY_LISTEN", default_value = "127.0.0.1:4567")]
    listen: SocketAddr,
    /// Address for nodes, which pull. Default: none, not served.
    #[arg(long, env = "K3EKS_REGISTRY_NODES_LISTEN")]
    nodes_listen: Option<SocketAddr>,
    /// Check of who asks: `strict` takes only credentials that the key signed.
    #[arg(long, env = "K3EKS_API_AUTH", value_enum, default_value = "permissive")]
    auth: Auth,
    /// File with the key that signs credentials, at least 32 bytes: that of the ECR API and of the operator.
    #[arg(long, env = "K3EKS_REGISTRY_KEY_FILE", required_if_eq("auth", "strict"))]
    key_file: Option<PathBuf>,
    /// Address or network that may use the port for clients, besides this host; a leading `!` forbids one. Repeatable.
    /// Default: all.
    #[arg(long, env = "K3EKS_API_ALLOW_FROM", value_delimiter = ',')]
    allow_from: Vec<Source>,
    /// Format of the log.
    #[arg(long, env = "K3EKS_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Log level or filter, such as `info` or `info,k3eks=debug`.
    #[arg(long, env = "K3EKS_LOG_LEVEL", default_value = "info")]
    log_level: String,
}

impl Options {
    /// What credentials have to be signed with; `None`: nobody is asked for any.
    fn key(&self) -> anyhow::Result<Option<Key>> {
        match self.auth {
            Auth::Permissive => Ok(None),
            Auth::Strict => self.key_file.as_deref().map(registry_key::read).transpose(),
        }
    }

    /// Host names that requests may use: without credentials, none that a stranger can own.
    fn names(&self) -> Names {
        match self.auth {
            Auth::Permissive => Names::only(&[]),
            Auth::Strict => Names::all(),
        }
    }
}

/// Serves until `shutdown`.
pub async fn run(options: Options, shutdown: CancellationToken) -> anyhow::Result<()> {
    logs::start(options.log_format, &options.log_level).map_err(anyhow::Error::msg)?;
    let engine = Engine::new(&options.engine).map_err(anyhow::Error::msg).context("--engine")?;
    let (key, names) = (options.key()?, options.names());
    let schedule = Arc::new(Schedule::new(QUIET));
    let sweeper = options.storage.clone().map(|storage| Sweeper {
        engine: engine.clone(),
        storage,
        schedule: Arc::clone(&schedule),
    });
    let front = Arc::new(Front::new(engine, options.storage, key, schedule));
    // No page of another site is to push here.
    let clients = front::clients(Arc::clone(&front));
    let clients = clients.layer(middleware::from_fn_with_state(names, site::guard));
    let clients = sources::guard(clients, &options.allow_from);
    let limits = Limits { request_time: LAYER, ..Limits::default() };
    let known = |response: &Response| response.status().is_success();
    let for_nodes = async {
        let Some(address) = options.nodes_listen else { return Ok(()) };
        let port = Port { address, what: "images to nodes", argument: "--nodes-listen", known };
        http_server::serve_within(limits, port, None, front::nodes(Arc::clone(&front)), shutdown.clone()).await
    };
    let port = Port { address: options.listen, what: "the container registry", argument: "--listen", known };
    let for_clients = http_server::serve_within(limits, port, None, clients, shutdown.clone());
    let lifecycle = async {
        // Without the folder nobody knows which images are old, or have no tag.
        let Some(sweeper) = sweeper else { return Ok(()) };
        shutdown.run_until_cancelled(sweeper.run()).await;
        Ok(())
    };
    tokio::try_join!(for_clients, for_nodes, lifecycle).map(|_| ())
}

/// What the ECR API is told of the registry: arguments of `k3eks api`.
#[derive(Args)]
pub struct Reach {
    /// The container registry's port for clients, such as `http://k3eks-registry:4567`. Default: none; the ECR API isn't
    /// served.
    #[arg(long, env = "K3EKS_REGISTRY_URL")]
    registry_url: Option<String>,
    /// Host and port by which clients reach that port: part of `repositoryUri` and `proxyEndpoint`.
    #[arg(long, env = "K3EKS_REGISTRY_ADDRESS", default_value = "127.0.0.1:4567")]
    registry_address: String,
    /// File with the key that signs tokens for the registry. Default: none; the registry has to take any.
    #[arg(long, env = "K3EKS_REGISTRY_KEY_FILE")]
    registry_key_file: Option<PathBuf>,
}

impl Reach {
    /// The ECR API, where there is a registry.
    pub fn ecr(&self, authenticator: &Authenticator, auth: Auth) -> anyhow::Result<Option<Service<Ecr>>> {
        let Some(url) = self.registry_url.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let engine = Engine::new(url).map_err(anyhow::Error::msg).context("--registry-url")?;
        let path = self.registry_key_file.as_deref().filter(|path| !path.as_os_str().is_empty());
        let key = path.map(registry_key::read).transpose()?;
        if key.is_none() && auth == Auth::Strict {
            tracing::warn!("without --registry-key-file, tokens of ECR are of no use where the registry is strict");
        }
        let ecr = Ecr::new(engine, self.registry_address.clone(), key);
        Ok(Some(ecr::service::service(ecr, authenticator.clone())?))
    }
}
