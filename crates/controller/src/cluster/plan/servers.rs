//! Of several servers, one whose container runs and whose node isn't Ready: the others answer, and the cluster isn't as the spec asks.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::cluster::next::{ClusterAction, Plan};
use crate::cluster::observe::Observed;
use crate::jobs::{Turn, Work};
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};

/// How long a node may take to be Ready by itself.
const GRACE: Duration = Duration::from_secs(30);

/// The decision, where a server's node isn't Ready.
pub fn mend(cluster: &EKSClusterConfig, seen: &Observed, decision: Plan) -> Plan {
    let away = away(seen);
    let (Some(running), Some((first, _))) = (seen.running(), away.first()) else { return decision };
    if decision.health != Health::Ready {
        return decision;
    }
    let made = cluster.status.as_ref().and_then(|status| status.active_since.as_ref()?.parse().ok());
    let lasts = |since: Option<Timestamp>| {
        let since = since.or(made)?;
        Duration::try_from(seen.now.0.duration_since(since)).ok()
    };
    let longest = away.iter().filter_map(|(_, since)| lasts(*since)).max().unwrap_or_default();
    let tried = seen.job.turn(Work::Start) == Turn::Finished;
    let way_out = if tried { format!("; docker restart {first} restarts it") } else { String::new() };
    let names: Vec<&str> = away.iter().map(|(name, _)| *name).collect();
    let message =
        format!("waiting for the node of server {} to be Ready; the others answer{way_out}", names.join(", "));
    let next = match decision.next {
        ClusterAction::Nothing if longest >= GRACE && !tried => ClusterAction::StartStart(running.clone()),
        next => next,
    };
    let health = Health::Progressing(Reason::Unreachable, message);
    Plan { next, health, ..decision }.after(GRACE)
}

/// The servers whose nodes aren't Ready, and since when; those that have no node have no time.
fn away(seen: &Observed) -> Vec<(&str, Option<Timestamp>)> {
    let several = seen.has_api_server && seen.running().is_some_and(|plan| plan.servers > 1 && plan.import.is_none());
    let (Some(nodes), Ok(world)) = (seen.child.nodes.as_ref().filter(|_| several), &seen.world) else {
        return Vec::new();
    };
    let servers = world.servers.iter().map(|server| server.name.as_str());
    let nodes = servers.map(|name| (name, nodes.get(name)));
    let away = nodes.filter(|(_, node)| node.is_none_or(|node| !node.ready));
    away.map(|(name, node)| (name, node.and_then(|node| node.since))).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;
    use crate::child_clusters::Child;
    use crate::child_nodes::ChildNode;
    use crate::cluster::plan::plan;
    use crate::fixtures::{active, cluster, now, seen_cluster, server};
    use crate::jobs::JobView;
    use crd::nodegroup::NodeMarks;
    use provider::MachineState;

    /// A cluster of two servers, `s` with a Ready node, and `t` with a node that has been in this state for so many seconds.
    fn seen(ready: bool, seconds: i64) -> Observed {
        let node = |ready, since| ChildNode { nodegroup: None, ready, since, marks: NodeMarks::default() };
        let since = now().0.checked_sub(k8s_openapi::jiff::SignedDuration::from_secs(seconds)).ok();
        let nodes = [("s".to_owned(), node(true, None)), ("t".to_owned(), node(ready, since))];
        let mut seen = Observed {
            world: Ok(server(MachineState::Running)),
            child: Child { ready: true, nodes: Some(nodes.into()), ..Child::default() },
            now: now(),
            ..seen_cluster()
        };
        seen.plan.as_mut().unwrap().servers = 2;
        let world = seen.world.as_mut().unwrap();
        let mut other = world.servers[0].clone();
        other.name = "t".into();
        world.servers.push(other);
        world.balancer = Some(MachineState::Running);
        seen
    }

    fn decided(seen: &Observed) -> Plan {
        plan(&cluster(json!({}), active()), seen)
    }

    #[test]
    fn a_cluster_isn_t_ready_while_the_node_of_a_server_is_not() {
        assert_eq!(decided(&seen(true, 500)).health, Health::Ready);
        let waiting = decided(&seen(false, 5));
        let Health::Progressing(Reason::Unreachable, message) = &waiting.health else { panic!("{waiting:?}") };
        assert_eq!(message, "waiting for the node of server t to be Ready; the others answer");
        assert_eq!((waiting.next, waiting.again), (ClusterAction::Nothing, Some(GRACE)));
        let mut gone = seen(false, 5);
        gone.child.nodes.as_mut().unwrap().remove("t");
        assert_ne!(decided(&gone).health, Health::Ready, "it never had a node");
    }

    #[test]
    fn a_server_that_stays_away_is_started_once() {
        let mut seen = seen(false, 31);
        assert!(matches!(decided(&seen).next, ClusterAction::StartStart(_)));
        seen.job = JobView::Finished(Work::Start);
        let tried = decided(&seen);
        assert_eq!(tried.next, ClusterAction::Nothing);
        assert!(format!("{:?}", tried.health).contains("docker restart t restarts it"), "{tried:?}");
        seen.job = JobView::Finished(Work::Create);
        // The cluster has been Active since the year 2024.
        seen.now = Time(Timestamp::from_second(1_800_000_000).unwrap());
        seen.child.nodes.as_mut().unwrap().remove("t");
        assert!(
            matches!(decided(&seen).next, ClusterAction::StartStart(_)),
            "active since long ago, and there is no node"
        );
    }

    #[test]
    fn one_server_s_node_is_the_cluster_s_own_matter() {
        let mut one = seen(false, 500);
        one.plan.as_mut().unwrap().servers = 1;
        assert_eq!(decided(&one).health, Health::Ready);
    }
}
