//! What a plan function returns for either kind: the next action, and what to say of the resource meanwhile.

use std::time::Duration;

use crate::crd::conditions::{Health, Reason};
use crate::crd::phase::Phase;
use crate::provider::{Error, Retry, Step};

/// The next action for a resource and what its status says meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<N> {
    /// The one next action.
    pub next: N,
    /// The phase to report.
    pub phase: Phase,
    /// The health to report.
    pub health: Health,
    /// When to look again, where nothing is expected to wake the resource.
    pub again: Option<Duration>,
}

impl<N> Decision<N> {
    /// Does `next` and reports `phase` and `health`; an event of some kind wakes the resource again.
    pub const fn new(next: N, phase: Phase, health: Health) -> Self {
        Self { next, phase, health, again: None }
    }

    /// The same, but looks again after `wait` in any case.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.again = Some(wait);
        self
    }
}

/// Why a spec can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The health to report.
    pub health: Health,
}

impl Problem {
    /// Only a person can change it.
    pub fn stalled(reason: Reason, message: impl Into<String>) -> Self {
        Self { health: Health::Stalled(reason, message.into()) }
    }

    /// It goes away by itself.
    pub fn waiting(reason: Reason, message: impl Into<String>) -> Self {
        Self { health: Health::Progressing(reason, message.into()) }
    }

    /// From a provider's error.
    pub fn of(error: &Error) -> Self {
        Self { health: failing(error) }
    }
}

/// The health that a provider's error means.
pub fn failing(error: &Error) -> Health {
    let reason = match error {
        Error::Unavailable { .. } | Error::ToolMissing { .. } => Reason::ProviderUnavailable,
        Error::UnknownVersion { .. } => Reason::InvalidSpec,
        Error::ImageUnavailable { .. } => Reason::ImageUnavailable,
        Error::NoPort { .. } | Error::Timeout { .. } | Error::Engine { .. } => Reason::ProvisionFailed,
    };
    match error.retry() {
        Retry::Terminal => Health::Stalled(reason, error.to_string()),
        Retry::Transient | Retry::Waiting => Health::Failing(reason, error.to_string()),
    }
}

/// A step of long work as a message: `3/6: waiting for the API server`.
pub fn step_message(verb: &str, step: &Step) -> String {
    if step.of == 0 { verb.to_owned() } else { format!("{verb} {}/{}: {}", step.number, step.of, step.what) }
}
