//! Clusters: CreateCluster's request to a resource, and a resource to the API's `cluster`.

use kube::ResourceExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use super::cluster_request::{
    CreateCluster, EncryptionConfig, LogSetup, Logging, NetworkConfig, Settings, VpcConfig,
};
use crd::cluster::{CertificateAuthority as Certified, IpFamily, KubernetesNetworkConfig, LoggingType};
use crd::cluster_settings::DEFAULT_SERVICE_CIDR;
use crd::cluster_settings::ElasticLoadBalancing;
use crd::names::Identity;
use crd::phase::Phase;
use crd::{CertificateAuthority, EKSClusterConfig, EKSClusterConfigSpec, EKSClusterConfigStatus, keys};

/// The types of logs in the order in which EKS lists them.
const LOGGING_TYPES: [LoggingType; 5] = [
    LoggingType::Api,
    LoggingType::Audit,
    LoggingType::Authenticator,
    LoggingType::ControllerManager,
    LoggingType::Scheduler,
];

/// The spec of the resource for a request in this account and region.
pub fn spec(request: &CreateCluster, account: &str, region: &str) -> EKSClusterConfigSpec {
    let CreateCluster {
        name,
        version,
        role_arn,
        resources_vpc_config: vpc,
        kubernetes_network_config: network,
        logging,
        client_request_token: _,
        tags,
        encryption_config,
        deletion_protection,
        settings,
    } = request;
    let mut spec = EKSClusterConfigSpec {
        display_name: Some(name.clone()),
        account_id: account.to_owned(),
        region: region.to_owned(),
        kubernetes_version: version.clone(),
        service_role: Some(role_arn.clone()),
        tags: tags.clone(),
        public_access: vpc.endpoint_public_access,
        private_access: vpc.endpoint_private_access,
        public_access_sources: vpc.public_access_cidrs.clone().unwrap_or_default(),
        subnets: vpc.subnet_ids.clone().unwrap_or_default(),
        security_groups: vpc.security_group_ids.clone().unwrap_or_default(),
        control_plane_egress_mode: vpc.control_plane_egress_mode.clone(),
        logging_types: logging.as_ref().map(|logging| enabled(logging, &[])).unwrap_or_default(),
        deletion_protection: *deletion_protection,
        ..EKSClusterConfigSpec::default()
    };
    if let Some(network) = network {
        spec.ip_family = network.ip_family;
        spec.kubernetes_network_config = Some(KubernetesNetworkConfig {
            service_ipv4_cidr: network.service_ipv4_cidr.clone(),
            elastic_load_balancing: network.elastic_load_balancing.clone(),
        });
    }
    encrypt(&mut spec, encryption_config);
    settings.clone().put(&mut spec);
    spec
}

/// Turns on encryption, if the list asks for it.
pub fn encrypt(spec: &mut EKSClusterConfigSpec, configs: &[EncryptionConfig]) {
    if let Some(config) = configs.first() {
        spec.secrets_encryption = Some(true);
        spec.kms_key.clone_from(&config.provider.key_arn);
    }
}

/// The types that are on, after `logging` was applied to those that were on `before`.
pub fn enabled(logging: &Logging, before: &[LoggingType]) -> Vec<LoggingType> {
    let wanted = |kind: &LoggingType| {
        let setups = logging.cluster_logging.iter().rev();
        let setup = setups.into_iter().find(|setup| setup.types.contains(kind));
        setup.map_or_else(|| before.contains(kind), |setup| setup.enabled.unwrap_or_default())
    };
    LOGGING_TYPES.into_iter().filter(wanted).collect()
}

impl Settings {
    /// Writes what is given into the spec, and leaves the rest as it is.
    pub fn put(self, spec: &mut EKSClusterConfigSpec) {
        fn set<T>(to: &mut Option<T>, from: Option<T>) {
            if from.is_some() {
                *to = from;
            }
        }
        // Of the control plane's parts a member that isn't given stays, however deep it lies.
        fn merge<T: Clone + Default + Serialize + DeserializeOwned>(to: &mut Option<T>, from: Option<T>) {
            let Some(from) = from else { return };
            let merged = || {
                let mut all = serde_json::to_value(to.clone().unwrap_or_default()).ok()?;
                json_patch::merge(&mut all, &serde_json::to_value(&from).ok()?);
                serde_json::from_value(all).ok()
            };
            *to = Some(merged().unwrap_or(from));
        }
        set(&mut spec.access_config, self.access_config);
        set(&mut spec.upgrade_policy, self.upgrade_policy);
        set(&mut spec.bootstrap_self_managed_addons, self.bootstrap_self_managed_addons);
        set(&mut spec.zonal_shift_config, self.zonal_shift_config);
        set(&mut spec.remote_network_config, self.remote_network_config);
        set(&mut spec.compute_config, self.compute_config);
        set(&mut spec.storage_config, self.storage_config);
        set(&mut spec.outpost_config, self.outpost_config);
        set(&mut spec.control_plane_scaling_config, self.control_plane_scaling_config);
        merge(&mut spec.kube_api_server_config, self.kube_api_server_config);
        merge(&mut spec.kube_scheduler_config, self.kube_scheduler_config);
        merge(&mut spec.kube_controller_manager_config, self.kube_controller_manager_config);
    }

    /// What answers say, EKS's defaults included.
    fn answered(spec: &EKSClusterConfigSpec) -> Self {
        let mut access = spec.access_config.clone().unwrap_or_default();
        access.authentication_mode.get_or_insert_default();
        let mut policy = spec.upgrade_policy.clone().unwrap_or_default();
        policy.support_type.get_or_insert_default();
        let mut scaling = spec.control_plane_scaling_config.clone().unwrap_or_default();
        scaling.tier.get_or_insert_with(|| "standard".into());
        Self {
            access_config: Some(access),
            upgrade_policy: Some(policy),
            bootstrap_self_managed_addons: None,
            zonal_shift_config: spec.zonal_shift_config.clone(),
            remote_network_config: spec.remote_network_config.clone(),
            compute_config: spec.compute_config.clone(),
            storage_config: spec.storage_config.clone(),
            outpost_config: spec.outpost_config.clone(),
            control_plane_scaling_config: Some(scaling),
            kube_api_server_config: spec.kube_api_server_config.clone(),
            kube_scheduler_config: spec.kube_scheduler_config.clone(),
            kube_controller_manager_config: spec.kube_controller_manager_config.clone(),
        }
    }
}

/// What the API says of a cluster. `updating` is whether a change of it is under way; `default_version` is that of
/// clusters that name none.
pub fn describe(cluster: &EKSClusterConfig, updating: bool, default_version: &str) -> Value {
    let identity = Identity::of(cluster);
    let spec = &cluster.spec;
    let none = EKSClusterConfigStatus::default();
    let status = cluster.status.as_ref().unwrap_or(&none);
    let connected = spec.connector_config.is_some();
    let mut answer = json!({
        "name": identity.name,
        "arn": identity.arn(),
        "createdAt": cluster.creation_timestamp().map(|time| time.0.to_string()),
        "version": (!connected).then(|| version(cluster, default_version)),
        "endpoint": status.endpoint,
        "roleArn": identity.role(spec.service_role.as_deref(), "cluster-role"),
        "status": wire_status(cluster, updating),
        "identity": {"oidc": {"issuer": identity.oidc_issuer()}},
        "certificateAuthority": status.certificate_authority.as_ref().map_or_else(|| json!({}), |ca| authority(cluster, ca)),
        "platformVersion": status.platform_version.as_deref().unwrap_or(keys::PLATFORM_VERSION),
        "tags": spec.tags,
        "health": {"issues": issues(status)},
        "clientRequestToken": cluster.annotations().get(keys::ANNOTATION_TOKEN),
        "connectorConfig": spec.connector_config,
    });
    let Value::Object(members) = &mut answer else { return answer };
    if connected {
        members.retain(|name, _| {
            !matches!(name.as_str(), "roleArn" | "identity" | "certificateAuthority" | "platformVersion" | "endpoint")
        });
        return answer;
    }
    members.insert("resourcesVpcConfig".into(), vpc(spec, &identity));
    members.insert("kubernetesNetworkConfig".into(), network(spec));
    members.insert("logging".into(), logging(spec));
    members.insert("deletionProtection".into(), spec.deletion_protection.unwrap_or_default().into());
    members.insert("encryptionConfig".into(), encryption(spec));
    if let Ok(Value::Object(settings)) = serde_json::to_value(Settings::answered(spec)) {
        members.extend(settings);
    }
    answer
}

/// The version that the cluster runs, or else the one that it is to run.
pub fn version<'a>(cluster: &'a EKSClusterConfig, default: &'a str) -> &'a str {
    let running = cluster.status.as_ref().and_then(|status| status.version.as_deref());
    running.or(cluster.spec.kubernetes_version.as_deref()).unwrap_or(default)
}

/// The API's word for the state of a cluster.
pub fn wire_status(cluster: &EKSClusterConfig, updating: bool) -> &'static str {
    if cluster.metadata.deletion_timestamp.is_some() {
        return "DELETING";
    }
    let phase = cluster.status.as_ref().and_then(|status| status.phase);
    match phase {
        Some(Phase::Active) if updating => "UPDATING",
        Some(Phase::Active) => "ACTIVE",
        // EKS has no word for it, and a client that waits for ACTIVE is to wait until it runs again.
        Some(Phase::Stopped) => "PENDING",
        Some(Phase::Updating) => "UPDATING",
        Some(Phase::Deleting) => "DELETING",
        _ if cluster.spec.connector_config.is_some() => "PENDING",
        Some(Phase::Failed) => "FAILED",
        Some(Phase::Creating | Phase::Importing) | None => "CREATING",
    }
}

fn issues(status: &EKSClusterConfigStatus) -> Vec<Value> {
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let reason = ready.map(|c| c.reason.as_str());
    if let Some(rests) = ready.filter(|_| matches!(reason, Some("Stopped" | "Sleeping"))) {
        return vec![json!({"code": "ClusterUnreachable", "message": rests.message, "resourceIds": []})];
    }
    if status.failure_message.is_empty() {
        return Vec::new();
    }
    let code = match reason {
        Some("Unreachable") => "ClusterUnreachable",
        Some("InvalidSpec" | "Conflict" | "DeletionProtected") => "ConfigurationConflict",
        _ => "InternalFailure",
    };
    vec![json!({"code": code, "message": status.failure_message, "resourceIds": []})]
}

fn vpc(spec: &EKSClusterConfigSpec, identity: &Identity) -> Value {
    let network = identity.network();
    let subnets = if spec.subnets.is_empty() { &network.subnets } else { &spec.subnets };
    let public = spec.public_access.unwrap_or(true);
    let everybody = vec!["0.0.0.0/0".to_owned()];
    let sources = match (public, spec.public_access_sources.is_empty()) {
        (true, true) => &everybody,
        _ => &spec.public_access_sources,
    };
    json!({
        "subnetIds": subnets,
        "securityGroupIds": spec.security_groups,
        "clusterSecurityGroupId": network.security_group,
        "vpcId": network.vpc,
        "endpointPublicAccess": public,
        "endpointPrivateAccess": spec.private_access.unwrap_or_default(),
        "publicAccessCidrs": sources,
        "controlPlaneEgressMode": spec.control_plane_egress_mode,
    })
}

fn network(spec: &EKSClusterConfigSpec) -> Value {
    let config = spec.kubernetes_network_config.clone().unwrap_or_default();
    let family = spec.ip_family.unwrap_or(IpFamily::Ipv4);
    let v4 = config.service_ipv4_cidr.unwrap_or_else(|| DEFAULT_SERVICE_CIDR.into());
    json!({
        "serviceIpv4Cidr": (family == IpFamily::Ipv4).then_some(v4),
        "serviceIpv6Cidr": (family == IpFamily::Ipv6).then_some(DEFAULT_SERVICE_CIDR_V6),
        "ipFamily": family,
        "elasticLoadBalancing": config.elastic_load_balancing.unwrap_or(ElasticLoadBalancing {
            enabled: Some(false),
            gateway_api: None,
        }),
    })
}

/// Network of Services of clusters with IPv6.
const DEFAULT_SERVICE_CIDR_V6: &str = "fd00:100::/108";

fn logging(spec: &EKSClusterConfigSpec) -> Value {
    let (on, off): (Vec<_>, Vec<_>) = LOGGING_TYPES.into_iter().partition(|kind| spec.logging_types.contains(kind));
    let setups = [(on, true), (off, false)].into_iter().filter(|(types, _)| !types.is_empty());
    json!({"clusterLogging": setups.map(|(types, on)| json!({"types": types, "enabled": on})).collect::<Vec<_>>()})
}

fn encryption(spec: &EKSClusterConfigSpec) -> Value {
    if !spec.secrets_encryption.unwrap_or_default() {
        return Value::Null;
    }
    json!([{"resources": ["secrets"], "provider": {"keyArn": spec.kms_key}}])
}
/// What clients trust, and which certificate authority signs.
fn authority(cluster: &EKSClusterConfig, authority: &Certified) -> Value {
    let Some(id) = &authority.id else { return json!({"data": authority.data}) };
    let by = if *id == CertificateAuthority::first_id(cluster) { "EKS" } else { "CUSTOMER" };
    json!({"data": authority.data, "active": {"id": id, "activatedBy": by}})
}
