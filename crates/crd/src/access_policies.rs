//! What the access policies of EKS allow in a cluster.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::api::rbac::v1::PolicyRule;

/// The rules of each policy, by the policy's name.
#[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
static RULES: LazyLock<BTreeMap<String, Vec<PolicyRule>>> =
    LazyLock::new(|| yaml::read(include_str!("access_policies.yaml")).expect("the rules of access policies"));

/// The rules of a policy; none where AWS doesn't publish them.
pub fn rules(name: &str) -> &'static [PolicyRule] {
    RULES.get(name).map_or(&[], Vec::as_slice)
}

/// A policy's name, out of its ARN.
pub fn name(arn: &str) -> Option<&str> {
    arn.split_once(":cluster-access-policy/").map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_entry::POLICIES;

    fn allows(policy: &str, verb: &str, group: &str, resource: &str) -> bool {
        let has = |list: &Option<Vec<String>>, wanted: &str| list.iter().flatten().any(|x| x == "*" || x == wanted);
        let all = rules(policy).iter();
        all.filter(|r| r.verbs.iter().any(|v| v == "*" || v == verb))
            .any(|r| has(&r.api_groups, group) && has(&r.resources, resource))
    }

    #[test]
    fn each_policy_allows_what_its_page_says() {
        assert!(RULES.keys().all(|name| POLICIES.contains(&name.as_str())));
        assert!(
            allows("AmazonEKSViewPolicy", "list", "", "pods") && !allows("AmazonEKSViewPolicy", "get", "", "secrets")
        );
        assert!(!allows("AmazonEKSViewPolicy", "create", "", "pods"));
        assert!(allows("AmazonEKSEditPolicy", "create", "apps", "deployments"));
        assert!(!allows("AmazonEKSEditPolicy", "create", "rbac.authorization.k8s.io", "roles"));
        assert!(allows("AmazonEKSAdminPolicy", "create", "rbac.authorization.k8s.io", "rolebindings"));
        assert!(!allows("AmazonEKSAdminPolicy", "get", "", "nodes"));
        assert!(allows("AmazonEKSClusterAdminPolicy", "delete", "", "nodes"));
        assert!(allows("AmazonEKSAdminViewPolicy", "get", "", "secrets"));
        assert!(rules("AmazonEKSKROPolicy").is_empty());
    }

    #[test]
    fn the_name_of_a_policy_is_the_end_of_its_arn() {
        assert_eq!(name("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"), Some("AmazonEKSViewPolicy"));
        assert_eq!(name("arn:aws:iam::aws:policy/x"), None);
    }
}
