//! UpdateClusterVersion.

use super::{Verdict, invalid};
use crate::crd::names::minor;
use crate::eks::error::ApiError;

/// What is known when a cluster is to go to another version.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The version that it runs.
    pub present: &'a str,
    /// Versions that clusters can have.
    pub versions: &'a [String],
    /// Names and versions of its node groups, where these are known.
    pub groups: &'a [(String, String)],
}

/// What UpdateClusterVersion refuses of the version that is asked for.
pub const UPDATE: &[fn(&str, &Facts<'_>) -> Verdict] = &[offered, one_up, groups];

/// The version is one that is offered.
fn offered(wanted: &str, facts: &Facts<'_>) -> Verdict {
    if facts.versions.iter().any(|version| version == wanted) {
        return Ok(());
    }
    invalid("unsupported Kubernetes version")
}

/// A cluster goes one minor version up at a time, and never down.
fn one_up(wanted: &str, facts: &Facts<'_>) -> Verdict {
    let present = facts.present;
    if minor(present).map(|minor| minor + 1) == minor(wanted) {
        return Ok(());
    }
    invalid(format!("Unsupported Kubernetes minor version update from {present} to {wanted}"))
}

/// Every node group runs what the cluster runs before the cluster goes on.
fn groups(_: &str, facts: &Facts<'_>) -> Verdict {
    let differs = |(_, version): &&(String, String)| minor(version) != minor(facts.present);
    let behind: Vec<&str> = facts.groups.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    if behind.is_empty() {
        return Ok(());
    }
    let (names, present) = (behind.join(", "), facts.present);
    Err(ApiError::invalid_request(format!(
        "Nodegroups {names} must be updated to match cluster version {present} before updating cluster version"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eks::rules::check;

    fn refusal(present: &str, wanted: &str, groups: &[(&str, &str)]) -> Option<String> {
        let versions: Vec<String> = (24..=34).map(|minor| format!("1.{minor}")).collect();
        let groups: Vec<_> = groups.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        let facts = Facts { present, versions: &versions, groups: &groups };
        check(UPDATE, wanted, &facts).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn versions_go_one_minor_up() {
        assert_eq!(refusal("1.32", "1.33", &[]), None);
        for (from, to) in [("1.32", "1.34"), ("1.32", "1.31"), ("1.32", "1.32")] {
            let text = refusal(from, to, &[]).unwrap();
            assert_eq!(text, format!("Unsupported Kubernetes minor version update from {from} to {to}"));
        }
        assert_eq!(refusal("1.34", "1.35", &[]).unwrap(), "unsupported Kubernetes version");
    }

    #[test]
    fn node_groups_come_first() {
        assert_eq!(refusal("1.33", "1.34", &[("a", "1.33"), ("b", "1.33.5")]), None);
        let text = refusal("1.33", "1.34", &[("a", "1.32"), ("b", "1.33"), ("c", "1.31")]).unwrap();
        assert_eq!(
            text,
            "Nodegroups a, c must be updated to match cluster version 1.33 before updating cluster version"
        );
    }
}
