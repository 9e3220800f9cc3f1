//! Amazon Resource Names, and the accounts, partitions and regions that stand in them.
//!
//! In goes text of a request or a resource, or the parts of a name; out comes the other. Nothing here reads a clock, a
//! file or the network. [`Arn`] is an ARN of any service in its parts, [`EksArn`] what an ARN of EKS names.

use std::fmt;
use std::str::FromStr;

/// Why text is not an ARN, or not one that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid ARN: {0}")]
pub struct ArnError(pub String);

/// An ARN of any service, in its parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn`, ...
    pub partition: String,
    /// `eks`, `iam`, ...
    pub service: String,
    /// Region; empty for global services.
    pub region: String,
    /// Account; `aws` for what AWS manages, empty for some services.
    pub account: String,
    /// All the rest.
    pub resource: String,
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return Err(ArnError(text.to_owned()));
        };
        let partition_ok = partition == "aws" || partition.starts_with("aws-");
        if !partition_ok || service.is_empty() || resource.is_empty() {
            return Err(ArnError(text.to_owned()));
        }
        let [partition, service, region, account, resource] =
            [partition, service, region, account, resource].map(str::to_owned);
        Ok(Self { partition, service, region, account, resource })
    }
}

impl Arn {
    /// Whether it names an IAM role.
    pub fn is_role(&self) -> bool {
        let path = self.resource.strip_prefix("role/");
        let named = path.is_some_and(|path| path.split('/').all(|part| !part.is_empty()));
        self.service == "iam" && self.region.is_empty() && named
    }

    /// Whether it names an IAM user.
    pub fn is_user(&self) -> bool {
        self.service == "iam" && self.resource.starts_with("user/")
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The ARN of an EKS resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EksArn {
    /// Region, which decides the partition.
    pub region: String,
    /// Account.
    pub account: String,
    /// What it names.
    pub resource: EksResource,
}

/// What an EKS ARN names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EksResource {
    /// A cluster.
    Cluster(String),
    /// Something that belongs to a cluster and has a name and an id: `<kind>/<cluster>/<name>/<id>`.
    Named(NamedKind, InCluster),
    /// A pod identity association.
    PodIdentityAssociation {
        /// Cluster.
        cluster: String,
        /// `a-` and an id.
        id: String,
    },
    /// An access entry, which names the IAM principal in parts.
    AccessEntry {
        /// Cluster.
        cluster: String,
        /// `role` or `user`.
        kind: String,
        /// Account of the principal.
        account: String,
        /// Last part of the principal's name.
        name: String,
        /// Id.
        id: String,
    },
    /// An EKS Anywhere subscription.
    Subscription(String),
}

/// Kinds of resources whose ARNs are made alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedKind {
    /// A node group.
    Nodegroup,
    /// An add-on.
    Addon,
    /// A Fargate profile.
    FargateProfile,
    /// An OIDC identity provider config; `oidc` stands before its name.
    IdentityProviderConfig,
    /// A capability; its type stands before its name.
    Capability,
}

/// The cluster, name and id of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InCluster {
    /// Cluster.
    pub cluster: String,
    /// The type that stands before the name, for the kinds that have one; else empty.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
}

impl NamedKind {
    const ALL: [Self; 5] =
        [Self::Nodegroup, Self::Addon, Self::FargateProfile, Self::IdentityProviderConfig, Self::Capability];

    fn prefix(self) -> &'static str {
        match self {
            Self::Nodegroup => "nodegroup",
            Self::Addon => "addon",
            Self::FargateProfile => "fargateprofile",
            Self::IdentityProviderConfig => "identityproviderconfig",
            Self::Capability => "capability",
        }
    }

    fn typed(self) -> bool {
        matches!(self, Self::IdentityProviderConfig | Self::Capability)
    }
}

impl EksArn {
    /// An ARN in this region and account.
    pub fn new(region: &str, account: &str, resource: EksResource) -> Self {
        Self { region: region.to_owned(), account: account.to_owned(), resource }
    }

    /// A cluster's ARN.
    pub fn cluster(region: &str, account: &str, name: &str) -> Self {
        Self::new(region, account, EksResource::Cluster(name.to_owned()))
    }

    /// The ARN of a node group, an add-on or a Fargate profile.
    pub fn named(region: &str, account: &str, kind: NamedKind, [cluster, name, id]: [&str; 3]) -> Self {
        Self::typed(region, account, kind, [cluster, "", name, id])
    }

    /// The ARN of an identity provider config or a capability: cluster, type, name, id.
    pub fn typed(region: &str, account: &str, kind: NamedKind, parts: [&str; 4]) -> Self {
        let [cluster, inner, name, id] = parts.map(str::to_owned);
        Self::new(region, account, EksResource::Named(kind, InCluster { cluster, kind: inner, name, id }))
    }

    /// The ARN of a cluster's access entry for an IAM principal.
    pub fn access_entry(region: &str, account: &str, cluster: &str, principal: &Arn, id: &str) -> Self {
        let kind = principal.resource.split('/').next().unwrap_or_default();
        let name = principal.resource.rsplit('/').next().unwrap_or_default();
        let entry = EksResource::AccessEntry {
            cluster: cluster.to_owned(),
            kind: kind.to_owned(),
            account: principal.account.clone(),
            name: name.to_owned(),
            id: id.to_owned(),
        };
        Self::new(region, account, entry)
    }

    /// The name of the cluster that the resource is or belongs to.
    pub fn cluster_name(&self) -> Option<&str> {
        match &self.resource {
            EksResource::Cluster(name) => Some(name),
            EksResource::Named(_, InCluster { cluster, .. })
            | EksResource::PodIdentityAssociation { cluster, .. }
            | EksResource::AccessEntry { cluster, .. } => Some(cluster),
            EksResource::Subscription(_) => None,
        }
    }
}

/// Whether this is the number of an AWS account: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Account of the IAM role that an ARN names; `None` where it names no role.
pub fn role_account(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return None };
    let partition = partition == "aws" || partition.starts_with("aws-");
    let name = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
    (partition && is_account(account) && name).then_some(account)
}

/// AWS partition of a region.
pub fn partition(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 6] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// Name of the private container registry of an account in a region, as ECR has it.
pub fn registry(account: &str, region: &str) -> String {
    format!("{account}.dkr.ecr.{region}.{}", dns_suffix(region))
}

/// DNS suffix of a region's endpoints.
pub fn dns_suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// The ARN of a cluster access policy that AWS manages.
pub fn access_policy(region: &str, name: &str) -> String {
    format!("arn:{}:eks::aws:cluster-access-policy/{name}", partition(region))
}

/// The ARN of an account as a principal.
pub fn account_root(region: &str, account: &str) -> String {
    format!("arn:{}:iam::{account}:root", partition(region))
}

impl fmt::Display for EksArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:eks:{}:{}:", partition(&self.region), self.region, self.account)?;
        match &self.resource {
            EksResource::Cluster(name) => write!(f, "cluster/{name}"),
            EksResource::Named(of, InCluster { cluster, kind, name, id }) => {
                let slash = if kind.is_empty() { "" } else { "/" };
                write!(f, "{}/{cluster}/{kind}{slash}{name}/{id}", of.prefix())
            }
            EksResource::PodIdentityAssociation { cluster, id } => write!(f, "podidentityassociation/{cluster}/{id}"),
            EksResource::AccessEntry { cluster, kind, account, name, id } => {
                write!(f, "access-entry/{cluster}/{kind}/{account}/{name}/{id}")
            }
            EksResource::Subscription(id) => write!(f, "eks-anywhere-subscription/{id}"),
        }
    }
}

impl FromStr for EksArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let refused = || ArnError(text.to_owned());
        let arn: Arn = text.parse()?;
        if arn.service != "eks" || arn.partition != partition(&arn.region) {
            return Err(refused());
        }
        let parts: Vec<&str> = arn.resource.split('/').collect();
        if arn.account.is_empty() || arn.region.is_empty() || parts.iter().any(|part| part.is_empty()) {
            return Err(refused());
        }
        Ok(Self { resource: resource(&parts).ok_or_else(refused)?, region: arn.region, account: arn.account })
    }
}

fn resource(parts: &[&str]) -> Option<EksResource> {
    let own = |text: &str| text.to_owned();
    let named = |prefix: &str| NamedKind::ALL.into_iter().find(|kind| kind.prefix() == prefix);
    Some(match *parts {
        ["cluster", name] => EksResource::Cluster(own(name)),
        ["eks-anywhere-subscription", id] => EksResource::Subscription(own(id)),
        ["podidentityassociation", cluster, id] => {
            EksResource::PodIdentityAssociation { cluster: own(cluster), id: own(id) }
        }
        ["access-entry", cluster, kind, account, name, id] => EksResource::AccessEntry {
            cluster: own(cluster),
            kind: own(kind),
            account: own(account),
            name: own(name),
            id: own(id),
        },
        [prefix, cluster, name, id] => {
            let kind = named(prefix).filter(|kind| !kind.typed())?;
            let inner = InCluster { cluster: own(cluster), kind: String::new(), name: own(name), id: own(id) };
            EksResource::Named(kind, inner)
        }
        [prefix, cluster, of, name, id] => {
            let kind = named(prefix).filter(|kind| kind.typed())?;
            EksResource::Named(kind, InCluster { cluster: own(cluster), kind: own(of), name: own(name), id: own(id) })
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back() {
        for resource in [
            "cluster/c",
            "nodegroup/c/n/id",
            "addon/c/vpc-cni/id",
            "fargateprofile/c/f/id",
            "podidentityassociation/c/a-1",
            "access-entry/c/role/000000000000/admin/id",
            "identityproviderconfig/c/oidc/n/id",
            "capability/c/argocd/n/id",
            "eks-anywhere-subscription/id",
        ] {
            for (region, partition) in [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
            {
                let text = format!("arn:{partition}:eks:{region}:000000000000:{resource}");
                assert_eq!(text.parse::<EksArn>().unwrap().to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_no_eks_arn_is_refused() {
        for text in [
            "",
            "arn",
            "arn:aws:eks:us-east-1:0",
            "arn:aws:iam::0:role/x",
            "arn:aws:eks:us-east-1:0:cluster/",
            "arn:aws:eks:us-east-1:0:cluster/a/b",
            "arn:aws-cn:eks:us-east-1:0:cluster/a",
            "arn:aws:eks:us-east-1:0:nodegroup/c/oidc/n/id",
            "arn:aws:eks:us-east-1::cluster/a",
        ] {
            assert!(text.parse::<EksArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_role_has_a_name_and_a_path_without_gaps() {
        let is_role = |text: &str| text.parse::<Arn>().is_ok_and(|arn| arn.is_role());
        assert!(is_role("arn:aws:iam::000000000000:role/a") && is_role("arn:aws:iam::000000000000:role/path/to/a"));
        for wrong in ["role/", "role//a", "role/a/", "role/a//b", "user/a", "root"] {
            assert!(!is_role(&format!("arn:aws:iam::000000000000:{wrong}")), "{wrong}");
        }
        assert!(!is_role("arn:aws:iam:us-east-1:000000000000:role/a") && !is_role("arn:aws:sts::000000000000:role/a"));
    }

    #[test]
    fn builders_agree_with_the_formats() {
        let principal: Arn = "arn:aws:iam::111111111111:role/path/admin".parse().unwrap();
        let entry = EksArn::access_entry("us-east-1", "000000000000", "c", &principal, "id").to_string();
        assert_eq!(entry, "arn:aws:eks:us-east-1:000000000000:access-entry/c/role/111111111111/admin/id");
        let group = EksArn::named("cn-north-1", "1", NamedKind::Nodegroup, ["c", "n", "id"]);
        assert_eq!(group.to_string(), "arn:aws-cn:eks:cn-north-1:1:nodegroup/c/n/id");
        assert_eq!(group.cluster_name(), Some("c"));
        let oidc = EksArn::typed("us-east-1", "1", NamedKind::IdentityProviderConfig, ["c", "oidc", "n", "id"]);
        assert_eq!(oidc.to_string(), "arn:aws:eks:us-east-1:1:identityproviderconfig/c/oidc/n/id");
        assert_eq!(principal.to_string(), "arn:aws:iam::111111111111:role/path/admin");
        assert_eq!(access_policy("us-gov-west-1", "P"), "arn:aws-us-gov:eks::aws:cluster-access-policy/P");
    }
}
