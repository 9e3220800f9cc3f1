//! Back-off with jitter: pauses that grow, and of things that failed at one moment end at different ones.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use parking_lot::Mutex;

/// The first and the longest pause of an object.
const OBJECT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Pauses that grow from about `first` to at most `longest`, each by `factor`.
fn growing(factor: f32, (first, longest): (Duration, Duration)) -> ExponentialBackoff {
    // To each pause the library adds up to as much again: on average they are as long as they would be without.
    let builder =
        ExponentialBuilder::new().with_min_delay((first * 3 / 4).min(longest / 2)).with_max_delay(longest / 2);
    builder.with_factor(factor).without_max_times().with_jitter().build()
}

/// Failures of one object since it last worked.
#[derive(Debug)]
struct Failures {
    pauses: ExponentialBackoff,
    generation: i64,
    until: Instant,
}

/// Remembers when each object may be tried again: after a second at first, after five minutes at most, at once where it worked or
/// its spec changed. Lost on restart, after which everything is tried at once.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<HashMap<String, Failures>>);

impl Backoff {
    /// Notes a failure of `key` at `generation` and returns how long to wait.
    pub fn failed(&self, key: &str, generation: i64, now: Instant) -> Duration {
        let mut all = self.0.lock();
        let known = all.remove(key).filter(|failures| failures.generation == generation);
        let mut pauses = known.map_or_else(|| growing(2.0, OBJECT), |failures| failures.pauses);
        let wait = pauses.next().unwrap_or(OBJECT.1);
        all.insert(key.to_owned(), Failures { pauses, generation, until: now + wait });
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

/// The first and the longest pause before an API server.
const SERVER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));
/// One that was there for so long isn't one that comes and goes.
const STEADY: Duration = Duration::from_secs(15);

/// How long an API server is left alone that was lost: of one that comes and goes there would be news without an end.
#[derive(Debug)]
pub struct Losses(ExponentialBackoff);

impl Default for Losses {
    fn default() -> Self {
        Self(growing(2.0, SERVER))
    }
}

impl Losses {
    /// The pause before one that had been there for `lasted`.
    pub fn lost(&mut self, lasted: Duration) -> Duration {
        if lasted > STEADY {
            *self = Self::default();
            return Duration::ZERO;
        }
        self.0.next().unwrap_or(SERVER.1)
    }

    /// The pause before one that floods: the longest, as are those that follow.
    pub fn flooded(&mut self) -> Duration {
        self.0 = growing(2.0, (SERVER.1, SERVER.1));
        SERVER.1
    }
}

/// The pauses between questions to an API server that stays away, after those that are as short as `first`.
pub fn questions(first: Duration, longest: Duration) -> impl Iterator<Item = Duration> {
    growing(1.25, (first, longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the wait is a pause of this length, which would be `pause` without jitter, and no longer than `longest`.
    fn is(wait: Duration, pause: Duration, longest: Duration) -> bool {
        let least = (pause * 3 / 4).min(longest / 2);
        (least..=2 * least).contains(&wait)
    }

    #[test]
    fn one_that_comes_and_goes_is_left_alone_for_longer_each_time() {
        let (mut losses, soon) = (Losses::default(), Duration::from_millis(300));
        for pause in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000] {
            let wait = losses.lost(soon);
            assert!(is(wait, Duration::from_millis(pause), SERVER.1), "{wait:?} of {pause} ms");
        }
        assert_eq!(losses.lost(Duration::from_secs(3600)), Duration::ZERO);
        assert!(is(losses.lost(soon), SERVER.0, SERVER.1), "it begins anew");
    }

    #[test]
    fn one_that_floods_is_left_alone_for_longest_until_it_is_steady() {
        let mut losses = Losses::default();
        assert_eq!(losses.flooded(), SERVER.1);
        assert!(is(losses.lost(Duration::ZERO), SERVER.1, SERVER.1));
        assert_eq!(losses.lost(Duration::from_secs(3600)), Duration::ZERO);
        assert!(is(losses.lost(Duration::ZERO), SERVER.0, SERVER.1));
    }

    #[test]
    fn a_changed_spec_is_tried_at_once_and_success_forgets() {
        let (b, now) = (Backoff::default(), Instant::now());
        b.failed("a", 1, now);
        let wait = b.failed("a", 1, now);
        assert_eq!(b.wait("a", 1, now), Some(wait));
        assert_eq!(b.wait("a", 2, now), None);
        assert_eq!(b.wait("a", 1, now + wait), None);
        b.worked("a");
        assert_eq!(b.wait("a", 1, now), None);
        assert!(is(b.failed("a", 1, now), OBJECT.0, OBJECT.1));
    }

    #[test]
    fn objects_don_t_wait_for_each_other_and_a_changed_spec_begins_with_the_first_pause() {
        let (b, now) = (Backoff::default(), Instant::now());
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let wait = b.failed("a", 1, now);
            assert!(is(wait, Duration::from_secs(pause), OBJECT.1), "{wait:?} of {pause} s");
        }
        assert_eq!(b.wait("b", 1, now), None);
        assert!(is(b.failed("a", 2, now), OBJECT.0, OBJECT.1));
    }

    #[test]
    fn what_failed_at_one_moment_is_not_tried_again_at_one_moment() {
        let (b, now) = (Backoff::default(), Instant::now());
        let waits: std::collections::BTreeSet<Duration> = (0..100).map(|n| b.failed(&n.to_string(), 1, now)).collect();
        assert!(waits.len() > 50, "{waits:?}");
    }
}
