//! What stands behind a member in its cluster, kind by kind.

use std::fmt::Debug;
use std::future::Future;

use serde::de::DeserializeOwned;

use crate::child_clusters::Child;
use crate::context::Context;
use crate::error::Error;
use arn::role_account;
use crd::names::Identity;
use crd::{Capability, EKSClusterConfig, FargateProfile, Member, MemberIssue, PodIdentityAssociation};

/// What a look at a cluster says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberHealth {
    /// Nothing stands behind it: it is in force once its cluster is there.
    Record,
    /// The same, where people expect something to stand behind it; says so.
    Recorded(MemberIssue),
    /// What stands behind it works.
    Working,
    /// The same, and it has to follow what changes in the cluster.
    Followed,
    /// What stands behind it doesn't work, or not yet.
    Impaired(Vec<MemberIssue>),
    /// The same of what was installed at that second since 1970.
    Starting(i64, Vec<MemberIssue>),
    /// It is being installed or changed; the text says how far that is.
    Changing(String),
    /// What was tried last failed, and is tried again.
    Failed(MemberIssue),
    /// The cluster has no place for the member, and waiting won't help.
    Homeless(MemberIssue),
    /// The spec can't be met; the text says why and what to do.
    Refused(String),
}

/// How far the removal of a member's traces is, while something is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It goes on; the text says what is done.
    UnderWay(String),
    /// It failed, and is tried again.
    Failed(MemberIssue),
}

/// A kind that the controller can look after.
pub trait Kind: Member + DeserializeOwned + Clone + Debug + Send + Sync + 'static {
    /// Whether the cluster has to be looked at when one of these comes, changes or goes.
    const WAKES_CLUSTER: bool = false;

    /// Checks the member in a cluster that was Active before.
    fn assess(
        &self,
        _cluster: &EKSClusterConfig,
        _ctx: &Context,
    ) -> impl Future<Output = Result<MemberHealth, Error>> + Send {
        async { Ok(MemberHealth::Record) }
    }

    /// Whether a member leaves something in its cluster that has to go before it.
    fn leaves_something(&self, _cluster: &EKSClusterConfig, _ctx: &Context) -> bool {
        false
    }

    /// Removes what a member that is being deleted left in its cluster, which is `None` where it is gone itself. Gives
    /// `None` once nothing is left.
    fn remove(
        &self,
        _cluster: Option<&EKSClusterConfig>,
        _ctx: &Context,
    ) -> impl Future<Output = Result<Option<Removal>, Error>> + Send {
        async { Ok(None) }
    }
}

impl Kind for FargateProfile {
    /// Says where pods of a Fargate profile run.
    async fn assess(&self, cluster: &EKSClusterConfig, ctx: &Context) -> Result<MemberHealth, Error> {
        let runs = ctx.providers.of(cluster).is_some_and(|p| p.capabilities().api_server);
        Ok(if runs { no_fargate() } else { MemberHealth::Record })
    }
}

fn no_fargate() -> MemberHealth {
    let text = "recorded only: there is no Fargate here; the pods that the profile selects run on the cluster's nodes";
    MemberHealth::Recorded(MemberIssue {
        code: "InternalFailure".into(),
        message: text.into(),
        resource_ids: Vec::new(),
    })
}

impl Kind for PodIdentityAssociation {
    /// Refuses roles of other accounts, and says so.
    async fn assess(&self, cluster: &EKSClusterConfig, _: &Context) -> Result<MemberHealth, Error> {
        Ok(of_own_account(&self.spec.role_arn, &Identity::of(cluster).account))
    }
}

fn of_own_account(role: &str, account: &str) -> MemberHealth {
    if role_account(role) == Some(account) {
        return MemberHealth::Record;
    }
    MemberHealth::Refused(format!(
        "roleArn {role} isn't a role of the cluster's account {account}, so pods don't get it; set spec.roleArn to a role of that account and spec.targetRoleArn to the other account's"
    ))
}

impl Kind for Capability {}

/// EKS's code for an addon whose pods aren't all there.
pub const FEWER_REPLICAS: &str = "InsufficientNumberOfReplicas";

/// Pods of the addon aren't all there, in EKS's words; `why` says which, and what to do.
pub fn fewer_replicas(why: &str, resource_ids: Vec<String>) -> MemberIssue {
    const WORDS: &str = "The add-on is unhealthy because it doesn't have the desired number of replicas";
    issue(FEWER_REPLICAS, &format!("{WORDS}: {why}"), resource_ids)
}

/// The cluster's API server doesn't answer.
pub fn out_of_reach(child: &Child) -> MemberHealth {
    unreachable(if child.problem.is_empty() { "it hasn't been asked yet" } else { child.problem.as_str() })
}

/// The cluster can't be asked.
pub fn unreachable(why: &str) -> MemberHealth {
    impaired("ClusterUnreachable", &format!("The cluster can't be reached: {why}"), Vec::new())
}

/// Something of it doesn't work, with EKS's code of the issue.
pub fn impaired(code: &str, message: &str, resource_ids: Vec<String>) -> MemberHealth {
    MemberHealth::Impaired(vec![issue(code, message, resource_ids)])
}

/// An issue, with a message of a bounded length.
pub fn issue(code: &str, message: &str, resource_ids: Vec<String>) -> MemberIssue {
    MemberIssue { code: code.into(), message: text::fit(message, text::MESSAGE), resource_ids }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fargate_profile_says_that_it_is_recorded_only_in_a_code_of_eks() {
        let MemberHealth::Recorded(issue) = no_fargate() else { panic!() };
        // FargateProfileIssueCode.
        let codes = ["PodExecutionRoleAlreadyInUse", "AccessDenied", "ClusterUnreachable", "InternalFailure"];
        assert!(codes.contains(&issue.code.as_str()) && issue.message.starts_with("recorded only"), "{issue:?}");
    }

    #[test]
    fn an_association_s_role_is_of_the_cluster_s_own_account() {
        let of = |role: &str| of_own_account(role, "000000000000");
        assert_eq!(of("arn:aws:iam::000000000000:role/app"), MemberHealth::Record);
        for other in ["arn:aws:iam::111122223333:role/app", "app", "arn:aws:iam::000000000000:user/ann"] {
            assert!(matches!(of(other), MemberHealth::Refused(why) if why.contains("targetRoleArn")), "{other}");
        }
    }
}
