//! DeleteCluster.

use super::Verdict;
use aws::error::ApiError;

/// What hangs on a cluster that is to be deleted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Whether it is only connected.
    pub connected: bool,
    /// How many node groups it has.
    pub nodegroups: usize,
    /// How many Fargate profiles it has.
    pub fargate_profiles: usize,
    /// How many capabilities it has.
    pub capabilities: usize,
    /// Whether it is protected.
    pub protected: bool,
}

/// What DeleteCluster refuses of the cluster of this name.
pub const DELETE: &[fn(&str, &Facts) -> Verdict] = &[own, nodegroups, fargate_profiles, capabilities, protection];

/// What is only connected was not made here.
fn own(_: &str, facts: &Facts) -> Verdict {
    if facts.connected {
        return Err(ApiError::invalid_request("A connected cluster is removed with DeregisterCluster"));
    }
    Ok(())
}

fn attached(number: usize, what: &str) -> Verdict {
    if number == 0 { Ok(()) } else { Err(ApiError::resource_in_use(format!("Cluster has {what} attached"))) }
}

/// Node groups go first.
fn nodegroups(_: &str, facts: &Facts) -> Verdict {
    attached(facts.nodegroups, "nodegroups")
}

/// Fargate profiles go first.
fn fargate_profiles(_: &str, facts: &Facts) -> Verdict {
    attached(facts.fargate_profiles, "fargate profiles")
}

/// Capabilities go first.
fn capabilities(_: &str, facts: &Facts) -> Verdict {
    attached(facts.capabilities, "capabilities")
}

/// Its owner protects it.
fn protection(name: &str, facts: &Facts) -> Verdict {
    if facts.protected {
        let text = format!("Cluster '{name}' has deletion protection enabled; disable it before deleting the cluster");
        return Err(ApiError::invalid_request(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::check;
    use aws::error::ErrorCode;

    #[test]
    fn what_hangs_on_a_cluster_goes_first() {
        let none = Facts::default();
        assert!(check(DELETE, "c", &none).is_ok());
        for (facts, code, words) in [
            (Facts { nodegroups: 1, ..none }, ErrorCode::RESOURCE_IN_USE, "Cluster has nodegroups attached"),
            (
                Facts { fargate_profiles: 2, ..none },
                ErrorCode::RESOURCE_IN_USE,
                "Cluster has fargate profiles attached",
            ),
            (Facts { capabilities: 1, ..none }, ErrorCode::RESOURCE_IN_USE, "Cluster has capabilities attached"),
            (Facts { protected: true, ..none }, ErrorCode::INVALID_REQUEST, "deletion protection"),
            (Facts { connected: true, ..none }, ErrorCode::INVALID_REQUEST, "DeregisterCluster"),
        ] {
            let error = check(DELETE, "c", &facts).unwrap_err();
            assert!(error.code() == code && error.message().contains(words), "{error}");
        }
    }
}
