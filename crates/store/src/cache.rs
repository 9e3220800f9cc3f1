//! A watch cache that also knows what this process wrote a moment ago.
//!
//! The watch brings every change within milliseconds, but a request that comes faster must see what the one before it
//! did. So each write is remembered until the watch has brought it, or something newer, back.

use std::collections::HashMap;
use std::sync::Arc;

use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use parking_lot::{Mutex, MutexGuard};

/// All objects of one kind.
pub struct Cache<K: Resource<DynamicType = ()> + 'static> {
    reader: reflector::Store<K>,
    written: Mutex<Written<K>>,
}

/// Writes that the watch hasn't brought back yet.
struct Written<K> {
    /// The newest resourceVersion that the watch has brought.
    seen: u64,
    /// Number of the next write.
    next: u64,
    /// Writes with a smaller number happened before the list that is being read.
    listing: u64,
    entries: HashMap<Key, Entry<K>>,
}

type Key = (String, String);

struct Entry<K> {
    number: u64,
    state: State<K>,
}

enum State<K> {
    /// The object as the write left it.
    Present(Arc<K>),
    /// The object with this uid is gone.
    Gone(Option<String>),
}

impl<K> Cache<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    /// A cache over what `reader` holds.
    pub fn new(reader: reflector::Store<K>) -> Self {
        let written = Written { seen: 0, next: 0, listing: 0, entries: HashMap::new() };
        Self { reader, written: Mutex::new(written) }
    }

    /// What the watch feeds.
    pub fn reader(&self) -> &reflector::Store<K> {
        &self.reader
    }

    fn written(&self) -> MutexGuard<'_, Written<K>> {
        // What is in there is whole at any moment, so a panic elsewhere doesn't spoil it.
        self.written.lock()
    }

    /// Remembers an object as a write left it. Answers to writes at the same time may come in another order.
    pub fn wrote(&self, object: Arc<K>) {
        let mut written = self.written();
        let key = key(&*object);
        let outdated = match written.entries.get(&key).map(|entry| &entry.state) {
            Some(State::Present(own)) => version(&**own) >= version(&*object),
            Some(State::Gone(uid)) => *uid == object.uid(),
            None => false,
        };
        if !outdated && version(&*object) > written.seen {
            written.put(key, State::Present(object));
        }
    }

    /// Remembers that the object is gone.
    pub fn removed(&self, object: &K) {
        let mut written = self.written();
        let key = key(object);
        let anew = |entry: &Entry<K>| match &entry.state {
            State::Present(own) => own.uid() != object.uid() && version(&**own) > version(object),
            State::Gone(_) => false,
        };
        if !written.entries.get(&key).is_some_and(anew) {
            written.put(key, State::Gone(object.uid()));
        }
    }

    /// Takes notice of what the watch brought; `reader` has it already.
    pub fn observe(&self, event: &Event<K>) {
        let mut written = self.written();
        match event {
            Event::Init => written.listing = written.next,
            Event::InitApply(_) => {}
            Event::InitDone => {
                let listing = written.listing;
                written.entries.retain(|_, entry| entry.number >= listing);
            }
            Event::Apply(object) | Event::Delete(object) => {
                written.seen = written.seen.max(version(object));
                let (seen, deleted) = (written.seen, matches!(event, Event::Delete(_)));
                let (key, uid) = (key(object), object.uid());
                written.entries.retain(|at, entry| match &entry.state {
                    State::Present(own) => version(&**own) > seen,
                    State::Gone(gone) => *at != key || (*gone == uid && !deleted),
                });
            }
        }
    }

    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        // In this order: what the watch brings between the two looks would be in neither.
        let written = self.written();
        let cached = self.reader.get(&ObjectRef::new(name).within(namespace));
        match written.entries.get(&(namespace.to_owned(), name.to_owned())) {
            Some(entry) => newer(cached, &entry.state),
            None => cached,
        }
    }

    /// All objects, in no order.
    pub fn list(&self) -> Vec<Arc<K>> {
        let written = self.written();
        let cached = self.reader.state();
        if written.entries.is_empty() {
            return cached;
        }
        let mut own: HashMap<&Key, &State<K>> =
            written.entries.iter().map(|(key, entry)| (key, &entry.state)).collect();
        let mut all = Vec::with_capacity(cached.len() + own.len());
        for object in cached {
            match own.remove(&key(&*object)) {
                Some(state) => all.extend(newer(Some(object), state)),
                None => all.push(object),
            }
        }
        all.extend(own.into_values().filter_map(|state| newer(None, state)));
        all
    }
}

impl<K> Written<K> {
    fn put(&mut self, key: Key, state: State<K>) {
        let number = self.next;
        self.next += 1;
        self.entries.insert(key, Entry { number, state });
    }
}

/// The newer one of what the watch brought and what was written.
fn newer<K: Resource>(cached: Option<Arc<K>>, state: &State<K>) -> Option<Arc<K>> {
    match (cached, state) {
        (Some(cached), State::Present(own)) if version(&*cached) >= version(&**own) => Some(cached),
        (_, State::Present(own)) => Some(Arc::clone(own)),
        (Some(cached), State::Gone(uid)) if cached.meta().uid != *uid => Some(cached),
        (_, State::Gone(_)) => None,
    }
}

fn key<K: Resource>(object: &K) -> Key {
    let meta = object.meta();
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// resourceVersions of one kind can be compared as numbers.
fn version<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector::store;

    use super::*;
    use crd::Nodegroup;

    fn group(name: &str, uid: &str, version: u64) -> Nodegroup {
        let mut group = Nodegroup::new(name, crd::NodegroupSpec::default());
        group.metadata.namespace = Some("default".into());
        group.metadata.uid = Some(uid.into());
        group.metadata.resource_version = Some(version.to_string());
        group
    }

    struct Cached {
        writer: store::Writer<Nodegroup>,
        cache: Cache<Nodegroup>,
    }

    impl Cached {
        fn new() -> Self {
            let (reader, writer) = reflector::store();
            let mut cached = Self { writer, cache: Cache::new(reader) };
            cached.see(Event::Init);
            cached.see(Event::InitDone);
            cached
        }

        fn see(&mut self, event: Event<Nodegroup>) {
            self.writer.apply_watcher_event(&event);
            self.cache.observe(&event);
        }

        fn version_of(&self, name: &str) -> Option<u64> {
            let one = self.cache.get("default", name).map(|object| version(&*object));
            let listed = self.cache.list().into_iter().find(|o| o.name_any() == name).map(|o| version(&*o));
            assert_eq!(one, listed);
            one
        }

        fn pending(&self) -> usize {
            self.cache.written().entries.len()
        }
    }

    #[test]
    fn a_write_is_seen_before_the_watch_brings_it_and_forgotten_after() {
        let mut cached = Cached::new();
        cached.cache.wrote(Arc::new(group("a", "1", 10)));
        assert_eq!(cached.version_of("a"), Some(10));
        cached.see(Event::Apply(group("b", "2", 9)));
        assert_eq!((cached.version_of("a"), cached.pending()), (Some(10), 1));
        cached.see(Event::Apply(group("a", "1", 10)));
        assert_eq!((cached.version_of("a"), cached.pending()), (Some(10), 0));
    }

    #[test]
    fn the_newer_version_counts_as_a_number() {
        let mut cached = Cached::new();
        cached.see(Event::Apply(group("a", "1", 9)));
        cached.cache.wrote(Arc::new(group("a", "1", 10)));
        assert_eq!(cached.version_of("a"), Some(10));
        cached.see(Event::Apply(group("a", "1", 11)));
        assert_eq!((cached.version_of("a"), cached.pending()), (Some(11), 0));
    }

    #[test]
    fn a_write_that_the_watch_is_past_already_is_not_remembered() {
        let mut cached = Cached::new();
        cached.see(Event::Apply(group("a", "1", 10)));
        cached.see(Event::Delete(group("a", "1", 12)));
        cached.cache.wrote(Arc::new(group("a", "1", 10)));
        assert_eq!((cached.version_of("a"), cached.pending()), (None, 0));
    }

    #[test]
    fn what_was_removed_stays_hidden_until_the_watch_says_so_too() {
        let mut cached = Cached::new();
        cached.see(Event::Apply(group("a", "1", 10)));
        cached.cache.removed(&group("a", "1", 10));
        assert_eq!(cached.version_of("a"), None);
        cached.see(Event::Delete(group("a", "1", 11)));
        assert_eq!(cached.pending(), 0);
        cached.see(Event::Apply(group("a", "2", 12)));
        assert_eq!(cached.version_of("a"), Some(12));
    }

    #[test]
    fn what_is_made_anew_under_the_name_of_a_removed_one_is_seen() {
        let mut cached = Cached::new();
        cached.see(Event::Apply(group("a", "1", 10)));
        cached.cache.removed(&group("a", "1", 10));
        cached.cache.wrote(Arc::new(group("a", "2", 12)));
        assert_eq!(cached.version_of("a"), Some(12));
    }

    #[test]
    fn an_older_write_that_is_told_later_changes_nothing() {
        let mut cached = Cached::new();
        cached.cache.wrote(Arc::new(group("a", "1", 11)));
        cached.cache.wrote(Arc::new(group("a", "1", 10)));
        assert_eq!(cached.version_of("a"), Some(11));
        cached.cache.removed(&group("a", "0", 9));
        assert_eq!(cached.version_of("a"), Some(11), "another one of that name is gone");
        cached.cache.removed(&group("a", "1", 11));
        cached.cache.wrote(Arc::new(group("a", "1", 10)));
        assert_eq!(cached.version_of("a"), None);
        cached.see(Event::Apply(group("b", "2", 12)));
        assert_eq!(cached.version_of("a"), None);
    }

    #[test]
    fn a_new_list_settles_all_writes_before_it() {
        let mut cached = Cached::new();
        cached.cache.wrote(Arc::new(group("old", "1", 10)));
        cached.see(Event::Init);
        cached.cache.wrote(Arc::new(group("new", "2", 20)));
        cached.see(Event::InitDone);
        assert_eq!((cached.version_of("old"), cached.version_of("new"), cached.pending()), (None, Some(20), 1));
    }
}
