//! `Addon`: one of EKS's addons on a cluster.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::addon_catalogue;
use super::given::or_empty;
use super::member::{Member, MemberStatus};

/// An EKS addon on a cluster: a chart that is installed there, or the k3s component that does the same job. Other addons
/// are recorded only: nothing is installed, and the status says so.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "Addon",
    category = "k3eks",
    namespaced,
    status = "MemberStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"ADDON","type":"string","jsonPath":".spec.addonName"}"#,
    printcolumn = r#"{"name":"VERSION","type":"string","jsonPath":".spec.addonVersion"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clusterName == oldSelf.clusterName && self.addonName == oldSelf.addonName").message("clusterName and addonName can't be changed: make a new addon instead"))]
#[x_kube(validation = Rule::new("has(self.namespaceConfig) == has(oldSelf.namespaceConfig) && (!has(self.namespaceConfig) || self.namespaceConfig == oldSelf.namespaceConfig)").message("namespaceConfig can't be changed after creation: delete the addon and make it anew"))]
pub struct AddonSpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
    /// Name of the addon, such as `coredns`. Required. Immutable.
    #[schemars(length(min = 1, max = 100))]
    pub addon_name: String,
    /// Version of the addon, such as `v1.12.1-eksbuild.2`. Recorded only where the component came with the cluster.
    /// Default: EKS's default for the Kubernetes version. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addon_version: Option<String>,
    /// ARN of the role of the addon's service account. Recorded only where no chart is installed. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_role_arn: Option<String>,
    /// What to do with what others made or changed of what a chart has. Default: `NONE`. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_conflicts: Option<ResolveConflicts>,
    /// Configuration of the addon, JSON or YAML. A chart gets all of it as values; of coredns `replicaCount` takes effect,
    /// the rest is recorded only. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65_536))]
    pub configuration_values: Option<String>,
    /// Namespace of the addon. Recorded only where no chart is installed. Default: the catalogue's. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_config: Option<NamespaceConfig>,
    /// Tags. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
}

/// What to do with what others made or changed of what an addon's chart has. Default: `NONE`. Mutable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ResolveConflicts {
    /// Takes objects over, and sets all fields of the chart.
    Overwrite,
    /// Gives the installation, or the update, up.
    None,
    /// Keeps in an update the values of fields that others have set. Else the same as `None`.
    Preserve,
}

impl ResolveConflicts {
    /// EKS's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overwrite => "OVERWRITE",
            Self::None => "NONE",
            Self::Preserve => "PRESERVE",
        }
    }
}

/// Namespace of an addon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceConfig {
    /// Namespace in the child cluster. Default: the catalogue's. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
}

impl AddonSpec {
    /// Namespace of the addon in the child cluster: its own, or the catalogue's. Empty of one that nobody offers.
    pub fn namespace(&self) -> &str {
        let own = self.namespace_config.as_ref().and_then(|config| config.namespace.as_deref());
        let offered = || addon_catalogue::find(&self.addon_name).map(|offer| offer.namespace.as_str());
        own.or_else(offered).unwrap_or_default()
    }
}

impl Member for Addon {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    fn eks_name(&self) -> String {
        self.spec.addon_name.clone()
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}
