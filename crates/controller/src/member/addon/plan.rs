//! The next step of an addon that a chart installs. Synchronous, no client.

use std::time::Duration;

use super::conflicts;
use crate::jobs::{JobView, Stage, Turn, Work};
use crate::member::health::{self, FEWER_REPLICAS, MemberHealth, fewer_replicas};
use crd::MemberIssue;
use helm::Release;

/// What is known of the release.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Work for the addon.
    pub job: JobView,
    /// How long work that failed still waits for its next try.
    pub wait: Option<Duration>,
    /// Helm's newest record in the cluster.
    pub record: Option<Record>,
    /// What its pods run in.
    pub workloads: Vec<Workload>,
    /// Why pods of it don't start.
    pub stuck: Option<String>,
}

/// Helm's record of one revision of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Name of the Secret that it is.
    pub secret: String,
    /// Helm's word for it: `deployed`, `failed`, `pending-install` and so on.
    pub status: String,
    /// Digest of what it was asked to be.
    pub digest: Option<String>,
    /// Digest of what asked for it, which records of earlier operators lack.
    pub asked: Option<String>,
    /// Second since 1970 at which Helm wrote that status.
    pub written: Option<i64>,
}

/// A Deployment, DaemonSet or StatefulSet of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `<namespace>/<name>`.
    pub name: String,
    /// Number of pods that it should have.
    pub wanted: i32,
    /// Number of those that work, of its newest revision.
    pub available: i32,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// None.
    Nothing,
    /// Install, or bring to another version or configuration.
    Install {
        /// Record of work that ended half-way, which helm would wait for.
        interrupted: Option<String>,
    },
}

/// A step, and where the addon stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The step.
    pub action: Action,
    /// Where the addon stands.
    pub health: MemberHealth,
}

/// The next step to the release that is wanted.
pub fn plan(seen: &Observed, wanted: &Release) -> Plan {
    let what = format!("installing chart {} {}", wanted.chart.name, wanted.chart.version);
    let wait = |health| Plan { action: Action::Nothing, health };
    match seen.job.turn(Work::Install) {
        Turn::Mine(Stage::Queued) => {
            return wait(MemberHealth::Changing(format!("waiting for a free slot, then {what}")));
        }
        Turn::Mine(_) | Turn::Other(_) => {
            let held_up = seen.stuck.as_ref().map(|why| format!("{what}; {why}"));
            return wait(MemberHealth::Changing(held_up.unwrap_or(what)));
        }
        Turn::Failed(error) if seen.wait.is_some() => {
            return wait(MemberHealth::Failed(failure(&error.to_string(), seen.stuck.as_deref())));
        }
        Turn::Failed(_) | Turn::Finished | Turn::Free => {}
    }
    let is_wanted = |record: &&Record| {
        record.digest.as_ref() == Some(&wanted.label.1)
            && record.asked.as_ref().is_none_or(|asked| *asked == wanted.asked.1)
    };
    match &seen.record {
        Some(record) if record.status.starts_with("pending-") || record.status == "uninstalling" => {
            let action = Action::Install { interrupted: Some(record.secret.clone()) };
            Plan { action, health: MemberHealth::Changing(what) }
        }
        Some(record) if record.status == "deployed" && is_wanted(&record) => {
            wait(match (health_of(seen), record.written) {
                (MemberHealth::Impaired(issues), Some(since)) => MemberHealth::Starting(since, issues),
                (health, _) => health,
            })
        }
        _ => Plan { action: Action::Install { interrupted: None }, health: MemberHealth::Changing(what) },
    }
}

/// State of what was installed.
fn health_of(seen: &Observed) -> MemberHealth {
    if seen.workloads.is_empty() {
        let text = "The add-on's workloads aren't in the cluster; delete the addon and create it again";
        return health::impaired("K8sResourceNotFound", text, Vec::new());
    }
    let lacking: Vec<&Workload> =
        seen.workloads.iter().filter(|workload| workload.available < workload.wanted).collect();
    if lacking.is_empty() {
        return MemberHealth::Working;
    }
    let figures: Vec<String> =
        lacking.iter().map(|w| format!("{} of {} of {} are available", w.available, w.wanted, w.name)).collect();
    let why = seen.stuck.as_ref().map(|why| format!(". {why}")).unwrap_or_default();
    let names = lacking.iter().map(|workload| workload.name.clone()).collect();
    MemberHealth::Impaired(vec![fewer_replicas(&format!("{}{why}", figures.join(", ")), names)])
}

/// A failed installation, with what holds its pods up.
fn failure(why: &str, stuck: Option<&str>) -> MemberIssue {
    let message = stuck.map(|stuck| format!("{why}. {stuck}"));
    let mut issue = issue(why);
    // An installation waits for nothing else than pods of hooks.
    if why.contains("timed out waiting") {
        issue.code = FEWER_REPLICAS.into();
    }
    MemberIssue { message: text::fit(message.as_deref().unwrap_or(why), text::MESSAGE), ..issue }
}

/// A failure, with EKS's code for what it is about.
pub fn issue(why: &str) -> MemberIssue {
    let says = |any: &[&str]| any.iter().any(|part| why.contains(part));
    let code = if says(&["OVERWRITE to take it over", conflicts::REFUSED]) {
        "ConfigurationConflict"
    } else if says(&["admission webhook", "denied the request"]) {
        "AdmissionRequestDenied"
    } else if says(&["can't be reached", "connection refused", "Kubernetes cluster unreachable"]) {
        "ClusterUnreachable"
    } else {
        "InternalFailure"
    };
    health::issue(code, why, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use helm::Chart;
    use provider::Step;
    use serde_json::json;

    fn wanted() -> Release {
        Release {
            name: "app".into(),
            namespace: "apps".into(),
            chart: Chart { name: "app".into(), version: "1".into(), repository: None },
            values: json!({}),
            label: ("k3eks.io/digest".into(), "new".into()),
            asked: ("k3eks.io/asked".into(), "now".into()),
            take_ownership: false,
        }
    }

    fn seen(record: Option<(&str, &str)>) -> Observed {
        let record = record.map(|(status, digest)| Record {
            secret: "sh.helm.release.v1.app.v1".into(),
            status: status.into(),
            digest: Some(digest.into()),
            asked: Some("now".into()),
            written: None,
        });
        Observed { job: JobView::Idle, wait: None, record, workloads: Vec::new(), stuck: None }
    }

    fn of(wanted: i32, available: i32) -> Vec<Workload> {
        vec![Workload { name: "apps/app".into(), wanted, available }]
    }

    #[test]
    fn what_is_not_there_or_otherwise_is_installed() {
        for record in [None, Some(("deployed", "old")), Some(("failed", "new"))] {
            let plan = plan(&seen(record), &wanted());
            assert_eq!(plan.action, Action::Install { interrupted: None }, "{record:?}");
            assert!(matches!(plan.health, MemberHealth::Changing(_)));
        }
    }

    #[test]
    fn another_request_about_conflicts_is_carried_out_though_the_release_is_the_same() {
        let of = |asked: Option<&str>| {
            let mut seen = Observed { workloads: of(1, 1), ..seen(Some(("deployed", "new"))) };
            seen.record.as_mut().unwrap().asked = asked.map(Into::into);
            plan(&seen, &wanted()).action
        };
        assert_eq!(of(Some("before")), Action::Install { interrupted: None });
        assert_eq!(of(Some("now")), Action::Nothing);
        assert_eq!(of(None), Action::Nothing, "an earlier operator's");
    }

    #[test]
    fn work_that_was_interrupted_is_cleared_away_first() {
        for status in ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"] {
            let plan = plan(&seen(Some((status, "new"))), &wanted());
            assert_eq!(plan.action, Action::Install { interrupted: Some("sh.helm.release.v1.app.v1".into()) });
        }
        // Not while it is this very process that works.
        let busy = Observed {
            job: JobView::Running(Work::Install, Step::default()),
            ..seen(Some(("pending-install", "new")))
        };
        assert_eq!(plan(&busy, &wanted()).action, Action::Nothing);
    }

    #[test]
    fn what_is_installed_is_as_well_as_its_pods() {
        let there = |workloads, stuck: Option<&str>| {
            let seen = Observed { workloads, stuck: stuck.map(Into::into), ..seen(Some(("deployed", "new"))) };
            let plan = plan(&seen, &wanted());
            assert_eq!(plan.action, Action::Nothing);
            plan.health
        };
        assert_eq!(there(of(2, 2), None), MemberHealth::Working);
        let MemberHealth::Impaired(issues) = there(of(2, 1), Some("ImagePullBackOff: no such image")) else { panic!() };
        assert_eq!(
            (issues[0].code.as_str(), &issues[0].resource_ids[..]),
            ("InsufficientNumberOfReplicas", &["apps/app".to_owned()][..])
        );
        assert!(issues[0].message.contains("1 of 2") && issues[0].message.contains("no such image"), "{issues:?}");
        let MemberHealth::Impaired(issues) = there(Vec::new(), None) else { panic!() };
        assert_eq!(issues[0].code, "K8sResourceNotFound");
    }

    #[test]
    fn pods_have_time_from_the_moment_at_which_helm_was_done() {
        let mut seen = Observed { workloads: of(2, 1), ..seen(Some(("deployed", "new"))) };
        seen.record.as_mut().unwrap().written = Some(7);
        assert!(matches!(plan(&seen, &wanted()).health, MemberHealth::Starting(7, issues) if issues.len() == 1));
        seen.workloads = of(2, 2);
        assert_eq!(plan(&seen, &wanted()).health, MemberHealth::Working);
    }

    #[test]
    fn a_failure_is_told_until_the_next_try() {
        let error = provider::Error::Engine {
            doing: "installing".into(),
            why: "admission webhook \"x\" denied the request".into(),
        };
        let failed = |wait| Observed { job: JobView::Failed(Work::Install, error.clone()), wait, ..seen(None) };
        let waits = plan(&failed(Some(Duration::from_secs(3))), &wanted());
        let MemberHealth::Failed(issue) = waits.health else { panic!("{waits:?}") };
        assert_eq!((waits.action, issue.code.as_str()), (Action::Nothing, "AdmissionRequestDenied"));
        assert!(matches!(plan(&failed(None), &wanted()).action, Action::Install { .. }));
    }

    #[test]
    fn what_holds_up_the_pods_that_a_hook_waits_for_is_told() {
        let stuck = Some("ImagePullBackOff: no such image".to_owned());
        let busy = Observed {
            job: JobView::Running(Work::Install, Step::default()),
            stuck: stuck.clone(),
            ..seen(Some(("pending-install", "new")))
        };
        let MemberHealth::Changing(what) = plan(&busy, &wanted()).health else { panic!() };
        assert_eq!(what, "installing chart app 1; ImagePullBackOff: no such image");
        let error = provider::Error::Engine {
            doing: "installing".into(),
            why: "failed post-install: 1 error occurred: * timed out waiting for the condition".into(),
        };
        let job = JobView::Failed(Work::Install, error);
        let failed = Observed { job, wait: Some(Duration::from_secs(3)), stuck, ..seen(Some(("failed", "new"))) };
        let MemberHealth::Failed(issue) = plan(&failed, &wanted()).health else { panic!() };
        assert_eq!(issue.code, "InsufficientNumberOfReplicas");
        assert!(issue.message.contains("timed out") && issue.message.contains("no such image"), "{issue:?}");
    }

    #[test]
    fn a_conflict_has_eks_s_code() {
        let conflict = helm::Error::Conflict { doing: "installing".into(), why: "invalid ownership metadata".into() };
        assert_eq!(issue(&conflict.to_string()).code, "ConfigurationConflict");
        let changed = crate::member::addon::install::Error::Conflicts(Vec::new());
        assert_eq!(issue(&changed.to_string()).code, "ConfigurationConflict");
        assert_eq!(issue("anything").code, "InternalFailure");
    }
}
