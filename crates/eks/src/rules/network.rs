//! Networks of clusters: `resourcesVpcConfig`, `kubernetesNetworkConfig` and `remoteNetworkConfig`.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{Verdict, invalid, values};
use crd::cluster::IpFamily;
use crd::cluster_settings::{AuthenticationMode, DEFAULT_SERVICE_CIDR, RemoteNetwork, RemoteNetworkConfig};
use crd::most::{PUBLIC_SOURCES, REMOTE_CIDRS, SECURITY_GROUPS};

/// Shortest and longest prefix of the network of Services.
const SERVICE_PREFIX: std::ops::RangeInclusive<u8> = 12..=24;

/// Subnets that are named can be there, and are at least two, in as many zones; on an Outpost one will do.
pub fn subnets(ids: Option<&[String]>, on_outpost: bool) -> Verdict {
    values::subnet_ids(ids.unwrap_or_default())?;
    match ids {
        Some([_]) if !on_outpost => invalid("Subnets specified must be in at least two different AZs"),
        _ => Ok(()),
    }
}

/// A control plane has a few security groups at most, which can be there.
pub fn security_groups(ids: Option<&[String]>) -> Verdict {
    values::security_group_ids(ids.unwrap_or_default())?;
    if ids.is_some_and(|ids| ids.len() > SECURITY_GROUPS) {
        return invalid(format!("At most {SECURITY_GROUPS} security groups can be specified"));
    }
    Ok(())
}

/// A cluster that nobody reaches is of no use.
pub fn endpoints(public: Option<bool>, private: Option<bool>) -> Verdict {
    if !public.unwrap_or(true) && !private.unwrap_or_default() {
        return invalid("Private and public endpoint access cannot be false");
    }
    Ok(())
}

/// The sources of the public endpoint are CIDR blocks, not too many and each of them once.
pub fn public_cidrs(blocks: Option<&[String]>) -> Verdict {
    let blocks = blocks.unwrap_or_default();
    let wrong: Vec<&str> = blocks.iter().map(String::as_str).filter(|block| !values::is_block(block)).collect();
    if !wrong.is_empty() {
        return invalid(format!("The following CIDRs are invalid in publicAccessCidrs: [{}]", wrong.join(", ")));
    }
    if blocks.len() > PUBLIC_SOURCES {
        return invalid(format!("At most {PUBLIC_SOURCES} public access CIDRs can be specified"));
    }
    let mut seen = BTreeSet::new();
    if let Some(again) = blocks.iter().find(|block| !seen.insert(*block)) {
        return invalid(format!("The CIDR {again} is there twice in publicAccessCidrs"));
    }
    Ok(())
}

/// The network of Services is a private one of a certain size, and only of clusters with IPv4.
pub fn service_cidr(cidr: Option<&str>, family: Option<IpFamily>) -> Verdict {
    let Some(cidr) = cidr else { return Ok(()) };
    if family == Some(IpFamily::Ipv6) {
        return invalid("serviceIpv4Cidr can not be specified when ipFamily is ipv6");
    }
    let Some(block) = values::network(cidr) else {
        return invalid(format!("serviceIpv4Cidr {cidr} is not a valid IPv4 CIDR block"));
    };
    if !values::is_private(&block) {
        return invalid(format!("serviceIpv4Cidr {cidr} must be within 10.0.0.0/8, 172.16.0.0/12, or 192.168.0.0/16"));
    }
    if !SERVICE_PREFIX.contains(&block.prefix_len()) {
        return invalid(format!("serviceIpv4Cidr {cidr} must be between /24 and /12"));
    }
    Ok(())
}

/// Hybrid nodes come from private networks, which don't overlap, to a cluster with access entries and IPv4.
pub fn remote(
    remote: &RemoteNetworkConfig,
    mode: AuthenticationMode,
    family: Option<IpFamily>,
    service: Option<&str>,
) -> Verdict {
    let nodes = remote.remote_node_networks.as_deref().unwrap_or_default();
    let pods = remote.remote_pod_networks.as_deref().unwrap_or_default();
    if nodes.is_empty() && pods.is_empty() {
        return Ok(());
    }
    if mode == AuthenticationMode::ConfigMap {
        return invalid(
            "AccessConfig AuthMode must be API_AND_CONFIG_MAP or API when remoteNetworkConfig is specified",
        );
    }
    if family == Some(IpFamily::Ipv6) {
        return invalid("ipFamily must be ipv4 when remoteNetworkConfig is specified");
    }
    if nodes.is_empty() {
        return invalid("remoteNodeNetworks must be specified when remotePodNetworks is specified");
    }
    let mut taken: Vec<(&str, Ipv4Net)> = Vec::new();
    taken.extend(values::network(service.unwrap_or(DEFAULT_SERVICE_CIDR)).map(|block| ("service CIDR", block)));
    for (what, networks) in [("remote node network", nodes), ("remote pod network", pods)] {
        apart(what, networks, &mut taken)?;
    }
    Ok(())
}

/// Reads the blocks of networks and sees that they are apart from those that are taken.
fn apart<'a>(what: &'a str, networks: &[RemoteNetwork], taken: &mut Vec<(&'a str, Ipv4Net)>) -> Verdict {
    if networks.iter().map(|network| network.cidrs.len()).sum::<usize>() > REMOTE_CIDRS {
        return invalid(format!("Invalid {what}: at most {REMOTE_CIDRS} CIDRs can be specified"));
    }
    for text in networks.iter().flat_map(|network| &network.cidrs) {
        let Some(block) = values::network(text) else {
            return invalid(format!("Invalid {what}: {text} is not a valid IPv4 CIDR block"));
        };
        if !values::is_private(&block) && !values::is_shared(&block) {
            return invalid(format!(
                "Invalid {what}: CIDR {text} must be within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10"
            ));
        }
        if let Some((other, found)) = taken.iter().find(|(_, b)| b.contains(&block) || block.contains(b)) {
            return invalid(format!("Invalid {what}: CIDR {text} overlaps with {other} {found}"));
        }
        taken.push((what, block));
    }
    Ok(())
}
