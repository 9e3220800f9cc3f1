//! The commands that don't name a provider: servers, and tools for clusters.

pub mod addons;
pub mod api;
mod auth;
mod docker;
pub mod doctor;
mod find;
mod http_server;
pub mod identity;
pub mod images;
mod keys;
pub mod kubeconfig;
pub mod logs;
mod merge;
pub mod reference;
pub mod registries;
pub mod registry;
mod registry_key;
pub mod revoke;
pub mod shell;
mod sources;
pub mod status;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod wake;
mod watched_dir;

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT, as Ctrl-C and Kubernetes send them. From the call on, these signals don't end the process by themselves.
pub fn termination() -> std::io::Result<impl Future<Output = ()>> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
    })
}
