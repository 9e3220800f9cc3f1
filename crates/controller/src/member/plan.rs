//! State of a member. Synchronous, no client.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::health::{MemberHealth, Removal};
use crd::conditions::{Health, READY, Reason, conditions};
use crd::{EKSClusterConfig, Member, MemberIssue, MemberPhase, MemberStatus, Phase};

/// Interval of checks of long work.
const PROMPT: Duration = Duration::from_millis(500);
/// Interval of checks of a member that waits or fails.
const SOON: Duration = Duration::from_secs(2);
/// Interval of checks of a working member.
const OFTEN: Duration = Duration::from_secs(15);
/// Interval of checks of a record.
const ROUTINE: Duration = Duration::from_secs(600);
/// Grace period of a new member before it counts as degraded, in seconds.
const PATIENCE: i64 = 120;

/// Outcome of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Its phase.
    pub phase: MemberPhase,
    /// Its health.
    pub health: Health,
    /// What is wrong with it.
    pub issues: Vec<MemberIssue>,
    /// When to look again.
    pub again: Duration,
}

/// The member's cluster once it was Active; else the outcome to report.
pub fn require_active_cluster<'a>(
    member: &impl Member,
    cluster: Option<&'a EKSClusterConfig>,
) -> Result<&'a EKSClusterConfig, Decision> {
    let phase = member.member_status().map(|s| s.phase).unwrap_or_default();
    let waiting = |message: String| Decision {
        phase,
        health: Health::Progressing(Reason::WaitingForCluster, message),
        issues: Vec::new(),
        again: SOON,
    };
    let Some(cluster) = cluster else {
        return Err(waiting(format!(
            "waiting for EKSClusterConfig {}, which doesn't exist; create it, or correct spec.clusterName in a new resource",
            member.cluster()
        )));
    };
    let status = cluster.status.as_ref();
    if status.is_some_and(|s| s.active_since.is_some()) {
        return Ok(cluster);
    }
    let phase = status.and_then(|s| s.phase).unwrap_or(Phase::Creating);
    Err(waiting(format!("waiting for cluster {}, which is {phase}", member.cluster())))
}

/// State of `member` after a check.
pub fn plan(member: &impl Member, found: MemberHealth, now: &Time) -> Decision {
    let old = member.member_status().map(|s| s.phase).unwrap_or_default();
    let (phase, health, issues, again) = match found {
        MemberHealth::Record => (MemberPhase::Active, Health::Ready, Vec::new(), ROUTINE),
        MemberHealth::Recorded(issue) => {
            let health = Health::Noted(Reason::RecordedOnly, issue.message.clone());
            (MemberPhase::Active, health, vec![issue], ROUTINE)
        }
        MemberHealth::Working => (MemberPhase::Active, Health::Ready, Vec::new(), OFTEN),
        MemberHealth::Followed => (MemberPhase::Active, Health::Ready, Vec::new(), SOON),
        MemberHealth::Impaired(issues) => impaired(old, issues, now.0.as_second() - begun(member, now)),
        MemberHealth::Starting(since, issues) => impaired(old, issues, now.0.as_second() - since),
        MemberHealth::Changing(what) => {
            let tried = member.member_status().filter(|status| status.observed_generation == member.meta().generation);
            let (phase, issues) = match (old, tried) {
                // What failed is tried again, and stays failed until it works.
                (MemberPhase::Failed | MemberPhase::UpdateFailed, Some(status)) => (old, status.issues.clone()),
                (MemberPhase::Creating | MemberPhase::Failed, _) => (MemberPhase::Creating, Vec::new()),
                _ => (MemberPhase::Updating, Vec::new()),
            };
            let reason = under_way(phase).unwrap_or(Reason::Updating);
            (phase, Health::Progressing(reason, what), issues, PROMPT)
        }
        MemberHealth::Failed(issue) => {
            let never = matches!(old, MemberPhase::Creating | MemberPhase::Failed);
            let phase = if never { MemberPhase::Failed } else { MemberPhase::UpdateFailed };
            (phase, Health::Failing(Reason::ProvisionFailed, issue.message.clone()), vec![issue], SOON)
        }
        MemberHealth::Homeless(issue) => {
            let why = issue.message.clone();
            (MemberPhase::Degraded, Health::Failing(Reason::Degraded, why), vec![issue], SOON)
        }
        MemberHealth::Refused(why) => {
            let begun = !matches!(old, MemberPhase::Creating | MemberPhase::Failed);
            let phase = if begun { MemberPhase::Degraded } else { MemberPhase::Failed };
            let issue =
                MemberIssue { code: "ConfigurationConflict".into(), message: why.clone(), ..MemberIssue::default() };
            (phase, Health::Stalled(Reason::InvalidSpec, why), vec![issue], ROUTINE)
        }
    };
    Decision { phase, health, issues, again }
}

/// State of a member that doesn't work, this many seconds after it was made or changed.
fn impaired(old: MemberPhase, issues: Vec<MemberIssue>, age: i64) -> (MemberPhase, Health, Vec<MemberIssue>, Duration) {
    let why = issues.first().map(|issue| issue.message.clone()).unwrap_or_default();
    if let Some(reason) = under_way(old).filter(|_| age < PATIENCE) {
        return (old, Health::Progressing(reason, why), Vec::new(), SOON);
    }
    // Pods of a change that don't come are the end of it.
    let phase = match old {
        MemberPhase::Updating | MemberPhase::UpdateFailed => MemberPhase::UpdateFailed,
        MemberPhase::Failed => MemberPhase::Failed,
        _ => MemberPhase::Degraded,
    };
    (phase, Health::Failing(Reason::Degraded, why), issues, SOON)
}

/// The reason while a member comes or changes.
const fn under_way(phase: MemberPhase) -> Option<Reason> {
    match phase {
        MemberPhase::Creating => Some(Reason::Creating),
        MemberPhase::Updating => Some(Reason::Updating),
        _ => None,
    }
}

/// Second at which the member was made, or changed last.
fn begun(member: &impl Member, now: &Time) -> i64 {
    let made = member.meta().creation_timestamp.as_ref().unwrap_or(now).0.as_second();
    let changed = member.member_status().and_then(|status| status.modified_at.as_ref()?.parse::<Timestamp>().ok());
    changed.map_or(made, |changed| made.max(changed.as_second()))
}

/// State of a member whose traces are being removed.
pub fn removal(member: &impl Member, removal: Removal) -> Decision {
    let phase = member.member_status().map(|s| s.phase).unwrap_or_default();
    let (health, issues, again) = match removal {
        Removal::UnderWay(what) => (Health::Progressing(Reason::Deleting, what), Vec::new(), PROMPT),
        Removal::Failed(issue) => (Health::Failing(Reason::ProvisionFailed, issue.message.clone()), vec![issue], SOON),
    };
    Decision { phase, health, issues, again }
}

/// The status to report.
pub fn status(member: &impl Member, decision: &Decision, now: &Time) -> MemberStatus {
    let old = member.member_status().cloned().unwrap_or_default();
    let generation = member.meta().generation;
    let same = old.observed_generation == generation;
    MemberStatus {
        phase: decision.phase,
        observed_generation: generation,
        conditions: conditions(&decision.health, generation, now, &old.conditions),
        modified_at: old.modified_at.filter(|_| same).or_else(|| Some(now.0.to_string())),
        issues: decision.issues.clone(),
    }
}

/// New problems of the member: the reason of its conditions, and the message.
pub fn news<'a>(old: Option<&MemberStatus>, new: &'a MemberStatus) -> Option<(&'a str, &'a str)> {
    let issue = new.issues.first()?;
    let known = old.is_some_and(|old| old.issues.first().is_some_and(|before| before.message == issue.message));
    let ready = new.conditions.iter().find(|c| c.type_ == READY).filter(|_| !known)?;
    Some((ready.reason.as_str(), issue.message.as_str()))
}

/// What the Ready condition says.
pub fn message(status: &MemberStatus) -> &str {
    status.conditions.iter().find(|c| c.type_ == READY).map_or("", |c| c.message.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crd::Addon;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    fn addon(phase: MemberPhase) -> Addon {
        let mut addon = Addon::default();
        addon.metadata.creation_timestamp = Some(at(0));
        addon.status = Some(MemberStatus { phase, ..MemberStatus::default() });
        addon
    }

    fn lacking() -> Vec<MemberIssue> {
        vec![MemberIssue { code: "K8sResourceNotFound".into(), ..MemberIssue::default() }]
    }

    #[test]
    fn something_new_may_take_a_while_and_is_degraded_then() {
        let planned = |phase, second| plan(&addon(phase), MemberHealth::Impaired(lacking()), &at(second));
        let young = planned(MemberPhase::Creating, PATIENCE - 1);
        assert_eq!((young.phase, young.issues.len()), (MemberPhase::Creating, 0));
        let old = planned(MemberPhase::Creating, PATIENCE);
        assert_eq!((old.phase, old.issues.len()), (MemberPhase::Degraded, 1));
        assert_eq!(planned(MemberPhase::Active, 1).phase, MemberPhase::Degraded);
        assert_eq!(plan(&addon(MemberPhase::Degraded), MemberHealth::Working, &at(1)).phase, MemberPhase::Active);
    }

    #[test]
    fn what_was_installed_has_its_time_from_then_on() {
        let planned = |since| plan(&addon(MemberPhase::Creating), MemberHealth::Starting(since, lacking()), &at(1_000));
        assert_eq!(planned(1_000 - PATIENCE + 1).phase, MemberPhase::Creating, "however long Helm took before");
        let late = planned(1_000 - PATIENCE);
        assert_eq!((late.phase, late.issues.len()), (MemberPhase::Degraded, 1));
    }

    #[test]
    fn what_has_no_place_is_degraded_at_once_and_works_when_there_is_one() {
        let issue = MemberIssue { code: "InsufficientNumberOfReplicas".into(), ..MemberIssue::default() };
        let new = plan(&addon(MemberPhase::Creating), MemberHealth::Homeless(issue), &at(0));
        assert_eq!((new.phase, new.issues[0].code.as_str()), (MemberPhase::Degraded, "InsufficientNumberOfReplicas"));
        assert_eq!(plan(&addon(MemberPhase::Degraded), MemberHealth::Working, &at(1)).phase, MemberPhase::Active);
    }

    #[test]
    fn what_is_recorded_only_is_active_and_says_so_once() {
        let issue = MemberIssue { code: "K8sResourceNotFound".into(), message: "m".into(), ..MemberIssue::default() };
        let member = addon(MemberPhase::Creating);
        let decision = plan(&member, MemberHealth::Recorded(issue.clone()), &at(0));
        assert_eq!((decision.phase, &decision.issues), (MemberPhase::Active, &vec![issue]));
        let new = status(&member, &decision, &at(0));
        let ready = new.conditions.iter().find(|c| c.type_ == READY).unwrap();
        assert_eq!((ready.status.as_str(), ready.message.as_str()), ("True", "m"), "an update of it succeeds");
        assert_eq!(news(member.status.as_ref(), &new), Some(("RecordedOnly", "m")));
        assert_eq!(news(Some(&new), &new), None);
        assert_eq!(news(Some(&new), &MemberStatus::default()), None);
    }

    #[test]
    fn what_cannot_be_is_stalled_and_failed_if_it_never_was() {
        let planned = |phase| plan(&addon(phase), MemberHealth::Refused("no".into()), &at(0));
        assert_eq!(planned(MemberPhase::Creating).phase, MemberPhase::Failed);
        assert_eq!(planned(MemberPhase::Active).phase, MemberPhase::Degraded);
        assert!(matches!(planned(MemberPhase::Active).health, Health::Stalled(Reason::InvalidSpec, _)));
    }
}
