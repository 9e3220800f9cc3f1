//! Says each outcome once: a log line, and an Event and a metric where something changed.

use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::crd::conditions::{READY, Reason};
use crate::crd::phase::Phase;
use crate::words;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// The parts of a status that people follow.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The phase.
    pub phase: Option<Phase>,
    /// The conditions.
    pub conditions: &'a [Condition],
}

impl Seen<'_> {
    fn ready(&self) -> Option<(&str, &str)> {
        self.conditions.iter().find(|c| c.type_ == READY).map(|c| (c.reason.as_str(), c.message.as_str()))
    }
}

/// Writes log lines and Events.
pub struct Reports {
    client: kube::Client,
    reporter: Reporter,
}

impl Reports {
    /// Reports under the operator's name and, where given, the pod's.
    pub fn new(client: kube::Client, pod: Option<String>) -> Self {
        Self { client, reporter: Reporter { controller: "k3eks".into(), instance: pod } }
    }

    /// Reports the step from `before` to `after`, if there is one.
    pub async fn transition<K: Resource<DynamicType = ()>>(&self, resource: &K, before: Seen<'_>, after: Seen<'_>) {
        let (Some(phase), Some((reason, message))) = (after.phase, after.ready()) else { return };
        if before.phase == Some(phase)
            && before.ready().is_some_and(|(was, said)| was == reason && same(reason, said, message))
        {
            return;
        }
        let bad = phase == Phase::Failed || TROUBLE.iter().any(|r| r.as_str() == reason);
        let with_phase = [Reason::Ready, Reason::NodegroupsNotReady].iter().any(|r| r.as_str() == reason);
        let note = if with_phase { format!("{phase}: {message}") } else { message.to_owned() };
        if bad {
            tracing::warn!(%phase, reason, "{note}");
        } else {
            tracing::info!(%phase, reason, "{note}");
        }
        self.event(resource, bad, reason, &note).await;
    }

    /// Writes one Event. A failure to write it is logged and stops nothing.
    pub async fn event<K: Resource<DynamicType = ()>>(&self, resource: &K, bad: bool, reason: &str, note: &str) {
        let event = Event {
            type_: if bad { EventType::Warning } else { EventType::Normal },
            reason: reason.into(),
            note: Some(words::fit(note, words::MESSAGE)),
            action: "Reconcile".into(),
            secondary: None,
        };
        let reference: ObjectReference = resource.object_ref(&());
        // A recorder that lives on counts what has the same reason as one thing, and keeps the words of the first.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        if let Err(error) = recorder.publish(&event, &reference).await {
            tracing::warn!(error = words::sentence(&error), reason, "writing an Event");
        }
    }
}

/// Whether two messages of a reason say the same. Node groups of many nodes get ready one node at a time: who follows the count watches the
/// resource, and Events tell which groups there are still to wait for.
fn same(reason: &str, before: &str, now: &str) -> bool {
    if reason != Reason::NodegroupsNotReady.as_str() {
        return before == now;
    }
    let words = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    words(before) == words(now)
}

/// Reasons that make an Event a warning.
const TROUBLE: [Reason; 6] = [
    Reason::Conflict,
    Reason::InvalidSpec,
    Reason::ImageUnavailable,
    Reason::ProviderUnavailable,
    Reason::ProvisionFailed,
    Reason::Unreachable,
];

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http_body_util::BodyExt;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;
    use crate::controller::fixtures::cluster;
    use crate::crd::conditions::{Health, conditions};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    /// Method and body of each request.
    type Heard = Arc<Mutex<Vec<(String, Value)>>>;

    /// A client that keeps what it is asked and agrees to everything.
    fn listening() -> (kube::Client, Heard) {
        let heard = Heard::default();
        let keeps = heard.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let keeps = keeps.clone();
            async move {
                let method = request.method().to_string();
                let body = request.into_body().collect().await?.to_bytes();
                keeps.lock().unwrap().push((method, serde_json::from_slice(&body).unwrap()));
                Ok::<_, kube::Error>(http::Response::new(Body::from(body.to_vec())))
            }
        });
        (kube::Client::new(service, "default"), heard)
    }

    #[test]
    fn a_node_more_of_many_is_no_event_and_a_group_less_is_one() {
        let (waits, fails) = (Reason::NodegroupsNotReady.as_str(), Reason::ProvisionFailed.as_str());
        let both = "waiting for node groups a (9 of 50 nodes ready), b (0 of 1 nodes ready)";
        assert!(same(waits, both, "waiting for node groups a (10 of 50 nodes ready), b (0 of 1 nodes ready)"));
        assert!(!same(waits, both, "waiting for node group a (10 of 50 nodes ready)"));
        assert!(!same(fails, "exit code 1", "exit code 2"));
    }

    #[tokio::test]
    async fn every_step_is_an_event_with_its_own_words_in_order() {
        let (client, heard) = listening();
        let reports = Reports::new(client, None);
        let cluster = cluster(json!({}), Value::Null);
        let steps = [
            "the cluster was accepted",
            "1/3: making\u{1b}[2J servers",
            "2/3: starting",
            "1/3: making\u{1b}[2J servers",
        ];
        let mut before = Vec::new();
        for step in steps {
            let health = Health::Progressing(Reason::Creating, step.into());
            let after = conditions(&health, None, &Time(Timestamp::UNIX_EPOCH), &before);
            let seen = |conditions| Seen { phase: Some(Phase::Creating), conditions };
            reports.transition(&cluster, seen(&before), seen(&after)).await;
            before = after;
        }
        let heard = heard.lock().unwrap();
        assert!(heard.iter().all(|(method, _)| method == "POST"), "{heard:?}");
        let notes: Vec<&str> = heard.iter().map(|(_, event)| event["note"].as_str().unwrap()).collect();
        let making = "1/3: making\\u{1b}[2J servers";
        assert_eq!(notes, ["the cluster was accepted", making, "2/3: starting", making]);
        // A list is in the order of the names.
        let names: Vec<&str> = heard.iter().map(|(_, event)| event["metadata"]["name"].as_str().unwrap()).collect();
        assert!(names.is_sorted() && names.iter().all(|name| name.starts_with("demo.")), "{names:?}");
    }
}
