//! Where every node's container pulls images from. A script writes it whenever the container starts, and now.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::Docker;
use futures::future::{join_all, try_join_all};

use super::archive::{self, File};
use super::containers::{Container, Role, servers};
use super::k3d::K3d;
use super::{k3d_registries, names};
use k3s::paths::{REGISTRIES, REGISTRY_AUTHORITIES, REGISTRY_HOSTS};
use k3s::registries::{Files, HostsFile};
use provider::{ClusterId, Error, MachineState, NodeRegistries};

/// k3d runs every script of this kind whenever the container starts. Nodes get it from their server. Root alone may read
/// it: it has passwords.
pub const SCRIPT: &str = "/bin/k3d-entrypoint-k3eks-registries.sh";

/// Has every node of the cluster pull as `registries` says, now and whenever it starts.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn set(k3d: &K3d, id: &ClusterId, registries: &NodeRegistries) -> Result<(), Error> {
    let docker = k3d.docker.client(&format!("telling nodes of cluster {id} of container registries")).await?;
    let network = k3d.joined().map_or_else(|| names::own_network(&k3d.name_of(id)), str::to_owned);
    let registries = &k3d_registries::with(&docker, &network, k3d.joined().is_some(), registries).await?;
    let script = script(&k3s::registries::files(registries));
    // Servers first: nodes that come meanwhile take theirs from a server. One that can't be told holds up no other.
    let mut failed = Ok(());
    for servers in [true, false] {
        let all = k3d.inventory.of(id)?;
        let some = all.iter().filter(|c| c.runs_k3s() && (c.role == Role::Server) == servers);
        let given = join_all(some.map(|c| give(&docker, c, &script, registries))).await;
        failed = failed.and(given.into_iter().collect());
    }
    failed
}

async fn give(docker: &Docker, to: &Container, script: &File, registries: &NodeRegistries) -> Result<(), Error> {
    let found = archive::read(docker, &to.name, SCRIPT).await?;
    if stays(found.as_deref(), script, registries) {
        return Ok(());
    }
    if to.state == MachineState::Running {
        run(docker, &to.name, script).await
    } else {
        keep(docker, &to.name, script).await
    }
}

/// Whether what a container has is as it should be.
fn stays(found: Option<&[u8]>, wanted: &File, registries: &NodeRegistries) -> bool {
    match found {
        Some(found) => !registries.complete || found == wanted.content,
        None => *registries == NodeRegistries { complete: registries.complete, ..NodeRegistries::default() },
    }
}

/// Gives the script to one that doesn't run: its start runs it.
async fn keep(docker: &Docker, container: &str, script: &File) -> Result<(), Error> {
    archive::write(docker, container, std::slice::from_ref(script)).await
}

/// Runs the script, and gives it its name once that has worked.
async fn run(docker: &Docker, container: &str, script: &File) -> Result<(), Error> {
    // Another writer's file stays whole.
    static WRITERS: AtomicU64 = AtomicU64::new(0);
    let new = format!("{SCRIPT}.{}.new", WRITERS.fetch_add(1, Ordering::Relaxed));
    archive::write(docker, container, &[script.at(new.clone())]).await?;
    let command = format!("{new} && mv {new} {SCRIPT}");
    archive::run(docker, container, &["sh", "-c", &command]).await.map(drop)
}

/// Gives new nodes, which came with `scripts`, what their servers were given meanwhile.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn catch_up(
    k3d: &K3d,
    docker: &Docker,
    id: &ClusterId,
    scripts: &[File],
    nodes: &[String],
) -> Result<(), Error> {
    let all = k3d.inventory.of(id)?;
    let Some(server) = servers(&all).find(|c| c.state == MachineState::Running) else { return Ok(()) };
    let Some(now) = archive::read(docker, &server.name, SCRIPT).await? else { return Ok(()) };
    if scripts.iter().any(|script| script.path == SCRIPT && script.content == now) {
        return Ok(());
    }
    let script = File::secret_program(SCRIPT, now);
    try_join_all(nodes.iter().map(|node| run(docker, node, &script))).await.map(drop)
}

/// What is asked before all registries stays first, as on nodes that have images themselves. Files of k3s's making are made
/// anew where the registries that it was told of are ours.
fn script(files: &Files) -> File {
    let mut text = format!(
        "#!/bin/sh
# Written by k3eks: from which registries this node pulls images.
set -e
own={REGISTRIES} told=
ours() {{ sed -n 1p \"$1\" 2>/dev/null | grep -q '^# Written by k3eks'; }}
mkdir -p /etc/rancher/k3s {REGISTRY_AUTHORITIES}
[ -d /etc/containerd/certs.d ] || mkdir -p {REGISTRY_HOSTS}
umask 077
if [ ! -e $own ] || ours $own; then told=yes; fi
"
    );
    for (path, pem) in &files.authorities {
        let _ = write!(text, "cat >{} {}", quoted(path), here(pem));
    }
    // k3s takes a file without entries for one, too.
    let _ = match files.registries.lines().count() {
        0 | 1 => writeln!(text, "[ -z \"$told\" ] || rm -f $own"),
        _ => write!(text, "[ -z \"$told\" ] || cat >$own {}", here(&files.registries)),
    };
    let folders: Vec<&str> = files.hosts.iter().map(|one| one.folder.as_str()).collect();
    let _ = write!(
        text,
        "for hosts in /etc/containerd/certs.d {REGISTRY_HOSTS}; do
  [ -d $hosts ] || continue
  for file in $hosts/*/hosts.toml; do
    folder=${{file%/hosts.toml}}
    case {} in *\" ${{folder##*/}} \"*) continue ;; esac
    if ours \"$file\" || {{ [ -n \"$told\" ] && grep -q '^# File generated by' \"$file\" 2>/dev/null; }}; then
      rm -rf \"$folder\"
    fi
  done
  all=$hosts/_default/hosts.toml
  mkdir -p $hosts/_default
  first=$(sed '/^# Written by k3eks/,$d' $all 2>/dev/null || :)
  generated=
  case $first in '# File generated by'*) generated=yes ;; esac
  if [ -n \"$generated\" ] && [ -n \"$told\" ]; then first='' generated=''; fi
  before=$first
  [ -z \"$generated\" ] || before=
",
        quoted(&format!(" _default {} ", folders.join(" ")))
    );
    text.push_str(&default(files.hosts.iter().find(|one| one.folder == "_default")));
    text.extend(files.hosts.iter().filter(|one| one.folder != "_default").map(hosts));
    text.push_str("done\n");
    File::secret_program(SCRIPT, text)
}

/// Writes containerd's file for all registries without one of their own.
fn default(one: Option<&HostsFile>) -> String {
    let Some(HostsFile { mirrors, .. }) = one else {
        return "  if [ -n \"$first\" ]; then echo \"$first\" >$all; else rm -rf $hosts/_default; fi\n".to_owned();
    };
    let known = quoted(mirrors.lines().next().unwrap_or_default());
    format!(
        "  if ! echo \"$first\" | grep -qF {known}; then
    {{
      [ -z \"$first\" ] || echo \"$first\"
      echo '# Written by k3eks.'
      cat {}    }} >$all.new
    mv $all.new $all
  fi
",
        here(mirrors)
    )
}

/// Writes containerd's file for one registry.
fn hosts(one: &HostsFile) -> String {
    let folder = format!("$hosts/{}", quoted(&one.folder));
    format!(
        "  mkdir -p {folder}
  {{
    echo '# Written by k3eks.'
    cat {}    [ -z \"$before\" ] || echo \"$before\"
    cat {}  }} >{folder}/hosts.toml.new
  mv {folder}/hosts.toml.new {folder}/hosts.toml
",
        here(&one.server),
        here(&one.mirrors)
    )
}

/// A text as the input of a command, which nothing in it can end.
fn here(text: &str) -> String {
    let mut end = "END".to_owned();
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    let line = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("<<'{end}'\n{text}{line}{end}\n")
}

/// A text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
