use serde_json::{Value, json};

use super::*;
use crate::rules::check;
use aws::error::ErrorCode;

fn asked(rules: &[Rule], change: &Value) -> Option<(ErrorCode, String)> {
    let mut spec = json!({"clusterName": "c", "addonName": "coredns"});
    spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let spec: AddonSpec = serde_json::from_value(spec).unwrap();
    let facts = Facts { account: "000000000000".into(), kubernetes: "1.33".into() };
    check(rules, &spec, &facts).err().map(|error| (error.code(), error.message().to_owned()))
}

#[test]
fn each_member_alone() {
    for (good, bad) in [
        (json!({}), json!({"addonName": "nothing"})),
        (json!({"addonVersion": "v1.12.1-eksbuild.2"}), json!({"addonVersion": "v1.9.3-eksbuild.15"})),
        (json!({"configurationValues": "{\"replicaCount\": 3}"}), json!({"configurationValues": "{\"nothing\": 1}"})),
        (json!({"configurationValues": "{}"}), json!({"configurationValues": "null"})),
        (json!({"configurationValues": ""}), json!({"configurationValues": "[]"})),
        (json!({"configurationValues": "replicaCount: 3"}), json!({"configurationValues": "\"text\""})),
        (json!({"namespaceConfig": {"namespace": "dns"}}), json!({"namespaceConfig": {"namespace": "Dns"}})),
        (json!({"tags": {"a": "b"}}), json!({"tags": {"aws:a": "b"}})),
    ] {
        assert_eq!(asked(CREATE, &good), None, "{good}");
        assert_eq!(asked(CREATE, &bad).unwrap().0, ErrorCode::INVALID_PARAMETER, "{bad}");
    }
    let role = |arn: &str| asked(FORM, &json!({"serviceAccountRoleArn": arn})).map(|(code, _)| code);
    assert_eq!(role("arn:aws:iam::000000000000:role/r"), None);
    assert_eq!(role("arn:aws:iam::111122223333:role/r"), Some(ErrorCode::ACCESS_DENIED));
    assert_eq!(role("r"), Some(ErrorCode::INVALID_PARAMETER));
}

#[test]
fn a_configuration_that_does_not_fit_is_refused_in_creations_and_changes_alike() {
    let words = "ConfigurationValue provided in request is not supported: Json schema validation failed with error: ";
    for (text, why) in [
        ("null", "[$: null found, object expected]"),
        ("[]", "[$: array found, object expected]"),
        ("\"text\"", "[$: string found, object expected]"),
        ("{\"replicaCount\": \"many\"}", "[$.replicaCount: string found, integer expected]"),
        (
            "{\"other\": 1}",
            "[$.other: is not defined in the schema and the schema does not allow additional properties]",
        ),
    ] {
        for rules in [CREATE, UPDATE] {
            let (code, message) = asked(rules, &json!({"configurationValues": text})).unwrap();
            assert_eq!((code, message), (ErrorCode::INVALID_PARAMETER, format!("{words}{why}")));
        }
    }
}

#[test]
fn associations_are_of_the_addon_s_own_service_accounts_and_the_cluster_s_own_roles() {
    let of = |addon: &str, wanted: &[(&str, &str)]| {
        let offer = addon_catalogue::find(addon).unwrap();
        let wanted: Vec<_> =
            wanted.iter().map(|(account, role)| Association { service_account: account, role_arn: role }).collect();
        associations(offer, "v1", &wanted, "000000000000").err().map(|error| error.message().to_owned())
    };
    let mine = "arn:aws:iam::000000000000:role/r";
    assert_eq!(of("vpc-cni", &[("aws-node", mine)]), None);
    assert_eq!(of("coredns", &[]), None);
    assert!(of("vpc-cni", &[("aws-node", "arn:aws:iam::111122223333:role/r")]).unwrap().contains("targetRoleArn"));
    assert!(of("vpc-cni", &[("aws-node", "r")]).unwrap().starts_with("Invalid Role Arn"));
    let foreign = "Service account web in pod identity configuration is not supported for addon vpc-cni";
    assert_eq!(of("vpc-cni", &[("web", mine)]).unwrap(), foreign);
    assert_eq!(of("coredns", &[("a", mine)]).unwrap(), "Pod Identity feature is not supported for addon version: v1");
    assert!(of("vpc-cni", &[("aws-node", mine), ("aws-node", mine)]).unwrap().contains("more than one"));
}
