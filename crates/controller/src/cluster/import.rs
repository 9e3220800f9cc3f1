//! Imported clusters: looked at, and never made, changed or deleted.

use std::time::Duration;

use super::next::{ClusterAction, sync_nodegroups, was_active};
use super::observe::Observed;
use crate::decision::Decision;
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};
use crd::phase::Phase;

/// Pause while an imported cluster is missing or doesn't answer.
const LATER: Duration = Duration::from_secs(5);

/// The next action for an imported cluster.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Decision<ClusterAction> {
    if seen.child.ready {
        let next = match sync_nodegroups(seen) {
            Some(sync) => sync,
            None if seen.access_written => ClusterAction::Nothing,
            None => ClusterAction::WriteAccess,
        };
        return Decision::new(next, Phase::Active, Health::Ready).after(Duration::from_secs(600));
    }
    if was_active(cluster) && !seen.child.is_known() {
        return Decision::new(ClusterAction::LookAgain, Phase::Active, Health::Ready).after(Duration::from_millis(300));
    }
    let problem = &seen.child.problem;
    if was_active(cluster) {
        let text = format!("the imported cluster can't be reached: {problem}");
        return Decision::new(ClusterAction::Nothing, Phase::Active, Health::Failing(Reason::Unreachable, text))
            .after(LATER);
    }
    let text = if problem.is_empty() { "looking for the cluster".into() } else { format!("importing: {problem}") };
    Decision::new(ClusterAction::Nothing, Phase::Importing, Health::Progressing(Reason::WaitingForCluster, text))
        .after(LATER)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::child_clusters::Child;
    use crate::fixtures::{active, cluster, seen_cluster};

    #[test]
    fn it_is_importing_until_it_answers_and_stays_active_when_it_is_away() {
        let spec = || json!({"imported": true});
        let seen = |ready, problem: &str| Observed {
            child: Child { ready, asked: true, problem: problem.into(), ..Child::default() },
            ..seen_cluster()
        };
        let new = plan(&cluster(spec(), json!(null)), &seen(false, "no such host"));
        assert_eq!((new.next.clone(), new.phase), (ClusterAction::Nothing, Phase::Importing));
        assert!(matches!(&new.health, Health::Progressing(_, text) if text.contains("no such host")));
        assert_eq!(plan(&cluster(spec(), json!(null)), &seen(true, "")).phase, Phase::Active);
        let away = plan(&cluster(spec(), active()), &seen(false, "refused"));
        assert_eq!(away.phase, Phase::Active);
        assert!(matches!(away.health, Health::Failing(Reason::Unreachable, _)));
    }
}
