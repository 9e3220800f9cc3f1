//! CreateCluster.

use k8s_openapi::jiff::civil::Date;

use super::{Verdict, auto_mode, check, cluster_version, control_plane, invalid, network, roles, values};
use crate::convert::cluster::{CreateCluster, EncryptionConfig};
use crd::cluster_settings::{AuthenticationMode, SupportType};
use crd::forms;
use kubernetes_versions::{self, Support};

/// What is known when a cluster is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Account that it is made in.
    pub account: &'a str,
    /// Region that it is made in.
    pub region: &'a str,
    /// Versions that clusters can have.
    pub versions: &'a [String],
    /// Version of a cluster that names none.
    pub default_version: &'a str,
    /// The day, in UTC.
    pub today: Date,
}

/// What CreateCluster refuses.
pub const CREATE: &[fn(&CreateCluster, &Facts<'_>) -> Verdict] = &[
    tags,
    version,
    role,
    subnets,
    security_groups,
    endpoints,
    public_cidrs,
    service_cidr,
    creator,
    auto_mode,
    remote_networks,
    encryption,
    support,
    outpost,
    control_plane,
];

/// Nobody may set tags whose keys begin with `aws:`.
fn tags(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    values::tags(&request.tags)
}

/// The version is one that is offered.
fn version(request: &CreateCluster, facts: &Facts<'_>) -> Verdict {
    request.version.iter().try_for_each(|version| cluster_version::offered(version, facts.versions))
}

/// The role is an IAM role of the cluster's account.
fn role(request: &CreateCluster, facts: &Facts<'_>) -> Verdict {
    if values::is_role(&request.role_arn) {
        return roles::passed(&request.role_arn, facts.account);
    }
    invalid(format!("Invalid Role Arn: {} is not the ARN of an IAM role", request.role_arn))
}

/// Subnets that are named are at least two; on an Outpost one will do.
fn subnets(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    network::subnets(request.resources_vpc_config.subnet_ids.as_deref(), request.settings.outpost_config.is_some())
}

/// A control plane has a few security groups at most.
fn security_groups(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    network::security_groups(request.resources_vpc_config.security_group_ids.as_deref())
}

/// A cluster that nobody reaches is of no use.
fn endpoints(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    let vpc = &request.resources_vpc_config;
    network::endpoints(vpc.endpoint_public_access, vpc.endpoint_private_access)
}

/// The sources of the public endpoint are CIDR blocks.
fn public_cidrs(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    network::public_cidrs(request.resources_vpc_config.public_access_cidrs.as_deref())
}

/// The network of Services is a private one of a certain size, and only of clusters with IPv4.
fn service_cidr(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    let Some(config) = &request.kubernetes_network_config else { return Ok(()) };
    network::service_cidr(config.service_ipv4_cidr.as_deref(), config.ip_family)
}

/// The mode that the request asks for, EKS's default included.
fn mode(request: &CreateCluster) -> AuthenticationMode {
    request.settings.access_config.as_ref().and_then(|access| access.authentication_mode).unwrap_or_default()
}

/// With the ConfigMap alone nobody but the creator could write it.
fn creator(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    let access = request.settings.access_config.as_ref();
    let admin = access.and_then(|access| access.bootstrap_cluster_creator_admin_permissions);
    if admin == Some(false) && mode(request) == AuthenticationMode::ConfigMap {
        return invalid(
            "bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP",
        );
    }
    Ok(())
}

/// EKS Auto Mode is on as a whole or off as a whole, and needs a world that it works in.
fn auto_mode(request: &CreateCluster, facts: &Facts<'_>) -> Verdict {
    let settings = &request.settings;
    let network = request.kubernetes_network_config.as_ref();
    let asked = auto_mode::Asked {
        compute: settings.compute_config.as_ref(),
        storage: settings.storage_config.as_ref(),
        balancing: network.and_then(|network| network.elastic_load_balancing.as_ref()),
        mode: mode(request),
        version: request.version.as_deref().unwrap_or(facts.default_version),
    };
    auto_mode::check(&asked)?;
    if asked.is_on() && settings.bootstrap_self_managed_addons != Some(false) {
        return invalid("When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false.");
    }
    Ok(())
}

/// Hybrid nodes come from private networks, which don't overlap.
fn remote_networks(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    let Some(remote) = &request.settings.remote_network_config else { return Ok(()) };
    let config = request.kubernetes_network_config.clone().unwrap_or_default();
    network::remote(remote, mode(request), config.ip_family, config.service_ipv4_cidr.as_deref())
}

/// What is encrypted is Secrets, with a KMS key of the region.
fn encryption(request: &CreateCluster, facts: &Facts<'_>) -> Verdict {
    encryption_config(&request.encryption_config, facts.region)
}

/// What is encrypted is Secrets, with a KMS key of the cluster's region.
///
/// # Errors
/// `InvalidParameterException`.
pub fn encryption_config(configs: &[EncryptionConfig], region: &str) -> Verdict {
    let Some(config) = configs.first() else { return Ok(()) };
    if config.resources != ["secrets"] {
        return invalid("The only resource that can be encrypted is secrets");
    }
    let Some(key) = &config.provider.key_arn else {
        return invalid("encryptionConfig needs the ARN of a key in provider.keyArn");
    };
    if !forms::KMS_KEY.fits(key) {
        return invalid(format!("keyArn {key} is not the ARN of a KMS key"));
    }
    match key.parse::<arn::Arn>() {
        Ok(arn) if arn.region == region => Ok(()),
        _ => invalid(format!("The KMS key {key} is not in the cluster's region {region}")),
    }
}

/// A version that is in extended support already has no standard support to keep to.
fn support(request: &CreateCluster, facts: &Facts<'_>) -> Verdict {
    let policy = request.settings.upgrade_policy.as_ref().and_then(|policy| policy.support_type);
    standard_support(policy, request.version.as_deref().unwrap_or(facts.default_version), facts.today)
}

/// A version that is in extended support already has no standard support to keep to.
///
/// # Errors
/// `InvalidParameterException`.
pub fn standard_support(policy: Option<SupportType>, version: &str, today: Date) -> Verdict {
    let over = kubernetes_versions::find(version).is_some_and(|facts| facts.support(today) != Support::Standard);
    if policy == Some(SupportType::Standard) && over {
        return invalid(format!(
            "supportType STANDARD can not be set: Kubernetes version {version} is in extended support already"
        ));
    }
    Ok(())
}

/// A control plane is on one Outpost.
fn outpost(request: &CreateCluster, _: &Facts<'_>) -> Verdict {
    match &request.settings.outpost_config {
        Some(outpost) if outpost.outpost_arns.len() != 1 => invalid("outpostConfig must have exactly one outpostArn"),
        _ => Ok(()),
    }
}

/// The control plane's parts are set as EKS supports it.
fn control_plane(request: &CreateCluster, facts: &Facts<'_>) -> Verdict {
    let version = request.version.as_deref().unwrap_or(facts.default_version);
    check(control_plane::RULES, &control_plane::Asked::of(&request.settings, version), &())
}

#[cfg(test)]
mod tests;
