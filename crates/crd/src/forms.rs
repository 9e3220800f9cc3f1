//! The forms of texts: what the id of a subnet, the ARN of a role or an instance type looks like.
//!
//! Each form stands here alone. The definitions have its pattern, so that `kubectl apply` refuses other texts with its
//! words; the EKS API asks [`Form::fits`].

use std::sync::OnceLock;

use regex::Regex;

/// The form of a text.
#[derive(Debug)]
pub struct Form {
    /// Regular expression of the whole text, in what Kubernetes and Rust have in common.
    pub pattern: &'static str,
    /// What whoever has written another text reads, with an example.
    pub words: &'static str,
    /// Most characters of the text. The cost of a rule in a definition is reckoned by it.
    pub most: usize,
    compiled: OnceLock<Option<Regex>>,
}

impl Form {
    const fn new(pattern: &'static str, most: usize, words: &'static str) -> Self {
        Self { pattern, words, most, compiled: OnceLock::new() }
    }

    /// Whether a text has the form.
    pub fn fits(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| Regex::new(self.pattern).ok());
        text.chars().count() <= self.most && compiled.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

/// Id of a subnet.
pub static SUBNET: Form = Form::new(r"^subnet-[0-9a-z]+$", 64, "must be the id of a subnet, such as subnet-0a1b2c3d");
/// Id of a security group.
pub static SECURITY_GROUP: Form =
    Form::new(r"^sg-[0-9a-z]+$", 64, "must be the id of a security group, such as sg-0a1b2c3d");
/// ARN of an IAM role.
pub static ROLE_ARN: Form = Form::new(
    r"^arn:aws(-[a-z-]+)?:iam::[0-9]{12}:role/([!-.0-9;-~]+/)*[A-Za-z0-9_+=,.@-]{1,64}$",
    2048,
    "must be the ARN of an IAM role, such as arn:aws:iam::000000000000:role/my-role",
);
/// ARN or name of an IAM role, the name with or without a path: Rancher's users give names.
pub static ROLE: Form = Form::new(
    r"^(arn:aws(-[a-z-]+)?:iam::[0-9]{12}:role/)?([!-.0-9;-~]+/)*[A-Za-z0-9_+=,.@-]{1,64}$",
    2048,
    "must be the name or the ARN of an IAM role, such as my-role or arn:aws:iam::000000000000:role/my-role",
);
/// ARN of a KMS key, or of an alias of one.
pub static KMS_KEY: Form = Form::new(
    r"^arn:aws(-[a-z-]+)?:kms:[a-z0-9-]+:[0-9]+:(key|alias)/[A-Za-z0-9/_-]+$",
    2048,
    "must be the ARN of a KMS key, such as arn:aws:kms:us-east-1:000000000000:key/my-key",
);
/// Instance type.
pub static INSTANCE_TYPE: Form = Form::new(
    r"^[a-z][a-z0-9-]*[0-9][a-z0-9-]*[.](nano|micro|small|medium|large|metal|[0-9]*xlarge|metal-[0-9]+xl)$",
    64,
    "must be an instance type, such as t3.medium",
);
/// AMI type.
pub static AMI_TYPE: Form = Form::new(
    r"^(CUSTOM|AL2_(x86_64(_GPU)?|ARM_64)|AL2023_(x86_64_(STANDARD|NEURON|NVIDIA)|ARM_64_(STANDARD|NVIDIA))|BOTTLEROCKET_(ARM_64|x86_64)(_NVIDIA)?(_FIPS)?|WINDOWS_(CORE|FULL)_20(19|22|25)_x86_64)$",
    64,
    "must be an AMI type of EKS, such as AL2023_x86_64_STANDARD, AL2023_ARM_64_STANDARD or BOTTLEROCKET_x86_64",
);
/// Version of a launch template.
pub static TEMPLATE_VERSION: Form = Form::new(
    r"^([$]Latest|[$]Default|0*[1-9][0-9]{0,18})?$",
    64,
    "must be the number of a version of the launch template, $Latest or $Default",
);
/// Strategy of an update of a node group.
pub static UPDATE_STRATEGY: Form = Form::new(r"^(DEFAULT|MINIMAL)$", 64, "must be DEFAULT or MINIMAL");
/// What the repair of a node does.
pub static REPAIR_ACTION: Form = Form::new(r"^(Replace|Reboot|NoAction)$", 64, "must be Replace, Reboot or NoAction");
/// State of the nodes of a warm pool.
pub static POOL_STATE: Form =
    Form::new(r"^(STOPPED|RUNNING|HIBERNATED)$", 64, "must be STOPPED, RUNNING or HIBERNATED");
/// Node pool of EKS Auto Mode.
pub static NODE_POOL: Form = Form::new(r"^(general-purpose|system)$", 64, "must be general-purpose or system");
/// Size of a control plane.
pub static TIER: Form =
    Form::new(r"^(standard|tier-(xl|2xl|4xl|8xl))$", 64, "must be standard, tier-xl, tier-2xl, tier-4xl or tier-8xl");
/// Outbound path of a control plane.
pub static EGRESS_MODE: Form = Form::new(
    r"^(AWS_MANAGED|CUSTOMER_ROUTED|CUSTOMER_ISOLATED)$",
    64,
    "must be AWS_MANAGED, CUSTOMER_ROUTED or CUSTOMER_ISOLATED",
);
/// How long Events are kept.
pub static EVENT_TTL: Form = Form::new(
    r"^0*(([1-5][0-9]|60)m|1h|([6-9][0-9]{2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600)s)$",
    64,
    "must be a duration of a single unit from 10m to 60m, such as 30m",
);
/// How often autoscalers look.
pub static SYNC_PERIOD: Form =
    Form::new(r"^0*1[0-5]s$", 64, "must be a duration of a single unit from 10s to 15s, such as 15s");
/// How nodes are scored.
pub static SCORING: Form =
    Form::new(r"^(LeastAllocated|MostAllocated)$", 64, "must be LeastAllocated or MostAllocated");
/// What nodes are scored by.
pub static SCORED: Form = Form::new(
    r"^(cpu|memory|nvidia[.]com/gpu|aws[.]amazon[.]com/(neuron|neuroncore))$",
    64,
    "must be one of cpu, memory, nvidia.com/gpu, aws.amazon.com/neuron, aws.amazon.com/neuroncore",
);
/// How instances are spread over an Outpost.
pub static SPREAD: Form = Form::new(r"^(host|rack)$", 64, "must be host or rack");
/// Provider of a cluster that is registered.
pub static CONNECTED: Form = Form::new(
    r"^(EKS_ANYWHERE|ANTHOS|GKE|AKS|OPENSHIFT|TANZU|RANCHER|EC2|OTHER)$",
    64,
    "must be one of EKS_ANYWHERE, ANTHOS, GKE, AKS, OPENSHIFT, TANZU, RANCHER, EC2, OTHER",
);

/// All forms.
pub static ALL: [&Form; 20] = [
    &SUBNET,
    &SECURITY_GROUP,
    &ROLE_ARN,
    &ROLE,
    &KMS_KEY,
    &INSTANCE_TYPE,
    &AMI_TYPE,
    &TEMPLATE_VERSION,
    &UPDATE_STRATEGY,
    &REPAIR_ACTION,
    &POOL_STATE,
    &NODE_POOL,
    &TIER,
    &EGRESS_MODE,
    &EVENT_TTL,
    &SYNC_PERIOD,
    &SCORING,
    &SCORED,
    &SPREAD,
    &CONNECTED,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A form, texts that have it, and texts that don't.
    type Row = (&'static Form, &'static [&'static str], &'static [&'static str]);

    #[test]
    fn each_form_takes_what_eks_takes_and_nothing_else() {
        let rows: [Row; 11] = [
            (&SUBNET, &["subnet-1", "subnet-0a1b2c3d"], &["", "foo", "subnet-", "subnet-A", "subnet-1 ", "sg-1"]),
            (&SECURITY_GROUP, &["sg-1", "sg-0a1b2c3d"], &["", "default", "sg-", "sg-a b", "subnet-1"]),
            (
                &ROLE_ARN,
                &["arn:aws:iam::000000000000:role/a", "arn:aws-us-gov:iam::111122223333:role/path/to/a_+=,.@-"],
                &["a", "arn:aws:iam::1:role/a", "arn:aws:iam::000000000000:role/", "arn:aws:iam::000000000000:user/a"],
            ),
            (
                &ROLE,
                &["r", "my-role_1", "path/to/role", "arn:aws:iam::000000000000:role/path/a"],
                &[
                    "foo bar",
                    "",
                    "/",
                    "a/",
                    "arn:aws:iam::1:role/a",
                    "arn:aws:s3:::nonsense",
                    "arn:aws:iam::000000000000:role/a b",
                ],
            ),
            (
                &KMS_KEY,
                &["arn:aws:kms:us-east-1:1:key/11111111", "arn:aws-cn:kms:cn-north-1:000000000000:alias/aws/eks"],
                &["k", "alias/mine", "arn:aws:iam::1:role/r", "arn:aws:kms:us-east-1:1:key/", "arn:aws:kms::1:key/a"],
            ),
            (
                &INSTANCE_TYPE,
                &["t3.medium", "m7i-flex.large", "u-6tb1.metal", "m7i.metal-24xl", "x2iedn.32xlarge", "a1.xlarge"],
                &[
                    "",
                    "t3",
                    "t3.",
                    ".large",
                    "large",
                    "t3 medium",
                    " t3.medium",
                    "t3.medium ",
                    "t3.huge",
                    "T3.medium",
                    "m.large",
                    "t3.xlarge2",
                    "m5.metal-xl",
                    "t3.medium.large",
                ],
            ),
            (&TEMPLATE_VERSION, &["", "1", "12", "$Latest", "$Default"], &["0", "-1", "latest", "1.5", "$latest"]),
            (
                &EVENT_TTL,
                &["10m", "60m", "1h", "600s", "3600s", "59m"],
                &["9m", "61m", "2h", "599s", "3601s", "1h30m", "+30m"],
            ),
            (&SYNC_PERIOD, &["10s", "15s"], &["9s", "16s", "1m", "15"]),
            (&SCORED, &["cpu", "nvidia.com/gpu", "aws.amazon.com/neuroncore"], &["ephemeral-storage", ""]),
            (&TIER, &["standard", "tier-xl", "tier-8xl"], &["", "xl", "tier-3xl"]),
        ];
        for (form, good, bad) in rows {
            for text in good {
                assert!(form.fits(text), "{text:?} has the form {}", form.pattern);
            }
            for text in bad {
                assert!(!form.fits(text), "{text:?} doesn't have the form {}", form.pattern);
            }
        }
    }

    #[test]
    fn every_pattern_can_be_read_and_stands_between_quotes() {
        for form in ALL {
            assert!(Regex::new(form.pattern).is_ok(), "{}", form.pattern);
            assert!(!form.pattern.contains('\''), "{}", form.pattern);
            assert!(form.pattern.starts_with('^') && form.pattern.ends_with('$'), "{}", form.pattern);
        }
        let patterns: std::collections::BTreeSet<&str> = ALL.iter().map(|form| form.pattern).collect();
        assert_eq!(patterns.len(), ALL.len(), "a pattern has one meaning");
    }

    #[test]
    fn a_text_is_not_longer_than_its_form_says() {
        assert!(SUBNET.fits(&format!("subnet-{}", "a".repeat(57))));
        assert!(!SUBNET.fits(&format!("subnet-{}", "a".repeat(58))));
    }
}
