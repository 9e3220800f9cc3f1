//! Everything that insights into a cluster are made from, gathered in one place.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::facts::{self, Facts};
use crate::context::Context;
use crd::{ClusterInsights, EKSClusterConfig};
use provider::ClusterId;

/// Between two looks at a cluster.
const EVERY: Duration = Duration::from_secs(600);

/// What is known at the moment of a reconcile.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The moment.
    pub now: Time,
    /// The cluster's resource.
    pub cluster: Option<Arc<EKSClusterConfig>>,
    /// What was found in the cluster.
    pub look: Look,
}

/// A look into a cluster.
#[derive(Clone, Debug)]
pub enum Look {
    /// None was due: the last one is still good for so long.
    NotDue(Duration),
    /// What was found, or why nothing could be.
    Taken(Result<Facts, String>),
}

/// Looks into the cluster of `insights`, where that is due.
pub async fn observe(insights: &ClusterInsights, ctx: &Context) -> Observed {
    let now = Time(Timestamp::now());
    let id =
        ClusterId { namespace: insights.namespace().unwrap_or_default(), name: insights.spec.cluster_name.clone() };
    let cluster = ctx.clusters.get(&ObjectRef::new(&id.name).within(&id.namespace));
    let look = match (good_for(insights, &now), &cluster) {
        (Some(rest), _) => Look::NotDue(rest),
        (None, Some(cluster)) => Look::Taken(facts::gather(cluster, &id, ctx).await),
        (None, None) => Look::Taken(Err(format!("EKSClusterConfig {} doesn't exist", id.name))),
    };
    Observed { now, cluster, look }
}

/// How long the last look is still good for.
fn good_for(insights: &ClusterInsights, now: &Time) -> Option<Duration> {
    let status = insights.status.as_ref().filter(|s| s.observed_generation == insights.metadata.generation)?;
    let ended: Timestamp = status.ended_at.as_ref()?.parse().ok()?;
    let age = Duration::try_from(now.0.duration_since(ended)).unwrap_or_default();
    EVERY.checked_sub(age).filter(|rest| !rest.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crd::insights::InsightsStatus;

    #[test]
    fn a_look_is_good_for_a_while_and_for_its_own_request() {
        let at = |second| Time(Timestamp::from_second(second).unwrap());
        let mut resource = ClusterInsights::default();
        resource.metadata.generation = Some(1);
        let (observed_generation, ended_at) = (Some(1), Some(at(0).0.to_string()));
        resource.status = Some(InsightsStatus { observed_generation, ended_at, ..InsightsStatus::default() });
        assert_eq!(good_for(&resource, &at(1)), Some(Duration::from_secs(599)));
        assert_eq!(good_for(&resource, &at(600)), None);
        resource.metadata.generation = Some(2);
        assert_eq!(good_for(&resource, &at(1)), None);
    }
}
