//! Which host port an API server is published on.
//!
//! No port is probed in advance: a free port may be taken a moment later, and the operator may not be in the host's
//! network. Docker binds the port when the server starts; if that fails, another port is chosen.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::names;
use provider::ClusterId;

/// Reserved ports of the range.
#[derive(Debug)]
pub struct Ports {
    range: RangeInclusive<u16>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Being bound at this moment.
    leased: BTreeSet<u16>,
    /// The port of each cluster, running or not: it gets the same one again.
    remembered: HashMap<ClusterId, u16>,
}

/// A port reserved in this process until it is dropped.
#[derive(Debug)]
pub struct Lease {
    /// The port.
    pub port: u16,
    ports: Arc<Ports>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ports.lock().leased.remove(&self.port);
    }
}

impl Ports {
    /// Chooses from `range`.
    pub fn new(range: RangeInclusive<u16>) -> Arc<Self> {
        Arc::new(Self { range, taken: Mutex::default() })
    }

    /// Keeps `port` for `id`.
    pub fn remember(&self, id: &ClusterId, port: u16) {
        let mut taken = self.lock();
        if taken.remembered.get(id) != Some(&port) {
            taken.remembered.insert(id.clone(), port);
        }
    }

    /// The cluster is gone, its port is free.
    pub fn forget(&self, id: &ClusterId) {
        self.lock().remembered.remove(id);
    }

    /// A port for `id`: `wanted` if nobody has it, else any that isn't `used`. `None` where none is left.
    pub fn lease(self: &Arc<Self>, id: &ClusterId, wanted: Option<u16>, used: &BTreeSet<u16>) -> Option<Lease> {
        let mut taken = self.lock();
        let others: BTreeSet<u16> =
            taken.remembered.iter().filter(|(other, _)| *other != id).map(|(_, port)| *port).collect();
        let free = |port: &u16| !used.contains(port) && !taken.leased.contains(port) && !others.contains(port);
        let port = wanted.filter(&free).or_else(|| scattered(&self.range).find(&free))?;
        taken.leased.insert(port);
        Some(Lease { port, ports: self.clone() })
    }

    /// The range, for messages.
    pub fn range(&self) -> String {
        format!("{}-{}", self.range.start(), self.range.end())
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock()
    }
}

/// The range from a random port on, so that independent operators seldom collide.
fn scattered(range: &RangeInclusive<u16>) -> impl Iterator<Item = u16> + use<> {
    let (from, to) = (u64::from(*range.start()), u64::from(*range.end()));
    let size = if from > to { 0 } else { to - from + 1 };
    let offset = names::random() % size.max(1);
    (0..size).filter_map(move |n| u16::try_from(from + (offset + n) % size).ok())
}

/// Whether Docker's words mean that the host port is taken. Docker has no code for it.
pub fn is_taken(words: &str) -> bool {
    ["port is already allocated", "address already in use", "ports are not available", "failed to bind host port"]
        .iter()
        .any(|sign| words.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ClusterId {
        ClusterId { namespace: "default".into(), name: name.into() }
    }

    #[test]
    fn the_port_a_cluster_had_is_its_own() {
        let ports = Ports::new(100..=102);
        ports.remember(&id("a"), 101);
        let none = BTreeSet::new();
        assert_eq!(ports.lease(&id("a"), Some(101), &none).unwrap().port, 101);
        assert_ne!(ports.lease(&id("b"), Some(101), &none).unwrap().port, 101);
        ports.forget(&id("a"));
        assert_eq!(ports.lease(&id("b"), Some(101), &none).unwrap().port, 101);
    }

    #[test]
    fn no_port_is_given_twice_and_a_dropped_one_comes_back() {
        let ports = Ports::new(100..=102);
        let used = BTreeSet::from([101]);
        let first = ports.lease(&id("a"), None, &used).unwrap();
        let second = ports.lease(&id("b"), None, &used).unwrap();
        assert_eq!(BTreeSet::from([first.port, second.port]), BTreeSet::from([100, 102]));
        assert!(ports.lease(&id("c"), None, &used).is_none());
        let port = first.port;
        drop(first);
        assert_eq!(ports.lease(&id("c"), None, &used).unwrap().port, port);
    }

    #[test]
    fn a_wanted_port_may_lie_outside_the_range_and_an_empty_range_has_none() {
        #[allow(clippy::reversed_empty_ranges)]
        let ports = Ports::new(5..=4);
        assert_eq!(ports.lease(&id("a"), Some(9), &BTreeSet::new()).unwrap().port, 9);
        assert!(ports.lease(&id("a"), None, &BTreeSet::new()).is_none());
    }

    #[test]
    fn every_port_of_the_range_is_reached() {
        assert_eq!(scattered(&(10..=19)).collect::<BTreeSet<_>>(), (10..=19).collect());
        assert_eq!(scattered(&(65535..=65535)).collect::<Vec<_>>(), [65535]);
    }

    #[test]
    fn dockers_words_for_a_taken_port() {
        let old = "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:16443 failed: port is already allocated";
        let other = "listen tcp4 127.0.0.1:16443: bind: address already in use";
        assert!(is_taken(old) && is_taken(other));
        assert!(!is_taken("no space left on device"));
    }
}
