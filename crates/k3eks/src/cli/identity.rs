//! The identity service on the command line: where child clusters reach it, and what it is served with.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use aws::sigv4::{KeyStore, Mode};
use axum::response::Response;
use axum_server::tls_rustls::RustlsConfig;
use clap::{ArgAction, Args};
use controller::IdentityService;
use eks::operations::EksState;
use identity::child_reader::ChildReader;
use identity::keys::Keys;
use identity::remote_sts::RemoteSts;
use identity::roles::{Role, RoleStore, account_and_name};
use identity::routes;
use identity::secrets::{self, Secrets};
use identity::sessions::Sessions;
use identity::{IdentityState, Memory};
use kube::Client;
use limits::port::enable_tls;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::auth::Auth;
use super::http_server::{self, Port};
use super::registry_key;
use super::watched_dir::{self, Contents, Folder};

/// Where child clusters reach the identity service: arguments of `k3eks operator`.
#[derive(Args)]
pub struct Reach {
    /// Address of this host or node on the network of the clusters, for the identity service. Default: none; clusters
    /// then accept only the certificates of their kubeconfigs.
    #[arg(long, env = "K3EKS_IDENTITY_HOST")]
    identity_host: Option<String>,
    /// Port of the identity service's webhooks.
    #[arg(long, env = "K3EKS_IDENTITY_PORT", default_value_t = 4567)]
    identity_port: u16,
    /// Port of the identity service for pods.
    #[arg(long, env = "K3EKS_PODS_PORT", default_value_t = 4568)]
    pods_port: u16,
    /// Port of the container registry for nodes, at the identity service's address. Default: none; nodes pull as they do
    /// by themselves.
    #[arg(long, env = "K3EKS_REGISTRY_NODE_PORT")]
    registry_node_port: Option<u16>,
    /// Check of who asks the container registry: with `strict`, nodes of each cluster get credentials, and the Secret with
    /// the key that signs them is made.
    #[arg(long, env = "K3EKS_REGISTRY_AUTH", value_enum, default_value = "permissive")]
    registry_auth: Auth,
}

impl Reach {
    /// The controllers' configuration. With `for_api` the Secret is created in any case: the API waits for it.
    pub async fn service(
        &self,
        client: &Client,
        namespace: &str,
        for_api: bool,
    ) -> anyhow::Result<Option<IdentityService>> {
        let host = self.identity_host.clone().filter(|host| !host.is_empty());
        if host.is_none() && !for_api {
            return Ok(None);
        }
        let Secrets { ca_pem, .. } = secrets::ensure(client, namespace).await?;
        let registry_key = match self.registry_auth {
            Auth::Permissive => None,
            Auth::Strict => Some(registry_key::ensure(client, namespace).await?),
        };
        let Some(host) = host else { return Ok(None) };
        let Self { identity_port: webhook_port, pods_port, registry_node_port: registry_port, .. } = *self;
        Ok(Some(IdentityService { host, webhook_port, pods_port, registry_port, registry_key, ca_pem }))
    }
}

/// What the identity service is served with: arguments of `k3eks api`.
#[derive(Args)]
pub struct Serving {
    /// Address to serve the clusters' webhooks on, HTTPS. Default: none, not served.
    #[arg(long, env = "K3EKS_IDENTITY_LISTEN")]
    identity_listen: Option<SocketAddr>,
    /// Address to serve credentials to pods of clusters on, HTTP. Default: none, not served.
    #[arg(long, env = "K3EKS_PODS_LISTEN")]
    pods_listen: Option<SocketAddr>,
    /// Folder with one file per role. The file has `roleArn`, `assumeRolePolicyDocument` and `maxSessionDuration`.
    #[arg(long, env = "K3EKS_ROLES")]
    roles: Option<PathBuf>,
    /// Accept well-known access keys for sign-in while the API is permissive. These are `test` and, for an account's
    /// root user, its 12 digits, both with the secret `test`. Pods of clusters know them too.
    #[arg(long, env = "K3EKS_WELL_KNOWN_KEYS", default_value_t = true, action = ArgAction::Set)]
    pub well_known_keys: bool,
    /// External STS to use instead of the built-in one, such as `http://127.0.0.1:5000`. It also identifies the owners
    /// of unknown access keys.
    #[arg(long, env = "K3EKS_STS_ENDPOINT")]
    sts_endpoint: Option<String>,
    /// STS host and port for which sign-in tokens may be signed, besides AWS's own and this host. Repeatable.
    #[arg(long = "sts-host", env = "K3EKS_STS_HOSTS", value_delimiter = ',')]
    sts_hosts: Vec<String>,
    /// Namespace of the Secret with the service's own keys.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default", hide = true)]
    pod_namespace: String,
}

/// What the identity service needs before it is served.
pub struct Prepared {
    secrets: Secrets,
    /// Every key that requests may be signed with.
    pub keys: Arc<Keys>,
    roles: Arc<dyn RoleStore>,
}

impl Serving {
    /// Reads the Secret of the identity service, or creates it, and the folder of roles. `configured` are the keys of the folder.
    pub async fn prepare(
        &self,
        client: &Client,
        configured: Arc<dyn KeyStore>,
        mode: Mode,
        (account, region): (&str, &str),
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Prepared> {
        let secrets = secrets::ensure(client, &self.pod_namespace).await?;
        let sessions = Arc::new(Sessions::new(secrets.sessions.clone(), mode));
        secrets::follow(client, &self.pod_namespace, sessions.clone(), shutdown.clone());
        let roles: Arc<dyn RoleStore> = match self.roles.clone() {
            Some(path) => Folder::open("role", move || read(&path), shutdown.clone())?,
            None => Folder::<Role>::none(),
        };
        let well_known = mode == Mode::Permissive && self.well_known_keys;
        let well_known = well_known.then(|| (account.to_owned(), region.to_owned()));
        let known = (mode == Mode::Strict).then(|| roles.clone());
        Ok(Prepared { secrets, keys: Arc::new(Keys { configured, sessions, well_known, roles: known }), roles })
    }

    /// What the whole service shares.
    pub fn state(&self, prepared: &Prepared, api: Arc<EksState>, mode: Mode) -> anyhow::Result<Arc<IdentityState>> {
        let remote = self.sts_endpoint.as_deref().filter(|url| !url.is_empty()).map(RemoteSts::new).transpose();
        Ok(Arc::new(IdentityState {
            remote_sts: remote.map_err(anyhow::Error::msg).context("--sts-endpoint")?,
            api,
            mode,
            keys: prepared.keys.clone(),
            sessions: prepared.keys.sessions.clone(),
            roles: prepared.roles.clone(),
            children: ChildReader::new(std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()),
            sts_hosts: self.sts_hosts.iter().filter(|host| !host.is_empty()).cloned().collect(),
            memory: Memory::default(),
        }))
    }

    /// Serves the two ports of child clusters until `shutdown`.
    pub async fn serve(
        &self,
        prepared: Prepared,
        state: &Arc<IdentityState>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        // Both ports refuse unauthenticated requests.
        let known = |response: &Response| response.status().is_success();
        let of_webhooks = async {
            let Some(address) = self.identity_listen else { return Ok(()) };
            enable_tls();
            let Secrets { cert_pem, key_pem, .. } = prepared.secrets;
            let tls = RustlsConfig::from_pem(cert_pem.into_bytes(), key_pem.into_bytes()).await;
            let tls = tls.context("reading the certificate of the identity service")?;
            let port = Port { address, what: "the webhooks of child clusters", argument: "--identity-listen", known };
            http_server::serve(port, Some(tls), routes::webhooks(state), shutdown.clone()).await
        };
        let of_pods = async {
            let Some(address) = self.pods_listen else { return Ok(()) };
            let port = Port { address, what: "the pods of child clusters", argument: "--pods-listen", known };
            http_server::serve(port, None, routes::pods(state), shutdown.clone()).await
        };
        tokio::try_join!(of_webhooks, of_pods).map(|_| ())
    }
}

/// One file of the folder of roles.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    role_arn: String,
    /// As an object, or as its text.
    assume_role_policy_document: Option<serde_json::Value>,
    max_session_duration: Option<u64>,
}

impl RoleStore for Folder<Role> {
    fn role(&self, arn: &str) -> Option<Arc<Role>> {
        self.get(&account_and_name(arn)).filter(|role| role.is(arn))
    }

    fn is_taken(&self, arn: &str) -> bool {
        self.get(&account_and_name(arn)).is_some_and(|role| !role.is(arn))
    }
}

fn read(path: &Path) -> anyhow::Result<Contents<Role>> {
    let entry = |_: &str, text: &str| {
        let file: File = yaml::read(text)?;
        let trust = match file.assume_role_policy_document {
            Some(serde_json::Value::String(text)) => Some(serde_json::from_str(&text)?),
            other => other,
        };
        let read = |trust: serde_json::Value| Role::new(Some(&trust), file.max_session_duration);
        let role = trust.map_or_else(
            || Err("it has no assumeRolePolicyDocument".to_owned()),
            |trust| read(trust).map_err(|error| error.to_string()),
        );
        // Only this role is refused; the others of the folder stay usable.
        let role = role.unwrap_or_else(|why| {
            tracing::error!(role = file.role_arn, why, "nobody may assume the role until its trust policy is right");
            Role::trusting_nobody(file.max_session_duration)
        });
        Ok((account_and_name(&file.role_arn), role.with_arn(&file.role_arn)))
    };
    // In permissive mode any role may be assumed, but not one that several files describe.
    watched_dir::read(path, "role", entry, Some(&Role::trusting_nobody(None)))
}

#[cfg(test)]
mod tests;
