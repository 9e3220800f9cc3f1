//! What values of members must look like, wherever they stand.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};

use super::{Verdict, invalid};
use crd::forms;
use crd::most::SUBNETS;
use crd::tags::is_reserved;

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
    forms::ROLE_ARN.fits(text)
}

/// What can't be the id of a subnet isn't there, and neither are more than a VPC has.
///
/// # Errors
/// `InvalidParameterException`.
pub fn subnet_ids(ids: &[String]) -> Verdict {
    match ids.iter().find(|id| !forms::SUBNET.fits(id)) {
        Some(id) => invalid(format!("The subnet ID '{id}' does not exist")),
        None if ids.len() > SUBNETS => invalid(format!("At most {SUBNETS} subnets can be specified")),
        None => Ok(()),
    }
}

/// What can't be the id of a security group isn't there.
///
/// # Errors
/// `InvalidParameterException`.
pub fn security_group_ids<'a>(ids: impl IntoIterator<Item = &'a String>) -> Verdict {
    match ids.into_iter().find(|id| !forms::SECURITY_GROUP.fits(id)) {
        Some(id) => invalid(format!("The security group '{id}' does not exist")),
        None => Ok(()),
    }
}

/// Nobody may set tags whose keys begin with `aws:`.
///
/// # Errors
/// `InvalidParameterException`.
pub fn tags(tags: &BTreeMap<String, String>) -> Verdict {
    if tags.keys().any(|key| is_reserved(key)) {
        return invalid("Tag keys must not begin with aws:");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crd::forms::Form;

    /// What the model says in words of its own, definitions say in a pattern.
    #[test]
    fn definitions_take_every_word_that_the_model_has() {
        let model: Value = serde_json::from_str(include_str!("../model.json")).unwrap();
        let forms: [(&str, &Form); 9] = [
            ("AMITypes", &forms::AMI_TYPE),
            ("NodegroupUpdateStrategies", &forms::UPDATE_STRATEGY),
            ("RepairAction", &forms::REPAIR_ACTION),
            ("WarmPoolState", &forms::POOL_STATE),
            ("ProvisionedControlPlaneTier", &forms::TIER),
            ("ControlPlaneEgressModeType", &forms::EGRESS_MODE),
            ("ScoringStrategyType", &forms::SCORING),
            ("SpreadLevel", &forms::SPREAD),
            ("ConnectorConfigProvider", &forms::CONNECTED),
        ];
        for (shape, form) in forms {
            let words = model["shapes"][shape]["enum"].as_array().unwrap_or_else(|| panic!("{shape} has words"));
            for word in words {
                let word = word.as_str().unwrap();
                assert!(form.fits(word), "{shape}: {word}");
                assert!(!form.fits(&format!("{word}_")), "{shape}: {word}_");
            }
        }
        for none in ["", "AL2", "AL2023", "AL2023_x86_64", "BOTTLEROCKET", "WINDOWS_CORE_2016_x86_64", "al2_x86_64"] {
            assert!(!forms::AMI_TYPE.fits(none), "{none}");
        }
    }

    #[test]
    fn subnets_are_no_more_than_a_vpc_has() {
        let many = |count: usize| (0..count).map(|at| format!("subnet-{at}")).collect::<Vec<_>>();
        assert!(subnet_ids(&many(SUBNETS)).is_ok());
        assert!(subnet_ids(&many(SUBNETS + 1)).is_err());
    }
}
