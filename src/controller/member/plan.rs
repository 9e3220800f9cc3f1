//! Where a member stands. Synchronous, no client.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::crd::conditions::{Health, READY, Reason, conditions};
use crate::crd::{EKSClusterConfig, Member, MemberPhase, MemberStatus, Phase};

/// Until the next look at a member whose cluster isn't there yet.
const SOON: Duration = Duration::from_secs(2);
/// Until the next look at one that is in force.
const ROUTINE: Duration = Duration::from_secs(600);

/// What to say of a member.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Its phase.
    pub phase: MemberPhase,
    /// Its health.
    pub health: Health,
    /// When to look again.
    pub again: Duration,
}

/// Where `member` stands.
pub fn plan(member: &impl Member, cluster: Option<&EKSClusterConfig>) -> Decision {
    let old = member.member_status().map(|s| s.phase).unwrap_or_default();
    let waiting = |message: String| Decision {
        phase: old,
        health: Health::Progressing(Reason::WaitingForCluster, message),
        again: SOON,
    };
    let Some(cluster) = cluster else {
        return waiting(format!(
            "waiting for EKSClusterConfig {}, which doesn't exist; create it, or correct spec.clusterName in a new resource",
            member.cluster()
        ));
    };
    let phase = cluster.status.as_ref().and_then(|s| s.phase);
    let begun = cluster.status.as_ref().is_some_and(|s| s.active_since.is_some());
    if !begun {
        let phase = phase.unwrap_or(Phase::Creating);
        return waiting(format!("waiting for cluster {}, which is {phase}", member.cluster()));
    }
    Decision { phase: MemberPhase::Active, health: Health::Ready, again: ROUTINE }
}

/// The status to report.
pub fn status(member: &impl Member, decision: &Decision, now: &Time) -> MemberStatus {
    let old = member.member_status().cloned().unwrap_or_default();
    let generation = member.meta().generation;
    let same = old.observed_generation == generation;
    MemberStatus {
        phase: decision.phase,
        observed_generation: generation,
        conditions: conditions(&decision.health, generation, now, &old.conditions),
        modified_at: old.modified_at.filter(|_| same).or_else(|| Some(now.0.to_string())),
        issues: Vec::new(),
    }
}

/// What the Ready condition says.
pub fn message(status: &MemberStatus) -> &str {
    status.conditions.iter().find(|c| c.type_ == READY).map_or("", |c| c.message.as_str())
}
