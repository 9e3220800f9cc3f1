//! Makes, starts and deletes clusters.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerInspectResponse, ContainerSummary};
use futures::future::{Either, join_all, select, try_join_all};
use tokio::time::sleep;

use super::access::{self, Place};
use super::cleanup::{ConfirmPasses, sweep};
use super::docker::{self, failed, is_running, never_ran, within};
use super::k3d::K3d;
use super::k3d_config::document;
use super::ports::is_taken;
use super::runner::Call;
use super::upgrade::{self, OWED, image, recover};
use super::{addresses, archive, balancer, dns, endpoint, images, k3s_process, logs, names, server_recovery};
use k3s::server::{File, FileKind};
use provider::{Access, ClusterId, DesiredCluster, Error, Progress, PublicEndpoint};

/// Ports to try per attempt.
const PORTS: usize = 8;
/// Between two looks at a server that is starting.
const LOOK: Duration = Duration::from_millis(250);

/// What an earlier attempt left.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// Nothing usable; a server on another image doesn't count.
    Nothing,
    /// A server that runs.
    Running,
    /// A server that was up once and holds a cluster's data.
    Stopped,
}

/// Makes the cluster, or completes it.
pub async fn create(k3d: &K3d, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
    let doing = format!("making cluster {}", plan.id);
    let docker = k3d.docker.client(&doing).await?;
    progress.tell(1, 4, "checking the image");
    let what = format!("cluster {}", plan.id);
    images::ensure(&docker, &plan.image, &what, k3d.settings.limits.pull).await?;
    images::helpers(k3d, &docker, plan).await;
    within(k3d.settings.limits.create, &doing, async {
        progress.tell(2, 4, "cleaning up after an earlier attempt");
        recover_all(k3d, &docker, plan).await?;
        match left(k3d, &docker, plan).await? {
            Left::Running => {
                if came_up(k3d, &docker, plan).await? {
                    return balancer::follow(&docker, plan, &k3d.name_of(&plan.id)).await;
                }
            }
            Left::Stopped => return Box::pin(start(k3d, plan, progress)).await,
            Left::Nothing => {}
        }
        let name = k3d.name_of(&plan.id);
        sweep(&docker, &name, k3d.joined(), ConfirmPasses::Once).await?;
        make(k3d, &docker, plan, progress).await?;
        dns::keep(&docker, &names::servers(&name, plan.servers)).await;
        balancer::follow(&docker, plan, &name).await
    })
    .await
}

/// Starts what is stopped of the cluster.
pub async fn start(k3d: &K3d, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
    progress.tell(1, 1, "starting the servers and nodes");
    let name = k3d.name_of(&plan.id);
    let docker = k3d.docker.client(&format!("starting cluster {}", plan.id)).await?;
    recover_all(k3d, &docker, plan).await?;
    server_recovery::ensure_quorum_possible(k3d, &docker, plan).await?;
    // k3d starts whatever has the cluster's label, and two servers on the same data must not run.
    upgrade::settle(k3d, &docker, plan).await?;
    server_recovery::start_servers(k3d, &docker, plan).await?;
    Box::pin(server_recovery::recreate_missing(k3d, &docker, plan)).await?;
    let wait = format!("{}s", k3d.settings.limits.wait.as_secs());
    let call = Call {
        doing: format!("starting cluster {}", plan.id),
        arguments: &["cluster", "start", &name, "--wait", "--timeout", &wait],
        input: None,
        limit: k3d.settings.limits.create,
    };
    let doing = call.doing.clone();
    let ended = k3d.runner.run(call, |_| {}).await;
    // k3d gives up at the first container that doesn't come back, and where the servers take long. One that is left behind stopped would be
    // taken for a dead node and be replaced, and its data with it.
    start_nodes(&docker, &name, &doing).await?;
    k3s_process::revive(k3d, &docker, plan, progress).await?;
    dns::keep(&docker, &names::servers(&name, plan.servers)).await;
    balancer::follow(&docker, plan, &name).await?;
    let Err(error) = ended else { return Ok(()) };
    for server in k3d.own_containers(plan) {
        let seen = docker::inspect(&docker, &server).await.map_err(failed(&doing))?;
        if !seen.is_some_and(|seen| is_running(&seen)) {
            return Err(error);
        }
    }
    tracing::warn!(cluster = %plan.id, %error, "the servers run, but k3d couldn't start everything");
    Ok(())
}

async fn start_nodes(docker: &Docker, name: &str, doing: &str) -> Result<(), Error> {
    let agents = docker::agents(docker, name).await.map_err(failed(doing))?;
    let started = agents.iter().filter_map(|agent| agent.id.as_deref()).map(|id| docker.start_container(id, None));
    for ended in join_all(started).await {
        if let Err(error) = ended {
            tracing::warn!(cluster = name, %error, "a node can't be started; it will be replaced");
        }
    }
    Ok(())
}

async fn recover_all(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<(), Error> {
    for server in names::servers(&k3d.name_of(&plan.id), plan.servers) {
        Box::pin(recover(docker, &server, Some(&plan.image))).await?;
    }
    Ok(())
}

/// Stops the cluster's containers in parallel; k3d would stop them one by one. A majority of several servers stops
/// last, so that nodes can drain.
pub async fn stop(k3d: &K3d, id: &ClusterId) -> Result<(), Error> {
    let doing = format!("stopping cluster {id}");
    let docker = k3d.docker.client(&doing).await?;
    let label = format!("k3d.cluster={}", k3d.name_of(id));
    let all = docker::list(&docker, &[label]).await.map_err(failed(&doing))?;
    let named =
        |c: &ContainerSummary| c.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
    let (mut servers, mut first): (Vec<String>, Vec<String>) =
        all.iter().filter_map(named).partition(|name| name.starts_with(&names::server_prefix(&k3d.name_of(id))));
    servers.sort();
    let last = servers.split_off(servers.len() / 2 + usize::from(!servers.is_empty()));
    first.extend(servers);
    for (names, grace) in [(first, docker::GRACE), (last, docker::SHORT)] {
        try_join_all(names.iter().map(|name| docker::stop(&docker, name, grace))).await.map_err(failed(&doing))?;
    }
    Ok(())
}

/// Writes missing files into the servers. Returns whether one needs a restart, which a marker file remembers beyond
/// this process.
pub async fn configure(k3d: &K3d, plan: &DesiredCluster) -> Result<bool, Error> {
    let docker = k3d.docker.client(&format!("configuring cluster {}", plan.id)).await?;
    let files = k3s::server::files(plan);
    let mut owed = false;
    for server in k3d.servers_of(&plan.id)? {
        set_rules(&docker, &server, &plan.public_endpoint).await?;
        owed |= write_files(&docker, &server, &files).await?;
    }
    Ok(owed)
}

/// Sets the rules for the endpoint. Again in any case: that may have failed.
async fn set_rules(docker: &Docker, server: &str, rules: &PublicEndpoint) -> Result<(), Error> {
    let wanted = endpoint::script(rules);
    let found = archive::read(docker, server, &wanted.path).await?;
    if !rules.has_rules() && found.is_none_or(|found| found == wanted.content) {
        return Ok(());
    }
    archive::write(docker, server, std::slice::from_ref(&wanted)).await?;
    archive::run(docker, server, &[&wanted.path]).await.map(drop)
}

async fn write_files(docker: &Docker, server: &str, files: &[File]) -> Result<bool, Error> {
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let folders: BTreeSet<String> = files.iter().map(|file| file.path).chain([OWED]).filter_map(folder).collect();
    let mut there = HashMap::new();
    for folder in folders {
        there.extend(archive::read_folder(docker, server, &folder).await?);
    }
    let mut owed = there.get(OWED).is_some_and(|mark| !mark.is_empty());
    for file in files {
        let wanted = archive::File::from(file);
        match there.get(file.path) {
            Some(found) if *found == wanted.content => {}
            Some(_) if file.kind == FileKind::Watched => archive::rewrite(docker, server, &wanted).await?,
            Some(_) => {
                let mark = archive::File::secret(OWED, "restart\n");
                archive::write(docker, server, &[mark, wanted]).await?;
                owed = true;
            }
            // The server was made without it, and wouldn't read it.
            None => {}
        }
    }
    Ok(owed)
}

/// Packets that came in by the public endpoint, where the server counts them.
pub async fn used(k3d: &K3d, id: &ClusterId) -> Result<Option<u64>, Error> {
    let docker = k3d.docker.client(&format!("looking at how much cluster {id} is used")).await?;
    let server = names::server(&k3d.name_of(id));
    let table = archive::run(&docker, &server, &["iptables", "-w", "5", "-nvxL", endpoint::USED]).await?;
    Ok(Some(endpoint::packets(&table)))
}

/// Removes everything of the cluster.
pub async fn delete(k3d: &K3d, id: &ClusterId) -> Result<(), Error> {
    let doing = format!("deleting cluster {id}");
    let docker = k3d.docker.client(&doing).await?;
    let limit = k3d.settings.limits.delete;
    within(limit, &doing, async {
        let name = k3d.name_of(id);
        // k3d removes one container after the other, so the nodes, which may be many, go first and together.
        let agents = docker::agents(&docker, &name).await.map_err(failed(&doing))?;
        let agents = agents.iter().filter_map(|agent| agent.id.as_deref());
        try_join_all(agents.map(|id| docker::remove(&docker, id))).await.map_err(failed(&doing))?;
        let arguments = ["cluster", "delete", &name];
        let call = Call { doing: doing.clone(), arguments: &arguments, input: None, limit };
        if let Err(error) = k3d.runner.run(call, |_| {}).await {
            tracing::debug!(cluster = %id, %error, "k3d couldn't delete the cluster; removing it piece by piece");
        }
        sweep(&docker, &name, k3d.joined(), ConfirmPasses::Twice).await
    })
    .await?;
    k3d.ports.forget(id);
    k3d.inventory.forget(id);
    Ok(())
}

/// How to reach the cluster's API server; `None` while it doesn't offer it.
pub async fn access(k3d: &K3d, plan: &DesiredCluster) -> Result<Option<Access>, Error> {
    let doing = format!("reading the kubeconfig of cluster {}", plan.id);
    let docker = k3d.docker.client(&doing).await?;
    let name = k3d.name_of(&plan.id);
    let door = if plan.servers > 1 { names::balancer(&name) } else { names::server(&name) };
    let Some(seen) = docker::inspect(&docker, &door).await.map_err(failed(&doing))? else { return Ok(None) };
    let Some(place) = Place::of(&seen).filter(|_| is_running(&seen)) else { return Ok(None) };
    for server in names::servers(&name, plan.servers) {
        let kubeconfig = archive::read(&docker, &server, access::KUBECONFIG).await?;
        let access = kubeconfig.and_then(|file| access::access(plan, &k3d.settings.endpoint_host, &place, &file));
        if access.is_some() {
            return Ok(access);
        }
    }
    Ok(None)
}

async fn left(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<Left, Error> {
    let doing = format!("looking at the servers of cluster {}", plan.id);
    let mut found = Vec::new();
    for container in k3d.own_containers(plan) {
        found.push(docker::inspect(docker, &container).await.map_err(failed(&doing))?);
    }
    let servers: Vec<&ContainerInspectResponse> = found.iter().take(plan.servers).flatten().collect();
    // Without its balancer nobody ever reached it.
    let began = |seen: &Option<ContainerInspectResponse>| seen.as_ref().is_some_and(|seen| !never_ran(seen));
    let nothing = if servers.is_empty() || !found.iter().skip(plan.servers).all(began) {
        Some("it is incomplete".to_owned())
    } else {
        let other = servers.iter().find_map(|seen| image(seen).filter(|image| *image != plan.image));
        other.map(|other| format!("its servers have {other}, not {}", plan.image))
    };
    if let Some(why) = nothing {
        return keep_data(k3d, docker, plan, &why).await.map(|()| Left::Nothing);
    }
    if found.iter().all(|seen| seen.as_ref().is_some_and(is_running)) {
        return Ok(Left::Running);
    }
    Ok(if was_up(k3d, docker, plan).await? { Left::Stopped } else { Left::Nothing })
}

/// Refuses to remove leftovers that were a cluster in use: one with nodes, which only an Active cluster gets.
async fn keep_data(k3d: &K3d, docker: &Docker, plan: &DesiredCluster, why: &str) -> Result<(), Error> {
    let doing = format!("looking for what is there of cluster {}", plan.id);
    let name = k3d.name_of(&plan.id);
    let agents = docker::agents(docker, &name).await.map_err(failed(&doing))?;
    if agents.is_empty() || !was_up(k3d, docker, plan).await? {
        return Ok(());
    }
    let why = format!(
        "containers of a cluster {name} that was in use exist, and {why}; set the spec back (kubernetesVersion, controlPlane.servers), or remove it with its data: k3d cluster delete {name}"
    );
    Err(Error::Engine { doing, why })
}

/// Whether a server's API ever answered; if not, there is no data to lose. k3s logs it. The kubeconfig, which k3s
/// writes earlier, only counts if Docker keeps no log.
async fn was_up(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<bool, Error> {
    for server in names::servers(&k3d.name_of(&plan.id), plan.servers) {
        let up = match logs::said(docker, &server, upgrade::UP).await? {
            Some(said) => said,
            None => archive::read(docker, &server, access::KUBECONFIG).await?.is_some(),
        };
        if up {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits for the API server of a server that runs; `false` where it never came up and may be removed.
async fn came_up(k3d: &K3d, docker: &Docker, plan: &DesiredCluster) -> Result<bool, Error> {
    let limit = k3d.settings.limits.wait / 2;
    let waited = async {
        while access(k3d, plan).await?.is_none() {
            if left(k3d, docker, plan).await? != Left::Running {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
        Ok(true)
    };
    if let Ok(waited) = tokio::time::timeout(limit, waited).await {
        return waited;
    }
    if was_up(k3d, docker, plan).await? {
        // It has a cluster's data: not to be removed on a guess.
        return Err(Error::Timeout {
            doing: format!("waiting for the API server of cluster {}, which was up before", plan.id),
            seconds: limit.as_secs(),
        });
    }
    Ok(false)
}

/// Has k3d make the cluster, on the first port that Docker agrees to.
async fn make(k3d: &K3d, docker: &Docker, plan: &DesiredCluster, progress: &Progress) -> Result<(), Error> {
    let name = k3d.name_of(&plan.id);
    let mut used = used_ports(docker).await?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let place = addresses::choose(k3d, docker, plan).await?;
        let lease = k3d.ports.lease(&plan.id, plan.placement, &used);
        let lease =
            lease.ok_or_else(|| Error::PortsExhausted { what: plan.id.to_string(), range: k3d.ports.range() })?;
        progress.tell(3, 4, format!("starting the server, its API on port {}", lease.port));
        let call = Call {
            doing: format!("making cluster {}", plan.id),
            arguments: &["cluster", "create", "--config", "-"],
            input: Some(document(&k3d.settings, plan, lease.port, place.as_ref()).to_string()),
            limit: k3d.settings.limits.create,
        };
        let on_line = |line: &str| {
            if line.contains("Injecting records") {
                progress.tell(4, 4, "adding hosts to the cluster's DNS");
            }
        };
        let copying = server_recovery::copy_files(docker, &name, plan, place.as_ref().map(|(_, all)| all.as_slice()));
        let made = match select(pin!(k3d.runner.run(call, on_line)), pin!(copying)).await {
            Either::Left((made, _)) => made,
            Either::Right((copying, making)) => making.await.and(copying),
        };
        let Err(error) = made else {
            k3d.ports.remember(&plan.id, lease.port);
            return Ok(());
        };
        if attempt == PORTS || !matches!(&error, Error::Engine { why, .. } if is_taken(why)) {
            return Err(error);
        }
        tracing::info!(cluster = %plan.id, port = lease.port, "the host port is taken, choosing another");
        used.insert(lease.port);
        sweep(docker, &name, k3d.joined(), ConfirmPasses::Once).await?;
    }
}

/// Host ports that containers hold, ours or not, and those that stopped k3d servers will want again.
async fn used_ports(docker: &Docker) -> Result<BTreeSet<u16>, Error> {
    let containers = docker::list(docker, &[]).await.map_err(failed("looking for free ports"))?;
    let mut used = BTreeSet::new();
    for container in containers {
        used.extend(container.ports.iter().flatten().filter_map(|port| port.public_port));
        let label = container.labels.as_ref().and_then(|labels| labels.get("k3d.server.api.port"));
        used.extend(label.and_then(|port| port.parse::<u16>().ok()));
    }
    Ok(used)
}
