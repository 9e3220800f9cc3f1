//! Where a cluster or a node group stands in its life, and which step may follow which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State of a cluster or node group in one word. The conditions have the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Created for the first time.
    Creating,
    /// Matches its spec.
    Active,
    /// Works, and is being updated to a changed spec.
    Updating,
    /// Being deleted.
    Deleting,
    /// Doesn't work; `failureMessage` and the conditions say why. Retried with back-off, and at once when the spec
    /// changes.
    Failed,
    /// An existing cluster is being imported.
    Importing,
    /// Stopped on request, or because nobody used it (`hibernateAfter`). All data is kept.
    Stopped,
}

impl Phase {
    /// Every phase, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Creating, Self::Importing, Self::Active, Self::Updating, Self::Stopped, Self::Failed, Self::Deleting];

    /// The phase as it is written in status, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Active => "Active",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
            Self::Failed => "Failed",
            Self::Importing => "Importing",
            Self::Stopped => "Stopped",
        }
    }

    /// Whether `next` may be reported after `self`. Deleting is final, and nothing that was made is made again as new.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Deleting, _) => matches!(next, Self::Deleting),
            (_, Self::Deleting | Self::Failed) => true,
            (Self::Active | Self::Updating, Self::Creating | Self::Importing) => false,
            _ => true,
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Phase;

    #[test]
    fn deleting_is_final() {
        for next in Phase::ALL {
            assert_eq!(Phase::Deleting.may_become(next), next == Phase::Deleting, "{next}");
        }
    }

    #[test]
    fn an_active_cluster_is_never_creating_again() {
        assert!(!Phase::Active.may_become(Phase::Creating));
        assert!(Phase::Active.may_become(Phase::Updating));
        assert!(Phase::Failed.may_become(Phase::Creating));
    }

    #[test]
    fn everything_may_fail_or_be_deleted_and_stay_as_it_is() {
        for phase in Phase::ALL {
            assert!(phase.may_become(Phase::Deleting) && phase.may_become(phase), "{phase}");
            assert_eq!(phase.may_become(Phase::Failed), phase != Phase::Deleting, "{phase}");
            assert_eq!(serde_json::json!(phase), phase.as_str(), "the same word everywhere");
        }
    }
}
