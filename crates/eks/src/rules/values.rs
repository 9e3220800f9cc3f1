//! What values of members must look like, wherever they stand.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use super::{Verdict, invalid};
use crate::arn::Arn;

/// The private networks of RFC 1918.
const PRIVATE: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// The networks that carriers share, of RFC 6598.
const SHARED: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 64, 0, 0), 10);

/// A network, written as its first address and its length.
pub fn network(text: &str) -> Option<Ipv4Net> {
    text.parse::<Ipv4Net>().ok().filter(|block| block.network() == block.addr())
}

/// Whether a block lies within the private networks of RFC 1918.
pub fn is_private(block: &Ipv4Net) -> bool {
    PRIVATE.iter().any(|private| private.contains(block))
}

/// Whether a block lies within the networks that carriers share.
pub fn is_shared(block: &Ipv4Net) -> bool {
    SHARED.contains(block)
}

/// Whether text is an IPv4 or IPv6 block in CIDR notation.
pub fn is_block(text: &str) -> bool {
    text.parse::<IpNet>().is_ok()
}

/// Whether text is the ARN of an IAM role.
pub fn is_role(text: &str) -> bool {
    text.parse::<Arn>().is_ok_and(|arn| arn.is_role())
}

/// Whether text has the form of an id of EC2's, such as `subnet-0a1b2c3d` for `subnet-`.
pub fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// What can't be the id of a subnet isn't there.
///
/// # Errors
/// `InvalidParameterException`.
pub fn subnet_ids<'a>(ids: impl IntoIterator<Item = &'a String>) -> Verdict {
    match ids.into_iter().find(|id| !is_id(id, "subnet-")) {
        Some(id) => invalid(format!("The subnet ID '{id}' does not exist")),
        None => Ok(()),
    }
}

/// What can't be the id of a security group isn't there.
///
/// # Errors
/// `InvalidParameterException`.
pub fn security_group_ids<'a>(ids: impl IntoIterator<Item = &'a String>) -> Verdict {
    match ids.into_iter().find(|id| !is_id(id, "sg-")) {
        Some(id) => invalid(format!("The security group '{id}' does not exist")),
        None => Ok(()),
    }
}

/// Nobody may set tags whose keys begin with `aws:`.
///
/// # Errors
/// `InvalidParameterException`.
pub fn tags(tags: &BTreeMap<String, String>) -> Verdict {
    if tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return invalid("Tag keys must not begin with aws:");
    }
    Ok(())
}
