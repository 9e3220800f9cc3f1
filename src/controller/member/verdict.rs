//! What stands behind a member in its cluster, kind by kind.

use std::fmt::Debug;
use std::future::Future;

use serde::de::DeserializeOwned;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::crd::{Capability, EKSClusterConfig, FargateProfile, Member, MemberIssue, PodIdentityAssociation};

/// What a look at a cluster says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing stands behind it: it is in force once its cluster is there.
    Record,
    /// What stands behind it works.
    Working,
    /// The same, and it has to follow what changes in the cluster.
    Followed,
    /// What stands behind it doesn't work, or not yet.
    Impaired(Vec<MemberIssue>),
    /// It can't be as the spec asks; the text says why and what to do.
    Refused(String),
}

/// A kind that the controller can look after.
pub trait Kind: Member + DeserializeOwned + Clone + Debug + Send + Sync + 'static {
    /// Whether the cluster has to be looked at when one of these comes, changes or goes.
    const WAKES_CLUSTER: bool = false;

    /// Looks at what stands behind the member in a cluster that was Active before.
    fn verdict(
        &self,
        _cluster: &EKSClusterConfig,
        _ctx: &Context,
    ) -> impl Future<Output = Result<Verdict, Error>> + Send {
        async { Ok(Verdict::Record) }
    }
}

impl Kind for FargateProfile {}
impl Kind for PodIdentityAssociation {}
impl Kind for Capability {}
