//! Conditions in kstatus's sense, so that `kubectl wait`, Flux, Argo CD and Helm read our health without help.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The resource is as the spec asks. False or Unknown while anything is missing.
pub const READY: &str = "Ready";
/// Work towards the spec is under way.
pub const RECONCILING: &str = "Reconciling";
/// Work stopped: a person has to change something.
pub const STALLED: &str = "Stalled";

/// The node groups of a cluster's spec are ready. `Ready` requires it.
pub const NODEGROUPS_READY: &str = "NodegroupsReady";

/// Reason of a condition. The list is closed, so that metrics and Events can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The resource matches its spec.
    Ready,
    /// The cluster is stopped, as the spec asks.
    Stopped,
    /// The cluster is hibernated because nobody used it (`hibernateAfter`).
    Sleeping,
    /// The resource is a record without effect.
    RecordedOnly,
    /// Work is waiting for a free slot.
    Queued,
    /// The cluster or the nodes are being made.
    Creating,
    /// The cluster or the nodes are being changed.
    Updating,
    /// The resource is being deleted.
    Deleting,
    /// The cluster or node group works, with problems.
    Degraded,
    /// Nodes exist, but not all of them are Ready.
    NodesNotReady,
    /// The cluster works, but not all node groups of its spec are ready.
    NodegroupsNotReady,
    /// The cluster works, but nodes can't be told of all registries of its spec.
    RegistriesNotReady,
    /// The API server doesn't answer.
    Unreachable,
    /// The node group's cluster doesn't exist or isn't Active yet.
    WaitingForCluster,
    /// Another resource has the same identity and is older.
    Conflict,
    /// An object that the operator has to write exists and belongs to somebody else.
    NameTaken,
    /// The spec is invalid.
    InvalidSpec,
    /// The image of the version is unavailable.
    ImageUnavailable,
    /// The provider (Docker, k3d) is unavailable.
    ProviderUnavailable,
    /// The provider failed; the operator retries.
    ProvisionFailed,
    /// An upgrade failed; the cluster or the nodes still run the former version.
    UpgradeFailed,
    /// Pods couldn't be evicted from a node, so the node stays.
    PodEvictionFailure,
    /// Deletion is refused while `deletionProtection` is set.
    DeletionProtected,
}

impl Reason {
    /// The reason as it is written in a condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Stopped => "Stopped",
            Self::Sleeping => "Sleeping",
            Self::RecordedOnly => "RecordedOnly",
            Self::Queued => "Queued",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
            Self::Degraded => "Degraded",
            Self::NodesNotReady => "NodesNotReady",
            Self::NodegroupsNotReady => "NodegroupsNotReady",
            Self::RegistriesNotReady => "RegistriesNotReady",
            Self::Unreachable => "Unreachable",
            Self::WaitingForCluster => "WaitingForCluster",
            Self::Conflict => "Conflict",
            Self::NameTaken => "NameTaken",
            Self::InvalidSpec => "InvalidSpec",
            Self::ImageUnavailable => "ImageUnavailable",
            Self::ProviderUnavailable => "ProviderUnavailable",
            Self::ProvisionFailed => "ProvisionFailed",
            Self::UpgradeFailed => "UpgradeFailed",
            Self::PodEvictionFailure => "PodEvictionFailure",
            Self::DeletionProtected => "DeletionProtected",
        }
    }
}

/// The health of a resource, from which its three conditions follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The resource matches its spec.
    Ready,
    /// The same, with a message that its users need.
    Noted(Reason, String),
    /// Not ready yet; work goes on or waits.
    Progressing(Reason, String),
    /// Not ready, and only a person can change that.
    Stalled(Reason, String),
    /// Not ready: it failed, and the operator retries.
    Failing(Reason, String),
}

/// Builds the three conditions for `health`. A condition whose status didn't change keeps its `lastTransitionTime`.
pub fn conditions(health: &Health, generation: Option<i64>, now: &Time, old: &[Condition]) -> Vec<Condition> {
    let (ready, reconciling, stalled, reason, message) = match health {
        Health::Ready => ("True", "False", "False", Reason::Ready, "ready"),
        Health::Noted(r, m) => ("True", "False", "False", *r, m.as_str()),
        Health::Progressing(r, m) => ("False", "True", "False", *r, m.as_str()),
        Health::Stalled(r, m) => ("False", "False", "True", *r, m.as_str()),
        Health::Failing(r, m) => ("False", "True", "False", *r, m.as_str()),
    };
    let message = text::fit(message, text::MESSAGE);
    [(READY, ready), (RECONCILING, reconciling), (STALLED, stalled)]
        .into_iter()
        .map(|(type_, status)| Condition {
            type_: type_.into(),
            status: status.into(),
            reason: reason.as_str().into(),
            message: message.clone(),
            observed_generation: generation,
            last_transition_time: old
                .iter()
                .find(|c| c.type_ == type_ && c.status == status)
                .map_or_else(|| now.clone(), |c| c.last_transition_time.clone()),
        })
        .collect()
}

/// Whether the resource itself is as its spec asks: a cluster may wait for its node groups and for Secrets of registries,
/// and for nothing else.
pub fn is_itself_ready(conditions: &[Condition]) -> bool {
    let waits = [Reason::NodegroupsNotReady, Reason::RegistriesNotReady].map(Reason::as_str);
    conditions.iter().any(|c| c.type_ == READY && (c.status == "True" || waits.contains(&c.reason.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::Timestamp;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn transition_time_moves_only_with_the_status() {
        let first = conditions(&Health::Progressing(Reason::Creating, "a".into()), Some(1), &at(1), &[]);
        let second = conditions(&Health::Failing(Reason::ProvisionFailed, "b".into()), Some(1), &at(2), &first);
        assert_eq!(second[0].last_transition_time, at(1));
        assert_eq!(second[0].message, "b");
        let third = conditions(&Health::Ready, Some(1), &at(3), &second);
        assert_eq!(third[0].last_transition_time, at(3));
        assert_eq!(third[2].last_transition_time, at(1), "Stalled stayed False");
    }

    #[test]
    fn each_health_has_its_three_conditions_with_reason_and_message() {
        let x = || "x".to_owned();
        for (health, ready, reconciling, stalled) in [
            (Health::Ready, "True", "False", "False"),
            (Health::Noted(Reason::Sleeping, x()), "True", "False", "False"),
            (Health::Progressing(Reason::Queued, x()), "False", "True", "False"),
            (Health::Failing(Reason::ProvisionFailed, x()), "False", "True", "False"),
            (Health::Stalled(Reason::InvalidSpec, x()), "False", "False", "True"),
        ] {
            let all = conditions(&health, Some(7), &at(1), &[]);
            let seen: Vec<(&str, &str)> = all.iter().map(|c| (c.type_.as_str(), c.status.as_str())).collect();
            assert_eq!(seen, [(READY, ready), (RECONCILING, reconciling), (STALLED, stalled)], "{health:?}");
            assert!(
                all.iter().all(|c| c.observed_generation == Some(7) && !c.reason.is_empty() && !c.message.is_empty())
            );
        }
    }
}
