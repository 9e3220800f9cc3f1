//! Back-off per object: doubles from one second to five minutes, forgotten on success or when the spec changes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

const FIRST: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_secs(300);

/// Failures of one object since it last worked.
#[derive(Clone, Debug)]
struct Failures {
    count: u32,
    generation: i64,
    until: Instant,
}

/// Remembers when each object may be tried again. Lost on restart, after which everything is tried at once.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<HashMap<String, Failures>>);

impl Backoff {
    /// Notes a failure of `key` at `generation` and returns how long to wait.
    pub fn failed(&self, key: &str, generation: i64, now: Instant) -> Duration {
        let mut all = self.0.lock();
        let count = all.get(key).filter(|f| f.generation == generation).map_or(0, |f| f.count) + 1;
        let wait = delay(count);
        all.insert(key.to_owned(), Failures { count, generation, until: now + wait });
        wait
    }

    /// How long `key` still has to wait; `None` where it may be tried now. A changed spec may be tried at once.
    pub fn wait(&self, key: &str, generation: i64, now: Instant) -> Option<Duration> {
        let all = self.0.lock();
        let failures = all.get(key).filter(|f| f.generation == generation)?;
        failures.until.checked_duration_since(now).filter(|d| !d.is_zero())
    }

    /// Forgets the failures of `key`.
    pub fn worked(&self, key: &str) {
        self.0.lock().remove(key);
    }
}

/// How long an API server is left alone at most.
pub const LONGEST: Duration = Duration::from_secs(60);
/// One that was there for so long isn't one that comes and goes.
const STEADY: Duration = Duration::from_secs(15);

/// How long an API server is left alone that was lost when it had been there for `lasted`, and had been left alone for `before` that. Of
/// one that comes and goes there would be news without an end.
pub fn longer(before: Duration, lasted: Duration) -> Duration {
    if lasted > STEADY { Duration::ZERO } else { (before * 2).clamp(Duration::from_millis(100), LONGEST) }
}

/// Wait after the `count`th failure in a row.
fn delay(count: u32) -> Duration {
    FIRST.saturating_mul(1 << count.saturating_sub(1).min(16)).min(CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_and_goes_is_left_alone_for_longer_each_time() {
        let soon = Duration::from_millis(300);
        let pauses = std::iter::successors(Some(longer(Duration::ZERO, soon)), |before| Some(longer(*before, soon)));
        let pauses: Vec<Duration> = pauses.take(20).collect();
        assert_eq!((pauses[0], pauses[3]), (Duration::from_millis(100), Duration::from_millis(800)));
        assert_eq!(pauses[19], LONGEST);
        assert_eq!(longer(LONGEST, Duration::from_secs(3600)), Duration::ZERO);
    }

    #[test]
    fn doubles_up_to_the_cap() {
        assert_eq!(delay(1), Duration::from_secs(1));
        assert_eq!(delay(4), Duration::from_secs(8));
        assert_eq!(delay(40), CAP);
    }

    #[test]
    fn a_changed_spec_is_tried_at_once_and_success_forgets() {
        let (b, now) = (Backoff::default(), Instant::now());
        b.failed("a", 1, now);
        b.failed("a", 1, now);
        assert_eq!(b.wait("a", 1, now), Some(Duration::from_secs(2)));
        assert_eq!(b.wait("a", 2, now), None);
        assert_eq!(b.wait("a", 1, now + Duration::from_secs(2)), None);
        b.worked("a");
        assert_eq!(b.wait("a", 1, now), None);
    }

    #[test]
    fn objects_don_t_wait_for_each_other_and_a_changed_spec_begins_with_the_first_pause() {
        let (b, now) = (Backoff::default(), Instant::now());
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(b.failed("a", 1, now), Duration::from_secs(expected));
        }
        assert_eq!(b.wait("b", 1, now), None);
        assert_eq!(b.failed("a", 2, now), FIRST);
    }
}
