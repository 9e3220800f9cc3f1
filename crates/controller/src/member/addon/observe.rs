//! What is there of an addon that a chart installs.

use std::fmt::Display;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use super::desired::{ASKED, DIGEST};
use super::plan::{Observed, Record, Workload};
use super::stand_in;
use crate::context::Context;
use crate::jobs::JobView;
use crd::Addon;
use crd::addon_catalogue::Offer;
use helm::Release;

/// Where k3s's own images come from.
const K3S_IMAGES: &str = "rancher/";

/// Observes the release of an addon; `None` where a part of k3s does its job, which clusters of earlier versions have.
pub async fn observe(
    addon: &Addon,
    offer: &Offer,
    release: &Release,
    client: &Client,
    ctx: &Context,
) -> Result<Option<Observed>, kube::Error> {
    let uid = addon.uid().unwrap_or_default();
    let mut seen = Observed {
        job: ctx.jobs.view(&uid),
        wait: ctx.jobs.wait(&uid, addon.metadata.generation.unwrap_or_default()),
        record: None,
        workloads: Vec::new(),
        stuck: None,
    };
    if seen.job.is_under_way() {
        // Hooks of a chart wait for pods. Helm's work says how the addon is, whether or not the pods can be asked.
        let asked = stand_in::answer(stand_in::ANSWER, stuck(client, release)).await;
        seen.stuck = asked.unwrap_or_else(|why| {
            tracing::debug!(release = release.name, ?why, "looking at the pods of an addon that is being installed");
            None
        });
        return Ok(Some(seen));
    }
    if is_part_of_k3s(client, offer).await? {
        return Ok(None);
    }
    seen.record = record(client, release).await?;
    seen.workloads = workloads(client, release).await?;
    let has_failed = matches!(seen.job, JobView::Failed(..));
    if has_failed || seen.workloads.iter().any(|workload| workload.available < workload.wanted) {
        seen.stuck = stuck(client, release).await?;
    }
    Ok(Some(seen))
}

/// Whether the Deployment that stands in for the addon is k3s's own.
async fn is_part_of_k3s(client: &Client, offer: &Offer) -> Result<bool, kube::Error> {
    let Some(name) = offer.stands_in.as_ref().and_then(|part| part.deployment.as_ref()) else { return Ok(false) };
    let found = Api::<Deployment>::namespaced(client.clone(), super::stand_in::NAMESPACE).get_opt(name).await?;
    let containers = found.and_then(|found| found.spec?.template.spec).map(|pod| pod.containers).unwrap_or_default();
    Ok(containers.iter().any(|one| one.image.as_ref().is_some_and(|image| image.contains(K3S_IMAGES))))
}

/// Helm's newest record. Only its labels: the record itself is large.
async fn record(client: &Client, release: &Release) -> Result<Option<Record>, kube::Error> {
    let api = Api::<Secret>::namespaced(client.clone(), &release.namespace);
    let of = ListParams::default().labels(&format!("owner=helm,name={}", release.name));
    let all = api.list_metadata(&of).await?.items;
    let revision = |meta: &ObjectMeta| meta.labels.as_ref()?.get("version")?.parse::<u64>().ok();
    Ok(all.into_iter().map(|found| found.metadata).max_by_key(revision).map(described))
}

/// What the metadata of Helm's record says. Its label `modifiedAt` is that of the first revision.
fn described(meta: ObjectMeta) -> Record {
    let changes = meta.managed_fields.into_iter().flatten().filter_map(|entry| entry.time);
    let label = |name: &str| meta.labels.as_ref()?.get(name).cloned();
    Record {
        secret: meta.name.unwrap_or_default(),
        status: label("status").unwrap_or_default(),
        digest: label(DIGEST),
        asked: label(ASKED),
        written: changes.chain(meta.creation_timestamp).map(|time| time.0.as_second()).max(),
    }
}

fn selector(release: &Release) -> ListParams {
    ListParams::default().labels(&format!("app.kubernetes.io/instance={}", release.name))
}

/// What the release's pods run in. One whose newest spec nobody has seen yet, or that still has older pods, has none available.
async fn workloads(client: &Client, release: &Release) -> Result<Vec<Workload>, kube::Error> {
    let of = selector(release);
    let namespace = &release.namespace;
    let workload =
        |name: String, generation: Option<i64>, observed: Option<i64>, wanted: i32, available: i32| Workload {
            name: format!("{namespace}/{name}"),
            wanted,
            available: if observed >= generation { available } else { 0 },
        };
    let mut all = Vec::new();
    for found in Api::<Deployment>::namespaced(client.clone(), namespace).list(&of).await? {
        let status = found.status.clone().unwrap_or_default();
        let wanted = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let rolled = status.replicas.unwrap_or(0) <= status.updated_replicas.unwrap_or(0);
        let available = if rolled { status.available_replicas.unwrap_or(0) } else { 0 };
        all.push(workload(found.name_any(), found.metadata.generation, status.observed_generation, wanted, available));
    }
    for found in Api::<DaemonSet>::namespaced(client.clone(), namespace).list(&of).await? {
        let status = found.status.clone().unwrap_or_default();
        let wanted = status.desired_number_scheduled;
        let available = status.number_available.unwrap_or(0).min(status.updated_number_scheduled.unwrap_or(0));
        all.push(workload(found.name_any(), found.metadata.generation, status.observed_generation, wanted, available));
    }
    for found in Api::<StatefulSet>::namespaced(client.clone(), namespace).list(&of).await? {
        let status = found.status.clone().unwrap_or_default();
        let wanted = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let available = status.available_replicas.unwrap_or(0).min(status.updated_replicas.unwrap_or(0));
        all.push(workload(found.name_any(), found.metadata.generation, status.observed_generation, wanted, available));
    }
    Ok(all)
}

/// What the kubelets say of a container that doesn't start.
async fn stuck(client: &Client, release: &Release) -> Result<Option<String>, kube::Error> {
    let pods = Api::<Pod>::namespaced(client.clone(), &release.namespace).list(&selector(release)).await?;
    let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
    let mut waiting = statuses.filter_map(|status| Some((status.image, status.state?.waiting?)));
    let starts = ["ContainerCreating", "PodInitializing"];
    let stuck = waiting.find(|(_, waiting)| waiting.reason.as_ref().is_some_and(|why| !starts.contains(&why.as_str())));
    Ok(stuck.map(|(image, waiting)| {
        let reason = waiting.reason.unwrap_or_default();
        let way_out = if reason.contains("Image") { way_out(&image) } else { String::new() };
        format!("{reason}: {}{way_out}", waiting.message.unwrap_or_default())
    }))
}

/// What to do about an image that nobody has.
fn way_out(image: &impl Display) -> String {
    format!("; let the nodes reach the registry of {image}, or push the image to k3eks's own under that name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn helm_s_record_was_written_when_it_last_changed() {
        let of = |fields: Value| {
            let labels = json!({"status": "deployed", DIGEST: "d", ASKED: "a", "modifiedAt": "5"});
            let meta = json!({"name": "s", "labels": labels, "creationTimestamp": "1970-01-01T00:00:07Z", "managedFields": fields});
            described(serde_json::from_value(meta).unwrap())
        };
        let wanted = Record {
            secret: "s".into(),
            status: "deployed".into(),
            digest: Some("d".into()),
            asked: Some("a".into()),
            written: Some(9),
        };
        assert_eq!(of(json!([{"manager": "helm", "time": "1970-01-01T00:00:09Z"}])), wanted);
        assert_eq!(of(Value::Null), Record { written: Some(7), ..wanted });
    }
}
