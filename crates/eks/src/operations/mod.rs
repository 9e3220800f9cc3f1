//! The operations of the EKS API, one file per resource.
//!
//! # The pattern
//! Every handler is the same few steps, each in the place where it can be tested alone:
//!
//! 1. *find* what the request names: `cx.state.store.cluster(&cx.caller, &name)?`, then
//!    [`Store::member`](store::Store::member) for what belongs to the cluster. Not finding it is EKS's
//!    `ResourceNotFoundException`.
//! 2. *repeat*: a create whose token and digest stand on the resource already ([`token::Stamp::made`]), or an update whose
//!    token stands on an Update, is answered as the first time.
//! 3. *check*: the [`rules`](super::rules) of the operation. The model's own constraints hold already; what the resource's
//!    definition refuses becomes `InvalidParameterException` by itself.
//! 4. *convert*: a function of [`convert`](super::convert) makes the spec.
//! 5. *write*: `store.create`, `store.create_member`, `store.change` or `store.delete`, which the next request sees at once.
//! 6. *answer*: `describe` of [`convert`](super::convert) on what was written.
//!
//! A create holds `Api::lock_cluster` or `Api::lock_account` from step 1 on, so that quotas count right. An update is a
//! `Request` of the file `updates`: its `begin` does steps 2, 5 and 6 and everything about what is under way already; the handler gives it a closure that
//! checks, changes the object and says in EKS's words what changed. Pure functions in [`convert`](super::convert) do that.
//! What nothing runs behind is waited for between steps 5 and 6, when the lock is released: the file `settle`.
//!
//! # Adding a kind
//! A line in `kinds!` of the crate [`store`] (and [`Member`](crd::Member), if it belongs to a cluster); a file in
//! [`convert`](super::convert) with the request's struct, `spec` and `describe`; a file here with the handlers and a
//! function `register`, which [`registry`] calls; a line in the `tags` file, if its ARN can carry tags.

mod access_entries;
mod access_policies;
mod addon_associations;
mod addon_versions;
mod addons;
mod api;
mod capabilities;
mod certificate_authorities;
mod cluster_updates;
mod cluster_versions;
mod clusters;
mod connected;
mod fargate_profiles;
mod idp_configs;
mod insights;
mod locks;
mod nodegroup_updates;
mod nodegroups;
mod pod_identity;
mod pod_identity_records;
mod ready;
mod settle;
mod subscriptions;
pub mod support_matrix;
mod tags;
pub mod token;
mod updates;

pub use super::settings::{Quotas, Settings};
pub use api::{Api, RequestContext};

use aws::registry::Registry;

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
