//! The identity service, which tells a cluster's API server who somebody is and gives its pods their credentials: what
//! the operator, which leads clusters to it, and the EKS API, which serves it, have to agree on.

use std::net::Ipv4Addr;

/// Secret of the installation with the service's certificate authority, its certificate, and the key of its sessions.
pub const SECRET: &str = "k3eks-identity";
/// Namespace of the Service that stands for it in child clusters.
pub const NAMESPACE: &str = "kube-system";
/// The Service that stands for it in child clusters.
pub const SERVICE: &str = "k3eks-identity";
/// The name in its certificate.
pub const SERVER_NAME: &str = "k3eks-identity.kube-system.svc";
/// Where AWS SDKs look for credentials in pods of EKS.
pub const POD_ADDRESS: &str = "169.254.170.23";
/// Audience of the tokens that pods show for EKS Pod Identity.
pub const POD_IDENTITY_AUDIENCE: &str = "pods.eks.amazonaws.com";

/// Which of a cluster's Service addresses is its DNS, as Kubernetes has it.
pub const DNS: u32 = 10;
/// Which of a cluster's Service addresses is the identity service.
pub const ADDRESS: u32 = 11;

/// Path of the token review of a cluster resource.
pub fn review_path(namespace: &str, name: &str) -> String {
    format!("/clusters/{namespace}/{name}/review")
}

/// Path of the admission of a cluster resource's pods.
pub fn admission_path(namespace: &str, name: &str) -> String {
    format!("/clusters/{namespace}/{name}/admit")
}

/// The group that stands in a cluster for those who came by an access entry, so that its policies can be bound to them.
pub fn entry_group(principal: &str) -> String {
    format!("eks:access-entry:{}", entry_id(principal))
}

/// Twelve digits for the principal of an access entry.
pub fn entry_id(principal: &str) -> String {
    super::names::digest(&[principal])[..12].to_owned()
}

/// The `n`th address of a network of Services; `None` where that isn't IPv4.
pub fn nth_address(cidr: &str, n: u32) -> Option<String> {
    let (address, length) = cidr.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    Some(Ipv4Addr::from((u32::from(address) & mask) + n).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_from_the_network_s_own() {
        assert_eq!(nth_address("172.20.0.0/16", DNS).as_deref(), Some("172.20.0.10"));
        assert_eq!(nth_address("192.168.7.19/24", ADDRESS).as_deref(), Some("192.168.7.11"));
        assert_eq!(nth_address("fd00::/108", DNS), None);
        assert_eq!(nth_address("10.0.0.0", DNS), None);
        assert_eq!(nth_address("10.0.0.0/40", DNS), None);
    }

    #[test]
    fn two_principals_have_two_groups() {
        assert_ne!(entry_group("arn:aws:iam::1:role/a"), entry_group("arn:aws:iam::1:role/b"));
    }
}
