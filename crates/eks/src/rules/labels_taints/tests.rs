use serde_json::{Value, json};

use super::*;

fn of_label(key: &str, value: &str) -> Option<String> {
    labels(&BTreeMap::from([(key.to_owned(), value.to_owned())])).err().map(|error| error.message().to_owned())
}

fn of_taints(all: Value) -> Option<String> {
    let all: Vec<Taint> = serde_json::from_value(all).unwrap();
    taints(&all).err().map(|error| error.message().to_owned())
}

#[test]
fn a_label_is_one_that_kubernetes_takes_and_that_nobody_has_reserved() {
    for (key, value) in
        [("a", ""), ("team", "blue"), ("example.com/A_b.c", "1-2_3.x"), ("node-role.kubernetes.io/w", "true")]
    {
        assert_eq!(of_label(key, value), None, "{key}={value}");
    }
    for reserved in ["kubernetes.io/os", "k8s.io/x", "eks.amazonaws.com/nodegroup"] {
        assert_eq!(
            of_label(reserved, "v").unwrap(),
            "Label cannot contain reserved prefixes [kubernetes.io/, k8s.io/, eks.amazonaws.com/]"
        );
    }
    for (key, value) in [
        ("a b", "v"),
        ("-a", "v"),
        ("a/b/c", "v"),
        ("Ex.com/a", "v"),
        ("/a", "v"),
        ("a", "x y"),
        ("a", "-"),
        ("a", "v."),
    ] {
        assert!(of_label(key, value).unwrap().starts_with("Invalid"), "{key}={value}");
    }
}

#[test]
fn taints_are_told_apart_by_key_and_effect() {
    let taint = |key: &str, effect: &str| json!({"key": key, "value": "v", "effect": effect});
    assert_eq!(
        of_taints(json!([taint("k", "NO_SCHEDULE"), taint("k", "NO_EXECUTE"), {"key": "l", "effect": "NO_EXECUTE"}])),
        None
    );
    assert!(of_taints(json!([taint("k", "NO_SCHEDULE"), taint("k", "NO_SCHEDULE")])).unwrap().contains("unique"));
    assert!(of_taints(json!([taint("kubernetes.io/x", "NO_SCHEDULE")])).unwrap().starts_with("Taint cannot contain"));
    assert!(of_taints(json!([taint("a b", "NO_SCHEDULE")])).unwrap().starts_with("Invalid key"));
    let many: Vec<Value> = (0..51).map(|n| taint(&format!("k{n}"), "NO_SCHEDULE")).collect();
    assert!(of_taints(Value::Array(many)).unwrap().contains("at most 50"));
}
