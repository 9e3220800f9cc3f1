//! The kinds that the store knows.
//!
//! # Adding a kind
//! One line in the `kinds!` below makes it readable and writable, and says for whose account it counts. A kind whose objects belong to a cluster also says so
//! with [`Member`](crd::Member), and is then found by [`Store::member`](super::Store::member) and [`Store::members`](super::Store::members).

use std::sync::Arc;

use serde::Serialize;

use super::budget::{Count, Held, Holder};
use super::cache::Cache;
use super::watch::{self, Watch, Watched};
use crd::{
    AccessEntry, Addon, Capability, CertificateAuthority, ClusterInsights, EKSClusterConfig, EksAnywhereSubscription,
    FargateProfile, IdentityProviderConfig, Nodegroup, PodIdentityAssociation, Update,
};

/// A kind that the store knows.
pub trait Kind: Watched + Held + PartialEq + Serialize {
    /// The cache of this kind.
    fn cache(caches: &Caches) -> &Arc<Cache<Self>>;
}

macro_rules! kinds {
    ($($field:ident: $kind:ty, of $holder:ident $owner:ident);* $(;)?) => {
        /// The caches, one for each kind.
        pub struct Caches { $($field: Arc<Cache<$kind>>),* }

        impl Caches {
            /// Starts a watch for each kind.
            pub(super) fn start(watch: &Watch) -> Self {
                Self { $($field: watch.start::<$kind>()),* }
            }

            /// Waits until every cache has been filled once.
            pub(super) async fn filled(&self) {
                $(watch::filled(&self.$field).await;)*
            }

            /// Counts the records of every kind.
            pub(super) fn count(&self, count: &mut Count<'_>) {
                $(count.add(&self.$field.list());)*
            }
        }

        $(
            impl Held for $kind {
                fn holder(&self) -> Holder<'_> { Holder::$holder(&self.spec.$owner) }
            }

            impl Kind for $kind {
                fn cache(caches: &Caches) -> &Arc<Cache<Self>> { &caches.$field }
            }
        )*
    };
}

kinds! {
    clusters: EKSClusterConfig, of Account account_id;
    nodegroups: Nodegroup, of Cluster cluster_name;
    updates: Update, of Cluster cluster_name;
    fargate_profiles: FargateProfile, of Cluster cluster_name;
    pod_identity_associations: PodIdentityAssociation, of Cluster cluster_name;
    access_entries: AccessEntry, of Cluster cluster_name;
    idp_configs: IdentityProviderConfig, of Cluster cluster_name;
    subscriptions: EksAnywhereSubscription, of Account account_id;
    addons: Addon, of Cluster cluster_name;
    capabilities: Capability, of Cluster cluster_name;
    certificate_authorities: CertificateAuthority, of Cluster cluster_name;
    insights: ClusterInsights, of Cluster cluster_name;
}
