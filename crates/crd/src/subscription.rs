//! `EksAnywhereSubscription`: a subscription of an account to EKS Anywhere.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::given::or_empty;

/// A subscription of an account to EKS Anywhere. Recorded only: no licences are issued.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "EksAnywhereSubscription",
    category = "k3eks",
    namespaced,
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"ACCOUNT","type":"string","jsonPath":".spec.accountID"}"#,
    printcolumn = r#"{"name":"REGION","type":"string","jsonPath":".spec.region"}"#,
    printcolumn = r#"{"name":"NAME IN EKS","type":"string","jsonPath":".spec.subscriptionName"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.accountID == oldSelf.accountID && self.region == oldSelf.region && self.subscriptionName == oldSelf.subscriptionName && self.term == oldSelf.term && self.licenseQuantity == oldSelf.licenseQuantity").message("a subscription can't be changed but for autoRenew and its tags: make a new one instead"))]
pub struct EksAnywhereSubscriptionSpec {
    /// AWS account, 12 digits. Required. Immutable.
    #[serde(rename = "accountID")]
    #[schemars(length(min = 12, max = 12))]
    pub account_id: String,
    /// AWS region. Required. Immutable.
    #[schemars(length(min = 1, max = 63))]
    pub region: String,
    /// Name of the subscription in EKS. Required. Immutable.
    #[schemars(length(min = 1, max = 100))]
    pub subscription_name: String,
    /// Term of the subscription. Required. Immutable.
    pub term: SubscriptionTerm,
    /// Number of clusters that the subscription covers. Default: 0. Immutable.
    #[serde(default)]
    pub license_quantity: i32,
    /// Renews the subscription at its end. Default: false. Mutable.
    #[serde(default)]
    pub auto_renew: bool,
    /// Tags. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
}

/// Term of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubscriptionTerm {
    /// Duration in months: 12 or 36. Required. Immutable.
    pub duration: i32,
}
