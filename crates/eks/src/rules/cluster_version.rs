//! UpdateClusterVersion.

use super::{Verdict, invalid};
use aws::error::ApiError;
use crd::names::minor;

/// What is known when a cluster is to go to another version.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The version that it runs.
    pub present: &'a str,
    /// Versions that clusters can have.
    pub versions: &'a [String],
    /// Names and versions of its node groups, where these are known.
    pub groups: &'a [(String, String)],
    /// Whether its insights found something that has to be done first, and the request doesn't force it.
    pub blocked: bool,
    /// How many minutes a rollback may take.
    pub rollback_minutes: Option<i64>,
}

/// Two hours to seven days.
const ROLLBACK: std::ops::RangeInclusive<i64> = 120..=10_080;

/// What UpdateClusterVersion refuses of the version that is asked for.
pub const UPDATE: &[fn(&str, &Facts<'_>) -> Verdict] = &[is_offered, one_up, groups, rollback, ready];

/// The version is one that is offered.
fn is_offered(wanted: &str, facts: &Facts<'_>) -> Verdict {
    offered(wanted, facts.versions)
}

/// The version is one of these. The refusal has EKS's words, and the versions that there are.
///
/// # Errors
/// `InvalidParameterException`.
pub fn offered(wanted: &str, versions: &[String]) -> Verdict {
    if versions.iter().any(|version| version == wanted) {
        return Ok(());
    }
    let mut offered: Vec<&str> = versions.iter().map(String::as_str).collect();
    offered.sort_by_key(|version| std::cmp::Reverse(minor(version)));
    invalid(format!("unsupported Kubernetes version {wanted}: choose one of {}", offered.join(", ")))
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

/// A rollback is given two hours to seven days.
fn rollback(_: &str, facts: &Facts<'_>) -> Verdict {
    if facts.rollback_minutes.is_none_or(|minutes| ROLLBACK.contains(&minutes)) {
        return Ok(());
    }
    invalid(format!("timeoutMinutes of rollbackConfig must be between {} and {}", ROLLBACK.start(), ROLLBACK.end()))
}

/// What insights call an error is mended before the cluster goes on, unless the request says that it needn't.
fn ready(_: &str, facts: &Facts<'_>) -> Verdict {
    if !facts.blocked {
        return Ok(());
    }
    Err(ApiError::invalid_state(
        "Upgrade readiness issues detected. Call the EKS ListInsights API to view upgrade blocking issues detected by EKS. Pass the force flag to override upgrade readiness errors and proceed with upgrade.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::check;
    use aws::error::ErrorCode;

    fn refusal(present: &str, wanted: &str, groups: &[(&str, &str)]) -> Option<String> {
        let versions: Vec<String> = (24..=34).map(|minor| format!("1.{minor}")).collect();
        let groups: Vec<_> = groups.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        let facts = Facts { present, versions: &versions, groups: &groups, blocked: false, rollback_minutes: None };
        check(UPDATE, wanted, &facts).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn versions_go_one_minor_up() {
        assert_eq!(refusal("1.32", "1.33", &[]), None);
        for (from, to) in [("1.32", "1.34"), ("1.32", "1.31"), ("1.32", "1.32")] {
            let text = refusal(from, to, &[]).unwrap();
            assert_eq!(text, format!("Unsupported Kubernetes minor version update from {from} to {to}"));
        }
        assert_eq!(
            refusal("1.34", "1.35", &[]).unwrap(),
            "unsupported Kubernetes version 1.35: choose one of 1.34, 1.33, 1.32, 1.31, 1.30, 1.29, 1.28, 1.27, 1.26, 1.25, 1.24"
        );
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

    #[test]
    fn what_insights_call_an_error_comes_first_and_a_rollback_has_its_time() {
        let versions = ["1.33".to_owned(), "1.34".to_owned()];
        let refusal = |blocked, rollback_minutes| {
            let facts = Facts { present: "1.33", versions: &versions, groups: &[], blocked, rollback_minutes };
            check(UPDATE, "1.34", &facts).err().map(|error| error.code())
        };
        assert_eq!(refusal(false, None), None);
        assert_eq!(refusal(true, None), Some(ErrorCode::INVALID_STATE));
        for minutes in [120, 10_080] {
            assert_eq!(refusal(false, Some(minutes)), None, "{minutes}");
        }
        for minutes in [119, 10_081] {
            assert_eq!(refusal(false, Some(minutes)), Some(ErrorCode::INVALID_PARAMETER), "{minutes}");
        }
    }
}
