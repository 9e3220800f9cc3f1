//! `AccessEntry`: an IAM principal that may use a cluster, and the access policies that it has there.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::given::or_empty;
use super::identity_service;
use super::member::{Member, MemberStatus};

/// An access entry: an IAM principal that may use an EKS cluster.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "k3eks.io",
    version = "v1alpha1",
    kind = "AccessEntry",
    plural = "accessentries",
    category = "k3eks",
    namespaced,
    status = "MemberStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name":"CLUSTER","type":"string","jsonPath":".spec.clusterName"}"#,
    printcolumn = r#"{"name":"PRINCIPAL","type":"string","jsonPath":".spec.principalArn"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clusterName == oldSelf.clusterName && self.principalArn == oldSelf.principalArn && self.type == oldSelf.type").message("clusterName, principalArn and type can't be changed: make a new access entry instead"))]
pub struct AccessEntrySpec {
    /// Name of the EKSClusterConfig resource in the same namespace. Required. Immutable.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
    /// ARN of the IAM role or user. Required. Immutable.
    #[schemars(length(min = 1, max = 2048))]
    pub principal_arn: String,
    /// Type of the entry, such as `STANDARD` or `EC2_LINUX`. Default: `STANDARD`. Immutable.
    #[serde(rename = "type", default = "standard")]
    #[schemars(length(min = 1, max = 63))]
    pub type_: String,
    /// Kubernetes groups of the principal. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub kubernetes_groups: Vec<String>,
    /// Kubernetes user name. Default: derived from the ARN. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Access policies of the principal. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub access_policies: Vec<AssociatedPolicy>,
    /// Tags. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: BTreeMap<String, String>,
}

/// The type of an entry for people and programs.
pub const STANDARD: &str = "STANDARD";
/// The type of an entry for nodes of EKS Auto Mode, whose rights are policies too.
const EC2: &str = "EC2";
/// The types that EKS has.
pub const TYPES: [&str; 7] =
    [STANDARD, EC2, "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX"];

fn standard() -> String {
    STANDARD.into()
}

impl AccessEntrySpec {
    /// The Kubernetes user name of whoever comes by this entry, with templates such as `{{SessionName}}`: a role's
    /// sessions are told apart by their names.
    pub fn username(&self) -> String {
        if let Some(name) = &self.username {
            return name.clone();
        }
        match self.type_.as_str() {
            STANDARD => {}
            "FARGATE_LINUX" | "HYBRID_LINUX" => return "system:node:{{SessionName}}".into(),
            _ => return "system:node:{{EC2PrivateDNSName}}".into(),
        }
        let principal = &self.principal_arn;
        let parts: Vec<&str> = principal.splitn(6, ':').collect();
        match parts[..] {
            ["arn", partition, "iam", _, account, resource] if resource.starts_with("role/") => {
                let role = resource.rsplit('/').next().unwrap_or(resource);
                format!("arn:{partition}:sts::{account}:assumed-role/{role}/{{{{SessionName}}}}")
            }
            _ => principal.clone(),
        }
    }

    /// The Kubernetes groups that the entry has in EKS: of a node, what its type says.
    pub fn eks_groups(&self) -> Vec<String> {
        let fixed: &[&str] = match self.type_.as_str() {
            STANDARD => return self.kubernetes_groups.clone(),
            "EC2_WINDOWS" => &["eks:kube-proxy-windows", "system:nodes"],
            "FARGATE_LINUX" => &["system:bootstrappers", "system:nodes", "system:node-proxier"],
            _ => &["system:nodes"],
        };
        fixed.iter().map(|group| (*group).to_owned()).collect()
    }

    /// The Kubernetes groups of whoever comes by this entry: with the one that its access policies are bound to.
    pub fn groups(&self) -> Vec<String> {
        let own = self.takes_policies().then(|| identity_service::entry_group(&self.principal_arn));
        self.eks_groups().into_iter().chain(own).collect()
    }

    /// Whether access policies can be associated with it.
    pub fn takes_policies(&self) -> bool {
        matches!(self.type_.as_str(), STANDARD | EC2)
    }
}

/// An access policy and its scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociatedPolicy {
    /// ARN of the policy. Required. Mutable.
    pub policy_arn: String,
    /// Scope of the policy. Required. Mutable.
    pub access_scope: AccessScope,
    /// Time when the policy was associated, RFC 3339 in UTC; the EKS API sets it. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub associated_at: Option<String>,
    /// Time when the scope last changed, RFC 3339 in UTC; the EKS API sets it. Default: none. Mutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
}

/// Scope of an access policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessScope {
    /// Type of the scope: `cluster` or `namespace`. Default: `cluster`. Mutable.
    #[serde(rename = "type", default = "whole")]
    pub type_: String,
    /// Namespaces of the child cluster, for the type `namespace`. Default: none. Mutable.
    #[serde(default, deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub namespaces: Vec<String>,
}

fn whole() -> String {
    "cluster".into()
}

impl Member for AccessEntry {
    fn cluster(&self) -> &str {
        &self.spec.cluster_name
    }

    /// The principal's ARN.
    fn eks_name(&self) -> String {
        self.spec.principal_arn.clone()
    }

    fn member_status(&self) -> Option<&MemberStatus> {
        self.status.as_ref()
    }
}

/// The access policies that AWS manages.
/// Source: <https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html>.
pub const POLICIES: [&str; 27] = [
    "AWSBackupFullAccessPolicyForBackup",
    "AWSBackupFullAccessPolicyForRestore",
    "AmazonAIOpsAssistantPolicy",
    "AmazonARCRegionSwitchScalingPolicy",
    "AmazonEKSACKPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSArgoCDClusterPolicy",
    "AmazonEKSArgoCDPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStorageClusterPolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSClusterInsightsPolicy",
    "AmazonEKSComputeClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonEKSKROPolicy",
    "AmazonEKSLoadBalancingClusterPolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingClusterPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
    "AmazonSagemakerHyperpodClusterPolicy",
    "AmazonSagemakerHyperpodControllerPolicy",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(principal: &str, type_: &str) -> AccessEntrySpec {
        AccessEntrySpec { principal_arn: principal.into(), type_: type_.into(), ..AccessEntrySpec::default() }
    }

    #[test]
    fn a_role_s_sessions_are_told_apart() {
        let role = "arn:aws:iam::111122223333:role/path/Admin";
        assert_eq!(entry(role, STANDARD).username(), "arn:aws:sts::111122223333:assumed-role/Admin/{{SessionName}}");
        assert_eq!(entry("arn:aws:iam::1:user/me", STANDARD).username(), "arn:aws:iam::1:user/me");
        assert_eq!(entry(role, "EC2_LINUX").username(), "system:node:{{EC2PrivateDNSName}}");
        assert_eq!(entry(role, "HYBRID_LINUX").username(), "system:node:{{SessionName}}");
    }

    #[test]
    fn nodes_are_nodes_and_people_are_what_their_entry_says() {
        assert_eq!(entry("x", "EC2_LINUX").groups(), ["system:nodes"]);
        assert!(entry("x", "EC2_WINDOWS").eks_groups().contains(&"system:nodes".to_owned()));
        assert_eq!(entry("x", "EC2").groups(), ["system:nodes".to_owned(), identity_service::entry_group("x")]);
        let person = AccessEntrySpec { kubernetes_groups: vec!["viewers".into()], ..entry("x", STANDARD) };
        assert_eq!(person.groups(), ["viewers".to_owned(), identity_service::entry_group("x")]);
    }
}
