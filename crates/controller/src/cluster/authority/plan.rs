//! The next step towards the certificate authorities that are wanted. Synchronous, no client.

use super::{Known, Seen, Wanted};
use crate::cluster::next::{self, ClusterAction};
use crate::cluster::observe::Observed;
use crate::decision::{Decision, failing, step_message};
use crate::jobs::{Stage, Turn, Work};
use crd::EKSClusterConfig;
use crd::conditions::{Health, Reason};
use crd::phase::Phase;
use provider::ClusterObservation;

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing.
    Settled,
    /// The signer has no resource yet.
    Adopt,
    /// The trusted authorities or the signer change.
    Certify(Wanted),
    /// Wait for something else.
    Wait(String),
    /// The spec can't be met.
    Wrong(String),
}

/// The next step; `name` is what the spec asks to sign.
fn step(name: Option<&str>, seen: &Seen, world: &ClusterObservation) -> Step {
    if let Some(name) = name.filter(|name| !seen.known.iter().any(|known| known.name == **name)) {
        return Step::Wrong(format!(
            "spec.certificateAuthority names {name}, but the cluster has no such CertificateAuthority; create it, or correct the field"
        ));
    }
    let Some(now) = seen.now.first() else { return Step::Settled };
    let all = seen.counted(name);
    let gone: Vec<String> =
        seen.now.iter().filter(|print| !all.iter().any(|(_, known)| known == *print)).cloned().collect();
    let certify = |signer: &Known, kept: &[String]| {
        let trusted = all.iter().filter(|(known, _)| *known != signer).map(|(known, _)| known.name.clone()).collect();
        Step::Certify(Wanted { signer: signer.name.clone(), trusted, kept: kept.to_vec() })
    };
    let asked = all.iter().find(|(known, _)| Some(known.name.as_str()) == name).copied();
    let Some(current) = seen.named(now) else {
        return match seen.known.iter().find(|known| known.is_first) {
            None if all.is_empty() && seen.now.len() == 1 => Step::Settled,
            // What the cluster was made with isn't what signs, and whose key that is nobody has written down: another one follows.
            Some(first) if first.fingerprint.is_some() => certify(asked.map_or(first, |(known, _)| known), &gone),
            _ => Step::Adopt,
        };
    };
    if let Some(name) = name.filter(|_| asked.is_none()) {
        return Step::Wait(seen.why_not(name));
    }
    let behind = world.nodes.iter().any(|node| !node.is_certified(&seen.now));
    let held = behind && !gone.is_empty();
    // It signs once everybody trusts it.
    let next = asked.filter(|(_, print)| !held && seen.now.iter().any(|known| known == print));
    let signer = next.map_or(current, |(known, _)| known);
    let comes = all.iter().any(|(_, print)| !seen.now.iter().any(|known| known == print));
    if comes || signer != current {
        return certify(signer, &gone);
    }
    if gone.is_empty() {
        return Step::Settled;
    }
    if held {
        return Step::Wait("waiting for nodes with certificates of a deleted certificate authority".into());
    }
    match seen.known.iter().find(|known| known.fingerprint.is_none()) {
        // It may be the one that would go.
        Some(bare) => Step::Wait(seen.why_not(&bare.name)),
        None => certify(current, &[]),
    }
}

/// The next action towards the desired certificate authorities, while the API server answers. `None` once they are
/// there.
pub fn plan(cluster: &EKSClusterConfig, seen: &Observed) -> Option<Decision<ClusterAction>> {
    let (Ok(running), Ok(world)) = (&seen.plan, &seen.world) else { return None };
    if running.import.is_some() || !next::was_active(cluster) {
        return None;
    }
    let progressing = |phase, next, message: String| {
        Some(Decision::new(next, phase, Health::Progressing(Reason::Updating, message)).after(next::SOON))
    };
    match seen.job.turn(Work::Certify) {
        Turn::Mine(Stage::Running(step)) => {
            return progressing(Phase::Updating, ClusterAction::Nothing, step_message("Certifying", step));
        }
        Turn::Failed(error) if seen.wait.is_some() => {
            let waiting = Decision::new(ClusterAction::Nothing, Phase::Active, failing(error));
            return Some(Decision { again: seen.wait, ..waiting });
        }
        _ => {}
    }
    match step(cluster.spec.certificate_authority.as_deref(), &seen.authorities, world) {
        Step::Settled => None,
        Step::Adopt => progressing(Phase::Active, ClusterAction::AdoptAuthority(running.clone()), "Certifying".into()),
        Step::Wait(message) => progressing(Phase::Active, ClusterAction::Nothing, message),
        Step::Wrong(message) => Some(
            Decision::new(ClusterAction::Nothing, Phase::Active, Health::Stalled(Reason::InvalidSpec, message))
                .after(next::ROUTINE),
        ),
        Step::Certify(_) if seen.job.is_under_way() => {
            progressing(Phase::Updating, ClusterAction::Nothing, "Certifying: waiting for work in progress".into())
        }
        Step::Certify(wanted) => {
            let plan = seen.running().unwrap_or(running).clone();
            progressing(Phase::Updating, ClusterAction::Certify(plan, wanted), "Certifying".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider::{MachineState, NodeObservation};

    fn seen(known: &[(&str, &str)], now: &[&str]) -> Seen {
        let known = known.iter().map(|(name, print)| Known {
            name: (*name).into(),
            id: format!("ca-{name}"),
            is_first: *name == "old",
            fingerprint: (!print.is_empty()).then(|| (*print).into()),
        });
        Seen { known: known.collect(), now: now.iter().map(|print| (*print).into()).collect() }
    }

    /// Nodes that were made while these signed.
    fn nodes(signers: &[&str]) -> ClusterObservation {
        let one = |signer: &&str| NodeObservation {
            name: "n".into(),
            state: MachineState::Running,
            image: String::new(),
            certified_by: Some((*signer).into()),
        };
        ClusterObservation { nodes: signers.iter().map(one).collect(), ..ClusterObservation::default() }
    }

    fn certify(signer: &str, trusted: &[&str], kept: &[&str]) -> Step {
        let all = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        Step::Certify(Wanted { signer: signer.into(), trusted: all(trusted), kept: all(kept) })
    }

    #[test]
    fn a_new_one_is_trusted_then_signs_then_the_old_one_goes_when_no_node_needs_it() {
        let none = nodes(&[]);
        assert_eq!(step(None, &seen(&[], &["1"]), &none), Step::Settled);
        assert_eq!(step(None, &seen(&[("new", "2")], &["1"]), &none), Step::Adopt);
        assert_eq!(step(None, &seen(&[("new", "2"), ("old", "")], &["1"]), &none), Step::Adopt, "interrupted");
        let both = [("new", "2"), ("old", "1")];
        assert_eq!(step(None, &seen(&both, &["1"]), &none), certify("old", &["new"], &[]));
        assert_eq!(step(None, &seen(&both, &["1", "2"]), &none), Step::Settled);
        let early = step(Some("new"), &seen(&both, &["1"]), &none);
        assert_eq!(early, certify("old", &["new"], &[]), "not before it is trusted");
        assert_eq!(step(Some("new"), &seen(&both, &["1", "2"]), &none), certify("new", &["old"], &[]));
        assert_eq!(step(Some("new"), &seen(&both, &["2", "1"]), &nodes(&["1"])), Step::Settled);
        let back = step(Some("old"), &seen(&both, &["2", "1"]), &nodes(&["1", "2"]));
        assert_eq!(back, certify("old", &["new"], &[]), "and back, at any time");
        let alone = seen(&both[..1], &["2", "1"]);
        let waiting = step(Some("new"), &alone, &nodes(&["2", "1"]));
        assert!(matches!(waiting, Step::Wait(_)), "a node has its certificates from the old one: {waiting:?}");
        assert_eq!(step(Some("new"), &alone, &nodes(&["2", "2"])), certify("new", &[], &[]));
    }

    #[test]
    fn one_that_signs_stays_although_its_resource_goes() {
        assert_eq!(step(None, &seen(&[("other", "2")], &["1", "2"]), &nodes(&[])), Step::Adopt);
        assert_eq!(step(None, &seen(&[], &["1", "2"]), &nodes(&[])), Step::Adopt, "so that the other one goes");
        let wrong = step(Some("gone"), &seen(&[("old", "1")], &["1"]), &nodes(&[]));
        assert!(matches!(wrong, Step::Wrong(message) if message.contains("names gone")));
        // The place of what the cluster was made with is taken, so that one signs again.
        assert_eq!(step(None, &seen(&[("old", "1")], &["2", "1"]), &nodes(&["2"])), certify("old", &[], &["2"]));
        let two = seen(&[("old", "1"), ("new", "3")], &["2"]);
        assert_eq!(step(Some("new"), &two, &nodes(&[])), certify("new", &["old"], &["2"]));
    }

    #[test]
    fn whoever_goes_while_another_begins_to_sign_is_kept_for_the_nodes() {
        let all = seen(&[("new", "2"), ("mid", "1")], &["1", "2", "0"]);
        assert_eq!(step(Some("new"), &all, &nodes(&["1"])), certify("new", &["mid"], &["0"]));
        assert!(
            matches!(step(Some("new"), &all, &nodes(&["0"])), Step::Wait(_)),
            "who vouched for mid isn't there then"
        );
    }

    #[test]
    fn nothing_goes_while_a_key_is_missing() {
        let lost = seen(&[("new", "2"), ("old", "")], &["2", "1"]);
        assert!(
            matches!(step(None, &lost, &nodes(&[])), Step::Wait(message) if message.contains("key of CertificateAuthority old"))
        );
        assert_eq!(step(None, &seen(&[("new", "")], &["1"]), &nodes(&[])), Step::Settled, "its key comes in a moment");
        assert_eq!(step(None, &seen(&[("old", "1"), ("new", "")], &["1"]), &nodes(&[])), Step::Settled);
        assert!(matches!(step(Some("new"), &seen(&[("old", "1"), ("new", "")], &["1"]), &nodes(&[])), Step::Wait(_)));
    }

    #[test]
    fn a_third_one_waits_until_another_goes() {
        let three = seen(&[("a", "3"), ("new", "2"), ("old", "1")], &["2", "1"]);
        assert_eq!(step(None, &three, &nodes(&[])), Step::Settled);
        assert!(matches!(step(Some("a"), &three, &nodes(&[])), Step::Wait(message) if message.contains("delete one")));
        let fresh = seen(&[("a", "3"), ("b", "2"), ("old", "1")], &["1"]);
        assert_eq!(step(Some("b"), &fresh, &nodes(&[])), certify("old", &["b"], &[]), "what is asked for comes first");
        let two = seen(&[("a", "3"), ("new", "2")], &["2", "1"]);
        assert_eq!(step(None, &two, &nodes(&["1"])), certify("new", &["a"], &["1"]), "the one that goes is kept");
    }
}
