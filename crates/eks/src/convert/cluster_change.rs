//! UpdateClusterConfig: which change a request is, and what it does to the spec.

use serde::{Deserialize, Serialize};

use super::cluster::{Logging, NetworkConfig, Settings, VpcConfig, describe, enabled};
use super::update::Change;
use aws::error::ApiError;
use crd::cluster_settings::AuthenticationMode;
use crd::{EKSClusterConfig, EKSClusterConfigSpec};

/// What UpdateClusterConfig asks for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateClusterConfig {
    /// Name of the cluster.
    pub name: String,
    /// Network.
    #[serde(default)]
    pub resources_vpc_config: VpcConfig,
    /// Control-plane logs.
    pub logging: Option<Logging>,
    /// Load balancing; the rest of it can't be changed.
    pub kubernetes_network_config: Option<NetworkConfig>,
    /// Whether the cluster can't be deleted.
    pub deletion_protection: Option<bool>,
    /// Token of the request.
    #[serde(skip_serializing)]
    pub client_request_token: Option<String>,
    /// What has the same shape in the resource.
    #[serde(flatten)]
    pub settings: Settings,
}

/// Makes the change. A request is of one kind and changes something, or it is refused.
pub fn apply(request: &UpdateClusterConfig, cluster: &mut EKSClusterConfig) -> Result<Change, ApiError> {
    let change = change(request, &cluster.spec)?;
    let before = describe(cluster, false, "");
    put(request, &mut cluster.spec)?;
    if describe(cluster, false, "") == before {
        return Err(ApiError::invalid_parameter(unchanged(change.kind, cluster)));
    }
    Ok(change)
}

/// The kind of the change and its values.
fn change(request: &UpdateClusterConfig, spec: &EKSClusterConfigSpec) -> Result<Change, ApiError> {
    let mut changes: Vec<Change> = Vec::new();
    let mut note = |kind: &'static str, name: &str, value: Option<serde_json::Value>| {
        let Some(value) = value else { return };
        if !changes.iter().any(|change| change.kind == kind) {
            changes.push(Change::new(kind));
        }
        changes.iter_mut().filter(|change| change.kind == kind).for_each(|change| change.push(name, &value));
    };
    let (vpc, settings) = (&request.resources_vpc_config, &request.settings);
    note("VpcConfigUpdate", "Subnets", json(vpc.subnet_ids.as_ref()));
    note("VpcConfigUpdate", "SecurityGroups", json(vpc.security_group_ids.as_ref()));
    note("EndpointAccessUpdate", "EndpointPublicAccess", json(vpc.endpoint_public_access.as_ref()));
    note("EndpointAccessUpdate", "EndpointPrivateAccess", json(vpc.endpoint_private_access.as_ref()));
    note("EndpointAccessUpdate", "PublicAccessCidrs", json(vpc.public_access_cidrs.as_ref()));
    note("ControlPlaneEgressUpdate", "ControlPlaneEgressMode", json(vpc.control_plane_egress_mode.as_ref()));
    note("LoggingUpdate", "ClusterLogging", json(request.logging.as_ref()));
    let mode = settings.access_config.as_ref().and_then(|access| access.authentication_mode);
    note("AccessConfigUpdate", "AuthenticationMode", json(mode.as_ref()));
    note("UpgradePolicyUpdate", "UpgradePolicy", json(settings.upgrade_policy.as_ref()));
    note("ZonalShiftConfigUpdate", "ZonalShiftConfig", json(settings.zonal_shift_config.as_ref()));
    note("AutoModeUpdate", "ComputeConfig", json(settings.compute_config.as_ref()));
    note("AutoModeUpdate", "StorageConfig", json(settings.storage_config.as_ref()));
    note("AutoModeUpdate", "KubernetesNetworkConfig", json(request.kubernetes_network_config.as_ref()));
    note("RemoteNetworkConfigUpdate", "RemoteNetworkConfig", json(settings.remote_network_config.as_ref()));
    note("DeletionProtectionUpdate", "DeletionProtection", json(request.deletion_protection.as_ref()));
    let tier = |config: &crd::cluster_settings::ControlPlaneScalingConfig| config.tier.clone();
    let wanted = settings.control_plane_scaling_config.as_ref().and_then(tier);
    let present = spec.control_plane_scaling_config.as_ref().and_then(tier).unwrap_or_else(|| "standard".into());
    note("ControlPlaneScalingConfigUpdate", "PreviousTier", wanted.as_ref().and(json(Some(&present))));
    note("ControlPlaneScalingConfigUpdate", "UpdatedTier", json(wanted.as_ref()));
    let component = "ControlPlaneComponentConfigUpdate";
    note(component, "KubeApiServerConfig", json(settings.kube_api_server_config.as_ref()));
    note(component, "KubeSchedulerConfig", json(settings.kube_scheduler_config.as_ref()));
    note(component, "KubeControllerManagerConfig", json(settings.kube_controller_manager_config.as_ref()));
    match changes.len() {
        1 => Ok(changes.remove(0)),
        0 => Err(ApiError::invalid_parameter("The type for cluster update was not provided.")),
        _ => Err(ApiError::invalid_parameter("Only one type of update can be allowed.")),
    }
}

fn json(value: Option<&impl Serialize>) -> Option<serde_json::Value> {
    value.and_then(|value| serde_json::to_value(value).ok())
}

/// Writes the request into the spec.
fn put(request: &UpdateClusterConfig, spec: &mut EKSClusterConfigSpec) -> Result<(), ApiError> {
    let vpc = &request.resources_vpc_config;
    spec.public_access = vpc.endpoint_public_access.or(spec.public_access);
    spec.private_access = vpc.endpoint_private_access.or(spec.private_access);
    spec.deletion_protection = request.deletion_protection.or(spec.deletion_protection);
    if let Some(cidrs) = &vpc.public_access_cidrs {
        spec.public_access_sources.clone_from(cidrs);
    }
    if let Some(subnets) = &vpc.subnet_ids {
        spec.subnets.clone_from(subnets);
    }
    if let Some(groups) = &vpc.security_group_ids {
        spec.security_groups.clone_from(groups);
    }
    if vpc.control_plane_egress_mode.is_some() {
        spec.control_plane_egress_mode.clone_from(&vpc.control_plane_egress_mode);
    }
    if let Some(logging) = &request.logging {
        spec.logging_types = enabled(logging, &spec.logging_types);
    }
    if let Some(network) = &request.kubernetes_network_config
        && network.elastic_load_balancing.is_some()
    {
        let config = spec.kubernetes_network_config.get_or_insert_default();
        config.elastic_load_balancing.clone_from(&network.elastic_load_balancing);
    }
    let mut settings = request.settings.clone();
    if let Some(mode) = settings.access_config.take().and_then(|access| access.authentication_mode) {
        let access = spec.access_config.get_or_insert_default();
        let present = access.authentication_mode.unwrap_or_default();
        // Not in one step: users in the ConfigMap need an access entry first.
        if mode < present || (present, mode) == (AuthenticationMode::ConfigMap, AuthenticationMode::Api) {
            let [from, to] = [present, mode].map(|mode| json(Some(&mode)).unwrap_or_default());
            let [from, to] = [&from, &to].map(|text| text.as_str().unwrap_or_default());
            let text = format!("Unsupported authentication mode update from {from} to {to}");
            return Err(ApiError::invalid_parameter(text));
        }
        access.authentication_mode = Some(mode);
    }
    settings.put(spec);
    Ok(())
}

/// What is said of a request that changes nothing.
fn unchanged(kind: &str, cluster: &EKSClusterConfig) -> String {
    let what = match kind {
        "EndpointAccessUpdate" => {
            let spec = &cluster.spec;
            let cidrs = match spec.public_access_sources.as_slice() {
                [] => "0.0.0.0/0".to_owned(),
                cidrs => cidrs.join(", "),
            };
            return format!(
                "Cluster is already at the desired configuration with endpointPrivateAccess: {} , endpointPublicAccess: {}, and Public Endpoint Restrictions: [{cidrs}]",
                spec.private_access.unwrap_or_default(),
                spec.public_access.unwrap_or(true),
            );
        }
        "VpcConfigUpdate" => "VPC config",
        "LoggingUpdate" => "logging config",
        "AccessConfigUpdate" => "access config",
        "UpgradePolicyUpdate" => "upgrade policy",
        "ZonalShiftConfigUpdate" => "zonal shift config",
        "AutoModeUpdate" => "compute config",
        "RemoteNetworkConfigUpdate" => "remote network config",
        "DeletionProtectionUpdate" => "deletion protection",
        "ControlPlaneScalingConfigUpdate" => "control plane scaling config",
        "ControlPlaneEgressUpdate" => "control plane egress mode",
        _ => "control plane component config",
    };
    format!("No changes needed for the {what} provided")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn applied(cluster: &mut EKSClusterConfig, change: Value) -> Result<Change, String> {
        let mut request = json!({"name": "c"});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let request: UpdateClusterConfig = serde_json::from_value(request).unwrap();
        apply(&request, cluster).map_err(|error| error.message().to_owned())
    }

    fn cluster() -> EKSClusterConfig {
        EKSClusterConfig::new("c", EKSClusterConfigSpec::default())
    }

    #[test]
    fn each_kind_of_change_reaches_the_spec_and_the_second_time_changes_nothing() {
        let cases = [
            (json!({"resourcesVpcConfig": {"endpointPrivateAccess": true}}), "EndpointAccessUpdate"),
            (json!({"resourcesVpcConfig": {"publicAccessCidrs": ["10.0.0.0/8"]}}), "EndpointAccessUpdate"),
            (json!({"resourcesVpcConfig": {"subnetIds": ["a", "b"], "securityGroupIds": ["g"]}}), "VpcConfigUpdate"),
            (json!({"resourcesVpcConfig": {"controlPlaneEgressMode": "CUSTOMER_ROUTED"}}), "ControlPlaneEgressUpdate"),
            (json!({"logging": {"clusterLogging": [{"types": ["audit"], "enabled": true}]}}), "LoggingUpdate"),
            (json!({"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}}), "AccessConfigUpdate"),
            (json!({"upgradePolicy": {"supportType": "STANDARD"}}), "UpgradePolicyUpdate"),
            (json!({"zonalShiftConfig": {"enabled": true}}), "ZonalShiftConfigUpdate"),
            (
                json!({"computeConfig": {"enabled": true}, "storageConfig": {"blockStorage": {"enabled": true}}}),
                "AutoModeUpdate",
            ),
            (json!({"kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": true}}}), "AutoModeUpdate"),
            (
                json!({"remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["10.0.0.0/16"]}]}}),
                "RemoteNetworkConfigUpdate",
            ),
            (json!({"deletionProtection": true}), "DeletionProtectionUpdate"),
            (json!({"controlPlaneScalingConfig": {"tier": "tier-xl"}}), "ControlPlaneScalingConfigUpdate"),
            (json!({"kubeApiServerConfig": {"eventTtl": "30m"}}), "ControlPlaneComponentConfigUpdate"),
        ];
        for (request, kind) in cases {
            let mut cluster = cluster();
            let change = applied(&mut cluster, request.clone()).unwrap();
            assert_eq!(change.kind, kind);
            assert!(!change.params.is_empty());
            let again = applied(&mut cluster, request).unwrap_err();
            assert!(again.starts_with("No changes needed") || again.starts_with("Cluster is already"), "{again}");
        }
    }

    #[test]
    fn one_request_is_one_kind_of_change() {
        let two = json!({"deletionProtection": true, "upgradePolicy": {"supportType": "STANDARD"}});
        assert_eq!(applied(&mut cluster(), two).unwrap_err(), "Only one type of update can be allowed.");
        assert!(applied(&mut cluster(), json!({})).is_err());
    }

    #[test]
    fn what_is_the_default_already_changes_nothing() {
        let same = json!({"resourcesVpcConfig": {"endpointPublicAccess": true, "publicAccessCidrs": ["0.0.0.0/0"]}});
        let text = applied(&mut cluster(), same).unwrap_err();
        assert!(text.contains("endpointPrivateAccess: false , endpointPublicAccess: true"), "{text}");
    }

    #[test]
    fn the_authentication_mode_only_goes_forward_and_keeps_who_made_the_cluster() {
        let mut cluster = cluster();
        let both = applied(&mut cluster, json!({"accessConfig": {"authenticationMode": "API"}})).unwrap_err();
        assert_eq!(both, "Unsupported authentication mode update from CONFIG_MAP to API");
        cluster.spec.access_config = serde_json::from_value(json!({
            "authenticationMode": "API_AND_CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": false
        }))
        .unwrap();
        let back = applied(&mut cluster, json!({"accessConfig": {"authenticationMode": "CONFIG_MAP"}})).unwrap_err();
        assert_eq!(back, "Unsupported authentication mode update from API_AND_CONFIG_MAP to CONFIG_MAP");
        applied(&mut cluster, json!({"accessConfig": {"authenticationMode": "API"}})).unwrap();
        assert_eq!(cluster.spec.access_config.unwrap().bootstrap_cluster_creator_admin_permissions, Some(false));
    }
}
