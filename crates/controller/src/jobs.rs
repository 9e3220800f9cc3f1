//! Long work outside of reconciles: one task per object, bounded in number, cancelled by deletion and shutdown.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use provider::{self, Progress, Step};
use telemetry::metrics::Metrics;

pub use work::{JobView, Stage, Turn, Work};

mod work;

#[derive(Clone, Debug)]
enum State {
    Queued,
    Running(Step),
    Ended(Option<Result<(), provider::Error>>),
}

#[derive(Debug)]
struct Entry {
    work: Work,
    cancel: CancellationToken,
    state: Arc<Mutex<State>>,
}

/// The long work of all objects, by uid. How it ends feeds the metrics and the back-off.
///
/// May be lost at any time, as at a restart. What was begun is then begun again, and a failure tried again at once:
/// providers finish what they find half done, and leave alone what is done.
pub struct Jobs {
    tasks: Tasks,
    backoff: Arc<Backoff>,
    metrics: Arc<Metrics>,
}

impl Jobs {
    /// At most `slots` bounded jobs run at once.
    pub fn new(slots: usize, metrics: Arc<Metrics>, shutdown: CancellationToken) -> Self {
        Self { tasks: Tasks::new(slots, shutdown), backoff: Arc::default(), metrics }
    }

    /// State of the work for an object.
    pub fn view(&self, uid: &str) -> JobView {
        self.tasks.view(uid)
    }

    /// How long work for an object that failed still has to wait for its next try; `None` where it may be tried now.
    pub fn wait(&self, uid: &str, generation: i64) -> Option<Duration> {
        self.backoff.wait(uid, generation, Instant::now())
    }

    /// Starts work for an object unless some of it is under way. `wake` is called at every step and at the end.
    pub fn start<F, Fut>(&self, object: &ObjectMeta, work: Work, wake: impl Fn() + Send + Sync + 'static, job: F)
    where
        F: FnOnce(Progress) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), provider::Error>> + Send + 'static,
    {
        let (uid, generation) = (object.uid.clone().unwrap_or_default(), object.generation.unwrap_or_default());
        let (backoff, metrics, key) = (self.backoff.clone(), self.metrics.clone(), uid.clone());
        self.tasks.start(&key, work, wake, move |progress| async move {
            let begun = Instant::now();
            let ended = job(progress).await;
            metrics.step(work.as_str(), ended.is_ok(), begun.elapsed());
            match &ended {
                Ok(()) => backoff.worked(&uid),
                Err(_) => {
                    backoff.failed(&uid, generation, Instant::now());
                }
            }
            ended
        });
    }

    /// Tells the work for an object to stop, if there is some.
    pub fn cancel(&self, uid: &str) {
        self.tasks.cancel(uid);
    }

    /// Forgets how the work for an object ended.
    pub fn forget(&self, uid: &str) {
        self.tasks.forget(uid);
        self.backoff.worked(uid);
    }

    /// Number of jobs that wait or run.
    pub fn under_way(&self) -> usize {
        self.tasks.under_way()
    }

    /// Waits until all jobs have ended; shutdown has cancelled them.
    pub async fn drained(&self) {
        self.tasks.drained().await;
    }
}

/// One task per key.
#[derive(Debug)]
struct Tasks {
    entries: Mutex<HashMap<String, Entry>>,
    slots: Arc<Semaphore>,
    shutdown: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// At most `slots` bounded tasks run at once.
    fn new(slots: usize, shutdown: CancellationToken) -> Self {
        Self {
            entries: Mutex::default(),
            slots: Arc::new(Semaphore::new(slots.max(1))),
            shutdown,
            tracker: TaskTracker::new(),
        }
    }

    /// State of the task of `key`.
    fn view(&self, key: &str) -> JobView {
        let entries = self.entries.lock();
        let Some(entry) = entries.get(key) else { return JobView::Idle };
        let state = entry.state.lock().clone();
        match state {
            State::Ended(None) => JobView::Idle,
            State::Ended(Some(Ok(()))) => JobView::Finished(entry.work),
            State::Ended(Some(Err(error))) => JobView::Failed(entry.work, error),
            State::Queued | State::Running(_) if entry.cancel.is_cancelled() => JobView::Stopping(entry.work),
            State::Queued => JobView::Queued(entry.work),
            State::Running(step) => JobView::Running(entry.work, step),
        }
    }

    /// Starts `work` for `key` unless a task of it is still running. Calls `wake` at every step and at the end.
    fn start<F, Fut>(&self, key: &str, work: Work, wake: impl Fn() + Send + Sync + 'static, job: F) -> bool
    where
        F: FnOnce(Progress) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), provider::Error>> + Send + 'static,
    {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get(key)
            && !matches!(*entry.state.lock(), State::Ended(_))
        {
            return false;
        }
        let cancel = self.shutdown.child_token();
        let state = Arc::new(Mutex::new(if work.bounded() { State::Queued } else { State::Running(Step::default()) }));
        entries.insert(key.to_owned(), Entry { work, cancel: cancel.clone(), state: state.clone() });
        let slots = work.bounded().then(|| self.slots.clone());
        self.tracker.spawn(async move {
            let ended = cancel.run_until_cancelled(run(slots, &state, &wake, job)).await;
            set(&state, State::Ended(ended));
            wake();
        });
        true
    }

    /// Tells the task of `key` to stop, if there is one.
    fn cancel(&self, key: &str) {
        if let Some(entry) = self.entries.lock().get(key) {
            entry.cancel.cancel();
        }
    }

    /// Forgets how the task of `key` ended.
    fn forget(&self, key: &str) {
        let mut entries = self.entries.lock();
        let ended = entries.get(key).is_some_and(|e| matches!(*e.state.lock(), State::Ended(_)));
        if ended {
            entries.remove(key);
        }
    }

    /// Number of tasks that wait or run.
    fn under_way(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until all tasks have ended; shutdown has cancelled them.
    async fn drained(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

fn set(state: &Mutex<State>, to: State) {
    *state.lock() = to;
}

/// Takes a slot where one is needed, then does the job, telling each of its steps.
async fn run<F, Fut>(
    slots: Option<Arc<Semaphore>>,
    state: &Mutex<State>,
    wake: &(impl Fn() + Send + Sync),
    job: F,
) -> Result<(), provider::Error>
where
    F: FnOnce(Progress) -> Fut + Send,
    Fut: Future<Output = Result<(), provider::Error>> + Send,
{
    let _slot = match slots {
        // The semaphore is never closed.
        Some(slots) => slots.acquire_owned().await.ok(),
        None => None,
    };
    set(state, State::Running(Step::default()));
    let (progress, mut steps) = Progress::new();
    let work = job(progress);
    tokio::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            Ok(()) = steps.changed() => {
                set(state, State::Running(steps.borrow_and_update().clone()));
                wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn the_number_at_once_is_bounded_and_each_key_has_one() {
        let tasks = Tasks::new(1, CancellationToken::new());
        let (gate, woken) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        for key in ["a", "b"] {
            let (gate, woken) = (gate.clone(), woken.clone());
            let wake = move || {
                woken.fetch_add(1, Ordering::SeqCst);
            };
            assert!(tasks.start(key, Work::Create, wake, move |_| async move {
                gate.notified().await;
                Ok(())
            }));
        }
        assert!(!tasks.start("a", Work::Create, || (), |_| async { Ok(()) }), "one at a time for a key");
        tokio::task::yield_now().await;
        assert_eq!(tasks.view("a"), JobView::Running(Work::Create, Step::default()));
        assert_eq!(tasks.view("b"), JobView::Queued(Work::Create));
        for _ in 0..50 {
            gate.notify_one();
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.view("b"), JobView::Finished(Work::Create));
        assert_eq!(woken.load(Ordering::SeqCst), 2);
        tasks.forget("b");
        assert_eq!(tasks.view("b"), JobView::Idle);
    }

    #[tokio::test]
    async fn cancelling_ends_the_work_and_leaves_nothing_to_see() {
        let tasks = Tasks::new(1, CancellationToken::new());
        tasks.start("a", Work::Create, || (), |_| std::future::pending());
        tokio::task::yield_now().await;
        tasks.cancel("a");
        assert_eq!(tasks.view("a"), JobView::Stopping(Work::Create));
        tasks.drained().await;
        assert_eq!(tasks.view("a"), JobView::Idle);
    }

    #[tokio::test]
    async fn a_failure_is_seen_until_it_is_forgotten_and_the_next_try_replaces_it() {
        let tasks = Tasks::new(1, CancellationToken::new());
        let error = provider::Error::Timeout { doing: "making it".into(), seconds: 1 };
        let failed = error.clone();
        tasks.start("a", Work::Create, || (), move |_| async move { Err(failed) });
        while tasks.under_way() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.view("a"), JobView::Failed(Work::Create, error));
        assert!(tasks.start("a", Work::Create, || (), |_| std::future::pending()), "it may be tried again");
        tasks.forget("a");
        assert_ne!(tasks.view("a"), JobView::Idle, "what goes on isn't forgotten");
    }

    #[tokio::test]
    async fn removing_never_waits_for_a_slot_and_steps_are_seen() {
        let tasks = Tasks::new(1, CancellationToken::new());
        tasks.start(
            "a",
            Work::Create,
            || (),
            |progress| async move {
                progress.tell(2, 3, "half");
                std::future::pending().await
            },
        );
        tasks.start("b", Work::Delete, || (), |_| std::future::pending());
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.view("b"), JobView::Running(Work::Delete, Step::default()));
        assert_eq!(tasks.view("a"), JobView::Running(Work::Create, Step { number: 2, of: 3, what: "half".into() }));
    }
}
