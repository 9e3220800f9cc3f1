//! Which certificate authorities a cluster trusts and which one signs for it, and what is to change. Synchronous, no client.
//!
//! All servers trust a new authority before it signs. They trust an old one until no node has a certificate of it.

pub mod apply;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::ResourceExt;

use super::next::{self, ClusterAction};
use super::observe::Observed;
use crate::context::Context;
use crate::decision::{Decision, failing, step_message};
use crate::tasks::{TaskView, Work};
use crd::conditions::{Health, Reason};
use crd::phase::Phase;
use crd::{CertificateAuthority, EKSClusterConfig, Member};
use provider::{ClusterObservation, fingerprints};

/// Authorities trusted at a time: the signer, and the one before or after it. The previous one vouches for the signer;
/// nothing vouches for a third.
pub const MOST: usize = 2;

/// On the Secret of a certificate authority: the fingerprint of its key.
pub const FINGERPRINT: &str = "k3eks.io/fingerprint";

/// A CertificateAuthority resource of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its id in EKS.
    pub id: String,
    /// Whether the cluster was made with it.
    pub is_first: bool,
    /// Fingerprint of its key; `None` while its Secret isn't there.
    pub fingerprint: Option<String>,
}

/// State of a cluster's certificate authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The resources.
    pub known: Vec<Known>,
    /// Fingerprints of those that the servers trust, the one that signs first.
    pub now: Vec<String>,
}

/// What the cluster is to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The resource that signs.
    pub signer: String,
    /// Resources that are trusted beside it.
    pub trusted: Vec<String>,
    /// Fingerprints of those without a resource that are trusted for a while yet.
    pub kept: Vec<String>,
}

impl Seen {
    /// From what is in caches.
    pub fn of(cluster: &EKSClusterConfig, ctx: &Context, ca_pem: Option<&str>) -> Self {
        let id = super::validate::id(cluster);
        let all = ctx.members.of::<CertificateAuthority>(&id).into_iter().filter(|one| one.is_of(cluster));
        let known = all.map(|authority| Known {
            name: authority.name_any(),
            id: authority.eks_name(),
            is_first: authority.is_first(),
            fingerprint: ctx
                .owned
                .secret_annotations(&id.namespace, &authority.secret_name())
                .and_then(|annotations| annotations.get(FINGERPRINT).cloned()),
        });
        Self { known: known.collect(), now: ca_pem.map(fingerprints).unwrap_or_default() }
    }

    /// Usable authorities with their fingerprints: those with a key, trusted and requested ones first, up to the limit.
    fn counted(&self, asked: Option<&str>) -> Vec<(&Known, &str)> {
        let place = |print: &str| self.now.iter().position(|known| known == print).unwrap_or(usize::MAX);
        let mut all: Vec<_> = self.known.iter().filter_map(|k| Some((k, k.fingerprint.as_deref()?))).collect();
        all.sort_by_key(|(known, print)| (place(print), Some(known.name.as_str()) != asked));
        all.truncate(MOST);
        all
    }

    /// Why the resource of this name isn't usable.
    fn why_not(&self, name: &str) -> String {
        let bare = self.known.iter().any(|known| known.name == *name && known.fingerprint.is_none());
        if bare {
            return format!(
                "waiting for the key of CertificateAuthority {name}; if the key is lost, delete the resource"
            );
        }
        format!("a cluster trusts at most {MOST} certificate authorities; delete one to let it trust {name}")
    }

    fn named(&self, fingerprint: &str) -> Option<&Known> {
        self.known.iter().find(|known| known.fingerprint.as_deref() == Some(fingerprint))
    }

    /// The resource that signs.
    pub fn signer(&self) -> Option<String> {
        self.named(self.now.first()?).map(|known| known.name.clone())
    }

    /// Id of the one that signs: that of its resource, if it has one.
    pub fn signer_id(&self, cluster: &EKSClusterConfig) -> String {
        let signer = self.now.first().and_then(|print| self.named(print));
        signer.map_or_else(|| CertificateAuthority::first_id(cluster), |known| known.id.clone())
    }

    /// The resources that are trusted.
    pub fn trusted(&self) -> Vec<String> {
        self.now.iter().filter_map(|print| self.named(print)).map(|known| known.name.clone()).collect()
    }
}

/// Fingerprints of the certificate authorities that the cluster trusts by its status, the one that signs first.
pub fn trusted_by(cluster: &EKSClusterConfig) -> Vec<String> {
    let authority = cluster.status.as_ref().and_then(|status| status.certificate_authority.as_ref());
    let pem = authority.and_then(|authority| STANDARD.decode(&authority.data).ok()).unwrap_or_default();
    fingerprints(&String::from_utf8_lossy(&pem))
}

/// Whether everything that the cluster trusts, by its status, has a resource.
pub fn trusts_only_known(cluster: &EKSClusterConfig, ctx: &Context) -> bool {
    let authority = cluster.status.as_ref().and_then(|status| status.certificate_authority.clone()).unwrap_or_default();
    let known = ctx.members.of::<CertificateAuthority>(&super::validate::id(cluster));
    let has = |name: &String| known.iter().any(|one| one.name_any() == *name);
    trusted_by(cluster).len() <= authority.trusted.len().max(1) && authority.trusted.iter().all(has)
}

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
    match &seen.task {
        TaskView::Running(Work::Certify, step) => {
            return progressing(Phase::Updating, ClusterAction::Nothing, step_message("Certifying", step));
        }
        TaskView::Failed(Work::Certify, error) if seen.wait.is_some() => {
            return Some(Decision {
                next: ClusterAction::Nothing,
                phase: Phase::Active,
                health: failing(error),
                again: seen.wait,
            });
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
        Step::Certify(wanted) => match &seen.task {
            TaskView::Queued(_) | TaskView::Running(..) | TaskView::Stopping(_) => {
                progressing(Phase::Updating, ClusterAction::Nothing, "Certifying: waiting for work in progress".into())
            }
            _ => {
                let plan = seen.running().unwrap_or(running).clone();
                progressing(Phase::Updating, ClusterAction::Certify(plan, wanted), "Certifying".into())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider::{ContainerState, NodeObservation};

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
            state: ContainerState::Running,
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
