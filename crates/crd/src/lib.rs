//! The custom resources: the product's only store and the only place where the API and the controllers meet. No I/O.

pub mod access_entry;
pub mod access_policies;
pub mod addon;
pub mod addon_catalogue;
pub mod capability;
pub mod certificate_authority;
pub mod cluster;
mod cluster_defaults;
pub mod cluster_settings;
mod cluster_status;
pub mod conditions;
mod descriptions;
pub mod fargate;
pub mod forms;
mod given;
pub mod identity_service;
pub mod idp;
mod in_words;
mod inline_nodegroup;
pub mod insights;
pub mod instances;
pub mod keys;
pub mod kubeconfig;
pub mod member;
pub mod most;
pub mod names;
mod nested;
pub mod nodegroup;
mod nodegroup_status;
pub mod own_entries;
pub mod phase;
pub mod plain_yaml;
pub mod pod_identity;
pub mod registries;
pub mod subscription;
pub mod tags;
pub mod update;

pub use access_entry::AccessEntry;
pub use addon::Addon;
pub use capability::Capability;
pub use certificate_authority::CertificateAuthority;
pub use cluster::{EKSClusterConfig, EKSClusterConfigSpec, EKSClusterConfigStatus};
pub use fargate::FargateProfile;
pub use idp::IdentityProviderConfig;
pub use insights::ClusterInsights;
pub use member::{Member, MemberIssue, MemberPhase, MemberStatus};
pub use nodegroup::{Nodegroup, NodegroupSpec, NodegroupStatus};
pub use phase::Phase;
pub use pod_identity::PodIdentityAssociation;
pub use subscription::EksAnywhereSubscription;
pub use update::{Update, UpdateSpec, UpdateStatus};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSON, JSONSchemaProps,
};
use kube::{CustomResourceExt, Resource};

/// Every definition, in the order in which they are written and installed.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut all = vec![
        EKSClusterConfig::crd(),
        Nodegroup::crd(),
        Update::crd(),
        FargateProfile::crd(),
        PodIdentityAssociation::crd(),
        AccessEntry::crd(),
        IdentityProviderConfig::crd(),
        EksAnywhereSubscription::crd(),
        Addon::crd(),
        Capability::crd(),
        CertificateAuthority::crd(),
        ClusterInsights::crd(),
    ];
    all.iter_mut().flat_map(|definition| &mut definition.spec.versions).for_each(add_status_default);
    // The only kind that people wrote for another operator before.
    let cluster = all.iter_mut().find(|definition| definition.spec.names.kind == EKSClusterConfig::kind(&()));
    cluster.into_iter().flat_map(|definition| &mut definition.spec.versions).for_each(blank_spec);
    all.iter_mut().flat_map(|definition| &mut definition.spec.versions).for_each(bounded_tags);
    all.iter_mut().flat_map(|definition| &mut definition.spec.versions).for_each(told_in_words);
    all.iter_mut().flat_map(|definition| &mut definition.spec.versions).for_each(unwrapped);
    all
}

/// Lets the spec have empty texts.
fn blank_spec(version: &mut CustomResourceDefinitionVersion) {
    let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    if let Some(spec) = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("spec")) {
        given::blank(spec);
    }
}

/// Lets a spec have tags as EKS takes them.
fn bounded_tags(version: &mut CustomResourceDefinitionVersion) {
    let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    let spec = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("spec"));
    spec.into_iter().for_each(tags::bound);
}

/// Lets nobody read a regular expression.
fn told_in_words(version: &mut CustomResourceDefinitionVersion) {
    let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    schema.into_iter().for_each(in_words::in_words);
}

/// Joins the lines of descriptions: `kubectl explain` breaks lines at the width of the terminal.
fn unwrapped(version: &mut CustomResourceDefinitionVersion) {
    let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    schema.into_iter().for_each(descriptions::unwrap);
}

/// Says of an object whose status nobody has written yet that nobody has: kstatus, and with it Flux and Helm, would
/// else take it for ready.
fn add_status_default(version: &mut CustomResourceDefinitionVersion) {
    let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    let status = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("status"));
    let generation = |status: &JSONSchemaProps| status.properties.as_ref()?.get("observedGeneration")?.default.clone();
    if let Some(status) = status
        && let Some(default) = generation(status)
    {
        status.default = Some(JSON(serde_json::json!({"observedGeneration": default.0})));
    }
}
