//! What EKS checks of capabilities.

use std::collections::BTreeSet;

use super::{Verdict, invalid, labels_taints, roles, values};
use arn::Arn;
use crd::capability::{ArgoCd, CapabilitySpec, CapabilityType};

/// Longest name of a capability.
const NAME: usize = 100;

/// What a rule knows besides the request.
pub struct Facts {
    /// Account of the cluster.
    pub account: String,
}

type Rule = fn(&CapabilitySpec, &Facts) -> Verdict;

/// What a capability is asked before anybody looks whether it is there: new ones, and changed ones.
pub const FORM: &[Rule] = &[role];

/// What a new capability is asked.
pub const CREATE: &[Rule] = &[name, tags, configuration_of_type, argo];

/// What a changed capability is asked.
pub const UPDATE: &[Rule] = &[configuration_of_type, argo];

/// `roleArn` is the ARN of a role, and of one of the cluster's account.
fn role(spec: &CapabilitySpec, facts: &Facts) -> Verdict {
    roles::passed(&spec.role_arn, &facts.account)
}

/// `capabilityName` has at most 100 letters, digits, hyphens and underscores.
fn name(spec: &CapabilitySpec, _: &Facts) -> Verdict {
    let name = &spec.capability_name;
    let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !fits || name.len() > NAME {
        return invalid(format!(
            "The capabilityName {name} must have 1 to {NAME} letters, digits, hyphens and underscores"
        ));
    }
    Ok(())
}

fn tags(spec: &CapabilitySpec, _: &Facts) -> Verdict {
    values::tags(&spec.tags)
}

/// `configuration` is that of the capability's own type; ARGOCD has one.
fn configuration_of_type(spec: &CapabilitySpec, _: &Facts) -> Verdict {
    let configuration = spec.configuration.clone().unwrap_or_default();
    if spec.type_ == CapabilityType::ArgoCd && configuration.argo_cd.is_none() {
        return invalid("configuration.argoCd is required for capabilities of type ARGOCD");
    }
    if spec.type_ != CapabilityType::ArgoCd && configuration.argo_cd.is_some() {
        return invalid("configuration.argoCd is only for capabilities of type ARGOCD");
    }
    if spec.type_ != CapabilityType::Ack && configuration.ack.is_some() {
        return invalid("configuration.ack is only for capabilities of type ACK");
    }
    Ok(())
}

/// `configuration.argoCd` names an instance of IAM Identity Center, a namespace, VPC endpoints, and each role once.
fn argo(spec: &CapabilitySpec, _: &Facts) -> Verdict {
    let Some(argo) = spec.configuration.as_ref().and_then(|c| c.argo_cd.as_ref()) else { return Ok(()) };
    let instance = argo.aws_idc.idc_instance_arn.parse::<Arn>().ok();
    if !instance.is_some_and(|arn| arn.service == "sso" && arn.resource.starts_with("instance/")) {
        return invalid(format!("Invalid IAM Identity Center instance ARN: '{}'", argo.aws_idc.idc_instance_arn));
    }
    if let Some(name) = argo.namespace.as_deref().filter(|name| !labels_taints::is_dns_label(name)) {
        return invalid(format!("Invalid namespace in configuration.argoCd: {name}: it must be a DNS label"));
    }
    let endpoints = argo.network_access.iter().flat_map(|access| &access.vpce_ids);
    if let Some(id) = endpoints.into_iter().find(|id| !id.starts_with("vpce-")) {
        return invalid(format!("Invalid VPC endpoint id in configuration.argoCd.networkAccess: {id}"));
    }
    role_mappings(argo)
}

fn role_mappings(argo: &ArgoCd) -> Verdict {
    let mut seen = BTreeSet::new();
    match argo.rbac_role_mappings.iter().find(|mapping| !seen.insert(&mapping.role)) {
        Some(twice) => invalid(format!("rbacRoleMappings has role {} more than once", twice.role)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::check;
    use aws::error::ErrorCode;

    fn asked(rules: &[Rule], change: &Value) -> Option<ErrorCode> {
        let mut spec = json!({"clusterName": "c", "capabilityName": "n", "type": "ACK", "roleArn": "arn:aws:iam::000000000000:role/r"});
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let spec: CapabilitySpec = serde_json::from_value(spec).unwrap();
        check(rules, &spec, &Facts { account: "000000000000".into() }).err().map(|error| error.code())
    }

    fn argo(change: Value) -> Value {
        let mut argo = json!({"awsIdc": {"idcInstanceArn": "arn:aws:sso:::instance/ssoins-1"}});
        argo.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"type": "ARGOCD", "configuration": {"argoCd": argo}})
    }

    #[test]
    fn each_member_alone_and_with_the_type() {
        let mapping = |role: &str| json!({"role": role, "identities": [{"id": "i", "type": "SSO_USER"}]});
        for (good, bad) in [
            (json!({}), json!({"type": "ARGOCD"})),
            (
                json!({"configuration": {"ack": {"enableCrossNamespace": true}}}),
                json!({"type": "KRO", "configuration": {"ack": {}}}),
            ),
            (
                argo(json!({})),
                json!({"configuration": {"argoCd": {"awsIdc": {"idcInstanceArn": "arn:aws:sso:::instance/ssoins-1"}}}}),
            ),
            (argo(json!({"namespace": "argocd"})), argo(json!({"namespace": "Argo CD"}))),
            (
                argo(json!({"networkAccess": {"vpceIds": ["vpce-1"]}})),
                argo(json!({"networkAccess": {"vpceIds": ["vpc-1"]}})),
            ),
            (
                argo(json!({"rbacRoleMappings": [mapping("ADMIN"), mapping("VIEWER")]})),
                argo(json!({"rbacRoleMappings": [mapping("ADMIN"), mapping("ADMIN")]})),
            ),
            (argo(json!({})), argo(json!({"awsIdc": {"idcInstanceArn": "ssoins-1"}}))),
            (json!({"capabilityName": "A_b-1"}), json!({"capabilityName": "a b"})),
            (json!({"capabilityName": "x".repeat(100)}), json!({"capabilityName": "x".repeat(101)})),
            (json!({"tags": {"a": "b"}}), json!({"tags": {"aws:a": "b"}})),
        ] {
            assert_eq!(asked(CREATE, &good), None, "{good}");
            assert_eq!(asked(CREATE, &bad), Some(ErrorCode::INVALID_PARAMETER), "{bad}");
        }
        let role = |arn: &str| asked(FORM, &json!({"roleArn": arn}));
        assert_eq!(role("arn:aws:iam::000000000000:role/r"), None);
        assert_eq!(role("arn:aws:iam::111122223333:role/r"), Some(ErrorCode::ACCESS_DENIED));
        assert_eq!(role("r"), Some(ErrorCode::INVALID_PARAMETER));
    }
}
