//! Where things are on a machine that runs k3s.

/// Folder of the files that we give to servers.
pub const CONFIGURATION: &str = "/etc/k3eks";
/// Where k3s reads from which registries to pull images.
pub const REGISTRIES: &str = "/etc/rancher/k3s/registries.yaml";
/// Folder of the certificates that registries' are checked with.
pub const REGISTRY_AUTHORITIES: &str = "/etc/k3eks/registries";
/// Folder where k3s has containerd's settings of registries.
pub const REGISTRY_HOSTS: &str = "/var/lib/rancher/k3s/agent/etc/containerd/certs.d";
/// Folder where k3s keeps its certificate authorities.
pub const TLS: &str = "/var/lib/rancher/k3s/server/tls";
/// File with a node's password, by which it proves its identity.
pub const NODE_PASSWORD: &str = "/etc/rancher/node/password";
/// The manifest of the cluster's DNS, which k3s writes whenever it starts and applies whenever it changes.
pub const DNS_MANIFEST: &str = "/var/lib/rancher/k3s/server/manifests/coredns.yaml";

/// Names of a certificate authority's certificate and key in [`TLS`]; `of` is `server` or `client`.
pub fn authority(of: &str) -> (String, String) {
    (format!("{of}-ca.crt"), format!("{of}-ca.key"))
}
