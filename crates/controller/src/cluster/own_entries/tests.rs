use serde_json::{Value, json};

use super::*;
use crate::fixtures::{cluster, deleted, nodegroup, now};

const ROOT: &str = "arn:aws:iam::000000000000:root";
const ROLE: &str = "arn:aws:iam::000000000000:role/nodes";

fn demo(mode: &str, known: Option<&[&str]>) -> EKSClusterConfig {
    let mut demo = cluster(json!({"accessConfig": {"authenticationMode": mode}}), Value::Null);
    if let Some(known) = known {
        demo.annotations_mut().insert(keys::ANNOTATION_OWN_ENTRIES.into(), json!(known).to_string());
    }
    demo
}

fn group() -> Nodegroup {
    nodegroup(json!({"nodeRole": ROLE}), Value::Null)
}

fn principals(step: &Step) -> Vec<&str> {
    step.make.iter().map(|entry| entry.principal_arn.as_str()).collect()
}

#[test]
fn each_entry_is_made_once() {
    let groups = [Arc::new(group())];
    let first = plan(&demo("API_AND_CONFIG_MAP", None), &groups, &now()).unwrap();
    assert_eq!(principals(&first), [ROLE, ROOT]);
    assert!(first.remove.is_empty());
    // Whatever became of them.
    assert_eq!(plan(&demo("API", Some(&[ROLE, ROOT])), &groups, &now()), None);
    let second = plan(&demo("API", Some(&[ROOT])), &groups, &now()).unwrap();
    assert_eq!(principals(&second), [ROLE]);
}

#[test]
fn a_role_s_entry_goes_with_the_last_group_that_has_it() {
    let (one, going) = (Arc::new(group()), Arc::new(deleted(group())));
    let known = demo("API", Some(&[ROLE, ROOT]));
    assert_eq!(plan(&known, &[one, going.clone()], &now()), None);
    let last = plan(&known, &[going], &now()).unwrap();
    assert_eq!((last.make.len(), last.remove, last.made), (0, [ROLE.into()].into(), [ROOT.into()].into()));
}

#[test]
fn there_are_none_where_nobody_asks_them() {
    let groups = [Arc::new(group())];
    assert_eq!(plan(&demo("CONFIG_MAP", None), &groups, &now()), None);
    assert_eq!(plan(&deleted(demo("API", None)), &groups, &now()), None);
    let mut elsewhere = demo("API", None);
    elsewhere.spec.imported = true;
    assert_eq!(plan(&elsewhere, &groups, &now()), None);
}
