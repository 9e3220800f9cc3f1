//! Stories: what people do to clusters and what happens around them meanwhile, and what must be true at the end.

use std::collections::BTreeMap;

use proptest::prelude::*;

/// Clusters of a story, by number.
pub const CLUSTERS: [&str; 3] = ["a", "b", "c"];
/// Node groups of a cluster, by number.
pub const GROUPS: [&str; 2] = ["x", "y"];

/// One thing that happens. Clusters and groups are numbers, so that shrinking goes towards the first.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A cluster is applied, or applied again.
    Create(usize),
    /// A cluster is deleted.
    Delete(usize),
    /// A cluster is to be stopped.
    Stop(usize),
    /// A cluster is to run.
    Start(usize),
    /// A cluster is to have the next version.
    Upgrade(usize),
    /// A node group is applied with so many nodes.
    Scale(usize, usize, i32),
    /// A node group is deleted.
    Drop(usize, usize),
    /// Time passes, in tenths of a second.
    Pass(u64),
    /// The operator is killed, and another one starts.
    Crash,
    /// The management API refuses for so many tenths of a second.
    Refuse(u64),
    /// The engine is away for so many tenths of a second.
    Away(u64),
    /// The server of a cluster dies.
    KillServer(usize),
    /// A node of a cluster dies.
    KillNode(usize),
    /// The next call of this kind fails.
    Fail(usize),
}

/// A cluster as it must be in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether it is to be stopped.
    pub stopped: bool,
    /// Whether it was asked to have the next version.
    pub upgraded: bool,
    /// Nodes by group.
    pub groups: BTreeMap<usize, i32>,
}

/// All that must be in the end.
pub type End = BTreeMap<usize, Wanted>;

/// Notes what `step` asks for; false where it makes no sense at this point of the story and is left out.
pub fn tell(end: &mut End, step: Step) -> bool {
    let on = |end: &mut End, cluster: usize, change: &dyn Fn(&mut Wanted)| end.get_mut(&cluster).map(change).is_some();
    match step {
        Step::Create(cluster) => {
            let new = !end.contains_key(&cluster);
            end.entry(cluster).or_default();
            new
        }
        Step::Delete(cluster) => end.remove(&cluster).is_some(),
        Step::Stop(cluster) => on(end, cluster, &|wanted| wanted.stopped = true),
        Step::Start(cluster) => on(end, cluster, &|wanted| wanted.stopped = false),
        Step::Upgrade(cluster) => on(end, cluster, &|wanted| wanted.upgraded = true),
        Step::Scale(cluster, group, nodes) => on(end, cluster, &|wanted| {
            wanted.groups.insert(group, nodes);
        }),
        Step::Drop(cluster, group) => {
            end.get_mut(&cluster).is_some_and(|wanted| wanted.groups.remove(&group).is_some())
        }
        Step::KillServer(cluster) | Step::KillNode(cluster) => end.contains_key(&cluster),
        Step::Pass(_) | Step::Crash | Step::Refuse(_) | Step::Away(_) | Step::Fail(_) => true,
    }
}

/// Any step, of `clusters` clusters with up to `nodes` nodes a group; engines fail `kinds` kinds of calls.
pub fn step(clusters: usize, nodes: i32, kinds: usize) -> impl Strategy<Value = Step> {
    let one = 0..clusters;
    let group = 0..GROUPS.len();
    prop_oneof![
        6 => one.clone().prop_map(Step::Create),
        2 => one.clone().prop_map(Step::Delete),
        2 => one.clone().prop_map(Step::Stop),
        3 => one.clone().prop_map(Step::Start),
        2 => one.clone().prop_map(Step::Upgrade),
        6 => (one.clone(), group.clone(), 0..=nodes).prop_map(|(c, g, n)| Step::Scale(c, g, n)),
        2 => (one.clone(), group).prop_map(|(c, g)| Step::Drop(c, g)),
        4 => (0..10_u64).prop_map(Step::Pass),
        2 => Just(Step::Crash),
        1 => (1..10_u64).prop_map(Step::Refuse),
        1 => (1..10_u64).prop_map(Step::Away),
        1 => one.clone().prop_map(Step::KillServer),
        2 => one.prop_map(Step::KillNode),
        2 => (0..kinds.max(1)).prop_map(Step::Fail),
    ]
}

/// The number that a run's stories are made from: what the environment says, else one of the moment.
pub fn seed() -> u64 {
    let given = std::env::var("K3EKS_CHAOS_SEED").ok().map(|seed| seed.parse().expect("K3EKS_CHAOS_SEED is a number"));
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    given.unwrap_or_else(now)
}

/// A source of one story, the same for the same numbers, of which there may be four.
pub fn runner(numbers: &[u64], shrinking: std::time::Duration) -> proptest::test_runner::TestRunner {
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let mut seed = [0; 32];
    for (bytes, number) in seed.chunks_exact_mut(8).zip(numbers) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    let max_shrink_time = u32::try_from(shrinking.as_millis()).unwrap_or(u32::MAX);
    let config = Config { cases: 1, max_shrink_time, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}
