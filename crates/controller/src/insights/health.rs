//! The insight into how the cluster itself stands. It comes from the cluster's status, without a request.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crd::EKSClusterConfig;
use crd::conditions::{READY, Reason};
use crd::insights::{Insight, InsightStatus};

/// What the insight is called, as on EKS.
pub const NAME: &str = "Cluster health issues";

/// How the insight stands, and why. A condition that is only awaited passes; one that is wrong is an error.
pub fn of(cluster: &EKSClusterConfig) -> (InsightStatus, String) {
    let status = cluster.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY);
    let says = |reason: Reason| ready.is_some_and(|ready| ready.reason == reason.as_str());
    // An upgrade that failed mustn't be in its own way.
    if !status.failure_message.is_empty() && !says(Reason::UpgradeFailed) {
        return (InsightStatus::Error, status.failure_message);
    }
    let waits = |why: String| (InsightStatus::Warning, why);
    match ready {
        Some(rests) if says(Reason::Stopped) || says(Reason::Sleeping) => {
            waits(format!("The cluster is {}", rests.message))
        }
        Some(ready) if ready.status != "True" => {
            waits(format!("The cluster isn't as its spec asks yet: {}", ready.message))
        }
        // Node groups that are resources of their own aren't in the cluster's spec.
        _ => match status.nodes.filter(|nodes| nodes.ready < nodes.desired) {
            Some(nodes) => waits(format!("{} of {} nodes are ready", nodes.ready, nodes.desired)),
            None => (InsightStatus::Passing, "The cluster is as its spec asks".into()),
        },
    }
}

/// Brings that insight, where it is among `insights`, to how the cluster stands now.
pub fn restate(insights: &mut [Insight], cluster: &EKSClusterConfig, now: &Time) {
    for insight in insights.iter_mut().filter(|insight| insight.name == NAME) {
        let (status, reason) = of(cluster);
        if insight.status != status {
            insight.last_transition_time = now.0.to_string();
        }
        insight.status = status;
        insight.reason = reason;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures;

    fn cluster(ready: (&str, &str, &str), more: Value) -> EKSClusterConfig {
        let (status, reason, message) = ready;
        let mut all = json!({"conditions": [{"type": "Ready", "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2024-01-01T00:00:00Z"}]});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fixtures::cluster(json!({}), all)
    }

    #[test]
    fn it_passes_only_where_nothing_is_awaited() {
        let nodes = |ready: i32| json!({"phase": "Active", "nodes": {"ready": ready, "desired": 3, "summary": ""}});
        let well = ("True", "Ready", "everything is as the spec asks");
        assert_eq!(of(&cluster(well, nodes(3))).0, InsightStatus::Passing);
        let of = |ready, more| of(&cluster(ready, more));
        assert_eq!(of(well, nodes(1)), (InsightStatus::Warning, "1 of 3 nodes are ready".into()));
        let waits = ("False", "NodegroupsNotReady", "waiting for node group a (1 of 3 nodes ready)");
        let said = "The cluster isn't as its spec asks yet: waiting for node group a (1 of 3 nodes ready)";
        assert_eq!(of(waits, nodes(1)), (InsightStatus::Warning, said.into()));
        let stopped = ("True", "Stopped", "stopped, as spec.state asks");
        let said = (InsightStatus::Warning, "The cluster is stopped, as spec.state asks".to_owned());
        assert_eq!(of(stopped, json!({"phase": "Stopped"})), said);
        assert_eq!(of(("True", "Sleeping", "asleep"), json!({})).1, "The cluster is asleep");
    }

    #[test]
    fn what_is_wrong_is_an_error_and_an_upgrade_that_failed_is_not_in_its_own_way() {
        let failed = json!({"failureMessage": "away"});
        let wrong = cluster(("False", "Unreachable", "away"), failed.clone());
        assert_eq!(of(&wrong), (InsightStatus::Error, "away".into()));
        let tried = cluster(("False", "UpgradeFailed", "away"), failed);
        assert_eq!(of(&tried).0, InsightStatus::Warning);
    }

    #[test]
    fn it_alone_is_restated_and_its_time_moves_with_its_status() {
        let insight = |name: &str| Insight { name: name.into(), ..Insight::default() };
        let mut all = [insight(NAME), insight("another")];
        let now = fixtures::now();
        restate(&mut all, &cluster(("True", "Stopped", "stopped"), json!({})), &now);
        let stopped = all[0].clone();
        assert_eq!((stopped.status, &stopped.last_transition_time), (InsightStatus::Warning, &now.0.to_string()));
        assert_eq!(all[1], insight("another"));
        let later = Time(k8s_openapi::jiff::Timestamp::now());
        restate(&mut all, &cluster(("False", "Updating", "starting"), json!({})), &later);
        assert_eq!(all[0].last_transition_time, stopped.last_transition_time);
        assert_eq!(all[0].reason, "The cluster isn't as its spec asks yet: starting");
    }
}
