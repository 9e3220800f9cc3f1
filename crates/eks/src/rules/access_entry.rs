//! Access entries and their policies.

use super::{Verdict, invalid, values};
use crate::convert::access_entry::{AssociateAccessPolicy, CreateAccessEntry, UpdateAccessEntry};
use arn::{Arn, access_policy};
use aws::error::ApiError;
use crd::access_entry::{POLICIES, STANDARD, TYPES};
use crd::cluster_settings::AuthenticationMode;
use crd::{AccessEntry, EKSClusterConfig};

/// How names of users and groups begin that Kubernetes and EKS keep for themselves.
const RESERVED: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];
/// What a role's session is called in a user name.
const SESSION: [&str; 2] = ["{{SessionName}}", "{{SessionNameRaw}}"];

/// What CreateAccessEntry refuses; the account is the cluster's.
pub const CREATE: &[fn(&CreateAccessEntry, &str) -> Verdict] =
    &[tags, principal, service_linked, type_, nodes_are_roles, own_account, standard_names, groups, username];

/// What UpdateAccessEntry refuses of an entry.
pub const UPDATE: &[fn(&UpdateAccessEntry, &AccessEntry) -> Verdict] =
    &[changed_username, changed_groups, only_standard];

/// What AssociateAccessPolicy refuses of an entry, besides the policy's ARN.
pub const ASSOCIATE: &[fn(&AssociateAccessPolicy, &AccessEntry) -> Verdict] = &[scope, namespaces, takes_policies];

/// Every operation on access entries needs an authentication mode that knows them, before it looks for the entry.
///
/// # Errors
/// `InvalidRequestException`.
pub fn mode(cluster: &EKSClusterConfig) -> Verdict {
    if cluster.spec.authentication_mode() == AuthenticationMode::ConfigMap {
        return Err(ApiError::invalid_request(
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
        ));
    }
    Ok(())
}

/// Nobody may set tags whose keys begin with `aws:`.
fn tags(request: &CreateAccessEntry, _: &str) -> Verdict {
    values::tags(&request.tags)
}

/// Whether text is the ARN of an IAM role or user: who may have an entry.
pub fn is_principal(text: &str) -> bool {
    let named = |arn: &Arn| arn.resource.rsplit('/').next().is_some_and(|name| !name.is_empty());
    text.parse::<Arn>().is_ok_and(|arn| (arn.is_role() || arn.is_user()) && arn.region.is_empty() && named(&arn))
}

/// An entry is for an IAM role or user: no session, group or account.
fn principal(request: &CreateAccessEntry, _: &str) -> Verdict {
    if is_principal(&request.principal_arn) {
        return Ok(());
    }
    invalid("The principalArn parameter format is not valid: the ARN of an IAM role or user is expected")
}

/// AWS services have rights of their own.
fn service_linked(request: &CreateAccessEntry, _: &str) -> Verdict {
    if request.principal_arn.contains(":role/aws-service-role/") {
        return invalid(
            "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role",
        );
    }
    Ok(())
}

/// The type is one that EKS has.
fn type_(request: &CreateAccessEntry, _: &str) -> Verdict {
    match request.type_.as_deref() {
        Some(type_) if !TYPES.contains(&type_) => {
            invalid(format!("The access entry type {type_} is not valid: it must be one of {}", TYPES.join(", ")))
        }
        _ => Ok(()),
    }
}

/// The type where it isn't `STANDARD`.
fn node_type(request: &CreateAccessEntry) -> Option<&str> {
    request.type_.as_deref().filter(|type_| *type_ != STANDARD)
}

/// Nodes have roles.
fn nodes_are_roles(request: &CreateAccessEntry, _: &str) -> Verdict {
    match node_type(request) {
        Some(type_) if !values::is_role(&request.principal_arn) => {
            invalid(format!("The principalArn of an access entry of type {type_} must be the ARN of an IAM role"))
        }
        _ => Ok(()),
    }
}

/// Nodes are of the cluster's own account.
fn own_account(request: &CreateAccessEntry, account: &str) -> Verdict {
    let Some(type_) = node_type(request) else { return Ok(()) };
    if request.principal_arn.parse::<Arn>().is_ok_and(|arn| arn.account != account) {
        return invalid(format!(
            "The principalArn of an access entry of type {type_} must be in the cluster's account {account}"
        ));
    }
    Ok(())
}

/// What nodes are called is EKS's to say.
fn standard_names(request: &CreateAccessEntry, _: &str) -> Verdict {
    if node_type(request).is_some() && (!request.kubernetes_groups.is_empty() || request.username.is_some()) {
        return invalid(
            "You cannot specify kubernetesGroups or a username for an access entry whose type is not STANDARD",
        );
    }
    Ok(())
}

/// Nobody gets the rights of Kubernetes's own groups.
fn groups(request: &CreateAccessEntry, _: &str) -> Verdict {
    check_groups(&request.kubernetes_groups)
}

/// Nobody gets the rights of Kubernetes's own groups.
fn changed_groups(request: &UpdateAccessEntry, _: &AccessEntry) -> Verdict {
    check_groups(request.kubernetes_groups.as_deref().unwrap_or_default())
}

fn reserved(name: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|prefix| name.starts_with(prefix))
}

fn check_groups(groups: &[String]) -> Verdict {
    match groups.iter().find_map(|group| Some((group, reserved(group)?))) {
        Some((group, prefix)) => {
            invalid(format!("The kubernetes group name {group} is invalid, it cannot start with {prefix}"))
        }
        None if groups.iter().any(String::is_empty) => invalid("The kubernetes group name cannot be empty"),
        None => Ok(()),
    }
}

/// Nobody takes the name of one of Kubernetes's own users.
fn username(request: &CreateAccessEntry, _: &str) -> Verdict {
    check_username(request.username.as_deref())
}

/// Nobody takes the name of one of Kubernetes's own users.
fn changed_username(request: &UpdateAccessEntry, _: &AccessEntry) -> Verdict {
    check_username(request.username.as_deref())
}

fn check_username(name: Option<&str>) -> Verdict {
    let Some(name) = name else { return Ok(()) };
    if let Some(prefix) = reserved(name) {
        return invalid(format!("The username must not begin with {prefix}"));
    }
    let session = SESSION.iter().filter_map(|session| name.find(session)).min();
    if session.is_some_and(|at| !name[..at].contains(':')) {
        return invalid("The username must contain a colon before {{SessionName}} or {{SessionNameRaw}}");
    }
    Ok(())
}

/// What EKS says of an entry for nodes that is to be changed like one for people.
const ONLY_STANDARD: &str = r#"This operation can only be performed on Access Entries with a type of "STANDARD"."#;

/// What nodes are called is EKS's to say.
fn only_standard(_: &UpdateAccessEntry, entry: &AccessEntry) -> Verdict {
    if entry.spec.type_ == STANDARD { Ok(()) } else { invalid(ONLY_STANDARD) }
}

/// The policy is one that EKS has in this region's partition.
///
/// # Errors
/// `InvalidParameterException`.
pub fn policy(arn: &str, region: &str) -> Verdict {
    if POLICIES.iter().any(|name| access_policy(region, name) == arn) {
        return Ok(());
    }
    invalid(format!("The policyArn parameter is not valid: {arn}; list-access-policies shows those that exist"))
}

/// Namespaces are named where the scope is namespaces, and only there.
fn scope(request: &AssociateAccessPolicy, _: &AccessEntry) -> Verdict {
    let scope = &request.access_scope;
    if (scope.type_ == "namespace") == scope.namespaces.is_empty() {
        return invalid(
            "The accessScope of the type namespace must name namespaces, and that of the type cluster none",
        );
    }
    Ok(())
}

/// A namespace is a name of Kubernetes's, in which `*` stands for anything.
fn namespaces(request: &AssociateAccessPolicy, _: &AccessEntry) -> Verdict {
    let fits = |name: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '*';
        name.len() <= 63
            && name.chars().all(|c| inner(c) || c == '-')
            && name.starts_with(inner)
            && name.ends_with(inner)
    };
    match request.access_scope.namespaces.iter().find(|name| !fits(name)) {
        Some(name) => invalid(format!("The namespace {name} in accessScope is not a valid name of a namespace")),
        None => Ok(()),
    }
}

/// Nodes have their rights from EKS; only those of Auto Mode have policies.
fn takes_policies(_: &AssociateAccessPolicy, entry: &AccessEntry) -> Verdict {
    if entry.spec.takes_policies() {
        return Ok(());
    }
    Err(ApiError::invalid_request(
        "Access policies can only be associated with access entries whose type is STANDARD or EC2",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::check;
    use aws::error::ErrorCode;
    use crd::access_entry::AccessEntrySpec;

    const ROLE: &str = "arn:aws:iam::000000000000:role/team/r";
    const USER: &str = "arn:aws:iam::000000000000:user/u";

    fn merged(mut request: Value, change: &Value) -> Value {
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        request
    }

    fn creation(change: &Value) -> Option<String> {
        let request = merged(json!({"clusterName": "c", "principalArn": ROLE}), change);
        let request = serde_json::from_value(request).unwrap();
        check(CREATE, &request, "000000000000").err().map(|error| error.message().to_owned())
    }

    fn entry(type_: &str) -> AccessEntry {
        AccessEntry::new("e", AccessEntrySpec { type_: type_.into(), ..AccessEntrySpec::default() })
    }

    #[test]
    fn an_entry_is_for_a_role_or_a_user() {
        for (wrong, words) in [
            (json!({"principalArn": "ann"}), "format is not valid"),
            (json!({"principalArn": "arn:aws:iam::000000000000:root"}), "format is not valid"),
            (json!({"principalArn": "arn:aws:iam::000000000000:group/g"}), "format is not valid"),
            (json!({"principalArn": "arn:aws:iam::000000000000:role/"}), "format is not valid"),
            (json!({"principalArn": "arn:aws:sts::000000000000:assumed-role/r/me"}), "format is not valid"),
            (
                json!({"principalArn": "arn:aws:iam::1:role/aws-service-role/emr.amazonaws.com/AWSServiceRoleForEMR"}),
                "principalArn value of a Service Linked Role",
            ),
            (json!({"type": "EC2_MAC"}), "HYPERPOD_LINUX"),
            (json!({"type": "EC2_LINUX", "principalArn": USER}), "must be the ARN of an IAM role"),
            (json!({"type": "EC2", "principalArn": "arn:aws:iam::111111111111:role/r"}), "in the cluster's account"),
            (json!({"type": "EC2_LINUX", "kubernetesGroups": ["g"]}), "type is not STANDARD"),
            (json!({"type": "FARGATE_LINUX", "username": "u"}), "type is not STANDARD"),
            (json!({"tags": {"aws:x": "1"}}), "aws:"),
        ] {
            let said = creation(&wrong).unwrap_or_else(|| panic!("{wrong} was taken"));
            assert!(said.contains(words), "{wrong}: {said}");
        }
        assert!(TYPES.iter().all(|type_| creation(&json!({"type": type_})).is_none()));
        for right in [
            json!({}),
            json!({"principalArn": USER}),
            json!({"principalArn": "arn:aws:iam::111111111111:role/other"}),
            json!({"principalArn": "arn:aws:iam::1:role/teams/AWSServiceRoleForNothing"}),
        ] {
            assert_eq!(creation(&right), None, "{right}");
        }
    }

    #[test]
    fn nobody_takes_a_name_that_is_kept() {
        let kept = "The kubernetes group name system:masters is invalid, it cannot start with system:";
        assert_eq!(creation(&json!({"kubernetesGroups": ["viewers", "system:masters"]})).unwrap(), kept);
        assert_eq!(creation(&json!({"username": "system:x"})).unwrap(), "The username must not begin with system:");
        for prefix in RESERVED {
            let name = format!("{prefix}x");
            assert!(
                creation(&json!({"username": name})).is_some()
                    && creation(&json!({"kubernetesGroups": [name]})).is_some()
            );
        }
        for right in ["me", "system", "my:{{SessionName}}", "my:{{SessionNameRaw}}", "x-system:masters"] {
            assert_eq!(creation(&json!({"username": right})), None, "{right}");
            assert_eq!(creation(&json!({"kubernetesGroups": [right]})), None, "{right}");
        }
        for wrong in ["john{{SessionName}}", "{{SessionNameRaw}}", "{{SessionName}}:x"] {
            assert!(creation(&json!({"username": wrong})).unwrap().contains("colon"), "{wrong}");
        }
    }

    #[test]
    fn only_entries_for_people_are_changed() {
        let update = |type_: &str, change: Value| {
            let request = merged(json!({"clusterName": "c", "principalArn": ROLE}), &change);
            check(UPDATE, &serde_json::from_value(request).unwrap(), &entry(type_))
        };
        for type_ in TYPES.into_iter().filter(|type_| *type_ != STANDARD) {
            let error = update(type_, json!({"kubernetesGroups": ["viewers"]})).unwrap_err();
            assert_eq!((error.code(), error.message()), (ErrorCode::INVALID_PARAMETER, ONLY_STANDARD), "{type_}");
        }
        let both = update("EC2_LINUX", json!({"username": "system:node:{{EC2PrivateDNSName}}"})).unwrap_err();
        assert_eq!(both.message(), "The username must not begin with system:");
        let groups = update(STANDARD, json!({"kubernetesGroups": ["system:bootstrappers"]})).unwrap_err();
        assert!(groups.message().contains("system:bootstrappers is invalid"), "{groups}");
        assert!(update(STANDARD, json!({"kubernetesGroups": []})).is_ok());
        assert!(update(STANDARD, json!({"kubernetesGroups": ["a"], "username": "x:{{SessionName}}"})).is_ok());
    }

    #[test]
    fn a_policy_has_a_scope_and_an_entry_that_takes_it() {
        let associate = |type_: &str, scope: Value| {
            let request = json!({"clusterName": "c", "principalArn": ROLE, "policyArn": "p", "accessScope": scope});
            check(ASSOCIATE, &serde_json::from_value(request).unwrap(), &entry(type_)).map_err(|error| error.code())
        };
        let whole = || json!({"type": "cluster"});
        for (type_, takes) in TYPES.into_iter().map(|type_| (type_, matches!(type_, "STANDARD" | "EC2"))) {
            assert_eq!(associate(type_, whole()).is_ok(), takes, "{type_}");
        }
        for namespace in ["web", "dev-*", "*"] {
            assert!(
                associate(STANDARD, json!({"type": "namespace", "namespaces": [namespace]})).is_ok(),
                "{namespace}"
            );
        }
        for wrong in [
            json!({"type": "namespace"}),
            json!({"type": "namespace", "namespaces": []}),
            json!({"type": "cluster", "namespaces": ["web"]}),
            json!({"type": "namespace", "namespaces": ["Web"]}),
            json!({"type": "namespace", "namespaces": ["-web"]}),
            json!({"type": "namespace", "namespaces": [""]}),
        ] {
            assert_eq!(associate(STANDARD, wrong.clone()), Err(ErrorCode::INVALID_PARAMETER), "{wrong}");
        }
        let view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
        assert!(policy(view, "us-east-1").is_ok() && policy(view, "cn-north-1").is_err());
        for wrong in ["AmazonEKSViewPolicy", "arn:aws:iam::aws:policy/AdministratorAccess", &format!("{view}2")] {
            assert!(policy(wrong, "us-east-1").is_err(), "{wrong}");
        }
    }

    #[test]
    fn access_entries_need_a_mode_that_knows_them() {
        let cluster = |mode: Value| {
            let spec = json!({"accessConfig": {"authenticationMode": mode}});
            EKSClusterConfig::new("c", serde_json::from_value(spec).unwrap())
        };
        for old in [json!("CONFIG_MAP"), Value::Null] {
            let error = mode(&cluster(old)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::INVALID_REQUEST);
            assert!(error.message().contains("[API, API_AND_CONFIG_MAP]"), "{error}");
        }
        assert!(mode(&cluster(json!("API"))).is_ok() && mode(&cluster(json!("API_AND_CONFIG_MAP"))).is_ok());
    }
}
