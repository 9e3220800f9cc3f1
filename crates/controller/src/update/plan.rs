//! Outcome of an update. Synchronous, no client.

use std::time::Duration;

use super::observe::Observed;
use super::target::{Target, VERSION};
use crd::conditions::Reason;
use crd::update::{Update, UpdateError, UpdateState, UpdateStatus};

/// Interval of looking at a target; all of it is cached.
const SOON: Duration = Duration::from_millis(300);

/// What is decided for an update.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The status to report.
    pub status: UpdateStatus,
    /// When to look again; `None` once the update has ended.
    pub again: Option<Duration>,
}

impl Plan {
    /// Whether the update has ended.
    pub const fn has_ended(&self) -> bool {
        self.again.is_none()
    }
}

/// How `update` stands.
pub fn plan(update: &Update, seen: &Observed) -> Plan {
    match outcome(update, Target::of(update, seen).as_ref()) {
        Some(status) => Plan { status, again: None },
        None => Plan { status: UpdateStatus::default(), again: Some(SOON) },
    }
}

/// How the update ended; `None` while it is under way.
fn outcome(update: &Update, target: Option<&Target>) -> Option<UpdateStatus> {
    let Some(target) = target else {
        return Some(failed("Unknown", "the resource to update no longer exists"));
    };
    if target.observed < update.spec.generation {
        return None;
    }
    if let (Some(asked), Some(version)) = (asked_version(update), &target.version)
        && asked != version
    {
        let message = format!("a later change to version {version} took the place of this one");
        return Some(UpdateStatus { state: UpdateState::Cancelled, ..failed("OperationNotPermitted", &message) });
    }
    if let Some((reason, message)) = &target.stalled {
        return Some(failed(code(reason), message));
    }
    target.ready.then(|| UpdateStatus { state: UpdateState::Successful, errors: Vec::new() })
}

/// The Kubernetes version that an update is to lead to.
fn asked_version(update: &Update) -> Option<&str> {
    let version = update.spec.params.iter().find(|param| param.type_ == "Version")?;
    (update.spec.type_ == VERSION).then_some(version.value.as_str())
}

fn failed(code: &str, message: &str) -> UpdateStatus {
    let error = UpdateError { code: code.into(), message: message.into(), resource_ids: Vec::new() };
    UpdateStatus { state: UpdateState::Failed, errors: vec![error] }
}

/// Codes that issues and updates have in common.
const SHARED: [&str; 5] = [
    "AdmissionRequestDenied",
    "ClusterUnreachable",
    "ConfigurationConflict",
    "InsufficientNumberOfReplicas",
    "K8sResourceNotFound",
];

/// EKS's code for a reason, or for the code of an issue.
fn code(reason: &str) -> &'static str {
    if let Some(shared) = SHARED.into_iter().find(|code| *code == reason) {
        return shared;
    }
    let is = |r: Reason| r.as_str() == reason;
    if is(Reason::InvalidSpec) || is(Reason::DeletionProtected) {
        "OperationNotPermitted"
    } else if is(Reason::Unreachable) {
        "ClusterUnreachable"
    } else if is(Reason::PodEvictionFailure) {
        "PodEvictionFailure"
    } else {
        "Unknown"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::fixtures::cluster;
    use crate::update::observe::Resource;
    use crd::conditions::{Health, conditions};
    use crd::update::{UpdateParam, UpdateSpec};
    use crd::{MemberPhase, MemberStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    fn planned(observed: i64, health: &Health) -> Option<UpdateStatus> {
        let update = Update::new("u", UpdateSpec { generation: 3, ..UpdateSpec::default() });
        let conditions = conditions(health, Some(observed), &Time(Timestamp::UNIX_EPOCH), &[]);
        outcome(&update, Some(&Target::new(Some(observed), &conditions)))
    }

    #[test]
    fn an_update_ends_when_its_target_has_carried_out_its_generation() {
        assert_eq!(planned(2, &Health::Ready), None, "the status speaks of an older spec");
        assert_eq!(planned(3, &Health::Progressing(Reason::Updating, String::new())), None);
        assert_eq!(planned(3, &Health::Failing(Reason::ProvisionFailed, String::new())), None, "it is tried again");
        assert_eq!(planned(3, &Health::Ready).unwrap().state, UpdateState::Successful);
        let groups = Health::Stalled(Reason::NodegroupsNotReady, "a node group's trouble".into());
        assert_eq!(planned(3, &groups).unwrap().state, UpdateState::Successful);
        assert_eq!(planned(4, &Health::Ready).unwrap().state, UpdateState::Successful);
    }

    #[test]
    fn an_update_that_cannot_be_carried_out_fails_with_the_reason() {
        let status = planned(3, &Health::Stalled(Reason::InvalidSpec, "set it back".into())).unwrap();
        assert_eq!(status.state, UpdateState::Failed);
        assert_eq!(
            (status.errors[0].code.as_str(), status.errors[0].message.as_str()),
            ("OperationNotPermitted", "set it back")
        );
        let update = Update::new("u", UpdateSpec::default());
        assert_eq!(outcome(&update, None).unwrap().state, UpdateState::Failed);
    }

    #[test]
    fn an_update_of_a_member_ends_when_it_failed_though_that_is_tried_again() {
        let ended = |phase: MemberPhase, observed: i64| {
            let issue = crd::MemberIssue {
                code: "ConfigurationConflict".into(),
                message: "in the way".into(),
                ..crd::MemberIssue::default()
            };
            let health = Health::Failing(Reason::ProvisionFailed, "in the way".into());
            let conditions = conditions(&health, Some(observed), &Time(Timestamp::UNIX_EPOCH), &[]);
            let observed_generation = Some(observed);
            let status =
                MemberStatus { phase, observed_generation, conditions, issues: vec![issue], ..MemberStatus::default() };
            let update = Update::new("u", UpdateSpec { generation: 3, ..UpdateSpec::default() });
            outcome(&update, Some(&Target::from_member(&status)))
        };
        for phase in [MemberPhase::Failed, MemberPhase::UpdateFailed] {
            let status = ended(phase, 3).unwrap();
            assert_eq!(status.state, UpdateState::Failed);
            assert_eq!(status.errors[0].code, "ConfigurationConflict");
            assert_eq!(ended(phase, 2), None, "the status speaks of an older spec");
        }
        assert_eq!(ended(MemberPhase::Degraded, 3), None);
    }

    #[test]
    fn what_a_later_version_replaced_is_cancelled_and_does_not_speak_for_it() {
        let params = vec![UpdateParam { type_: "Version".into(), value: "1.36".into() }];
        let spec = UpdateSpec { generation: 3, type_: "VersionUpdate".into(), params, ..UpdateSpec::default() };
        let update = Update::new("u", spec);
        let ended = |health: &Health, version: &str| {
            let conditions = conditions(health, Some(4), &Time(Timestamp::UNIX_EPOCH), &[]);
            let target = Target::new(Some(4), &conditions).with_version(Some(version.into()));
            outcome(&update, Some(&target)).unwrap()
        };
        let stalled = Health::Stalled(Reason::InvalidSpec, "1.38 isn't known".into());
        for health in [&Health::Ready, &stalled] {
            let status = ended(health, "1.38");
            assert_eq!(status.state, UpdateState::Cancelled);
            assert_eq!(status.errors[0].message, "a later change to version 1.38 took the place of this one");
        }
        assert_eq!(ended(&Health::Ready, "1.36").state, UpdateState::Successful);
        assert_eq!(ended(&stalled, "1.36").state, UpdateState::Failed);
    }

    #[test]
    fn an_update_is_looked_at_until_it_has_ended() {
        let update = Update::new("u", UpdateSpec { generation: 3, ..UpdateSpec::default() });
        let planned = |observed| {
            let status = json!({"observedGeneration": observed, "conditions": [{"type": "Ready", "status": "True",
                "reason": "Ready", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]});
            let resource = Resource::Cluster(Arc::new(cluster(json!({}), status)));
            plan(&update, &Observed { now: Timestamp::UNIX_EPOCH, resource })
        };
        let waits = planned(2);
        assert_eq!((waits.status.state, waits.again), (UpdateState::InProgress, Some(SOON)));
        let ended = planned(3);
        assert_eq!((ended.status.state, ended.has_ended()), (UpdateState::Successful, true));
        let gone = plan(&update, &Observed { now: Timestamp::UNIX_EPOCH, resource: Resource::Missing });
        assert_eq!(gone.status.errors[0].message, "the resource to update no longer exists");
    }
}
