//! Who may use the public endpoint, as the spec says.

use ipnet::IpNet;

use super::idle;
use crate::decision::Problem;
use crd::EKSClusterConfig;
use crd::conditions::Reason;
use provider::PublicEndpoint;

/// What is wrong with the CIDR blocks, if anything is.
pub fn check(cluster: &EKSClusterConfig) -> Result<(), Problem> {
    for cidr in &cluster.spec.public_access_sources {
        if cidr.parse::<IpNet>().is_err() {
            let text = format!(
                "publicAccessSources: {cidr:?} isn't a CIDR block; write an address and a length, such as 203.0.113.0/24"
            );
            return Err(Problem::stalled(Reason::InvalidSpec, text));
        }
    }
    Ok(())
}

/// Who may use the endpoint, and whether its use is measured.
pub fn endpoint(cluster: &EKSClusterConfig) -> PublicEndpoint {
    let spec = &cluster.spec;
    let counted = idle::after(cluster).is_some();
    let everybody = PublicEndpoint { counted, ..PublicEndpoint::default() };
    if spec.public_access == Some(false) {
        return PublicEndpoint { sources: Vec::new(), ..everybody };
    }
    if spec.public_access_sources.is_empty() {
        return everybody;
    }
    let given = spec.public_access_sources.iter().filter_map(|cidr| cidr.parse::<IpNet>().ok());
    let sources = given.filter_map(|source| match source {
        IpNet::V4(source) => Some(source),
        IpNet::V6(_) => None,
    });
    PublicEndpoint { sources: sources.collect(), ..everybody }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(spec: serde_json::Value) -> EKSClusterConfig {
        let object = json!({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "a"}, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    fn sources(spec: serde_json::Value) -> Vec<String> {
        endpoint(&of(spec)).sources.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nobody_is_kept_out_unless_that_is_asked_for() {
        for open in
            [json!({}), json!({"publicAccess": true}), json!({"publicAccessSources": ["10.0.0.0/8", "0.0.0.0/0"]})]
        {
            assert!(!endpoint(&of(open)).has_rules());
        }
        assert!(endpoint(&of(json!({"hibernateAfter": "30m"}))).has_rules(), "use is counted");
    }

    #[test]
    fn without_public_access_no_source_is_let_in() {
        let closed = json!({"publicAccess": false, "publicAccessSources": ["0.0.0.0/0"]});
        assert!(sources(closed).is_empty());
        assert_eq!(sources(json!({"publicAccessSources": ["203.0.113.0/24", "2001:db8::/32"]})), ["203.0.113.0/24"]);
    }

    #[test]
    fn nothing_but_a_cidr_block_is_a_source() {
        let evil = json!({"publicAccessSources": ["10.0.0.0/8; rm -rf /", "$(reboot)/8"]});
        assert!(check(&of(evil.clone())).is_err());
        assert!(sources(evil).is_empty());
        assert!(check(&of(json!({"publicAccessSources": ["10.0.0.0/8", "2001:db8::/32"]}))).is_ok());
    }
}
