use serde_json::json;

use super::*;

fn with(priority: u64, selection: &Value) -> Value {
    json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
}

fn of(rules: &[Value]) -> Result<Policy, String> {
    parse(&json!({"rules": rules}).to_string())
}

fn count(status: &str) -> Value {
    json!({"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": 3})
}

#[test]
fn rules_are_in_the_order_of_their_priority() {
    let days = json!({
        "tagStatus": "tagged", "tagPatternList": ["prod*", "a", "prod*"],
        "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14,
    });
    let mut prefixes = count("tagged");
    prefixes["tagPrefixList"] = json!(["prod"]);
    let policy = of(&[with(30, &count("any")), with(7, &prefixes), with(2, &count("untagged")), with(1, &days)]);
    let rule = |priority, selection, keep| Rule { priority, selection, keep };
    let wanted = vec![
        rule(1, Selection::Patterns(vec!["a".into(), "prod*".into()]), Keep::Days(14)),
        rule(2, Selection::Untagged, Keep::Newest(3)),
        rule(7, Selection::Prefixes(vec!["prod".into()]), Keep::Newest(3)),
        rule(30, Selection::Any, Keep::Newest(3)),
    ];
    assert_eq!(policy.unwrap().rules, wanted);
    let mut described = with(1, &count("any"));
    described["description"] = json!("why");
    assert!(of(&[described]).is_ok());
}

#[test]
fn what_is_wrong_is_told() {
    let changed = |member: &str, value: Value| {
        let mut selection = count("untagged");
        selection[member] = value;
        with(1, &selection)
    };
    let with_action = |action: Value| json!({"rulePriority": 1, "selection": count("any"), "action": action});
    let mut tagged = count("tagged");
    tagged["tagPatternList"] = json!(["*a*b*c*d*"]);
    let mut both = count("tagged");
    both["tagPatternList"] = json!(["a"]);
    both["tagPrefixList"] = json!(["a"]);
    let mut empty = count("tagged");
    empty["tagPrefixList"] = json!([]);
    let days = json!({"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 3});
    let without_number = json!({"tagStatus": "any", "countType": "imageCountMoreThan"});
    let unwanted =
        |name: &str| format!("object instance has properties which are not allowed by the schema: [\"{name}\"]");
    for (rules, wanted) in [
        (vec![], "array is too short: must have at least 1 elements but instance has 0 elements"),
        (vec![json!("a")], "instance type (string) does not match any allowed primitive type (allowed: [\"object\"])"),
        (vec![with(0, &count("any"))], "numeric instance is lower than the required minimum (minimum: 1, found: 0)"),
        (
            vec![changed("tagStatus", json!("odd"))],
            "instance value (\"odd\") not found in enum (possible values: [\"tagged\",\"untagged\",\"any\"])",
        ),
        (
            vec![changed("countNumber", json!(1.5))],
            "instance type (number) does not match any allowed primitive type (allowed: [\"integer\"])",
        ),
        (vec![changed("countUnit", json!("days"))], &unwanted("countUnit")),
        (vec![changed("tagPrefixList", json!(["a"]))], &unwanted("tagPrefixList")),
        (vec![changed("storageClass", json!("archive"))], &unwanted("storageClass")),
        (vec![with(1, &count("tagged"))], "object has missing required properties ([\"tagPatternList\"])"),
        (vec![with(1, &days)], "object has missing required properties ([\"countUnit\"])"),
        (vec![with(1, &without_number)], "object has missing required properties ([\"countNumber\"])"),
        (vec![with(1, &tagged)], "tag pattern \"*a*b*c*d*\" has more than 4 wildcards"),
        (vec![with(1, &both)], "a rule has either tagPrefixList or tagPatternList, not both"),
        (vec![with(1, &empty)], "array is too short: must have at least 1 elements but instance has 0 elements"),
        (
            vec![with_action(json!({"type": "transition"}))],
            "instance value (\"transition\") not found in enum (possible values: [\"expire\"])",
        ),
        (vec![with(1, &count("untagged")), with(1, &count("any"))], "rulePriority 1 is that of more than one rule"),
        (
            vec![with(1, &count("any")), with(2, &count("untagged"))],
            "a rule with tagStatus any must have the highest rulePriority",
        ),
        (
            vec![with(1, &count("untagged")), with(2, &count("untagged"))],
            "tagStatus untagged is that of more than one rule",
        ),
    ] {
        assert_eq!(of(&rules).unwrap_err(), wanted, "{rules:?}");
    }
    assert!(parse("{").unwrap_err().starts_with("the text is not JSON"));
    assert_eq!(parse("{}").unwrap_err(), "object has missing required properties ([\"rules\"])");
    let many: Vec<_> = (1..=51).map(|priority| with(priority, &count("untagged"))).collect();
    assert!(of(&many).unwrap_err().starts_with("array is too long"));
}
