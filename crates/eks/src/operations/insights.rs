//! Insights into clusters: describe, list, refresh.
//!
//! The operator computes them while a cluster has a `ClusterInsights`, which the first question about them makes.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::RequestContext;
use crate::error::EksError;
use aws::error::ApiError;
use crd::conditions::{READY, RECONCILING};
use crd::insights::{ClusterInsightsSpec, Insight, InsightStatus};
use crd::{ClusterInsights, EKSClusterConfig, member};
use store::StoreError;

/// What they are all about.
const CATEGORY: &str = "UPGRADE_READINESS";
/// How long the first question waits for the operator's answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InCluster {
    cluster_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ById {
    cluster_name: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    cluster_name: String,
    #[serde(default)]
    filter: Filter,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    categories: Vec<String>,
    kubernetes_versions: Vec<String>,
    statuses: Vec<InsightStatus>,
}

impl Filter {
    fn lets_through(&self, insight: &Insight) -> bool {
        let within = |list: &[String], value: &str| list.is_empty() || list.iter().any(|wanted| wanted == value);
        within(&self.categories, CATEGORY)
            && within(&self.kubernetes_versions, &insight.kubernetes_version)
            && (self.statuses.is_empty() || self.statuses.contains(&insight.status))
    }
}

fn summary(insight: &Insight, report: &ClusterInsights) -> Value {
    json!({
        "id": insight.id(&report.spec.cluster_name),
        "name": insight.name,
        "category": CATEGORY,
        "kubernetesVersion": insight.kubernetes_version,
        "lastRefreshTime": report.status.as_ref().and_then(|s| s.ended_at.clone()),
        "lastTransitionTime": insight.last_transition_time,
        "description": insight.description,
        "insightStatus": {"status": insight.status, "reason": insight.reason},
    })
}

fn detailed(insight: &Insight, report: &ClusterInsights) -> Value {
    let mut all = summary(insight, report);
    all["recommendation"] = json!(insight.recommendation);
    all["additionalInfo"] = json!({});
    let resources = insight.resources.iter().map(|r| {
        json!({"insightStatus": {"status": r.status, "reason": r.reason}, "kubernetesResourceUri": r.kubernetes_resource_uri})
    });
    all["resources"] = resources.collect();
    let deprecations = insight.deprecations.iter().map(|d| {
        json!({"usage": d.usage, "replacedWith": d.replaced_with, "stopServingVersion": d.stop_serving_version, "clientStats": []})
    });
    let addons = insight.addons.iter().map(|a| json!({"name": a.name, "compatibleVersions": a.compatible_versions}));
    all["categorySpecificSummary"] = json!({
        "deprecationDetails": deprecations.collect::<Vec<_>>(),
        "addonCompatibilityDetails": addons.collect::<Vec<_>>(),
    });
    json!({"insight": all})
}

/// The cluster's insights, made if there are none yet.
async fn made(cx: &RequestContext, cluster: &EKSClusterConfig) -> Result<Arc<ClusterInsights>, ApiError> {
    let store = &cx.state.store;
    if let Some(report) = store.members::<ClusterInsights>(cluster).into_iter().next() {
        return Ok(report);
    }
    let spec = ClusterInsightsSpec { cluster_name: cluster.name_any(), refresh_requested_at: None };
    let mut report = ClusterInsights::new("", spec);
    report.metadata = member::metadata(cluster, "insights", "insights");
    let other = member::other_name(cluster, "insights", &["insights"]);
    match store.create_member(cluster, report.clone(), other, |_| true).await {
        // Another request was faster, and the watch tells of it in a moment.
        Err(StoreError::Exists) => Ok(Arc::new(report)),
        made => Ok(made?),
    }
}

/// The cluster's insights once the operator has looked, or what there is after a while.
async fn looked(cx: &RequestContext, cluster: &EKSClusterConfig) -> Result<Arc<ClusterInsights>, ApiError> {
    let report = made(cx, cluster).await?;
    let (namespace, name) = (report.namespace().unwrap_or_default(), report.name_any());
    let now = || cx.state.store.get::<ClusterInsights>(&namespace, &name).unwrap_or_else(|| report.clone());
    let wait = async {
        while now().status.as_ref().is_none_or(|status| status.started_at.is_none()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // Without an answer the list is empty for now.
    let _ = tokio::time::timeout(PATIENCE, wait).await;
    Ok(now())
}

pub(super) async fn list(cx: RequestContext, query: Query) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &query.cluster_name)?;
    let report = looked(&cx, &cluster).await?;
    let insights = report.status.iter().flat_map(|status| &status.insights);
    let all: Vec<Value> = insights.filter(|i| query.filter.lets_through(i)).map(|i| summary(i, &report)).collect();
    let page = cx.page(all, |insight| insight["id"].as_str().unwrap_or_default().to_owned());
    Ok(json!({"insights": page.items, "nextToken": page.next_token}))
}

pub(super) async fn describe(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let report = looked(&cx, &cluster).await?;
    let mut insights = report.status.iter().flat_map(|status| &status.insights);
    let found = insights.find(|insight| insight.id(&report.spec.cluster_name) == input.id).ok_or_else(|| {
        ApiError::resource_not_found(format!("No insight found with id: {}", input.id)).cluster(&input.cluster_name)
    })?;
    Ok(detailed(found, &report))
}

pub(super) async fn start(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let report = made(&cx, &cluster).await?;
    let now = Timestamp::now().strftime("%FT%T%.3fZ").to_string();
    let ask = |report: &mut ClusterInsights| {
        report.spec.refresh_requested_at = Some(now.clone());
        Ok(())
    };
    cx.state.store.change(&report, ask).await?;
    Ok(json!({"message": "A refresh of the cluster's insights has begun", "status": "IN_PROGRESS"}))
}

pub(super) async fn refresh(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let found = cx.state.store.members::<ClusterInsights>(&cluster).into_iter().next().ok_or_else(|| {
        ApiError::resource_not_found("The insights of this cluster have not been refreshed yet")
            .cluster(&input.cluster_name)
    })?;
    Ok(progress(&found))
}

/// How the last refresh went.
fn progress(report: &ClusterInsights) -> Value {
    let Some(status) = report.status.as_ref().filter(|s| s.observed_generation == report.metadata.generation) else {
        return json!({"status": "IN_PROGRESS", "message": "The refresh is under way", "startedAt": report.spec.refresh_requested_at});
    };
    let condition = |type_: &str| status.conditions.iter().find(|c| c.type_ == type_ && c.status == "True");
    if condition(READY).is_some() {
        let message = "The refresh is complete";
        return json!({"status": "COMPLETED", "message": message, "startedAt": status.started_at, "endedAt": status.ended_at});
    }
    let why = condition(RECONCILING).map(|c| c.message.clone());
    json!({"status": "FAILED", "message": why, "startedAt": status.started_at, "endedAt": status.started_at})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(status: Value) -> Value {
        let mut found = ClusterInsights::new("a", ClusterInsightsSpec::default());
        found.metadata.generation = Some(2);
        found.status = serde_json::from_value(status).unwrap();
        progress(&found)["status"].clone()
    }

    #[test]
    fn a_refresh_is_complete_when_its_own_request_was_carried_out() {
        let condition = |type_: &str| json!([{"type": type_, "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "2024-01-01T00:00:00Z"}]);
        assert_eq!(report(Value::Null), "IN_PROGRESS");
        assert_eq!(report(json!({"observedGeneration": 1, "conditions": condition("Ready")})), "IN_PROGRESS");
        assert_eq!(report(json!({"observedGeneration": 2, "conditions": condition("Ready")})), "COMPLETED");
        assert_eq!(report(json!({"observedGeneration": 2, "conditions": condition("Reconciling")})), "FAILED");
    }

    #[test]
    fn filters_hold_together() {
        let insight = Insight { kubernetes_version: "1.36".into(), status: InsightStatus::Error, ..Insight::default() };
        let filter = |filter: Value| serde_json::from_value::<Filter>(filter).unwrap().lets_through(&insight);
        assert!(filter(json!({})) && filter(json!({"statuses": ["ERROR"], "kubernetesVersions": ["1.36"]})));
        assert!(!filter(json!({"statuses": ["PASSING"]})) && !filter(json!({"categories": ["MISCONFIGURATION"]})));
    }
}
