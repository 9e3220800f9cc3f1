//! CreateCluster's request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crd::cluster::{IpFamily, LoggingType};
use crd::cluster_settings::{
    AccessConfig, ComputeConfig, ControlPlaneScalingConfig, ElasticLoadBalancing, Enabled, KubeApiServerConfig,
    KubeControllerManagerConfig, KubeSchedulerConfig, OutpostConfig, RemoteNetworkConfig, StorageConfig, UpgradePolicy,
};

/// What CreateCluster asks for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCluster {
    /// Name of the cluster.
    pub name: String,
    /// Kubernetes minor version.
    pub version: Option<String>,
    /// ARN of the cluster's role.
    pub role_arn: String,
    /// Network.
    pub resources_vpc_config: VpcConfig,
    /// Network of Pods and Services.
    pub kubernetes_network_config: Option<NetworkConfig>,
    /// Control-plane logs.
    pub logging: Option<Logging>,
    /// Token of the request.
    #[serde(skip_serializing)]
    pub client_request_token: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Encryption of Secrets.
    #[serde(default)]
    pub encryption_config: Vec<EncryptionConfig>,
    /// Whether it can't be deleted.
    pub deletion_protection: Option<bool>,
    /// What has the same shape in the resource.
    #[serde(flatten)]
    pub settings: Settings,
}

/// `resourcesVpcConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcConfig {
    /// Subnets.
    pub subnet_ids: Option<Vec<String>>,
    /// Security groups.
    pub security_group_ids: Option<Vec<String>>,
    /// Whether the endpoint is reached from outside.
    pub endpoint_public_access: Option<bool>,
    /// Whether the endpoint is reached from inside.
    pub endpoint_private_access: Option<bool>,
    /// Who may reach it from outside.
    pub public_access_cidrs: Option<Vec<String>>,
    /// How the control plane reaches the network.
    pub control_plane_egress_mode: Option<String>,
}

/// `kubernetesNetworkConfig`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkConfig {
    /// Network of Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_ipv4_cidr: Option<String>,
    /// IP family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family: Option<IpFamily>,
    /// Load balancing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elastic_load_balancing: Option<ElasticLoadBalancing>,
}

/// `logging`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Types that are on or off.
    #[serde(default)]
    pub cluster_logging: Vec<LogSetup>,
}

/// Types of logs that are on, or off.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSetup {
    /// The types.
    #[serde(default)]
    pub types: Vec<LoggingType>,
    /// Whether they are on.
    pub enabled: Option<bool>,
}

/// One entry of `encryptionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionConfig {
    /// What is encrypted: `secrets`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// With which key.
    #[serde(default)]
    pub provider: KeyProvider,
}

/// A key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyProvider {
    /// ARN of the key.
    pub key_arn: Option<String>,
}

/// Members that have the same name and shape in requests, in the resource and in answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Who is let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_config: Option<AccessConfig>,
    /// Which support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_policy: Option<UpgradePolicy>,
    /// Addons; never in answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_self_managed_addons: Option<bool>,
    /// Zonal shift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zonal_shift_config: Option<Enabled>,
    /// Hybrid nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_network_config: Option<RemoteNetworkConfig>,
    /// Auto Mode's compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_config: Option<ComputeConfig>,
    /// Auto Mode's storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_config: Option<StorageConfig>,
    /// Outpost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outpost_config: Option<OutpostConfig>,
    /// Size of the control plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_scaling_config: Option<ControlPlaneScalingConfig>,
    /// API server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_api_server_config: Option<KubeApiServerConfig>,
    /// Scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_scheduler_config: Option<KubeSchedulerConfig>,
    /// Controller manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_controller_manager_config: Option<KubeControllerManagerConfig>,
}
