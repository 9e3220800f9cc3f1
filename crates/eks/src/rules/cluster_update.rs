//! UpdateClusterConfig.

use k8s_openapi::jiff::civil::Date;

use super::{Verdict, auto_mode, check, cluster, control_plane, invalid, network};
use crate::convert::cluster_change::UpdateClusterConfig;
use crd::EKSClusterConfigSpec;

/// `controlPlaneEgressMode` of clusters that name none.
const MANAGED: &str = "AWS_MANAGED";

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
    pub today: Date,
}

/// What UpdateClusterConfig refuses.
pub const CONFIG: &[fn(&UpdateClusterConfig, &Facts<'_>) -> Verdict] = &[
    subnets,
    security_groups,
    endpoints,
    public_cidrs,
    egress,
    fixed_network,
    auto_mode,
    node_role,
    remote_networks,
    support,
    control_plane,
];

/// Subnets that are named are at least two; on an Outpost one will do.
fn subnets(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    network::subnets(request.resources_vpc_config.subnet_ids.as_deref(), facts.before.outpost_config.is_some())
}

/// A control plane has a few security groups at most.
fn security_groups(request: &UpdateClusterConfig, _: &Facts<'_>) -> Verdict {
    network::security_groups(request.resources_vpc_config.security_group_ids.as_deref())
}

/// A cluster that nobody reaches is of no use. Requests about something else don't mend one that was made so in YAML.
fn endpoints(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let vpc = &request.resources_vpc_config;
    if vpc.endpoint_public_access.is_none() && vpc.endpoint_private_access.is_none() {
        return Ok(());
    }
    network::endpoints(facts.after.public_access, facts.after.private_access)
}

/// The sources of the public endpoint are CIDR blocks.
fn public_cidrs(request: &UpdateClusterConfig, _: &Facts<'_>) -> Verdict {
    network::public_cidrs(request.resources_vpc_config.public_access_cidrs.as_deref())
}

/// The mode of the control plane's egress can't change.
fn egress(_: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let managed =
        |spec: &EKSClusterConfigSpec| spec.control_plane_egress_mode.as_deref().is_none_or(|mode| mode == MANAGED);
    if managed(facts.after) && !managed(facts.before) {
        return invalid(format!("controlPlaneEgressMode can not be changed back to {MANAGED}"));
    }
    Ok(())
}

/// The network of Services and the IP family are for ever; a request may repeat them.
fn fixed_network(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    let Some(config) = &request.kubernetes_network_config else { return Ok(()) };
    if config.service_ipv4_cidr.as_deref().is_some_and(|cidr| cidr != facts.before.service_cidr()) {
        return invalid("serviceIpv4Cidr can not be changed after the cluster was created");
    }
    let family = facts.before.ip_family.unwrap_or(crd::cluster::IpFamily::Ipv4);
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

/// The control plane's parts are set as EKS supports it, with what isn't given as it is.
fn control_plane(request: &UpdateClusterConfig, facts: &Facts<'_>) -> Verdict {
    match control_plane::Asked::after(&request.settings, facts.after, facts.version) {
        Some(asked) => check(control_plane::RULES, &asked, &()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::convert::cluster_change::apply;

    fn refusal(cluster: &mut crd::EKSClusterConfig, change: &Value) -> Option<String> {
        let mut request = json!({"name": "c"});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let request: UpdateClusterConfig = serde_json::from_value(request).unwrap();
        let before = cluster.spec.clone();
        apply(&request, cluster).unwrap();
        let today = k8s_openapi::jiff::civil::date(2026, 1, 1);
        let facts = Facts { before: &before, after: &cluster.spec, version: "1.35", today };
        check(CONFIG, &request, &facts).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn who_routes_what_leaves_the_control_plane_goes_on_doing_so() {
        let mut cluster = crd::EKSClusterConfig::new("c", EKSClusterConfigSpec::default());
        let mode = |mode: &str| json!({"resourcesVpcConfig": {"controlPlaneEgressMode": mode}});
        assert_eq!(refusal(&mut cluster, &mode("CUSTOMER_ROUTED")), None);
        assert!(refusal(&mut cluster, &mode("AWS_MANAGED")).unwrap().contains("changed back to AWS_MANAGED"));
    }

    #[test]
    fn an_endpoint_that_is_closed_already_is_in_the_way_of_nothing_else() {
        let closed = EKSClusterConfigSpec { public_access: Some(false), ..EKSClusterConfigSpec::default() };
        let mut cluster = crd::EKSClusterConfig::new("c", closed);
        assert_eq!(refusal(&mut cluster, &json!({"deletionProtection": true})), None);
        let access = |member: &str, is: bool| json!({"resourcesVpcConfig": {member: is}});
        let mut open = crd::EKSClusterConfig::new("o", EKSClusterConfigSpec::default());
        assert!(refusal(&mut open, &access("endpointPublicAccess", false)).unwrap().contains("cannot be false"));
        assert_eq!(refusal(&mut cluster, &access("endpointPrivateAccess", true)), None);
    }

    #[test]
    fn a_tier_stays_for_as_long_as_a_setting_needs_it() {
        let mut cluster = crd::EKSClusterConfig::new("c", EKSClusterConfigSpec::default());
        let sync = |period: &str| json!({"kubeControllerManagerConfig": {"horizontalPodAutoscalerControllerConfig": {"horizontalPodAutoscalerSyncPeriod": period}}});
        let tier = |tier: &str| json!({"controlPlaneScalingConfig": {"tier": tier}});
        assert!(refusal(&mut cluster.clone(), &sync("10s")).is_some());
        for change in [tier("tier-xl"), sync("10s")] {
            assert_eq!(refusal(&mut cluster, &change), None, "{change}");
        }
        assert!(refusal(&mut cluster.clone(), &tier("standard")).is_some());
        for change in [sync("15s"), tier("standard")] {
            assert_eq!(refusal(&mut cluster, &change), None, "{change}");
        }
    }

    #[test]
    fn what_a_change_doesn_t_name_stays_as_it_is() {
        let mut cluster = crd::EKSClusterConfig::new("c", EKSClusterConfigSpec::default());
        let api = |config: Value| json!({"kubeApiServerConfig": config});
        assert_eq!(refusal(&mut cluster, &api(json!({"eventTtl": "30m"}))), None);
        assert_eq!(refusal(&mut cluster, &api(json!({"serviceNodePortRange": {"minPort": 20_000}}))), None);
        let said = refusal(&mut cluster.clone(), &api(json!({"serviceNodePortRange": {"maxPort": 15_000}}))).unwrap();
        assert!(said.contains("minPort 20000"), "{said}");
        assert_eq!(cluster.spec.kube_api_server_config.unwrap().event_ttl.as_deref(), Some("30m"));
    }
}
