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
//! A create holds `EksState::lock_cluster` or `EksState::lock_account` from step 1 on, so that quotas count right. An update is a
//! `Request` of the file `updates`: its `begin` does steps 2, 5 and 6 and everything about what is under way already; the handler gives it a closure that
//! checks, changes the object and says in EKS's words what changed. Pure functions in [`convert`](super::convert) do that.
//! A record (`provider: metadata`) is waited for between steps 5 and 6, when the lock is released: the file `record_wait`.
//!
//! # Adding a kind
//! A line in `kinds!` of the crate [`store`] (and [`Member`](crd::Member), if it belongs to a cluster); a file in
//! [`convert`](super::convert) with the request's struct, `spec` and `describe`; a file here with the handlers, each with a
//! line in [`handlers`]; a line in the `tags` file, if its ARN can carry tags.

mod access_entries;
mod access_policies;
mod addon_associations;
mod addon_versions;
mod addons;
mod capabilities;
mod certificate_authorities;
mod cluster_updates;
mod cluster_versions;
mod clusters;
mod fargate_profiles;
mod idp_configs;
mod insights;
mod locks;
mod nodegroup_updates;
mod nodegroups;
mod pod_identity;
mod pod_identity_records;
mod ready;
mod record_wait;
mod registered_clusters;
mod state;
mod subscriptions;
pub mod support_matrix;
mod tags;
pub mod token;
mod updates;

pub use super::settings::{Quotas, Settings};
pub use state::{EksState, RequestContext};

use super::model::Operation;

aws::handlers! {
    Operation in EksState:
    ActivateCertificateAuthority => certificate_authorities::activate,
    AssociateAccessPolicy => access_policies::associate,
    AssociateEncryptionConfig => cluster_updates::associate_encryption,
    AssociateIdentityProviderConfig => idp_configs::associate,
    CancelUpdate => updates::cancel,
    CreateAccessEntry => access_entries::create,
    CreateAddon => addons::create,
    CreateCapability => capabilities::create,
    CreateCertificateAuthority => certificate_authorities::create,
    CreateCluster => clusters::create,
    CreateEksAnywhereSubscription => subscriptions::create,
    CreateFargateProfile => fargate_profiles::create,
    CreateNodegroup => nodegroups::create,
    CreatePodIdentityAssociation => pod_identity::create,
    DeleteAccessEntry => access_entries::delete,
    DeleteAddon => addons::delete,
    DeleteCapability => capabilities::delete,
    DeleteCertificateAuthority => certificate_authorities::delete,
    DeleteCluster => clusters::delete,
    DeleteEksAnywhereSubscription => subscriptions::delete,
    DeleteFargateProfile => fargate_profiles::delete,
    DeleteNodegroup => nodegroups::delete,
    DeletePodIdentityAssociation => pod_identity::delete,
    DeregisterCluster => registered_clusters::deregister,
    DescribeAccessEntry => access_entries::describe,
    DescribeAddon => addons::describe,
    DescribeAddonConfiguration => addon_versions::configuration,
    DescribeAddonVersions => addon_versions::versions,
    DescribeCapability => capabilities::describe,
    DescribeCertificateAuthority => certificate_authorities::describe,
    DescribeCluster => clusters::describe,
    DescribeClusterVersions => cluster_versions::describe,
    DescribeEksAnywhereSubscription => subscriptions::describe,
    DescribeFargateProfile => fargate_profiles::describe,
    DescribeIdentityProviderConfig => idp_configs::describe,
    DescribeInsight => insights::describe,
    DescribeInsightsRefresh => insights::refresh,
    DescribeNodegroup => nodegroups::describe,
    DescribePodIdentityAssociation => pod_identity::describe,
    DescribeUpdate => updates::describe,
    DisassociateAccessPolicy => access_policies::disassociate,
    DisassociateIdentityProviderConfig => idp_configs::disassociate,
    ListAccessEntries => access_entries::list,
    ListAccessPolicies => access_policies::list,
    ListAddons => addons::list,
    ListAssociatedAccessPolicies => access_policies::list_associated,
    ListCapabilities => capabilities::list,
    ListCertificateAuthorities => certificate_authorities::list,
    ListClusters => clusters::list,
    ListEksAnywhereSubscriptions => subscriptions::list,
    ListFargateProfiles => fargate_profiles::list,
    ListIdentityProviderConfigs => idp_configs::list,
    ListInsights => insights::list,
    ListNodegroups => nodegroups::list,
    ListPodIdentityAssociations => pod_identity::list,
    ListTagsForResource => tags::list,
    ListUpdates => updates::list,
    RegisterCluster => registered_clusters::register,
    StartInsightsRefresh => insights::start,
    TagResource => tags::tag,
    UntagResource => tags::untag,
    UpdateAccessEntry => access_entries::update,
    UpdateAddon => addons::update,
    UpdateCapability => capabilities::update,
    UpdateClusterConfig => cluster_updates::update_config,
    UpdateClusterVersion => cluster_updates::update_version,
    UpdateEksAnywhereSubscription => subscriptions::update,
    UpdateNodegroupConfig => nodegroup_updates::update_config,
    UpdateNodegroupVersion => nodegroup_updates::update_version,
    UpdatePodIdentityAssociation => pod_identity::update,
}

#[cfg(test)]
mod tests;
