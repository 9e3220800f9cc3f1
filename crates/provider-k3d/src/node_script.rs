//! What every node's container finds outside its cluster: credentials of its pods, by packet filter rules, and images.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bollard::Docker;
use futures::future::try_join_all;

use super::archive::{self, File};
use super::k3d::K3d;
use provider::{ClusterId, Error, MachineState, NodeCredentials, NodeRegistry};

/// k3d runs every script of this kind whenever the container starts. Nodes get it from their server.
pub const SCRIPT: &str = "/bin/k3d-entrypoint-k3eks-pods.sh";

/// Has every node of the cluster lead `address`, port 80, to the host and port `to`, and ask `registry` for images first, now
/// and whenever it starts.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Engine`].
pub async fn lead(
    k3d: &K3d,
    id: &ClusterId,
    address: &str,
    to: (&str, u16),
    registry: Option<&NodeRegistry>,
) -> Result<(), Error> {
    let docker = k3d.docker.client(&format!("leading pods of cluster {id} to their credentials")).await?;
    let wanted = script(address, to, registry);
    let all = k3d.inventory.of(id)?;
    let running = all.iter().filter(|c| c.state == MachineState::Running && c.runs_k3s());
    try_join_all(running.map(|c| set(&docker, &c.name, &wanted))).await.map(drop)
}

async fn set(docker: &Docker, container: &str, wanted: &File) -> Result<(), Error> {
    if archive::read(docker, container, &wanted.path).await?.is_some_and(|found| found == wanted.content) {
        return Ok(());
    }
    archive::write(docker, container, std::slice::from_ref(wanted)).await?;
    archive::run(docker, container, &[&wanted.path]).await.map(drop)
}

/// Rules before those of kube-proxy, which knows nothing of the address; and the registry.
fn script(address: &str, (host, port): (&str, u16), registry: Option<&NodeRegistry>) -> File {
    let images = registry.map(images).unwrap_or_default();
    // Whoever has the credentials pulls what the cluster may pull.
    let is_secret = registry.is_some_and(|registry| registry.credentials.is_some());
    let file = if is_secret { File::secret_program } else { File::program };
    file(
        SCRIPT,
        format!(
            "#!/bin/sh
# Written by k3eks: where pods of this node find their credentials, and this node images.
set -e
rules() {{ iptables -w 10 -t nat \"$@\"; }}
rules -N K3EKS-PODS 2>/dev/null || rules -F K3EKS-PODS
rules -A K3EKS-PODS -p tcp -j DNAT --to-destination {host}:{port}
for chain in PREROUTING OUTPUT; do
  rules -C $chain -d {address}/32 -p tcp --dport 80 -j K3EKS-PODS 2>/dev/null ||
    rules -I $chain -d {address}/32 -p tcp --dport 80 -j K3EKS-PODS
done
{images}"
        ),
    )
}

/// k3s reads its own file when it starts, and writes those that containerd reads at every pull. Where k3s runs already, or has
/// no say in them, they are written here. Images of the registry that is named are looked for nowhere else, so that whoever
/// pulls is told what that registry says.
///
/// containerd reads credentials only when it starts, so that until then it is told to send the header. With that it never
/// waits to be asked, and doesn't answer with the credentials that a pod has for some other registry.
fn images(NodeRegistry { address, name, credentials }: &NodeRegistry) -> String {
    let (configs, header) = credentials.as_ref().map(signed_in).unwrap_or_default();
    let configs = if configs.is_empty() { configs } else { format!("configs:\n  \"{address}\":\n{configs}") };
    // Both as they are written here and as k3s writes them.
    let hosts = ["", "/v2"].map(|path| format!("[host.\"http://{address}{path}\"]"));
    let insert = hosts.each_ref().map(|host| {
        let line = host.replace('[', "\\[").replace(']', "\\]").replace('.', "\\.");
        format!("-e '\\|^{line}$|a {header}'")
    });
    let insert = if header.is_empty() { String::new() } else { format!("sed -i {} $file\n    ", insert.join(" ")) };
    format!(
        "
own=/etc/rancher/k3s/registries.yaml
umask 077
if [ ! -e $own ] || grep -q '^# Written by k3eks' $own; then
  mkdir -p /etc/rancher/k3s
  cat >$own.new <<END
# Written by k3eks.
mirrors:
  \"*\":
    endpoint: [\"http://{address}\"]
  {name}:
    endpoint: [\"http://{address}\"]
{configs}END
  mv $own.new $own
fi
for hosts in /etc/containerd/certs.d /var/lib/rancher/k3s/agent/etc/containerd/certs.d; do
  [ -d $hosts ] || continue
  mkdir -p $hosts/_default $hosts/{name}
  all=$hosts/_default/hosts.toml
  [ ! -e $all ] || sed -e '/^# Written by k3eks/,$d' -e '/{MARK}$/d' $all >$all.new
  if ! grep -qsF -e '\"http://{address}\"' -e '\"http://{address}/v2\"' $all.new; then
    printf '# Written by k3eks.\n{host}\n  capabilities = [\"pull\", \"resolve\"]\n' >>$all.new
  fi
  named=$hosts/{name}/hosts.toml
  printf 'server = \"http://{address}\"\n{of_server}{host}\n  capabilities = [\"pull\", \"resolve\"]\n' >$named.new
  for file in $all.new $named.new; do
    {insert}mv $file ${{file%.new}}
  done
done
",
        host = hosts[0],
        of_server = if header.is_empty() { String::new() } else { format!("{header}\\n") },
    )
}

/// Ends a line with credentials in a file that k3s wrote.
const MARK: &str = "# k3eks credentials";

/// The credentials as k3s reads them, and as a line for containerd.
fn signed_in(NodeCredentials { user, password }: &NodeCredentials) -> (String, String) {
    let configs = format!("    auth:\n      username: {user}\n      password: {password}\n");
    let basic = STANDARD.encode(format!("{user}:{password}"));
    (configs, format!("header = {{Authorization = \"Basic {basic}\"}} {MARK}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_leads_to_who_answers_now() {
        let text = |host| String::from_utf8(script("169.254.170.23", (host, 9080), None).content).unwrap();
        assert!(text("172.18.0.2").contains("DNAT --to-destination 172.18.0.2:9080"));
        assert!(text("172.18.0.2").contains("-F K3EKS-PODS"), "an earlier answer goes");
        assert_ne!(text("172.18.0.2"), text("172.18.0.3"));
        assert!(!text("172.18.0.2").contains("registries.yaml"));
    }

    /// Runs the part for images in a folder instead of the root.
    fn run(root: &std::path::Path, address: &str) {
        run_with(root, address, None);
    }

    fn run_with(root: &std::path::Path, address: &str, password: Option<&str>) {
        let credentials = password.map(|password| NodeCredentials { user: "node".into(), password: password.into() });
        let registry = NodeRegistry { address: address.into(), name: "registry.example".into(), credentials };
        let text = images(&registry).replace("/etc/", &format!("{}/etc/", root.display()));
        let done = std::process::Command::new("sh").args(["-ec", &text]).status().unwrap();
        assert!(done.success());
    }

    #[test]
    fn a_node_asks_the_registry_that_is_there_now_after_its_own_images() {
        let root = tempfile::tempdir().unwrap();
        let read = |path: &str| std::fs::read_to_string(root.path().join(path)).unwrap();
        let all = "etc/containerd/certs.d/_default/hosts.toml";
        std::fs::create_dir_all(root.path().join("etc/containerd/certs.d/_default")).unwrap();
        std::fs::write(root.path().join(all), "[host.\"http://127.0.0.1:6446\"]\n").unwrap();
        for address in ["172.18.0.2:30459", "172.18.0.3:30459", "172.18.0.3:30459"] {
            run(root.path(), address);
        }
        let hosts: Vec<String> = read(all).lines().filter(|l| l.starts_with('[')).map(str::to_owned).collect();
        assert_eq!(hosts, ["[host.\"http://127.0.0.1:6446\"]", "[host.\"http://172.18.0.3:30459\"]"]);
        let own = read("etc/containerd/certs.d/registry.example/hosts.toml");
        assert!(own.starts_with("server = \"http://172.18.0.3:30459\"\n[host.\"http://172.18.0.3:30459\"]\n"), "{own}");
        assert!(
            read("etc/rancher/k3s/registries.yaml").contains("\"*\":\n    endpoint: [\"http://172.18.0.3:30459\"]")
        );
    }

    #[test]
    fn a_node_has_the_credentials_of_its_cluster_that_are_good_now() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = |path: &str| root.path().join(path);
        let read = |file: &str| std::fs::read_to_string(path(file)).unwrap();
        let folder = "etc/containerd/certs.d";
        let (all, named, own) = (
            format!("{folder}/_default/hosts.toml"),
            format!("{folder}/registry.example/hosts.toml"),
            "etc/rancher/k3s/registries.yaml",
        );
        let header = |password: &str| {
            let basic = STANDARD.encode(format!("node:{password}"));
            format!("header = {{Authorization = \"Basic {basic}\"}} # k3eks credentials\n")
        };
        std::fs::create_dir_all(path(folder).join("_default")).unwrap();
        let by_k3s = "# File generated by k3s. DO NOT EDIT.\n[host.\"http://172.18.0.2:30459/v2\"]\n  \
            capabilities = [\"pull\"]\n[host.\"http://172x18.0.2:30459/v2\"]\n";
        for before in ["", by_k3s] {
            std::fs::write(path(&all), before).unwrap();
            for password in [None, Some("one.a-b_c"), Some("two.a-b_c"), Some("two.a-b_c"), None] {
                run_with(root.path(), "172.18.0.2:30459", password);
                let line = password.map(header).unwrap_or_default();
                let of_all = read(&all);
                let host = "[host.\"http://172.18.0.2:30459";
                assert_eq!(of_all.matches(host).count(), 1, "{of_all}");
                let (_, below) = of_all.split_once(host).unwrap();
                let below = below.split_once("]\n").unwrap().1;
                assert!(below.starts_with(&format!("{line}  capabilities = ")), "{of_all}");
                assert_eq!(of_all.matches("Authorization").count(), usize::from(password.is_some()), "{of_all}");
                let server = "server = \"http://172.18.0.2:30459\"\n";
                let of_named = read(&named);
                assert!(of_named.starts_with(&format!("{server}{line}{host}\"]\n{line}  capabilities")), "{of_named}");
                let auth = password.map(|password| {
                    format!(
                        "configs:\n  \"172.18.0.2:30459\":\n    auth:\n      username: node\n      password: {password}\n"
                    )
                });
                assert!(
                    read(own).ends_with(&auth.unwrap_or_else(|| "endpoint: [\"http://172.18.0.2:30459\"]\n".into()))
                );
                for file in [all.as_str(), named.as_str(), own] {
                    let mode = std::fs::metadata(path(file)).unwrap().permissions().mode() & 0o777;
                    assert_eq!(mode, 0o600, "{file}");
                }
            }
        }
    }

    #[test]
    fn registries_of_somebody_elses_stay() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc/rancher/k3s")).unwrap();
        let own = root.path().join("etc/rancher/k3s/registries.yaml");
        std::fs::write(&own, "mirrors: {}\n").unwrap();
        run(root.path(), "172.18.0.2:30459");
        assert_eq!(std::fs::read_to_string(own).unwrap(), "mirrors: {}\n");
    }
}
