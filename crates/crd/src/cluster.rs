//! `EKSClusterConfig`: Rancher's resource field for field, and what EKS has beyond it.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster_settings::{
    AccessConfig, ArgoCd, ComputeConfig, ConnectorConfig, ControlPlane, ControlPlaneScalingConfig,
    ElasticLoadBalancing, Enabled, InlineLaunchTemplate, KubeApiServerConfig, KubeControllerManagerConfig,
    KubeSchedulerConfig, OutpostConfig, RemoteNetworkConfig, StorageConfig, UpgradePolicy,
};
use super::given::{account, default_account, default_region, given, or_empty, region};

/// An EKS cluster: a control plane of its own, reachable with kubectl, with the node groups that belong to it.
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
    validation = Rule::new("!has(oldSelf.kmsKey) || oldSelf.kmsKey == '' || (has(self.kmsKey) && self.kmsKey == oldSelf.kmsKey)").message("kmsKey can't be changed once it is set").field_path(".kmsKey"),
    validation = Rule::new("!(has(oldSelf.secretsEncryption) && oldSelf.secretsEncryption) || (has(self.secretsEncryption) && self.secretsEncryption)").message("secretsEncryption can't be turned off").field_path(".secretsEncryption")
)]
pub struct EKSClusterConfigSpec {
    /// The AWS credential of Rancher's users, as `namespace:name`. Kept for compatibility and not read: nothing here calls AWS. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub amazon_credential_secret: Option<String>,

    /// The cluster's name in EKS: 1 to 100 letters, digits, `-` and `_`, beginning with a letter or digit.
    /// Default: the resource's own name. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]*$"))]
    pub display_name: Option<String>,

    /// AWS account that the cluster belongs to, 12 digits. Default: 000000000000. Immutable.
    #[serde(default = "default_account", deserialize_with = "account", rename = "accountID")]
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    #[x_kube(validation = Rule::new("(self == '' ? '000000000000' : self) == (oldSelf == '' ? '000000000000' : oldSelf)").message("accountID can't be changed after creation"))]
    pub account_id: String,

    /// AWS region that the cluster belongs to. Default: us-east-1. Immutable.
    #[serde(default = "default_region", deserialize_with = "region")]
    #[schemars(length(max = 32), regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]+$"))]
    #[x_kube(validation = Rule::new("(self == '' ? 'us-east-1' : self) == (oldSelf == '' ? 'us-east-1' : oldSelf)").message("region can't be changed after creation"))]
    pub region: String,

    /// `ipv4` or `ipv6`. Kept and reported: networks here are IPv4. Default: ipv4. Immutable.
    // Of a nullable enum Kubernetes refuses null all the same; with a default it takes it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "IpFamily", extend("default" = "ipv4"))]
    pub ip_family: Option<IpFamily>,

    /// The cluster exists already and is adopted: nothing is made, and deleting the resource leaves the cluster alone. Default: false. Immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("imported can't be changed after creation"))]
    pub imported: bool,

    /// With `imported`: the Secret in the same namespace whose key `value` is the cluster's kubeconfig, complete in itself.
    /// Default: none; then a cluster that k3d made under the name `displayName` is adopted. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub kubeconfig_secret: Option<String>,

    /// Kubernetes minor version such as `1.35`. Default: the operator's default version. Mutable, one minor version up at a time.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^1\.(2[4-9]|3[0-9])$"))]
    pub kubernetes_version: Option<String>,

    /// Tags of the cluster, at most 50. Kept and reported. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true, "maxProperties" = 50))]
    pub tags: BTreeMap<String, String>,

    /// Whether the API server keeps Secrets encrypted, with a key of the cluster's own. Default: false. Can be turned on, never off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_encryption: Option<bool>,

    /// ARN of the key for `secretsEncryption`. Kept and reported: what encrypts is a key of the cluster's own. Default: none. Can be set once.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,

    /// Whether the API server answers outside the cluster's Docker network: at its endpoint, to `publicAccessSources`. Default: true. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_access: Option<bool>,

    /// Whether the API server answers inside the cluster's Docker network, where its nodes are: it does in any case. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_access: Option<bool>,

    /// The CertificateAuthority resource that signs for the cluster. Default: the one that signs already. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub certificate_authority: Option<String>,

    /// Whether the EBS CSI driver addon is wanted. Kept for compatibility, without effect. Default: false. Mutable.
    #[serde(default, rename = "ebsCSIDriver", skip_serializing_if = "Option::is_none")]
    pub ebs_csi_driver: Option<bool>,

    /// CIDR blocks that may use the public endpoint, at most 40; this machine is 127.0.0.1 to it. Default: 0.0.0.0/0. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40), inner(length(max = 43)), extend("nullable" = true))]
    #[x_kube(validation = Rule::new("self.all(s, s.matches('^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])$') || s.matches('^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$'))").message("every one of publicAccessSources must be a CIDR block, an address and a length, such as 203.0.113.0/24"))]
    pub public_access_sources: Vec<String>,

    /// Control-plane log types: api, audit, authenticator, controllerManager, scheduler. `audit` is written where the server node's
    /// `logs/k3eks/audit.log` shows it; the others are the log of the server's container in any case. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub logging_types: Vec<LoggingType>,

    /// Ids of the subnets. Kept and reported. Default: generated ids. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub subnets: Vec<String>,

    /// Ids of additional security groups. Kept and reported. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub security_groups: Vec<String>,

    /// Name or ARN of the cluster's role. Kept and reported. Default: a generated ARN. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub service_role: Option<String>,

    /// Node groups written inline, made into Nodegroup resources that this cluster owns.
    /// Default: null, which leaves node groups alone; an empty list means that there are none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // Atomic: of a list by keys, server-side apply makes null where it is told `[]`.
    #[schemars(length(max = 30), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new("self.all(g, self.exists_one(other, other.nodegroupName == g.nodegroupName))").message("every nodegroupName in nodeGroups must be another one"))]
    pub node_groups: Option<Vec<InlineNodegroup>>,

    /// What runs the cluster: `k3d` (containers) or `metadata` (nothing runs). Default: what the operator was started with. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderName>,

    /// `Running`, or `Stopped`: its containers are stopped, all data is kept, and memory is free. Default: `Running`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub state: Option<PowerState>,

    /// What runs the control plane. Default: as its fields say. Immutable in `servers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<ControlPlane>,

    /// How long nobody may use the public endpoint before the cluster is stopped, until something of it is changed or `k3eks wake`: `90s`, `30m`, `8h`. Default: for ever. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,5}[smh]$"))]
    pub hibernate_after: Option<String>,

    /// What Argo CD is told of the cluster. Default: nothing. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<ArgoCd>,

    /// Network of the cluster's Services. Default: as its fields say. Immutable in `serviceIpv4Cidr`, mutable in the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_network_config: Option<KubernetesNetworkConfig>,

    /// Refuses deletion while it is true. Default: false. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,

    /// Who is let in, and by what. Default: as its fields say. Mutable in `authenticationMode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_config: Option<AccessConfig>,

    /// Which support the version is to have. Kept and reported. Default: `EXTENDED`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_policy: Option<UpgradePolicy>,

    /// Whether the addons that every cluster needs come by themselves. Kept and reported. Default: true. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_self_managed_addons: Option<bool>,

    /// Zonal shift. Kept and reported. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zonal_shift_config: Option<Enabled>,

    /// Networks of hybrid nodes. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_network_config: Option<RemoteNetworkConfig>,

    /// EKS Auto Mode's compute. Kept and reported. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_config: Option<ComputeConfig>,

    /// EKS Auto Mode's storage. Kept and reported. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_config: Option<StorageConfig>,

    /// Control plane on an Outpost. Kept and reported. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outpost_config: Option<OutpostConfig>,

    /// Size of the control plane. Kept and reported. Default: `standard`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane_scaling_config: Option<ControlPlaneScalingConfig>,

    /// How the control plane reaches the network: `AWS_MANAGED`, `CUSTOMER_ROUTED` or `CUSTOMER_ISOLATED`. Kept and reported. Default: `AWS_MANAGED`. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub control_plane_egress_mode: Option<String>,

    /// Settings of the API server. Kept and reported. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_api_server_config: Option<KubeApiServerConfig>,

    /// Settings of the scheduler. Kept and reported. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_scheduler_config: Option<KubeSchedulerConfig>,

    /// Settings of the controller manager. Kept and reported. Default: Kubernetes's. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_controller_manager_config: Option<KubeControllerManagerConfig>,

    /// How a cluster of another make is connected; with `imported`. Default: none. Immutable through the EKS API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector_config: Option<ConnectorConfig>,
}

/// IP family of Pods and Services, `ipv4` or `ipv6`. Kept and reported: networks here are IPv4. Default: ipv4. Immutable.
// The definition shows an optional enum's own description in place of the field's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
}

/// What runs the cluster: `k3d` (containers) or `metadata` (nothing runs). Default: what the operator was started with. Immutable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderName {
    /// Real k3s servers and agents in Docker containers.
    K3d,
    /// Records only; nothing runs.
    Metadata,
}

/// Whether a cluster runs: `Running`, or `Stopped` with all data kept. Default: `Running`. Mutable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PowerState {
    /// It runs.
    Running,
    /// It is stopped, with all data kept.
    Stopped,
}

/// One kind of control-plane log, as EKS names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LoggingType {
    /// The API server's log.
    Api,
    /// The API server's audit log.
    Audit,
    /// The log of who signed in.
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
    /// CIDR of Service addresses, /24 to /12, in a private range. Default: 10.100.0.0/16. Immutable.
    #[serde(default, rename = "serviceIpv4Cidr", deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 18))]
    #[x_kube(validation = Rule::new("self == '' || self.matches('^(10[.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])|172[.](1[6-9]|2[0-9]|3[01]))([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){2}/(1[2-9]|2[0-4])$') || self.matches('^192[.]168([.](25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){2}/(1[6-9]|2[0-4])$')").message("serviceIpv4Cidr must be a network of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, between /24 and /12, such as 10.100.0.0/16"))]
    pub service_ipv4_cidr: Option<String>,
    /// EKS Auto Mode's load balancing. Kept and reported. Default: off. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic_load_balancing: Option<ElasticLoadBalancing>,
}

/// A node group written inside a cluster, in Rancher's shape.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.minSize) ? self.minSize : 1) <= (has(self.desiredSize) ? self.desiredSize : 2)").message("minSize must not be greater than desiredSize (defaults: minSize 1, desiredSize 2)"),
    validation = Rule::new("(has(self.desiredSize) ? self.desiredSize : 2) <= (has(self.maxSize) ? self.maxSize : 2)").message("desiredSize must not be greater than maxSize (defaults: desiredSize 2, maxSize 2)")
)]
pub struct InlineNodegroup {
    /// Name of the node group in EKS, 1 to 63 letters, digits, `-` and `_`. Required. Immutable: another name is another group.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[0-9A-Za-z][A-Za-z0-9_-]*$"))]
    pub nodegroup_name: String,
    /// Whether the GPU image is wanted. Kept and reported as an AMI type. Default: false. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<bool>,
    /// Whether the ARM image is wanted. Kept and reported as an AMI type. Default: false. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<bool>,
    /// Id of an AMI of one's own. Kept for compatibility, without effect. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Size of a node's disk in GiB. Kept and reported: nodes have the machine's. Default: 20. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_size: Option<i32>,
    /// Instance type; it sets the CPU and memory that a node has. Default: t3.medium. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Labels of the nodes. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub labels: BTreeMap<String, String>,
    /// Name of the EC2 key pair for SSH. Kept and reported; nodes have no SSH server. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub ec2_ssh_key: Option<String>,
    /// Number of nodes wanted. Default: 2. Mutable; a value set from outside (an autoscaler, `kubectl scale`) stays until this one is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 450))]
    pub desired_size: Option<i32>,
    /// Most nodes that the group may have. Default: 2. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 450))]
    pub max_size: Option<i32>,
    /// Fewest nodes that the group may have. Default: 1. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 450))]
    pub min_size: Option<i32>,
    /// Ids of the group's subnets. Kept and reported. Default: the cluster's. Immutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub subnets: Vec<String>,
    /// Tags of the node group. Kept and reported. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
    /// Tags of the instances. Kept for compatibility, without effect. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub resource_tags: BTreeMap<String, String>,
    /// User data of the instances. Kept for compatibility and not run. Default: none. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Kubernetes minor version of the nodes. Default: the cluster's when the group was made; it stays when the cluster goes on. Mutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^1\.(2[4-9]|3[0-9])$"))]
    pub version: Option<String>,
    /// Launch template of the instances. Kept and reported. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_template: Option<InlineLaunchTemplate>,
    /// Whether spot instances are wanted: a label of the nodes says so, and nothing is ever taken away. Default: false. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_spot_instances: Option<bool>,
    /// Instance types with spot instances; the first one sets the CPU and memory that a node has. Default: `instanceType`. Immutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub spot_instance_types: Vec<String>,
    /// Name or ARN of the nodes' role. Kept and reported. Default: a generated ARN. Immutable.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub node_role: Option<String>,
}

pub use super::cluster_status::{Applied, CertificateAuthority, EKSClusterConfigStatus, NodeCount};
