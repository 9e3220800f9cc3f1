//! The insights controller: looks at a child cluster and says what there is to know before it is upgraded.

mod checks;
mod facts;
mod health;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::Controller;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tracing::Instrument;

use super::context::Context;
use super::error::Error;
use super::watch;
use crd::conditions::{Health, Reason, conditions};
use crd::insights::{Insight, InsightsStatus};
use crd::{ClusterInsights, EKSClusterConfig, keys};
use provider::ClusterId;

/// Between two looks at a cluster.
const EVERY: Duration = Duration::from_secs(600);
/// Until it is looked again how the cluster itself stands, and until the next try where a look wasn't possible.
const SOON: Duration = Duration::from_secs(5);

/// Runs the controller until the process is told to stop.
pub async fn run(ctx: Arc<Context>) {
    let shutdown = ctx.shutdown.clone();
    let source = watch::source::<ClusterInsights>(&ctx.client, ctx.settings.watch_namespace.as_deref());
    Controller::for_stream(source.stream, source.store)
        .graceful_shutdown_on(async move { shutdown.cancelled().await })
        .run(reconcile, on_error, ctx)
        .for_each(|_| async {})
        .await;
}

async fn reconcile(insights: Arc<ClusterInsights>, ctx: Arc<Context>) -> Result<Action, Error> {
    let name = format!("{}/{}", insights.namespace().unwrap_or_default(), insights.name_any());
    let span = tracing::info_span!("reconcile", kind = "ClusterInsights", resource = %name);
    super::counted(&ctx, "insights", insights.metadata.uid.as_ref(), look(&insights, &ctx)).instrument(span).await
}

async fn look(insights: &ClusterInsights, ctx: &Context) -> Result<Action, Error> {
    let old = insights.status.clone().unwrap_or_default();
    let now = Time(Timestamp::now());
    if insights.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let id =
        ClusterId { namespace: insights.namespace().unwrap_or_default(), name: insights.spec.cluster_name.clone() };
    let cluster = ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace));
    let (status, again) = if let Some(rest) = fresh(insights, &now) {
        let mut status = old;
        if let Some(cluster) = &cluster {
            health::restate(&mut status.insights, cluster, &now);
        }
        (status, rest.min(SOON))
    } else {
        let found = match &cluster {
            Some(cluster) => facts::gather(cluster, &id, ctx).await.map(|facts| checks::all(&facts)),
            None => Err(format!("EKSClusterConfig {} doesn't exist", id.name)),
        };
        (report(insights, &old, found, cluster.as_deref(), &now), SOON)
    };
    super::status::write(&ctx.client, &ctx.metrics, keys::MEMBER_MANAGER, insights, insights.status.as_ref(), &status)
        .await?;
    Ok(Action::requeue(again))
}

/// How long the last look still is good for.
fn fresh(insights: &ClusterInsights, now: &Time) -> Option<Duration> {
    let status = insights.status.as_ref().filter(|s| s.observed_generation == insights.metadata.generation)?;
    let ended: Timestamp = status.ended_at.as_ref()?.parse().ok()?;
    let age = Duration::try_from(now.0.duration_since(ended)).unwrap_or_default();
    EVERY.checked_sub(age).filter(|rest| !rest.is_zero())
}

/// The status after a look. Where that failed, what was known before stays, apart from how the cluster itself stands.
fn report(
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

fn on_error(insights: Arc<ClusterInsights>, error: &Error, ctx: Arc<Context>) -> Action {
    let uid = insights.uid().unwrap_or_default();
    let wait = super::failed(&ctx, "insights", &uid, insights.metadata.generation, error);
    tracing::warn!(resource = %insights.name_any(), %error, retry_in = ?wait, "reconcile failed");
    Action::requeue(wait.max(Duration::from_millis(100)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let look =
            |old: &InsightsStatus, status, second| report(&resource, old, Ok(vec![insight(status)]), None, &at(second));
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
            report(&resource, &InsightsStatus::default(), Ok(vec![insight(InsightStatus::Passing)]), None, &at(1));
        let second = report(&resource, &first, Err("away".into()), None, &at(2));
        assert_eq!((&second.insights, &second.ended_at), (&first.insights, &first.ended_at));
        assert_eq!(report(&resource, &second, Err("away".into()), None, &at(3)), second, "nothing new to write");
    }

    #[test]
    fn of_a_cluster_that_was_stopped_it_is_said_that_it_is() {
        let resource = ClusterInsights::default();
        let health = Insight { name: health::NAME.into(), status: InsightStatus::Passing, ..Insight::default() };
        let first = report(&resource, &InsightsStatus::default(), Ok(vec![health]), None, &at(1));
        let rests = json!({"phase": "Stopped", "conditions": [{"type": "Ready", "status": "True", "reason": "Stopped",
            "message": "stopped", "lastTransitionTime": "2024-01-01T00:00:00Z"}]});
        let stopped = fixtures::cluster(json!({}), rests);
        let second = report(&resource, &first, Err("stopped".into()), Some(&stopped), &at(2));
        let said = (InsightStatus::Warning, "The cluster is stopped");
        assert_eq!((second.insights[0].status, second.insights[0].reason.as_str()), said);
        assert_eq!(report(&resource, &second, Err("stopped".into()), Some(&stopped), &at(3)), second);
    }

    #[test]
    fn a_look_is_good_for_a_while_and_for_its_own_request() {
        let mut resource = ClusterInsights::default();
        resource.metadata.generation = Some(1);
        resource.status = Some(report(&resource, &InsightsStatus::default(), Ok(Vec::new()), None, &at(0)));
        assert_eq!(fresh(&resource, &at(1)), Some(Duration::from_secs(599)));
        assert_eq!(fresh(&resource, &at(600)), None);
        resource.metadata.generation = Some(2);
        assert_eq!(fresh(&resource, &at(1)), None);
    }
}
