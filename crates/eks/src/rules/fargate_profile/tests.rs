use serde_json::{Value, json};

use super::*;
use crate::rules::check;
use aws::error::ErrorCode;

const NEEDS_SELECTOR: &str = "Fargate Profile requires at least one selector.";
const NEEDS_NAMESPACE: &str = "Fargate Profile must have at least one selector with at least one namespace value.";
const TOO_MANY_LABELS: &str = "Request contains Selector with more than 5 Label pairs";

fn asked(rules: &[Rule], change: Value) -> Option<(ErrorCode, String)> {
    let mut spec = json!({"clusterName": "c", "fargateProfileName": "p",
        "podExecutionRoleArn": "arn:aws:iam::000000000000:role/r", "selectors": [{"namespace": "a"}]});
    spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let spec: FargateProfileSpec = serde_json::from_value(spec).unwrap();
    let facts = Facts { account: "000000000000".into(), quotas: Quotas::default() };
    check(rules, &spec, &facts).err().map(|error| (error.code(), error.message().to_owned()))
}

fn selected(selectors: Value) -> String {
    asked(CREATE, json!({"selectors": selectors})).map(|(_, text)| text).unwrap_or_default()
}

#[test]
fn subnets_are_those_that_can_be_there() {
    assert_eq!(asked(CREATE, json!({"subnets": ["subnet-0a1b"]})), None);
    let refusal = (ErrorCode::INVALID_PARAMETER, "The subnet ID 'nosub' does not exist".to_owned());
    assert_eq!(asked(CREATE, json!({"subnets": ["nosub"]})), Some(refusal));
}

#[test]
fn selectors_are_asked_in_eks_s_order_and_words() {
    let labels = |count: usize| (0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>();
    assert_eq!(selected(json!([{"namespace": "a"}])), "");
    assert_eq!(selected(json!([{"namespace": "a", "labels": {}}, {"namespace": "a", "labels": labels(5)}])), "");
    assert_eq!(selected(json!([])), NEEDS_SELECTOR);
    for without in
        [json!([{}]), json!([{"labels": labels(1)}]), json!([{"namespace": "a"}, {}]), json!([{"labels": labels(6)}])]
    {
        assert_eq!(selected(without.clone()), NEEDS_NAMESPACE, "{without}");
    }
    assert_eq!(selected(json!([{"namespace": "a"}, {"namespace": "b", "labels": labels(6)}])), TOO_MANY_LABELS);
    let many: Vec<Value> = (0..6).map(|n| json!({"namespace": format!("n{n}")})).collect();
    assert!(selected(Value::Array(many)).contains("more than 5"));
}

#[test]
fn wildcards_stand_anywhere_and_nothing_else_does() {
    for good in [
        json!({"namespace": "prod*", "labels": {"tier*?": "*web1"}}),
        json!({"namespace": "*dev?", "labels": {"example.com/a-b_c": "1.2"}}),
    ] {
        assert_eq!(selected(json!([good.clone()])), "", "{good}");
    }
    for bad in [
        json!({"namespace": "Prod"}),
        json!({"namespace": "a b"}),
        json!({"namespace": "[a-z]"}),
        json!({"namespace": "x".repeat(64)}),
        json!({"namespace": "a", "labels": {"a b": "c"}}),
        json!({"namespace": "a", "labels": {"a": "b c"}}),
    ] {
        assert!(selected(json!([bad.clone()])).starts_with("Invalid"), "{bad}");
    }
}

#[test]
fn names_and_tags_are_not_reserved_ones() {
    let named = |name: &str| asked(CREATE, json!({"fargateProfileName": name})).map(|(_, text)| text);
    assert_eq!(named(&"x".repeat(100)), None);
    assert_eq!(named("eks-web").unwrap(), "The fargate profile name starts with the reserved prefix: 'eks-'.");
    assert!(named(&"x".repeat(101)).unwrap().contains("greater than 100 characters"));
    assert!(named("a b").is_some());
    assert!(asked(CREATE, json!({"tags": {"AWS:a": "b"}})).is_some());
    assert!(asked(CREATE, json!({"tags": {"a": "b"}})).is_none());
}

#[test]
fn the_role_is_one_of_the_cluster_s_account() {
    let role = |arn: &str| asked(FORM, json!({"podExecutionRoleArn": arn})).map(|(code, _)| code);
    assert_eq!(role("arn:aws:iam::000000000000:role/path/r"), None);
    assert_eq!(role("arn:aws:iam::111122223333:role/r"), Some(ErrorCode::ACCESS_DENIED));
    assert_eq!(role("arn:aws:iam::000000000000:user/r"), Some(ErrorCode::INVALID_PARAMETER));
}
