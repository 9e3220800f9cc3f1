//! When lifecycle policies are carried out: once nobody has written to a repository for a while.
//!
//! A push of several images in a row is thereby over before the first of them can expire.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The repositories that were written to, and when policies were carried out.
pub struct Schedule {
    quiet: Duration,
    written: Mutex<HashMap<String, Written>>,
    changed: Notify,
    evaluated: Mutex<HashMap<String, Timestamp>>,
}

/// A repository that was written to.
struct Written {
    /// Requests that still write.
    writing: usize,
    /// When the last one ended or began.
    at: Instant,
}

/// A request that writes to a repository, until it is dropped.
pub struct Writing {
    schedule: Arc<Schedule>,
    repository: String,
}

impl Schedule {
    /// Nothing was written to yet. A repository's turn comes when it wasn't written to for `quiet`.
    pub fn new(quiet: Duration) -> Self {
        Self { quiet, written: Mutex::default(), changed: Notify::new(), evaluated: Mutex::default() }
    }

    /// That a request writes to a repository from now on.
    pub fn writing(self: &Arc<Self>, repository: &str) -> Writing {
        let mut written = self.written.lock();
        let entry = written.entry(repository.to_owned()).or_insert(Written { writing: 0, at: Instant::now() });
        *entry = Written { writing: entry.writing + 1, at: Instant::now() };
        Writing { schedule: Arc::clone(self), repository: repository.to_owned() }
    }

    /// Whether a repository was written to since its last turn.
    pub fn is_written(&self, repository: &str) -> bool {
        self.written.lock().contains_key(repository)
    }

    /// Waits for the next repository whose turn it is.
    pub async fn due(&self) -> String {
        loop {
            let changed = self.changed.notified();
            match self.first() {
                (Some(repository), _) => return repository,
                (None, None) => changed.await,
                (None, Some(at)) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = changed => {}
                },
            }
        }
    }

    /// The repository whose turn it is; else when there may be one.
    fn first(&self) -> (Option<String>, Option<Instant>) {
        let mut written = self.written.lock();
        let quiet = written.iter().filter(|(_, entry)| entry.writing == 0);
        let Some((repository, at)) = quiet.map(|(name, entry)| (name.clone(), entry.at)).min_by_key(|(_, at)| *at)
        else {
            return (None, None);
        };
        if at.elapsed() < self.quiet {
            return (None, Some(at + self.quiet));
        }
        written.remove(&repository);
        (Some(repository), None)
    }

    /// That the policy of a repository was carried out now.
    pub fn evaluated(&self, repository: &str, now: Timestamp) {
        self.evaluated.lock().insert(repository.to_owned(), now);
    }

    /// That a repository has no policy.
    pub fn forget(&self, repository: &str) {
        self.evaluated.lock().remove(repository);
    }

    /// When the policy of a repository was carried out last since this process began.
    pub fn evaluated_at(&self, repository: &str) -> Option<Timestamp> {
        self.evaluated.lock().get(repository).copied()
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(entry) = self.schedule.written.lock().get_mut(&self.repository) {
            *entry = Written { writing: entry.writing.saturating_sub(1), at: Instant::now() };
        }
        self.schedule.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_turn_comes_when_nobody_has_written_for_a_while() {
        let schedule = Arc::new(Schedule::new(QUIET));
        let (first, second) = (schedule.writing("app"), schedule.writing("app"));
        drop(first);
        let early = tokio::time::timeout(QUIET * 4, schedule.due()).await;
        assert!(early.is_err() && schedule.is_written("app"), "one still writes");
        let ended = Instant::now();
        drop(second);
        assert_eq!(schedule.due().await, "app");
        assert!(ended.elapsed() >= QUIET && !schedule.is_written("app"));
        assert!(tokio::time::timeout(QUIET * 2, schedule.due()).await.is_err(), "once only");
    }

    #[tokio::test]
    async fn who_waits_hears_of_a_write() {
        let schedule = Arc::new(Schedule::new(QUIET));
        let waiting = tokio::spawn({
            let schedule = Arc::clone(&schedule);
            async move { schedule.due().await }
        });
        tokio::task::yield_now().await;
        drop(schedule.writing("app"));
        assert_eq!(waiting.await.unwrap(), "app");
    }
}
