//! Names: a cluster's identity in EKS, its ARN, and how an EKS name becomes the name of a resource or a container.

use arn::{dns_suffix, partition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::ResourceExt;
use sha2::{Digest, Sha256};

use super::conditions::{READY, Reason};
use super::{EKSClusterConfig, Nodegroup};

/// What makes a cluster unique in EKS. Two resources with one identity are in conflict.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// AWS account, 12 digits.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// The cluster's name in EKS.
    pub name: String,
}

/// Ids of a cluster's network. Nothing stands behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The virtual network.
    pub vpc: String,
    /// Two subnets, for clusters that name none.
    pub subnets: Vec<String>,
    /// The security group between the control plane and the nodes.
    pub security_group: String,
}

impl Identity {
    /// The identity of `cluster`.
    pub fn of(cluster: &EKSClusterConfig) -> Self {
        Self {
            account: cluster.spec.account_id.clone(),
            region: cluster.spec.region.clone(),
            name: cluster.spec.display_name.clone().unwrap_or_else(|| cluster.name_any()),
        }
    }

    /// ARN of the cluster.
    pub fn arn(&self) -> String {
        self.arn_of("cluster", &self.name)
    }

    /// ARN of something that belongs to the cluster: `kind` such as `nodegroup`, `rest` the part behind it.
    pub fn arn_of(&self, kind: &str, rest: &str) -> String {
        format!("arn:{}:eks:{}:{}:{kind}/{rest}", partition(&self.region), self.region, self.account)
    }

    /// 32 hexadecimal digits that are the same for this identity everywhere: EKS puts such an id into endpoints and
    /// issuers.
    pub fn id(&self) -> String {
        digest(&[&self.account, &self.region, &self.name])[..32].to_uppercase()
    }

    /// Ids of the network that EKS users expect to see, made from the identity.
    pub fn network(&self) -> Network {
        let digest = digest(&["network", &self.account, &self.region, &self.name]);
        Network {
            vpc: format!("vpc-0{}", &digest[..16]),
            subnets: [16, 32].map(|at| format!("subnet-0{}", &digest[at..at + 16])).to_vec(),
            security_group: format!("sg-0{}", &digest[48..64]),
        }
    }

    /// ARN of a role that was made up for this cluster.
    pub fn generated_role(&self, suffix: &str) -> String {
        format!("arn:{}:iam::{}:role/{}-{suffix}", partition(&self.region), self.account, self.name)
    }

    /// ARN of a role that is given by ARN or by name, else of the one that was made up for this cluster.
    pub fn role(&self, given: Option<&str>, suffix: &str) -> String {
        match given.filter(|role| !role.is_empty()) {
            Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
            Some(name) => format!("arn:{}:iam::{}:role/{name}", partition(&self.region), self.account),
            None => self.generated_role(suffix),
        }
    }

    /// Endpoint in the form of EKS's, for a cluster that is a record only: nothing answers there.
    pub fn endpoint(&self) -> String {
        format!("https://{}.gr7.{}.eks.{}", self.id(), self.region, dns_suffix(&self.region))
    }

    /// URL of the cluster's OIDC issuer, shaped as EKS's.
    pub fn oidc_issuer(&self) -> String {
        format!("https://oidc.eks.{}.{}/id/{}", self.region, dns_suffix(&self.region), self.id())
    }
}

/// Order of the resources that want one identity: the smallest gets it. Whoever has it keeps it; then age decides, then
/// the uid, since two may be of one second.
pub fn precedence(cluster: &EKSClusterConfig) -> impl Ord + use<> {
    rank(&cluster.metadata, cluster.status.as_ref().map(|s| s.conditions.as_slice()))
}

/// Order of the resources that want one name within a cluster, by the same rule.
pub fn nodegroup_precedence(group: &Nodegroup) -> impl Ord + use<> {
    rank(&group.metadata, group.status.as_ref().map(|s| s.conditions.as_slice()))
}

fn rank(meta: &ObjectMeta, conditions: Option<&[Condition]>) -> impl Ord + use<> {
    (!owns_name(conditions.unwrap_or_default()), meta.creation_timestamp.as_ref().map(|time| time.0), meta.uid.clone())
}

/// Whether work on the resource was begun, and not given up for another with the same name.
fn owns_name(conditions: &[Condition]) -> bool {
    conditions.iter().any(|c| c.type_ == READY && c.reason != Reason::Conflict.as_str())
}

/// Id of an availability zone: `use1-az1` of `us-east-1a`. AWS deals a region's ids to its zones anew in each account;
/// here the first zone has the first id.
pub fn zone_id(zone: &str) -> Option<String> {
    let letter = zone.bytes().last().filter(u8::is_ascii_lowercase)?;
    let (area, number) = zone[..zone.len() - 1].rsplit_once('-')?;
    let (country, direction) = area.split_once('-')?;
    let short: String = direction.split('-').flat_map(initials).collect();
    Some(format!("{country}{short}{number}-az{}", letter - b'a' + 1))
}

/// The first letters of a direction and of what it is made of: `se` of `southeast`.
fn initials(direction: &str) -> impl Iterator<Item = char> {
    let rest = ["north", "south"].iter().find_map(|first| direction.strip_prefix(first));
    direction.chars().next().into_iter().chain(rest.and_then(|rest| rest.chars().next()))
}

/// Id of the AMI that the nodes of a group would have: the same for all groups of a region with this type and version.
pub fn ami(region: &str, ami_type: &str, version: &str) -> String {
    format!("ami-0{}", short_digest(&["ami", region, ami_type, version]))
}

/// The node group's name in EKS.
pub fn nodegroup_name(group: &Nodegroup) -> String {
    group.spec.nodegroup_name.clone().unwrap_or_else(|| group.name_any())
}

/// ARN of a node group. The id at its end is made from the resource's uid, so that a group made anew has another one.
pub fn nodegroup_arn(identity: &Identity, group: &Nodegroup) -> String {
    let id = uuid_like(&digest(&[&group.uid().unwrap_or_default()]));
    identity.arn_of("nodegroup", &format!("{}/{}/{id}", identity.name, nodegroup_name(group)))
}

/// Name of the Nodegroup resource for the group `group` of the cluster resource `cluster`.
pub fn nodegroup_resource(cluster: &str, group: &str) -> String {
    object_name(&format!("{cluster}-{group}"), 63, &[cluster, group])
}

/// The minor part of a Kubernetes version: 35 of `1.35`, `1.35.5` and `v1.35.7+k3s1`.
pub fn minor(version: &str) -> Option<u32> {
    let rest = version.trim_start_matches('v').strip_prefix("1.")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Whether Kubernetes takes the text for the name of an object.
pub fn is_object_name(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 253
        && !text.contains("..")
        && text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || matches!(c, '-' | '.'))
}

/// Whether Kubernetes takes the text for the key of a label or a taint: a name, or a DNS name, `/` and a name.
pub fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_object_name) && !name.is_empty() && is_label_value(name)
}

/// Whether Kubernetes takes the text for the value of a label or a taint. An empty one is a value too.
pub fn is_label_value(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.starts_with(alphanumeric)
            && text.ends_with(alphanumeric)
            && text.chars().all(|c| alphanumeric(c) || matches!(c, '-' | '_' | '.'))
}

/// Prefixes of keys that only Kubernetes and EKS give to nodes.
pub const RESERVED_LABEL_PREFIXES: [&str; 3] = ["kubernetes.io", "k8s.io", "eks.amazonaws.com"];

/// Whether EKS keeps the key of a label or a taint to itself and to Kubernetes.
pub fn is_reserved_label_key(key: &str) -> bool {
    key.split_once('/').is_some_and(|(prefix, _)| RESERVED_LABEL_PREFIXES.contains(&prefix))
}

/// Whether a kubelet starts with such a label for its node: below `kubernetes.io` and `k8s.io` it takes a few only.
/// [Source](https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction)
pub fn is_label_key_for_kubelets(key: &str) -> bool {
    const OWN: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
    const KNOWN: [&str; 9] = [
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "kubernetes.io/os",
        "kubernetes.io/arch",
    ];
    let Some((prefix, _)) = key.split_once('/') else { return true };
    let within = |domain: &str| prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    !(within("kubernetes.io") || within("k8s.io")) || OWN.into_iter().any(within) || KNOWN.contains(&key)
}

/// Length of a short hash.
const HASH: usize = 8;

/// A name for a Kubernetes object or a container: `text` itself where it can serve, else a slug of it and a short hash
/// of `parts`.
pub fn object_name(text: &str, most: usize, parts: &[&str]) -> String {
    let slug = slug(text);
    if slug == text && text.len() <= most {
        return slug;
    }
    hashed(&slug, most, parts)
}

/// `text` shortened as needed, with a short hash of `parts` behind it, at most `most` characters in all.
pub fn hashed(text: &str, most: usize, parts: &[&str]) -> String {
    let hash = &digest(parts)[..HASH];
    let head: String = slug(text).chars().take(most.saturating_sub(HASH + 1)).collect();
    let head = head.trim_end_matches('-');
    if head.is_empty() { format!("x-{hash}") } else { format!("{head}-{hash}") }
}

/// Whether `text` ends as names do that [`hashed`] gives.
pub fn looks_hashed(text: &str) -> bool {
    let end = text.rsplit_once('-').map(|(_, end)| end);
    end.is_some_and(|end| end.len() == HASH && end.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Lower case, with everything that a DNS label can't have turned into `-`.
fn slug(text: &str) -> String {
    let mapped: String =
        text.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    mapped.trim_matches('-').to_owned()
}

/// The first 16 digits of [`digest`]: for names and labels, and to tell one state from the next.
pub fn short_digest(parts: &[&str]) -> String {
    digest(parts)[..16].to_owned()
}

/// Hexadecimal SHA-256 over `parts`, each ended by a zero byte so that their borders count.
pub fn digest(parts: &[&str]) -> String {
    use std::fmt::Write;
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first 32 digits of `hex` in a UUID's groups.
pub fn uuid_like(hex: &str) -> String {
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stays() {
        assert_eq!(object_name("demo", 32, &["demo"]), "demo");
    }

    #[test]
    fn names_that_differ_only_in_case_or_in_the_end_stay_apart() {
        let long = "x".repeat(100);
        let longer = format!("{long}y");
        assert_ne!(object_name("Demo", 32, &["Demo"]), object_name("demo", 32, &["demo"]));
        assert_ne!(object_name("a_b", 32, &["a_b"]), object_name("a-b", 32, &["a-b"]));
        assert_ne!(object_name(&long, 32, &[&long]), object_name(&longer, 32, &[&longer]));
        assert!(object_name(&longer, 32, &[&longer]).len() <= 32);
    }

    #[test]
    fn a_name_of_nothing_but_signs_still_gives_a_name() {
        assert!(object_name("___", 20, &["___"]).starts_with("x-"));
    }

    #[test]
    fn a_minor_version_is_found_in_every_form() {
        assert_eq!(["1.35", "1.35.5", "v1.35.7+k3s1", "v1.36"].map(minor), [Some(35), Some(35), Some(35), Some(36)]);
        assert_eq!(["", "2.1", "1.", "1.x"].map(minor), [None; 4]);
    }

    #[test]
    fn zones_have_the_ids_that_aws_gives() {
        for (zone, id) in [
            ("us-east-1a", "use1-az1"),
            ("us-west-2c", "usw2-az3"),
            ("eu-central-1b", "euc1-az2"),
            ("ap-southeast-2a", "apse2-az1"),
            ("ap-northeast-1c", "apne1-az3"),
            ("us-gov-west-1a", "usgw1-az1"),
            ("cn-north-1a", "cnn1-az1"),
        ] {
            assert_eq!(zone_id(zone).as_deref(), Some(id));
        }
        assert_eq!(["", "us-east-1", "a", "somewhere-a"].map(zone_id), [const { None }; 4]);
    }

    #[test]
    fn arns_follow_the_partition() {
        let id = |region: &str| Identity { account: "123456789012".into(), region: region.into(), name: "demo".into() };
        assert_eq!(id("us-east-1").arn(), "arn:aws:eks:us-east-1:123456789012:cluster/demo");
        assert_eq!(id("cn-north-1").arn(), "arn:aws-cn:eks:cn-north-1:123456789012:cluster/demo");
        assert_eq!(id("us-gov-west-1").arn(), "arn:aws-us-gov:eks:us-gov-west-1:123456789012:cluster/demo");
        assert_eq!(id("us-iso-east-1").arn(), "arn:aws-iso:eks:us-iso-east-1:123456789012:cluster/demo");
        assert_eq!(id("us-isob-east-1").arn(), "arn:aws-iso-b:eks:us-isob-east-1:123456789012:cluster/demo");
    }

    #[test]
    fn whoever_has_a_name_keeps_it_then_the_older_one_has_it() {
        let group = |uid: &str, second: i64, reason: Option<&str>| {
            let conditions: Vec<_> = reason
                .map(|r| {
                    serde_json::json!({"type": "Ready", "status": "False", "reason": r, "message": "",
                    "lastTransitionTime": "2024-01-01T00:00:00Z"})
                })
                .into_iter()
                .collect();
            let group: Nodegroup = serde_json::from_value(serde_json::json!({
                "apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup",
                "metadata": {"name": uid, "uid": uid, "creationTimestamp": format!("2024-01-01T00:00:0{second}Z")},
                "spec": {"clusterName": "demo"}, "status": {"conditions": conditions},
            }))
            .unwrap();
            nodegroup_precedence(&group)
        };
        assert!(group("b", 1, None) < group("a", 2, None), "the older one");
        assert!(group("a", 1, None) < group("b", 1, None), "within one second the uid decides");
        assert!(group("b", 1, Some("Ready")) < group("a", 1, None), "whoever has it keeps it");
        assert!(group("b", 2, None) > group("a", 1, Some("Conflict")), "who gave it up has no more than any other");
    }

    #[test]
    fn a_node_group_s_resource_is_named_after_both_and_stays_apart_from_all_others() {
        assert_eq!(nodegroup_resource("demo", "workers"), "demo-workers");
        let names = [("a-b", "c"), ("a", "b-C"), ("a", "b_c"), ("a", "b_C")];
        let names: std::collections::BTreeSet<String> = names.iter().map(|(c, g)| nodegroup_resource(c, g)).collect();
        assert_eq!(names.len(), 4);
        let long = nodegroup_resource(&"x".repeat(253), &"Y".repeat(63));
        assert!(long.len() <= 63 && !long.ends_with('-'), "{long}");
    }
}
