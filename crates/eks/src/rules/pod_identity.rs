//! What EKS checks of pod identity associations.

use serde_json::Value;

use super::{Verdict, invalid, labels_taints, roles, values};
use crd::pod_identity::PodIdentityAssociationSpec;

/// Longest session policy.
const POLICY: usize = 2048;

/// What a rule knows besides the request.
pub struct Facts {
    /// Account of the cluster.
    pub account: String,
}

type Rule = fn(&PodIdentityAssociationSpec, &Facts) -> Verdict;

/// What an association is asked before anybody looks whether its service account has one: new ones, and changed ones.
pub const ALWAYS: &[Rule] = &[role, target, policy, policy_without_tags];

/// What a new association is asked besides.
pub const CREATE: &[Rule] = &[namespace, service_account, tags];

/// `roleArn` is the ARN of a role of the cluster's account.
fn role(spec: &PodIdentityAssociationSpec, facts: &Facts) -> Verdict {
    roles::own(&spec.role_arn, &facts.account)
}

/// `targetRoleArn` is the ARN of a role, of any account.
fn target(spec: &PodIdentityAssociationSpec, _: &Facts) -> Verdict {
    spec.target_role_arn.iter().try_for_each(|role| roles::named(role))
}

/// `policy` is a policy: a JSON object with statements, of at most 2048 characters.
fn policy(spec: &PodIdentityAssociationSpec, _: &Facts) -> Verdict {
    let Some(text) = &spec.policy else { return Ok(()) };
    if text.chars().count() > POLICY {
        return invalid(format!("The policy can't be longer than {POLICY} characters"));
    }
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    if !parsed.is_some_and(|policy| policy["Statement"].is_array() || policy["Statement"].is_object()) {
        return invalid("The policy must be a JSON object with a Statement");
    }
    Ok(())
}

/// With `policy`, `disableSessionTags` is true.
fn policy_without_tags(spec: &PodIdentityAssociationSpec, _: &Facts) -> Verdict {
    if spec.policy.is_some() && spec.disable_session_tags != Some(true) {
        return invalid("disableSessionTags must be set to true when a policy is specified");
    }
    Ok(())
}

/// `namespace` is a namespace's name.
fn namespace(spec: &PodIdentityAssociationSpec, _: &Facts) -> Verdict {
    if !labels_taints::is_dns_label(&spec.namespace) {
        return invalid(format!("Invalid namespace: {}: it must be a DNS label", spec.namespace));
    }
    Ok(())
}

/// `serviceAccount` is a service account's name.
fn service_account(spec: &PodIdentityAssociationSpec, _: &Facts) -> Verdict {
    if !labels_taints::is_domain(&spec.service_account) {
        return invalid(format!("Invalid serviceAccount: {}: it must be a DNS subdomain", spec.service_account));
    }
    Ok(())
}

fn tags(spec: &PodIdentityAssociationSpec, _: &Facts) -> Verdict {
    values::tags(&spec.tags)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::check;

    fn refused(change: &Value) -> Option<String> {
        let mut spec = json!({"clusterName": "c", "namespace": "web", "serviceAccount": "api",
            "roleArn": "arn:aws:iam::000000000000:role/r"});
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let spec: PodIdentityAssociationSpec = serde_json::from_value(spec).unwrap();
        let facts = Facts { account: "000000000000".into() };
        let error = check(ALWAYS, &spec, &facts).and_then(|()| check(CREATE, &spec, &facts)).err()?;
        assert_eq!(error.code(), aws::error::ErrorCode::INVALID_PARAMETER);
        Some(error.message().to_owned())
    }

    #[test]
    fn each_member_alone_and_with_others() {
        let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let long = format!(r#"{{"Statement":[],"Sid":"{}"}}"#, "x".repeat(POLICY));
        for (good, bad) in [
            (
                json!({"roleArn": "arn:aws:iam::000000000000:role/path/r"}),
                json!({"roleArn": "arn:aws:iam::111122223333:role/r"}),
            ),
            (json!({}), json!({"roleArn": "r"})),
            (json!({}), json!({"roleArn": "arn:aws:iam::000000000000:user/ann"})),
            (json!({}), json!({"roleArn": "arn:aws:sts::000000000000:assumed-role/r/session"})),
            (json!({"targetRoleArn": "arn:aws:iam::111122223333:role/far"}), json!({"targetRoleArn": "far"})),
            (json!({"policy": policy, "disableSessionTags": true}), json!({"policy": policy})),
            (json!({"disableSessionTags": false}), json!({"policy": policy, "disableSessionTags": false})),
            (json!({}), json!({"policy": "all", "disableSessionTags": true})),
            (json!({}), json!({"policy": "[]", "disableSessionTags": true})),
            (json!({}), json!({"policy": long, "disableSessionTags": true})),
            (json!({"namespace": "kube-system"}), json!({"namespace": "Web"})),
            (json!({"namespace": "a"}), json!({"namespace": ""})),
            (json!({"serviceAccount": "a.b-c"}), json!({"serviceAccount": "a_b"})),
            (json!({"tags": {"a": "b"}}), json!({"tags": {"aws:a": "b"}})),
        ] {
            assert_eq!(refused(&good), None, "{good}");
            assert!(refused(&bad).is_some(), "{bad}");
        }
    }
}
