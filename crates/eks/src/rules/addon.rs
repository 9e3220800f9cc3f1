//! What EKS checks of addons.

use std::collections::BTreeSet;

use super::{Verdict, invalid, labels_taints, roles, values};
use aws::error::ApiError;
use crd::addon::AddonSpec;
use crd::addon_catalogue::{self, Offer, Unsupported};

/// An association that a request names with an addon.
pub struct Association<'r> {
    /// The service account.
    pub service_account: &'r str,
    /// ARN of its role.
    pub role_arn: &'r str,
}

/// What a rule knows besides the request.
pub struct Facts {
    /// Account of the cluster.
    pub account: String,
    /// Kubernetes minor version of the cluster.
    pub kubernetes: String,
}

type Rule = fn(&AddonSpec, &Facts) -> Verdict;

/// What an addon is asked before anybody looks whether it is there: new ones, and changed ones.
pub const FORM: &[Rule] = &[role];

/// What a new addon is asked.
pub const CREATE: &[Rule] = &[tags, namespace, offered, configuration];

/// What a changed addon is asked.
pub const UPDATE: &[Rule] = &[offered, configuration];

/// `serviceAccountRoleArn` is the ARN of a role, and of one of the cluster's account.
fn role(spec: &AddonSpec, facts: &Facts) -> Verdict {
    spec.service_account_role_arn.iter().try_for_each(|role| roles::passed(role, &facts.account))
}

fn tags(spec: &AddonSpec, _: &Facts) -> Verdict {
    values::tags(&spec.tags)
}

/// `namespaceConfig.namespace` is a namespace's name.
fn namespace(spec: &AddonSpec, _: &Facts) -> Verdict {
    let namespace = spec.namespace_config.as_ref().and_then(|config| config.namespace.as_deref());
    match namespace.filter(|name| !labels_taints::is_dns_label(name)) {
        Some(name) => invalid(format!("Invalid namespace in namespaceConfig: {name}: it must be a DNS label")),
        None => Ok(()),
    }
}

/// There is such an addon, in this version, for the cluster's Kubernetes version.
fn offered(spec: &AddonSpec, facts: &Facts) -> Verdict {
    resolve(spec, facts).map(|_| ())
}

/// `configurationValues` fit the addon's schema.
fn configuration(spec: &AddonSpec, facts: &Facts) -> Verdict {
    let Some(text) = &spec.configuration_values else { return Ok(()) };
    resolve(spec, facts)?.0.configuration(text).map(|_| ()).map_err(unsupported)
}

/// The addon that is meant, and the version that it gets.
///
/// # Errors
/// `InvalidParameterException`: there is none.
pub fn resolve(spec: &AddonSpec, facts: &Facts) -> Result<(&'static Offer, &'static str), ApiError> {
    addon_catalogue::resolve(&spec.addon_name, spec.addon_version.as_deref(), &facts.kubernetes).map_err(unsupported)
}

fn unsupported(why: Unsupported) -> ApiError {
    ApiError::invalid_parameter(why.to_string())
}

/// `podIdentityAssociations` are of service accounts that the addon has, each once, with roles of the cluster's account.
///
/// # Errors
/// `InvalidParameterException`.
pub fn associations(offer: &Offer, version: &str, wanted: &[Association<'_>], account: &str) -> Verdict {
    let mut seen = BTreeSet::new();
    for Association { service_account, role_arn } in wanted {
        roles::own(role_arn, account)?;
        if offer.pod_identity.is_empty() {
            return invalid(format!("Pod Identity feature is not supported for addon version: {version}"));
        }
        if !offer.pod_identity.iter().any(|known| known.service_account == *service_account) {
            return invalid(format!(
                "Service account {service_account} in pod identity configuration is not supported for addon {}",
                offer.name
            ));
        }
        if !seen.insert(service_account) {
            return invalid(format!("Service account {service_account} has more than one pod identity association"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
