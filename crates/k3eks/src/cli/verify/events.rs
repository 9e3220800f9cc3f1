//! What Kubernetes says of an object.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

/// The newest event about the object in the API's namespace; empty where there is none.
pub async fn last(api: &Api<Event>, kind: &str, name: &str) -> String {
    let about = format!("involvedObject.kind={kind},involvedObject.name={name}");
    let found = api.list(&ListParams::default().fields(&about)).await.map(|list| list.items).unwrap_or_default();
    let newest = found.into_iter().max_by_key(|event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.max(event.event_time.as_ref().map(|time| time.0))
            .max(event.metadata.creation_timestamp.as_ref().map(|t| t.0))
    });
    newest
        .map(|event| format!("{}: {}", event.reason.unwrap_or_default(), event.message.unwrap_or_default()))
        .unwrap_or_default()
}
