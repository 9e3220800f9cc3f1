//! The kinds of long work, and what a plan sees of them. Synchronous, no client.

use provider::Step;

/// The kinds of long work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Making a cluster.
    Create,
    /// Starting a cluster that is there but doesn't run.
    Start,
    /// Stopping a cluster.
    Stop,
    /// Bringing a cluster to another version.
    Upgrade,
    /// Restarting a cluster's servers, which were configured differently.
    Configure,
    /// Giving a cluster's servers other certificate authorities.
    Certify,
    /// Removing a cluster.
    Delete,
    /// Adding nodes.
    AddNodes,
    /// Removing nodes.
    RemoveNodes,
    /// Taking the pods off nodes, and removing them.
    Drain,
    /// Installing an addon in a cluster, or changing it.
    Install,
    /// Taking an addon out of a cluster.
    Uninstall,
}

impl Work {
    /// The word for it in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Upgrade => "upgrade",
            Self::Configure => "configure",
            Self::Certify => "certify",
            Self::Delete => "delete",
            Self::AddNodes => "add-nodes",
            Self::RemoveNodes => "remove-nodes",
            Self::Drain => "drain",
            Self::Install => "install",
            Self::Uninstall => "uninstall",
        }
    }

    /// The first word of what is said of it while it is under way.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "Creating",
            Self::Start => "Starting",
            Self::Stop => "Stopping",
            Self::Upgrade => "Upgrading",
            Self::Configure => "Configuring",
            Self::Certify => "Certifying",
            Self::Delete => "Deleting",
            Self::AddNodes => "Adding nodes",
            Self::RemoveNodes => "Removing nodes",
            Self::Drain => "Draining nodes",
            Self::Install => "Installing",
            Self::Uninstall => "Removing",
        }
    }

    /// Whether it takes one of the bounded slots. Removing machines never waits: it frees what others need.
    pub const fn bounded(self) -> bool {
        matches!(self, Self::Create | Self::Start | Self::Upgrade | Self::AddNodes | Self::Install | Self::Uninstall)
    }
}

/// What a reconcile sees of an object's long work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobView {
    /// None.
    Idle,
    /// It waits for a slot.
    Queued(Work),
    /// It runs.
    Running(Work, Step),
    /// It was cancelled and hasn't ended yet.
    Stopping(Work),
    /// It is done; seen until [`super::Jobs::forget`].
    Finished(Work),
    /// It failed; seen until [`super::Jobs::forget`].
    Failed(Work, provider::Error),
}

/// What an object's job means to a plan that is about one kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<'a> {
    /// Nothing is under way, and the last job wasn't this work.
    Free,
    /// This work is under way.
    Mine(Stage<'a>),
    /// Other work is under way.
    Other(Stage<'a>),
    /// This work was done last.
    Finished,
    /// This work was tried last, and failed.
    Failed(&'a provider::Error),
}

/// How far a job is that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage<'a> {
    /// It waits for a slot.
    Queued,
    /// It runs.
    Running(&'a Step),
    /// It was cancelled and hasn't ended yet.
    Stopping,
}

impl JobView {
    /// What this means to a plan that is about `work`.
    pub fn turn(&self, work: Work) -> Turn<'_> {
        self.turn_among(&[work])
    }

    /// What this means to a plan that is about any of these kinds of work.
    pub fn turn_among(&self, works: &[Work]) -> Turn<'_> {
        if let Some((work, stage)) = self.under_way() {
            return if works.contains(&work) { Turn::Mine(stage) } else { Turn::Other(stage) };
        }
        match self.ended() {
            Some((work, Ok(()))) if works.contains(&work) => Turn::Finished,
            Some((work, Err(error))) if works.contains(&work) => Turn::Failed(error),
            _ => Turn::Free,
        }
    }

    /// The work that waits, runs or stops, whatever its kind.
    pub const fn under_way(&self) -> Option<(Work, Stage<'_>)> {
        match self {
            Self::Queued(work) => Some((*work, Stage::Queued)),
            Self::Running(work, step) => Some((*work, Stage::Running(step))),
            Self::Stopping(work) => Some((*work, Stage::Stopping)),
            Self::Idle | Self::Finished(_) | Self::Failed(..) => None,
        }
    }

    /// The work that was done or tried last, whatever its kind, if none is under way.
    pub const fn ended(&self) -> Option<(Work, Result<(), &provider::Error>)> {
        match self {
            Self::Finished(work) => Some((*work, Ok(()))),
            Self::Failed(work, error) => Some((*work, Err(error))),
            Self::Idle | Self::Queued(_) | Self::Running(..) | Self::Stopping(_) => None,
        }
    }

    /// Whether nothing was begun since this process started, or what was begun was cancelled.
    pub const fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Whether work waits, runs or stops.
    pub const fn is_under_way(&self) -> bool {
        self.under_way().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_sees_whether_its_own_work_or_other_work_is_under_way() {
        let (step, error) = (Step::default(), || provider::Error::Timeout { doing: "it".into(), seconds: 1 });
        for (view, mine, other) in [
            (JobView::Idle, Turn::Free, Turn::Free),
            (JobView::Queued(Work::Stop), Turn::Mine(Stage::Queued), Turn::Other(Stage::Queued)),
            (
                JobView::Running(Work::Stop, step.clone()),
                Turn::Mine(Stage::Running(&step)),
                Turn::Other(Stage::Running(&step)),
            ),
            (JobView::Stopping(Work::Stop), Turn::Mine(Stage::Stopping), Turn::Other(Stage::Stopping)),
            (JobView::Finished(Work::Stop), Turn::Finished, Turn::Free),
            (JobView::Failed(Work::Stop, error()), Turn::Failed(&error()), Turn::Free),
        ] {
            assert_eq!((view.turn(Work::Stop), view.turn(Work::Start)), (mine, other), "{view:?}");
            assert_eq!(view.turn_among(&[Work::Start, Work::Stop]), mine, "{view:?}");
            assert_eq!(view.turn_among(&[Work::Start, Work::Create]), other, "{view:?}");
            assert_eq!(view.is_under_way(), matches!(mine, Turn::Mine(_)), "{view:?}");
        }
    }
    #[test]
    fn work_of_any_kind_is_under_way_or_has_ended() {
        let (step, error) = (Step::default(), provider::Error::Timeout { doing: "it".into(), seconds: 1 });
        for (view, under_way, ended) in [
            (JobView::Idle, None, None),
            (JobView::Queued(Work::Stop), Some((Work::Stop, Stage::Queued)), None),
            (JobView::Running(Work::Stop, step.clone()), Some((Work::Stop, Stage::Running(&step))), None),
            (JobView::Stopping(Work::Stop), Some((Work::Stop, Stage::Stopping)), None),
            (JobView::Finished(Work::Stop), None, Some((Work::Stop, Ok(())))),
            (JobView::Failed(Work::Stop, error.clone()), None, Some((Work::Stop, Err(&error)))),
        ] {
            assert_eq!((view.under_way(), view.ended()), (under_way, ended), "{view:?}");
        }
    }
}
