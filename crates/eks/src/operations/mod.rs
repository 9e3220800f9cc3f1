//! The operations of the EKS API, one file per resource.
//!
//! # The pattern
//! Every handler is the same few steps, each in the place where it can be tested alone:
//!
//! 1. *find* what the request names: `cx.state.store.cluster(&cx.caller, &name)?`, then
//!    [`Store::member`](super::store::Store::member) for what belongs to the cluster. Not finding it is EKS's
//!    `ResourceNotFoundException`.
//! 2. *repeat*: a create whose token and digest stand on the resource already ([`token::Stamp::made`]), or an update whose
//!    token stands on an Update, is answered as the first time.
//! 3. *check*: the [`rules`](super::rules) of the operation. The model's own constraints hold already; what the resource's
//!    definition refuses becomes `InvalidParameterException` by itself.
//! 4. *convert*: a function of [`convert`](super::convert) makes the spec.
//! 5. *write*: `store.create`, `store.create_member`, `store.change` or `store.delete`, which the next request sees at once.
//! 6. *answer*: `describe` of [`convert`](super::convert) on what was written.
//!
//! A create holds `Api::turn` from step 1 on, so that quotas count right. An update is a `Request` of the file `updates`:
//! its `begin` does steps 2, 5 and 6 and everything about what is under way already; the handler gives it a closure that
//! checks, changes the object and says in EKS's words what changed. Pure functions in [`convert`](super::convert) do that.
//! What nothing runs behind is waited for between steps 5 and 6, when the turn is over: the file `settle`.
//!
//! # Adding a kind
//! A line in `kinds!` of the [store](super::store) (and [`Member`](crd::Member), if it belongs to a cluster); a file in
//! [`convert`](super::convert) with the request's struct, `spec` and `describe`; a file here with the handlers and a
//! function `register`, which [`registry`] calls; a line in the `tags` file, if its ARN can carry tags.

mod access_entries;
mod access_policies;
mod addon_associations;
mod addon_versions;
mod addons;
pub mod behind;
mod capabilities;
mod certificate_authorities;
mod cluster_updates;
mod cluster_versions;
mod clusters;
mod connected;
mod fargate_profiles;
mod idp_configs;
mod insights;
mod nodegroup_updates;
mod nodegroups;
mod pod_identity;
mod ready;
mod settle;
mod subscriptions;
mod tags;
pub mod token;
mod updates;

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::registry::{Context, Registry};
use super::rules::values::tags as check_tags;
use super::store::Store;

/// What a handler knows besides its input.
pub type Cx = Context<Api>;

/// What all handlers share.
pub struct Api {
    /// The resources.
    pub store: Store,
    /// What was configured.
    pub settings: Settings,
    /// Held while something begins that is counted, or that may be under way only once.
    turn: Mutex<()>,
}

impl Api {
    /// The state of the handlers.
    pub fn new(store: Store, settings: Settings) -> Self {
        Self { store, settings, turn: Mutex::new(()) }
    }

    /// Held while a create counts and makes objects with a quota.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

/// What the operations can be told from outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Account of requests that name none. Its clusters in `region` have resources named as themselves.
    pub account: String,
    /// Region of requests that name none.
    pub region: String,
    /// Kubernetes version of clusters that name none.
    pub default_version: String,
    /// Kubernetes versions that clusters can have.
    pub versions: Vec<String>,
    /// How much of everything there may be.
    pub quotas: Quotas,
    /// The longest wait for what nothing runs behind to be as it was asked for.
    pub settle: Duration,
}

/// How much of everything there may be. The defaults are those of an AWS account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Clusters in one region of one account.
    pub clusters: usize,
    /// Node groups of one cluster.
    pub nodegroups: usize,
    /// Nodes of one node group.
    pub nodes: i32,
    /// Fargate profiles of one cluster.
    pub fargate_profiles: usize,
    /// Selectors of one Fargate profile.
    pub fargate_selectors: usize,
    /// Labels of one selector of a Fargate profile.
    pub fargate_label_pairs: usize,
    /// Pod identity associations of one cluster.
    pub pod_identity_associations: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            clusters: 100,
            nodegroups: 30,
            nodes: 450,
            fargate_profiles: 10,
            fargate_selectors: 5,
            fargate_label_pairs: 5,
            pod_identity_associations: 1000,
        }
    }
}

/// All handlers.
pub fn registry() -> Registry<Api> {
    let all = [
        access_entries::register,
        access_policies::register,
        addons::register,
        addon_versions::register,
        capabilities::register,
        certificate_authorities::register,
        clusters::register,
        cluster_updates::register,
        cluster_versions::register,
        connected::register,
        fargate_profiles::register,
        idp_configs::register,
        insights::register,
        nodegroups::register,
        nodegroup_updates::register,
        pod_identity::register,
        subscriptions::register,
        tags::register,
        updates::register,
    ];
    all.into_iter().fold(Registry::new(), |registry, register| register(registry))
}

#[cfg(test)]
mod tests;
