//! The status of insights after a look. Synchronous, no client.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::observe::{Look, Observed};
use super::{checks, health};
use crd::conditions::{Health, Reason, conditions};
use crd::insights::{Insight, InsightsStatus};
use crd::{ClusterInsights, EKSClusterConfig};

/// Until it is looked again how the cluster itself stands, and until the next try where a look wasn't possible.
const SOON: Duration = Duration::from_secs(5);

/// What is decided for insights.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The status to report.
    pub status: InsightsStatus,
    /// When to look again.
    pub again: Duration,
}

/// What there is to say by what was seen.
pub fn plan(insights: &ClusterInsights, seen: &Observed) -> Plan {
    let old = insights.status.clone().unwrap_or_default();
    let cluster = seen.cluster.as_deref();
    match &seen.look {
        Look::NotDue(rest) => {
            let mut status = old;
            if let Some(cluster) = cluster {
                health::restate(&mut status.insights, cluster, &seen.now);
            }
            Plan { status, again: SOON.min(*rest) }
        }
        Look::Taken(found) => {
            let found = found.as_ref().map(checks::all).map_err(Clone::clone);
            Plan { status: after_look(insights, &old, found, cluster, &seen.now), again: SOON }
        }
    }
}

/// The status after a look. Where that failed, what was known before stays, apart from how the cluster itself stands.
fn after_look(
    insights: &ClusterInsights,
    old: &InsightsStatus,
    found: Result<Vec<Insight>, String>,
    cluster: Option<&EKSClusterConfig>,
    now: &Time,
) -> InsightsStatus {
    let generation = insights.metadata.generation;
    let time = now.0.to_string();
    // A failure that lasts is one status, not one with every look.
    let first = found.is_ok() || old.started_at.is_none() || old.observed_generation != generation;
    let started_at = if first { Some(time.clone()) } else { old.started_at.clone() };
    let (health, ended_at, list) = match found {
        Ok(mut list) => {
            for insight in &mut list {
                let before = old.insights.iter().find(|o| {
                    (&o.name, &o.kubernetes_version, o.status)
                        == (&insight.name, &insight.kubernetes_version, insight.status)
                });
                insight.last_transition_time = before.map_or_else(|| time.clone(), |o| o.last_transition_time.clone());
            }
            (Health::Ready, Some(time.clone()), list)
        }
        Err(why) => {
            let reason = if cluster.is_some() { Reason::Unreachable } else { Reason::WaitingForCluster };
            let mut known = old.insights.clone();
            if let Some(cluster) = cluster {
                health::restate(&mut known, cluster, now);
            }
            (Health::Failing(reason, why), old.ended_at.clone(), known)
        }
    };
    InsightsStatus {
        observed_generation: generation,
        conditions: conditions(&health, generation, now, &old.conditions),
        started_at,
        ended_at,
        insights: list,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::fixtures;
    use crd::insights::InsightStatus;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    fn insight(status: InsightStatus) -> Insight {
        Insight { name: "a".into(), status, ..Insight::default() }
    }

    #[test]
    fn a_transition_is_a_change_of_the_status() {
        let resource = ClusterInsights::default();
        let look = |old: &InsightsStatus, status, second| {
            after_look(&resource, old, Ok(vec![insight(status)]), None, &at(second))
        };
        let first = look(&InsightsStatus::default(), InsightStatus::Passing, 1);
        let second = look(&first, InsightStatus::Passing, 2);
        assert_eq!(second.insights[0].last_transition_time, first.insights[0].last_transition_time);
        let third = look(&second, InsightStatus::Error, 3);
        assert_eq!(Some(&third.insights[0].last_transition_time), third.ended_at.as_ref());
    }

    #[test]
    fn what_was_known_stays_where_a_look_fails() {
        let resource = ClusterInsights::default();
        let first =
            after_look(&resource, &InsightsStatus::default(), Ok(vec![insight(InsightStatus::Passing)]), None, &at(1));
        let second = after_look(&resource, &first, Err("away".into()), None, &at(2));
        assert_eq!((&second.insights, &second.ended_at), (&first.insights, &first.ended_at));
        assert_eq!(after_look(&resource, &second, Err("away".into()), None, &at(3)), second, "nothing new to write");
    }

    #[test]
    fn of_a_cluster_that_was_stopped_it_is_said_that_it_is() {
        let resource = ClusterInsights::default();
        let health = Insight { name: health::NAME.into(), status: InsightStatus::Passing, ..Insight::default() };
        let first = after_look(&resource, &InsightsStatus::default(), Ok(vec![health]), None, &at(1));
        let rests = json!({"phase": "Stopped", "conditions": [{"type": "Ready", "status": "True", "reason": "Stopped",
            "message": "stopped", "lastTransitionTime": "2024-01-01T00:00:00Z"}]});
        let stopped = fixtures::cluster(json!({}), rests);
        let second = after_look(&resource, &first, Err("stopped".into()), Some(&stopped), &at(2));
        let said = (InsightStatus::Warning, "The cluster is stopped");
        assert_eq!((second.insights[0].status, second.insights[0].reason.as_str()), said);
        assert_eq!(after_look(&resource, &second, Err("stopped".into()), Some(&stopped), &at(3)), second);
    }
}
