//! What a plan function returns: the actions, and what the status says meanwhile; and what became of the actions.

use std::time::Duration;

use super::error::Error as Failure;
use crd::conditions::{Health, Reason};
use crd::phase::Phase;
use provider::{Error, Retry, Step};

/// The actions for a resource and what its status says meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<N> {
    /// The one next action.
    pub next: N,
    /// Small actions that are due whatever comes next. They are done first, and none of them keeps `next` from being done.
    pub upkeep: Vec<N>,
    /// The phase to report.
    pub phase: Phase,
    /// The health to report.
    pub health: Health,
    /// When to reconcile again if no event is expected.
    pub again: Option<Duration>,
}

impl<N> Decision<N> {
    /// Does `next` and reports `phase` and `health`; an event of some kind wakes the resource again.
    pub const fn new(next: N, phase: Phase, health: Health) -> Self {
        Self { next, upkeep: Vec::new(), phase, health, again: None }
    }

    /// The same, but looks again after `wait` in any case.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.again = Some(wait);
        self
    }
}

/// What became of a plan's actions.
#[must_use]
#[derive(Debug)]
pub struct Applied {
    /// Whether the upkeep was done; the first error.
    pub upkeep: Result<(), Failure>,
    /// Whether the next action was done, or begun where it is long work.
    pub next: Result<(), Failure>,
}

impl Applied {
    /// The error to try again after: that of the next action before that of the upkeep.
    ///
    /// # Errors
    /// The same.
    pub fn result(self) -> Result<(), Failure> {
        self.next.and(self.upkeep)
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

    /// The problem resolves by itself.
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
        Error::UnknownVersion { .. } | Error::Unsupported { .. } => Reason::InvalidSpec,
        Error::ImageUnavailable { .. } => Reason::ImageUnavailable,
        Error::EvictionTimeout { .. } => Reason::PodEvictionFailure,
        Error::PortsExhausted { .. } | Error::Timeout { .. } | Error::Engine { .. } => Reason::ProvisionFailed,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One of every variant, with the reason and the retry class that it must have. A new variant doesn't compile in
    /// the match below until it is here.
    fn all() -> Vec<(Error, Reason, Retry)> {
        let text = || "x".to_owned();
        vec![
            (
                Error::Unavailable { engine: "e", doing: text(), why: text() },
                Reason::ProviderUnavailable,
                Retry::Waiting,
            ),
            (Error::UnknownVersion { version: text(), known: text() }, Reason::InvalidSpec, Retry::Terminal),
            (
                Error::ImageUnavailable { image: text(), what: text(), why: text() },
                Reason::ImageUnavailable,
                Retry::Transient,
            ),
            (Error::PortsExhausted { what: text(), range: text() }, Reason::ProvisionFailed, Retry::Transient),
            (Error::Timeout { doing: text(), seconds: 1 }, Reason::ProvisionFailed, Retry::Transient),
            (Error::Engine { doing: text(), why: text() }, Reason::ProvisionFailed, Retry::Transient),
            (
                Error::ToolMissing { tool: text(), doing: text(), why: text() },
                Reason::ProviderUnavailable,
                Retry::Transient,
            ),
            (
                Error::EvictionTimeout { node: text(), seconds: 1, pods: text() },
                Reason::PodEvictionFailure,
                Retry::Transient,
            ),
            (Error::Unsupported { provider: "p", what: "x" }, Reason::InvalidSpec, Retry::Terminal),
        ]
    }

    const fn number(error: &Error) -> usize {
        match error {
            Error::Unavailable { .. } => 0,
            Error::UnknownVersion { .. } => 1,
            Error::ImageUnavailable { .. } => 2,
            Error::PortsExhausted { .. } => 3,
            Error::Timeout { .. } => 4,
            Error::Engine { .. } => 5,
            Error::ToolMissing { .. } => 6,
            Error::EvictionTimeout { .. } => 7,
            Error::Unsupported { .. } => 8,
        }
    }

    #[test]
    fn every_error_of_a_provider_has_its_reason_and_stalls_only_where_nothing_but_a_change_helps() {
        for (at, (error, reason, retry)) in all().into_iter().enumerate() {
            assert_eq!(number(&error), at);
            assert_eq!(error.retry(), retry, "{error}");
            let expected = match retry {
                Retry::Terminal => Health::Stalled(reason, error.to_string()),
                Retry::Transient | Retry::Waiting => Health::Failing(reason, error.to_string()),
            };
            assert_eq!(failing(&error), expected);
        }
    }

    #[test]
    fn a_step_says_its_number_and_before_the_first_only_what_is_done() {
        assert_eq!(step_message("Creating", &Step::default()), "Creating");
        let step = Step { number: 3, of: 6, what: "waiting".into() };
        assert_eq!(step_message("Creating", &step), "Creating 3/6: waiting");
    }
}
