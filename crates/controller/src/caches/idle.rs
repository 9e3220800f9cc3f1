//! How long clusters haven't been used.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use provider::ClusterId;

/// How long each cluster hasn't been used, as measured. May be lost at any time: the clock then starts anew, and a
/// cluster falls asleep later.
#[derive(Default)]
pub struct Idle(Mutex<HashMap<ClusterId, Use>>);

struct Use {
    packets: u64,
    /// Digest that a change of the cluster changes.
    mark: String,
    since: Instant,
}

impl Idle {
    /// Idle time of the cluster; `None` if unknown, and right after a change.
    pub fn of(&self, id: &ClusterId, mark: &str, now: Instant) -> Option<Duration> {
        let all = self.0.lock();
        all.get(id).filter(|seen| seen.mark == mark).map(|seen| now.duration_since(seen.since))
    }

    /// Forgets the cluster's idle time.
    pub fn forget(&self, id: &ClusterId) {
        self.0.lock().remove(id);
    }

    /// Takes down what was measured: the packets so far, and the mark that a change of the cluster changes.
    pub fn note(&self, id: &ClusterId, packets: u64, mark: String, now: Instant) {
        let mut seen = self.0.lock();
        if seen.get(id).is_none_or(|last| last.packets != packets || last.mark != mark) {
            seen.insert(id.clone(), Use { packets, mark, since: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_from_the_last_use() {
        let (idle, id) = (Idle::default(), ClusterId { namespace: "a".into(), name: "b".into() });
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let (of, note) = (|at| idle.of(&id, "m", at), |packets, at| idle.note(&id, packets, "m".into(), at));
        assert_eq!(of(begun), None);
        note(7, begun);
        note(7, after(5));
        assert_eq!(of(after(9)), Some(Duration::from_secs(9)));
        note(8, after(10));
        assert_eq!(of(after(12)), Some(Duration::from_secs(2)));
        assert_eq!(idle.of(&id, "changed", after(12)), None, "a change is as good as use");
        idle.note(&id, 8, "changed".into(), after(13));
        assert_eq!(idle.of(&id, "changed", after(14)), Some(Duration::from_secs(1)));
        idle.forget(&id);
        assert_eq!(of(after(12)), None);
    }
}
