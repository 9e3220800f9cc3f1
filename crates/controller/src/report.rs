//! Reports each outcome once: a log line, and on a change an Event and a metric.

use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crd::conditions::{READY, Reason};
use crd::phase::Phase;
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
            note: Some(text::fit(note, text::MESSAGE)),
            action: "Reconcile".into(),
            secondary: None,
        };
        let reference: ObjectReference = resource.object_ref(&());
        // A recorder that lives on counts what has the same reason as one thing, and keeps the words of the first.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        if let Err(error) = recorder.publish(&event, &reference).await {
            tracing::warn!(error = text::sentence(&error), reason, "writing an Event");
        }
    }
}

/// Whether two messages of one reason count as the same. The nodes of large groups become Ready one at a time, and
/// Events shouldn't repeat the count: they only name the groups that are waited for.
fn same(reason: &str, before: &str, now: &str) -> bool {
    if reason != Reason::NodegroupsNotReady.as_str() {
        return before == now;
    }
    let words = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    words(before) == words(now)
}

/// Reasons that make an Event a warning.
const TROUBLE: [Reason; 7] = [
    Reason::Conflict,
    Reason::InvalidSpec,
    Reason::ImageUnavailable,
    Reason::ProviderUnavailable,
    Reason::ProvisionFailed,
    Reason::RegistriesNotReady,
    Reason::Unreachable,
];

#[cfg(test)]
mod tests;
