//! What EKS checks of Fargate profiles.

use std::collections::BTreeMap;

use super::{Verdict, invalid, roles, values};
use crate::settings::Quotas;
use crd::fargate::FargateProfileSpec;

/// Longest name of a profile.
const NAME: usize = 100;
/// Longest namespace, name of a label's key and value of a label.
const TEXT: usize = 63;
/// What names of profiles mustn't begin with.
const RESERVED: &str = "eks-";

/// What a rule knows besides the request.
pub struct Facts {
    /// Account of the cluster.
    pub account: String,
    /// How much there may be.
    pub quotas: Quotas,
}

type Rule = fn(&FargateProfileSpec, &Facts) -> Verdict;

/// What a new profile is asked before anybody looks whether its name is taken.
pub const FORM: &[Rule] = &[execution_role];

/// What a new profile is asked.
pub const CREATE: &[Rule] = &[name, tags, subnets, selectors, namespaces_given, label_pairs, selectors_readable];

/// `podExecutionRoleArn` is the ARN of a role, and of one of the cluster's account.
fn execution_role(spec: &FargateProfileSpec, facts: &Facts) -> Verdict {
    roles::passed(&spec.pod_execution_role_arn, &facts.account)
}

/// `fargateProfileName` doesn't begin with `eks-`, and has at most 100 characters.
fn name(spec: &FargateProfileSpec, _: &Facts) -> Verdict {
    let name = &spec.fargate_profile_name;
    if name.starts_with(RESERVED) {
        return invalid(format!("The fargate profile name starts with the reserved prefix: '{RESERVED}'."));
    }
    if name.chars().count() > NAME {
        return invalid(format!("The Fargate profile name parameter should not be greater than {NAME} characters."));
    }
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !first || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return invalid(format!(
            "The Fargate profile name {name} must begin with a letter or digit and have only letters, digits, hyphens and underscores"
        ));
    }
    Ok(())
}

fn tags(spec: &FargateProfileSpec, _: &Facts) -> Verdict {
    values::tags(&spec.tags)
}

/// `subnets` can be there.
fn subnets(spec: &FargateProfileSpec, _: &Facts) -> Verdict {
    values::subnet_ids(&spec.subnets)
}

/// There is a selector, and not more than the quota.
fn selectors(spec: &FargateProfileSpec, facts: &Facts) -> Verdict {
    let quota = facts.quotas.fargate_selectors;
    if spec.selectors.is_empty() {
        return invalid("Fargate Profile requires at least one selector.");
    }
    if spec.selectors.len() > quota {
        return invalid(format!("Request contains more than {quota} Selectors"));
    }
    Ok(())
}

/// Every selector has a namespace.
fn namespaces_given(spec: &FargateProfileSpec, _: &Facts) -> Verdict {
    if spec.selectors.iter().any(|selector| selector.namespace.as_deref().is_none_or(str::is_empty)) {
        return invalid("Fargate Profile must have at least one selector with at least one namespace value.");
    }
    Ok(())
}

/// No selector has more labels than the quota.
fn label_pairs(spec: &FargateProfileSpec, facts: &Facts) -> Verdict {
    let quota = facts.quotas.fargate_label_pairs;
    if spec.selectors.iter().any(|selector| selector.labels.len() > quota) {
        return invalid(format!("Request contains Selector with more than {quota} Label pairs"));
    }
    Ok(())
}

/// Namespaces and labels have the characters that Kubernetes takes, and `*` and `?`, which stand for others.
fn selectors_readable(spec: &FargateProfileSpec, _: &Facts) -> Verdict {
    for selector in &spec.selectors {
        let namespace = selector.namespace.as_deref().unwrap_or_default();
        let of_namespace = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b);
        if namespace.len() > TEXT || !namespace.bytes().all(of_namespace) {
            return invalid(format!(
                "Invalid namespace in selector: {namespace}: use what a namespace may have, and the wildcards * and ?"
            ));
        }
        labels_readable(&selector.labels)?;
    }
    Ok(())
}

fn labels_readable(labels: &BTreeMap<String, String>) -> Verdict {
    let fits =
        |text: &str| text.len() <= TEXT && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.*?".contains(&b));
    let key_fits = |key: &str| {
        let (prefix, name) = key.split_once('/').unwrap_or(("", key));
        !name.is_empty() && fits(name) && prefix.len() <= 253 && prefix.split('.').all(fits)
    };
    match labels.iter().find(|(key, value)| !key_fits(key) || !fits(value)) {
        Some((key, value)) => invalid(format!(
            "Invalid label in selector: {key}={value}: use what a label may have, and the wildcards * and ?"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
