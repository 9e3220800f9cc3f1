//! `EKSClusterConfig`: Rancher's resource field for field, and what EKS has beyond it.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster_settings::{
    AccessConfig, ArgoCd, ComputeConfig, ConnectorConfig, ControlPlane, ControlPlaneScalingConfig,
    ElasticLoadBalancing, Enabled, KubeApiServerConfig, KubeControllerManagerConfig, KubeSchedulerConfig,
    OutpostConfig, RemoteNetworkConfig, StorageConfig, UpgradePolicy,
};
use super::forms;
use super::given::{account, default_account, default_region, given, or_empty, region};
use super::most;
use super::registries::Registries;

/// An EKS cluster: a Kubernetes control plane of its own, with its node groups.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "eks.cattle.io",
    version = "v1",
    kind = "EKSClusterConfig",
    plural = "eksclusterconfigs",
    singular = "eksclusterconfig",
    shortname = "eks",
    shortname = "ekscc",
    category = "k3eks",
    namespaced,
    status = "EKSClusterConfigStatus",
    derive = "PartialEq",
    derive = "Default",
    // Only where the version is changed: a status may be written whatever the spec says, and what runs may always be asked for.
    validation = Rule::new("!has(self.spec.kubernetesVersion) || dyn(self.spec.kubernetesVersion) == null || self.spec.kubernetesVersion == '' || (has(oldSelf.spec.kubernetesVersion) && self.spec.kubernetesVersion == oldSelf.spec.kubernetesVersion) || (has(self.spec.imported) && self.spec.imported) || !has(self.status) || dyn(self.status) == null || !has(self.status.version) || dyn(self.status.version) == null || size(self.status.version) != size(self.spec.kubernetesVersion) || self.spec.kubernetesVersion >= self.status.version").message("kubernetesVersion can't be lower than the version that runs (status.version): upgrades go one minor version at a time, and never back").field_path(".spec.kubernetesVersion"),
    validation = Rule::new("!has(self.spec.kubernetesVersion) || dyn(self.spec.kubernetesVersion) == null || self.spec.kubernetesVersion == '' || (has(oldSelf.spec.kubernetesVersion) && self.spec.kubernetesVersion == oldSelf.spec.kubernetesVersion) || (has(self.spec.imported) && self.spec.imported) || !has(self.status) || dyn(self.status) == null || !has(self.status.version) || dyn(self.status.version) == null || size(self.status.version) != size(self.spec.kubernetesVersion) || int(self.spec.kubernetesVersion.substring(2)) <= int(self.status.version.substring(2)) + 1").message("kubernetesVersion can be at most one minor version above the one that runs (status.version): upgrade one version at a time").field_path(".spec.kubernetesVersion"),
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"VERSION","type":"string","jsonPath":".status.version"}"#,
    printcolumn = r#"{"name":"ENDPOINT","type":"string","jsonPath":".status.endpoint"}"#,
    printcolumn = r#"{"name":"NODES","type":"string","jsonPath":".status.nodes.summary"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"STATUS","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.displayName) ? self.displayName : '') == (has(oldSelf.displayName) ? oldSelf.displayName : '')").message("displayName can't be changed: it is the cluster's name in EKS; make a new resource instead").field_path(".displayName"),
    validation = Rule::new("(has(self.provider) ? self.provider : '') == (has(oldSelf.provider) ? oldSelf.provider : '')").message("provider can't be changed after creation").field_path(".provider"),
    validation = Rule::new("(has(self.ipFamily) && self.ipFamily != '' ? self.ipFamily : 'ipv4') == (has(oldSelf.ipFamily) && oldSelf.ipFamily != '' ? oldSelf.ipFamily : 'ipv4')").message("ipFamily can't be changed after creation").field_path(".ipFamily"),
    validation = Rule::new("(has(self.serviceRole) ? self.serviceRole : '') == (has(oldSelf.serviceRole) ? oldSelf.serviceRole : '')").message("serviceRole can't be changed after creation").field_path(".serviceRole"),
    validation = Rule::new("(has(self.kubernetesNetworkConfig) && has(self.kubernetesNetworkConfig.serviceIpv4Cidr) ? self.kubernetesNetworkConfig.serviceIpv4Cidr : '') == (has(oldSelf.kubernetesNetworkConfig) && has(oldSelf.kubernetesNetworkConfig.serviceIpv4Cidr) ? oldSelf.kubernetesNetworkConfig.serviceIpv4Cidr : '')").message("serviceIpv4Cidr can't be changed after creation").field_path(".kubernetesNetworkConfig"),
    validation = Rule::new("(has(self.controlPlane) ? self.controlPlane.servers : 1) == (has(oldSelf.controlPlane) ? oldSelf.controlPlane.servers : 1)").message("controlPlane.servers can't be changed after creation").field_path(".controlPlane"),
    validation = Rule::new("!has(self.controlPlane) || self.controlPlane.servers == 1 || (!has(self.hibernateAfter) && (!has(self.publicAccess) || self.publicAccess) && (!has(self.publicAccessSources) || self.publicAccessSources.all(s, s == '0.0.0.0/0')))").message("with several servers, clients come by a balancer that hides who they are: hibernateAfter, publicAccess: false and publicAccessSources need controlPlane.servers: 1").field_path(".controlPlane"),
    validation = Rule::new("!(has(self.publicAccess) && dyn(self.publicAccess) == false && has(self.privateAccess) && dyn(self.privateAccess) == false)").message("publicAccess and privateAccess can't both be false: nobody would reach the cluster; set one of them to true").field_path(".publicAccess"),
    validation = Rule::new("!has(self.subnets) || dyn(self.subnets) == null || size(self.subnets) != 1 || (has(self.outpostConfig) && dyn(self.outpostConfig) != null) || (has(self.imported) && self.imported)").message("one subnet is too few: name at least two, which are in two zones, or none; only on an Outpost one will do").field_path(".subnets"),
    validation = Rule::new("!has(oldSelf.kmsKey) || oldSelf.kmsKey == '' || (has(self.kmsKey) && self.kmsKey == oldSelf.kmsKey)").message("kmsKey can't be changed once it is set").field_path(".kmsKey"),
    validation = Rule::new("!(has(oldSelf.secretsEncryption) && oldSelf.secretsEncryption) || (has(self.secretsEncryption) && self.secretsEncryption)").message("secretsEncryption can't be turned off").field_path(".secretsEncryption")
)]
pub struct EKSClusterConfigSpec {
    /// AWS credential of Rancher's users, as `namespace:name`. Never read: nothing here calls AWS. Default: none.
    /// Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub amazon_credential_secret: Option<String>,

    /// Name of the cluster in EKS. 1 to 100 letters, digits, `-` and `_`; the first is a letter or digit. Default: the
    /// resource's name. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]*$"))]
    pub display_name: Option<String>,

    /// AWS account of the cluster, 12 digits. Default: 000000000000. Immutable.
    #[serde(default = "default_account", deserialize_with = "account", rename = "accountID")]
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    #[x_kube(validation = Rule::new("(self == '' ? '000000000000' : self) == (oldSelf == '' ? '000000000000' : oldSelf)").message("accountID can't be changed after creation"))]
    pub account_id: String,

    /// AWS region of the cluster. Default: us-east-1. Immutable.
    #[serde(default = "default_region", deserialize_with = "region")]
    #[schemars(length(max = 32), regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]+$"))]
    #[x_kube(validation = Rule::new("(self == '' ? 'us-east-1' : self) == (oldSelf == '' ? 'us-east-1' : oldSelf)").message("region can't be changed after creation"))]
    pub region: String,

    /// IP family of Pods and Services: `ipv4` or `ipv6`. Recorded only: networks here are IPv4. Default: ipv4.
    /// Immutable.
    // Of a nullable enum Kubernetes refuses null all the same; with a default it takes it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "IpFamily", extend("default" = "ipv4"))]
    pub ip_family: Option<IpFamily>,

    /// Imports an existing cluster. k3eks never changes it, and never deletes it with the resource. Default: false.
    /// Immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("imported can't be changed after creation"))]
    pub imported: bool,

    /// Secret with the kubeconfig of an imported cluster. It is in the same namespace; its key `value` holds a
    /// self-contained kubeconfig. Default: none, which imports the k3d cluster named `displayName`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub kubeconfig_secret: Option<String>,

    /// Kubernetes minor version, such as `1.35`. Default: the operator's default version. Mutable: one minor version up
    /// at a time.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^1\.(2[4-9]|3[0-9])$"))]
    pub kubernetes_version: Option<String>,

    /// Tags of the cluster, at most 50. Recorded only. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,

    /// Encrypts Secrets at rest, with a key of the cluster's own. Default: false. Can be turned on, never off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_encryption: Option<bool>,

    /// ARN of the KMS key for `secretsEncryption`. Recorded only: the cluster's own key encrypts. Default: none. Can be
    /// set once.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::KMS_KEY.pattern))]
    pub kms_key: Option<String>,

    /// Opens the API server to clients outside the cluster's Docker network. `publicAccessSources` says which. Default:
    /// true. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_access: Option<bool>,

    /// Opens the API server inside the cluster's Docker network. Recorded only: it is always open there. Default:
    /// false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_access: Option<bool>,

    /// CertificateAuthority resource that signs for the cluster. Default: the current one. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub certificate_authority: Option<String>,

    /// Installs the EBS CSI driver. Recorded only. Default: false. Mutable.
    #[serde(default, rename = "ebsCSIDriver", skip_serializing_if = "Option::is_none")]
    pub ebs_csi_driver: Option<bool>,

    /// CIDR blocks that may use the public endpoint, at most 40. This host counts as 127.0.0.1. Default: 0.0.0.0/0.
    /// Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::PUBLIC_SOURCES), inner(length(max = 43)), extend("nullable" = true))]
    #[x_kube(validation = Rule::new("self.all(s, s.matches('^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])$') || s.matches('^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$'))").message("every one of publicAccessSources must be a CIDR block, an address and a length, such as 203.0.113.0/24"))]
    #[x_kube(validation = Rule::new("self.all(s, self.exists_one(other, other == s))").message("publicAccessSources has a CIDR block twice: write each one once"))]
    pub public_access_sources: Vec<String>,

    /// Control-plane logs: `api`, `audit`, `authenticator`, `controllerManager`, `scheduler`. `audit` turns the audit
    /// log on; the others are always in the server's log (`k3eks logs`). Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub logging_types: Vec<LoggingType>,

    /// Ids of the subnets. Recorded; each is in one zone. Default: generated ids. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::SUBNETS), inner(regex(pattern = forms::SUBNET.pattern)), extend("nullable" = true))]
    pub subnets: Vec<String>,

    /// Ids of additional security groups, at most 4. Recorded only. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = most::SECURITY_GROUPS), inner(regex(pattern = forms::SECURITY_GROUP.pattern)), extend("nullable" = true))]
    pub security_groups: Vec<String>,

    /// Name or ARN of the cluster's role. Recorded only. Default: a generated ARN. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::ROLE.pattern))]
    pub service_role: Option<String>,

    /// Node groups of the cluster. The operator makes each into a Nodegroup resource that the cluster owns. Default:
    /// null, which leaves node groups alone; an empty list removes all inline ones. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // Atomic: of a list by keys, server-side apply makes null where it is told `[]`.
    #[schemars(length(max = 30), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new("self.all(g, self.exists_one(other, other.nodegroupName == g.nodegroupName))").message("every nodegroupName in nodeGroups must be another one"))]
    pub node_groups: Option<Vec<InlineNodegroup>>,

    /// Provider that runs the cluster: `k3d` (containers) or `metadata` (records only). Default: the operator's
    /// `--provider`. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderName>,

    /// Whether the cluster runs: `Running` or `Stopped`. A stopped cluster keeps its data and uses no memory. Default:
    /// `Running`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub state: Option<PowerState>,

    /// Servers of the control plane. Default: see its fields. Immutable in `servers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<ControlPlane>,

    /// Idle time after which the cluster is stopped, such as `90s`, `30m` or `8h`. Idle means that nobody uses the
    /// public endpoint. A change of the cluster, its node groups or its addons, or `k3eks wake` starts it again. Default:
    /// never. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,5}[smh]$"))]
    pub hibernate_after: Option<String>,

    /// Registration with Argo CD. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<ArgoCd>,

    /// Network of the cluster's Services. Default: see its fields. Immutable in `serviceIpv4Cidr`, mutable in the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_network_config: Option<KubernetesNetworkConfig>,

    /// Refuses to delete the cluster while true. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,

    /// Who may sign in to the cluster, and how. Default: see its fields. Mutable in `authenticationMode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_config: Option<AccessConfig>,

    /// Support that the version gets. Recorded only. Default: `EXTENDED`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_policy: Option<UpgradePolicy>,

    /// Installs the default addons. Recorded only. Default: true. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_self_managed_addons: Option<bool>,

    /// Zonal shift. Recorded only. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zonal_shift_config: Option<Enabled>,

    /// Networks of hybrid nodes. Recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_network_config: Option<RemoteNetworkConfig>,

    /// EKS Auto Mode's compute. Recorded only. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_config: Option<ComputeConfig>,

    /// EKS Auto Mode's storage. Recorded only. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_config: Option<StorageConfig>,

    /// Control plane on an Outpost. Recorded only. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outpost_config: Option<OutpostConfig>,

    /// Size of the control plane. Recorded only. Default: `standard`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane_scaling_config: Option<ControlPlaneScalingConfig>,

    /// Outbound path of the control plane: `AWS_MANAGED`, `CUSTOMER_ROUTED` or `CUSTOMER_ISOLATED`. Recorded only.
    /// Default: `AWS_MANAGED`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = forms::EGRESS_MODE.pattern))]
    pub control_plane_egress_mode: Option<String>,

    /// Settings of the API server. Recorded only. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_api_server_config: Option<KubeApiServerConfig>,

    /// Settings of the scheduler. Recorded only. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_scheduler_config: Option<KubeSchedulerConfig>,

    /// Settings of the controller manager. Recorded only. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_controller_manager_config: Option<KubeControllerManagerConfig>,

    /// Container registries of the nodes: mirrors, credentials and certificate authorities. Entries for a registry take
    /// the place of the operator's (`--registries`). Nodes that run follow within seconds. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registries: Option<Registries>,

    /// Connection of a registered cluster, such as GKE; needs `imported`. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector_config: Option<ConnectorConfig>,
}

/// IP family of Pods and Services: `ipv4` or `ipv6`. Recorded only: networks here are IPv4. Default: ipv4. Immutable.
// The definition shows an optional enum's own description in place of the field's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
}

/// Provider that runs the cluster: `k3d` (containers) or `metadata` (records only). Default: the operator's
/// `--provider`. Immutable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderName {
    /// Real k3s servers and agents in Docker containers.
    K3d,
    /// Records only; nothing runs.
    Metadata,
}

impl ProviderName {
    /// The name, as in resources.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::K3d => "k3d",
            Self::Metadata => crate::keys::METADATA,
        }
    }
}

/// Whether the cluster runs: `Running` or `Stopped`. A stopped cluster keeps its data and uses no memory. Default:
/// `Running`. Mutable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PowerState {
    /// The cluster runs.
    Running,
    /// The cluster is stopped and keeps its data.
    Stopped,
}

/// A type of control-plane log, in EKS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LoggingType {
    /// The API server's log.
    Api,
    /// The API server's audit log.
    Audit,
    /// The authenticator's log.
    Authenticator,
    /// The controller manager's log.
    ControllerManager,
    /// The scheduler's log.
    Scheduler,
}

/// Network of the cluster's Services (EKS: `kubernetesNetworkConfig`).
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesNetworkConfig {
    /// CIDR block of Services, from /24 to /12, in a private range. Default: 10.100.0.0/16. Immutable.
    #[serde(default, rename = "serviceIpv4Cidr", deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 18))]
    #[x_kube(validation = Rule::new("self == '' || self.matches('^(10[.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])|172[.](1[6-9]|2[0-9]|3[01]))([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){2}/(1[2-9]|2[0-4])$') || self.matches('^192[.]168([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){2}/(1[6-9]|2[0-4])$')").message("serviceIpv4Cidr must be a network of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, between /24 and /12, such as 10.100.0.0/16"))]
    pub service_ipv4_cidr: Option<String>,
    /// EKS Auto Mode's load balancing. Recorded only. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic_load_balancing: Option<ElasticLoadBalancing>,
}

pub use super::cluster_status::{Applied, CertificateAuthority, EKSClusterConfigStatus, NodeCount};
pub use super::inline_nodegroup::InlineNodegroup;
