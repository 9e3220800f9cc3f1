//! UpdateClusterConfig.

use chrono::NaiveDate;

use super::{Verdict, auto_mode, cluster, invalid, network};
use crate::crd::EKSClusterConfigSpec;
use crate::eks::convert::cluster_change::UpdateClusterConfig;

/// What is known when a cluster is to be changed.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The cluster as it is.
    pub before: &'a EKSClusterConfigSpec,
    /// The cluster as the request would have it.
    pub after: &'a EKSClusterConfigSpec,
    /// The version that it runs.
    pub version: &'a str,
    /// The day, in UTC.
    pub today: NaiveDate,
}

/// What UpdateClusterConfig refuses.
pub const CONFIG: &[fn(&UpdateClusterConfig, &Facts<'_>) -> Verdict] =
    &[subnets, security_groups, endpoints, public_cidrs, fixed_network, auto_mode, node_role, remote_networks, support];

/// Subnets that are named are at least two; on an Outpost one will do.
fn subnets(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    if facts.before.outpost_config.is_some() {
        return Ok(());
    }
    network::subnets(request.resources_vpc_config.subnet_ids.as_deref())
}

/// A control plane has a few security groups at most.
fn security_groups(request: &UpdateClusterConfig, _: &Facts<'_>) -> Verdict {
    network::security_groups(request.resources_vpc_config.security_group_ids.as_deref())
}

/// A cluster that nobody reaches is of no use.
fn endpoints(_: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    network::endpoints(facts.after.public_access, facts.after.private_access)
}

/// Who may use the public endpoint is told in CIDR blocks.
fn public_cidrs(request: &UpdateClusterConfig, _: &Facts<'_>) -> Verdict {
    network::public_cidrs(request.resources_vpc_config.public_access_cidrs.as_deref())
}

/// The network of Services and the IP family are for ever; a request may repeat them.
fn fixed_network(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let Some(config) = &request.kubernetes_network_config else { return Ok(()) };
    if config.service_ipv4_cidr.as_deref().is_some_and(|cidr| cidr != facts.before.service_cidr()) {
        return invalid("serviceIpv4Cidr can not be changed after the cluster was created");
    }
    let family = facts.before.ip_family.unwrap_or(crate::crd::cluster::IpFamily::Ipv4);
    if config.ip_family.is_some_and(|wanted| wanted != family) {
        return invalid("ipFamily can not be changed after the cluster was created");
    }
    Ok(())
}

/// EKS Auto Mode is on as a whole or off as a whole, and needs a world that it works in.
fn auto_mode(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let asked = &request.settings;
    if asked.compute_config.is_none() && asked.storage_config.is_none() && request.kubernetes_network_config.is_none() {
        return Ok(());
    }
    let network = facts.after.kubernetes_network_config.as_ref();
    auto_mode::check(&auto_mode::Asked {
        compute: facts.after.compute_config.as_ref(),
        storage: facts.after.storage_config.as_ref(),
        balancing: network.and_then(|network| network.elastic_load_balancing.as_ref()),
        mode: facts.after.authentication_mode(),
        version: facts.version,
    })
}

/// The role of Auto Mode's nodes stays while Auto Mode is on.
fn node_role(_: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let role = |spec: &EKSClusterConfigSpec| {
        let compute = spec.compute_config.clone().filter(|compute| compute.enabled == Some(true));
        compute.and_then(|compute| compute.node_role_arn)
    };
    match (role(facts.before), role(facts.after)) {
        (Some(before), Some(after)) if before != after => {
            invalid("Compute Config nodeRoleArn can not be changed after EKS Auto Mode was enabled")
        }
        _ => Ok(()),
    }
}

/// Hybrid nodes come from private networks, which don't overlap.
fn remote_networks(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let Some(remote) = &request.settings.remote_network_config else { return Ok(()) };
    let after = facts.after;
    network::remote(remote, after.authentication_mode(), after.ip_family, Some(after.service_cidr()))
}

/// A version that is in extended support already has no standard support to go back to.
fn support(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let policy = request.settings.upgrade_policy.as_ref().and_then(|policy| policy.support_type);
    cluster::standard_support(policy, facts.version, facts.today)
}
