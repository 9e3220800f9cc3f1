//! What an update is to bring to its end, as far as it matters here. Synchronous, no client.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::observe::{Observed, Resource};
use crd::conditions::{STALLED, is_itself_ready};
use crd::update::Update;
use crd::{EKSClusterConfig, MemberPhase, MemberStatus, Phase};

/// Type of an update to another version.
pub const VERSION: &str = "VersionUpdate";

/// How long an update may be seen before its new resource.
const COMING: SignedDuration = SignedDuration::from_secs(5);

/// How a resource stands that is changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    /// The generation that its status speaks of.
    pub observed: i64,
    /// Whether it is as its spec asks.
    pub ready: bool,
    /// Why only a person can help it: reason and message.
    pub stalled: Option<(String, String)>,
    /// The Kubernetes version that its spec asks for by now.
    pub version: Option<String>,
}

impl Target {
    /// The target of `update`; `None` if it is gone.
    pub fn of(update: &Update, seen: &Observed) -> Option<Self> {
        let (spec, made) = (&update.spec, update.metadata.creation_timestamp.as_ref());
        // Who is stopped hasn't another version yet, although nothing is wrong.
        let speaks = |phase: Option<Phase>| spec.type_ != VERSION || phase != Some(Phase::Stopped);
        match &seen.resource {
            Resource::Missing => None,
            Resource::Cluster(cluster) => {
                let status = cluster.status.as_ref().filter(|status| speaks(status.phase));
                let target = status.map(|s| Self::new(s.observed_generation, &s.conditions)).unwrap_or_default();
                Some(target.with_version(cluster.spec.kubernetes_version.clone()))
            }
            // One that was made later under the same name was never changed by this.
            Resource::Nodegroup(group) if group.metadata.creation_timestamp.as_ref() > made => None,
            Resource::Nodegroup(group) => {
                let status = group.status.as_ref().filter(|status| speaks(status.phase));
                let target = status.map(|s| Self::new(s.observed_generation, &s.conditions)).unwrap_or_default();
                Some(target.with_version(group.spec.version.clone()))
            }
            Resource::Member(status) => Some(Self::from_member(status)),
            // An authority never has more than its first generation; the next one is its deletion.
            Resource::NoAuthority { cluster, trusts_only_known } if spec.generation > 1 => {
                Self::deleted_authority(cluster.as_deref()?, *trusts_only_known)
            }
            Resource::NoAuthority { .. } => Self::coming(made?.0, seen.now),
        }
    }

    /// From the status of a resource. The state of a cluster's node groups doesn't affect the cluster's updates.
    pub fn new(observed: Option<i64>, conditions: &[Condition]) -> Self {
        let is_true = |type_: &str| conditions.iter().find(|c| c.type_ == type_ && c.status == "True");
        let ready = is_itself_ready(conditions);
        Self {
            observed: observed.unwrap_or_default(),
            ready,
            stalled: is_true(STALLED).filter(|_| !ready).map(|c| (c.reason.clone(), c.message.clone())),
            version: None,
        }
    }

    /// From the status of a resource that belongs to a cluster. What failed ends the update, though it is tried again: the
    /// next one may put it right.
    pub fn from_member(status: &MemberStatus) -> Self {
        let target = Self::new(status.observed_generation, &status.conditions);
        let has_failed = matches!(status.phase, MemberPhase::Failed | MemberPhase::UpdateFailed);
        let issue = status.issues.first().filter(|_| has_failed);
        Self { stalled: target.stalled.or_else(|| issue.map(|i| (i.code.clone(), i.message.clone()))), ..target }
    }

    /// The same target, whose spec asks for this Kubernetes version.
    pub fn with_version(self, version: Option<String>) -> Self {
        Self { version, ..self }
    }

    /// A deleted certificate authority: it is gone when its cluster trusts none without a resource.
    fn deleted_authority(cluster: &EKSClusterConfig, trusts_only_known: bool) -> Option<Self> {
        if !trusts_only_known {
            return Some(Self::default());
        }
        Some(Self::new(Some(i64::MAX), &cluster.status.as_ref()?.conditions))
    }

    /// An update may be seen before its new resource.
    fn coming(made: Timestamp, now: Timestamp) -> Option<Self> {
        (now.duration_since(made) < COMING).then(Self::default)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::fixtures::{cluster, nodegroup, now};
    use crd::update::UpdateSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn later(seconds: i64) -> Timestamp {
        now().0.checked_add(SignedDuration::from_secs(seconds)).unwrap()
    }

    /// The target of an update that was made at [`now`], if `resource` is seen so many seconds after.
    fn target(type_: &str, generation: i64, seconds: i64, resource: Resource) -> Option<Target> {
        let mut update = Update::new("u", UpdateSpec { type_: type_.into(), generation, ..UpdateSpec::default() });
        update.metadata.creation_timestamp = Some(now());
        Target::of(&update, &Observed { now: later(seconds), resource })
    }

    #[test]
    fn a_node_group_of_the_same_name_that_came_later_is_another() {
        let made = |second| {
            let mut group = nodegroup(json!({"version": "1.36"}), json!({"observedGeneration": 4}));
            group.metadata.creation_timestamp = Some(Time(later(second)));
            Resource::Nodegroup(Arc::new(group))
        };
        let expected = Target { observed: 4, version: Some("1.36".into()), ..Target::default() };
        assert_eq!(target(VERSION, 4, 9, made(-1)), Some(expected));
        assert_eq!(target(VERSION, 4, 9, made(1)), None);
        assert_eq!(target(VERSION, 4, 9, Resource::Missing), None);
    }

    #[test]
    fn who_is_stopped_says_nothing_of_another_version_yet() {
        let status = || json!({"phase": "Stopped", "observedGeneration": 3});
        let stopped = Resource::Cluster(Arc::new(cluster(json!({}), status())));
        let group = Resource::Nodegroup(Arc::new(nodegroup(json!({}), status())));
        for resource in [stopped, group] {
            assert_eq!(target(VERSION, 3, 9, resource.clone()).unwrap().observed, 0);
            assert_eq!(target("LoggingUpdate", 3, 9, resource).unwrap().observed, 3);
        }
    }

    #[test]
    fn a_certificate_authority_without_a_resource_comes_soon_or_goes_once_it_isn_t_trusted() {
        let status = json!({"observedGeneration": 3});
        let no = |status: Option<&serde_json::Value>, trusts_only_known| Resource::NoAuthority {
            cluster: status.map(|status| Arc::new(cluster(json!({}), status.clone()))),
            trusts_only_known,
        };
        let of = |generation, seconds, resource| target("CertificateAuthorityUpdate", generation, seconds, resource);
        assert_eq!(of(1, 4, no(None, false)), Some(Target::default()), "it comes");
        assert_eq!(of(1, 5, no(None, false)), None);
        assert_eq!(of(2, 4, no(Some(&status), false)), Some(Target::default()), "it is still trusted");
        assert_eq!(of(2, 4, no(Some(&status), true)).unwrap().observed, i64::MAX);
        assert_eq!(of(2, 4, no(Some(&json!(null)), true)), None);
        assert_eq!(of(2, 4, no(None, true)), None);
    }

    #[test]
    fn a_member_s_status_is_the_target_s() {
        let status = MemberStatus { observed_generation: Some(3), ..MemberStatus::default() };
        assert_eq!(target("AddonUpdate", 3, 9, Resource::Member(status)).unwrap().observed, 3);
    }
}
