//! Whether k3s runs in a server whose container runs.
//!
//! k3d's entrypoint asks k3s's own API server to take pods again, and asks until it answers: where k3s ends before that, the container
//! runs on without it.

use bollard::Docker;

use super::docker::{failed, is_running, within};
use super::k3d::K3d;
use super::{docker, names, upgrade};
use provider::{DesiredCluster, Error, Progress};

/// Restarts the servers of the cluster that run without k3s.
pub async fn revive(k3d: &K3d, docker: &Docker, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
    for server in names::servers(&k3d.name_of(&plan.id), plan.servers) {
        let doing = format!("looking whether k3s runs in server {server}");
        let seen = docker::inspect(docker, &server).await.map_err(failed(&doing))?;
        if !seen.is_some_and(|seen| is_running(&seen)) || has_k3s(docker, &server, &doing).await? {
            continue;
        }
        tracing::warn!(server, "the container runs without k3s; restarting it");
        within(k3d.settings.limits.create, &doing, upgrade::restart_one(docker, &server, progress)).await?;
    }
    Ok(())
}

async fn has_k3s(docker: &Docker, server: &str, doing: &str) -> Result<bool, Error> {
    let top = docker.top_processes(server, None).await.map_err(failed(doing))?;
    Ok(top
        .processes
        .iter()
        .flatten()
        .any(|process| process.last().is_some_and(|command| command.contains("k3s server"))))
}
