//! What a cluster's spec means where it leaves something out.

use super::cluster::EKSClusterConfigSpec;
use super::cluster_settings::{AuthenticationMode, DEFAULT_SERVICE_CIDR, one_server};

impl EKSClusterConfigSpec {
    /// Source of access rights, with EKS's default.
    pub fn authentication_mode(&self) -> AuthenticationMode {
        self.access_config.as_ref().and_then(|config| config.authentication_mode).unwrap_or_default()
    }

    /// Whether the cluster's creator is its administrator, with EKS's default.
    pub fn creator_is_admin(&self) -> bool {
        let config = self.access_config.as_ref();
        config.and_then(|config| config.bootstrap_cluster_creator_admin_permissions).unwrap_or(true)
    }

    /// Whether the cluster is to be registered with Argo CD.
    pub fn registers_with_argocd(&self) -> bool {
        self.argocd.as_ref().is_some_and(|argocd| argocd.register)
    }

    /// How many servers run the control plane.
    pub fn servers(&self) -> usize {
        self.control_plane.as_ref().map_or_else(one_server, |plane| plane.servers)
    }

    /// Network of the cluster's Services.
    pub fn service_cidr(&self) -> &str {
        let network = self.kubernetes_network_config.as_ref();
        network.and_then(|network| network.service_ipv4_cidr.as_deref()).unwrap_or(DEFAULT_SERVICE_CIDR)
    }
}
