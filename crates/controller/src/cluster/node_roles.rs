//! Edits the roles of nodes in the text of `aws-auth`. Everything that people wrote stays.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crd::plain_yaml::{self, Unread};

/// Kubernetes user name of a node group's role.
const USERNAME: &str = "system:node:{{EC2PrivateDNSName}}";
/// Groups of a node group's role.
const GROUPS: [&str; 2] = ["system:bootstrappers", "system:nodes"];

/// The text, and our part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// `mapRoles`; `None` where it stays as it is.
    pub text: Option<String>,
    /// Roles that nodes have.
    pub ours: BTreeSet<String>,
}

/// `mapRoles` with the wanted roles, and without those of `ours` that are no longer wanted.
///
/// # Errors
/// The text can't be read, so an edit could lose something.
pub fn edit(text: &str, wanted: &BTreeSet<String>, ours: &BTreeSet<String>) -> Result<Edited, Unread> {
    let present: Vec<Value> = plain_yaml::read::<Option<_>>(text)?.unwrap_or_default();
    let named = |role: &String| present.iter().any(|one| is(one, "rolearn", role));
    let lacking: Vec<&String> = wanted.iter().filter(|role| !named(role)).collect();
    let surplus: Vec<&String> = ours.difference(wanted).collect();
    let goes = |one: &Value| is(one, "username", USERNAME) && surplus.iter().any(|role| is(one, "rolearn", role));

    let mut expected = present.clone();
    expected.retain(|one| !goes(one));
    expected.extend(lacking.iter().map(|role| mapping(role)));
    let ours = wanted.iter().filter(|role| ours.contains(*role) || lacking.contains(role)).cloned().collect();
    if expected == present {
        return Ok(Edited { text: None, ours });
    }
    let indent = indent(text);
    let without = surplus.iter().fold(text.to_owned(), |text, role| text.replacen(&block(role, &indent), "", 1));
    let kept = if without.trim() == "[]" { "" } else { without.trim_end() };
    let start = if kept.is_empty() { String::new() } else { format!("{kept}\n") };
    let edited = lacking.iter().fold(start, |text, role| text + &block(role, &indent));
    let says = |text: &str| plain_yaml::read::<Option<Vec<Value>>>(text).map(Option::unwrap_or_default);
    // Written anew only where what people wrote isn't a plain list: their comments would go.
    let text = match says(&edited) {
        Ok(said) if said == expected && !said.is_empty() => edited,
        _ => yaml::write(&expected).map_err(|why| Unread::Broken(why.to_string()))?,
    };
    if says(&text)? != expected {
        return Err(Unread::Broken("it can't be written again as it was".into()));
    }
    Ok(Edited { text: Some(text), ours })
}

/// The ARN of a role as `aws-auth` has it: without its path.
pub fn without_path(role: &str) -> String {
    match role.split_once(":role/") {
        Some((account, name)) => format!("{account}:role/{}", name.rsplit('/').next().unwrap_or(name)),
        None => role.to_owned(),
    }
}

/// Whether the mapping has this value, as aws-iam-authenticator compares.
fn is(mapping: &Value, key: &str, value: &str) -> bool {
    mapping.get(key).and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(value))
}

fn mapping(role: &str) -> Value {
    json!({"groups": GROUPS, "rolearn": role, "username": USERNAME})
}

/// The mapping as EKS writes it.
fn block(role: &str, indent: &str) -> String {
    let [first, second] = GROUPS;
    format!(
        "{indent}- groups:\n{indent}  - {first}\n{indent}  - {second}\n{indent}  rolearn: {role}\n{indent}  username: {USERNAME}\n"
    )
}

/// Indentation of the list.
fn indent(text: &str) -> String {
    let first = text.lines().find(|line| line.trim_start().starts_with('-')).unwrap_or_default();
    first.chars().take_while(|c| *c == ' ').collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODES: &str = "arn:aws:iam::000000000000:role/nodes";
    const EKS: &str = "- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: arn:aws:iam::000000000000:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n";

    fn set(roles: &[&str]) -> BTreeSet<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    fn edited(text: &str, wanted: &[&str], ours: &[&str]) -> (Option<String>, Vec<String>) {
        let Edited { text, ours } = edit(text, &set(wanted), &set(ours)).unwrap();
        (text, ours.into_iter().collect())
    }

    #[test]
    fn a_role_is_written_as_eks_writes_it_and_goes_again() {
        for empty in ["", "[]", "[]\n", "\n"] {
            assert_eq!(edited(empty, &[NODES], &[]), (Some(EKS.into()), vec![NODES.into()]), "{empty:?}");
        }
        assert_eq!(edited(EKS, &[NODES], &[NODES]), (None, vec![NODES.into()]));
        assert_eq!(edited(EKS, &[], &[NODES]), (Some("[]\n".into()), vec![]));
    }

    #[test]
    fn what_people_wrote_stays() {
        for (people, indent) in [
            ("# who may\n- rolearn: arn:aws:iam::1:role/dev # ann's\n  username: dev\n  groups: [devs]\n", ""),
            ("  - {rolearn: 'arn:aws:iam::1:role/dev'}", "  "),
        ] {
            let with = edited(people, &[NODES], &[]).0.unwrap();
            assert_eq!(with, format!("{}\n{}", people.trim_end(), block(NODES, indent)));
            assert_eq!(edited(&with, &[], &[NODES]).0.unwrap(), format!("{}\n", people.trim_end()));
        }
        // Not a list of blocks: the same in other words.
        let flow = r#"[{"rolearn": "arn:aws:iam::1:role/dev", "username": "dev", "more": {"x": [1, null]}}]"#;
        let with = edited(flow, &[NODES], &[]).0.unwrap();
        let said: Vec<Value> = yaml::read(&with).unwrap();
        assert_eq!(said[..1], yaml::read::<Vec<Value>>(flow).unwrap()[..]);
        assert_eq!(said[1], mapping(NODES));
    }

    #[test]
    fn a_role_that_people_wrote_is_theirs() {
        let own = "- rolearn: ARN:aws:iam::000000000000:role/nodes\n  username: mine\n";
        assert_eq!(edited(own, &[NODES], &[]), (None, vec![]));
        assert_eq!(edited(own, &[], &[NODES]), (None, vec![]), "changed by people since");
        assert_eq!(edited(EKS, &[], &[]), (None, vec![]));
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for text in ["a: b", "- a: [", "- &a {}\n- *a\n", "text", "- a: 1\n  a: 2\n", &"- a\n".repeat(20_000)] {
            assert!(edit(text, &set(&[NODES]), &set(&[])).is_err(), "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn a_path_is_not_told() {
        assert_eq!(without_path("arn:aws:iam::1:role/a/b/nodes"), "arn:aws:iam::1:role/nodes");
        assert_eq!(without_path(NODES), NODES);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_of_anybody_s_is_ever_lost(
            text in "( {0,2}(- ?|#|\\[|\\{)?(rolearn|username|x)?:? ?[a-z:'\"\\[\\]{}|>-]{0,8}\n?){0,6}",
        ) {
            let Ok(added) = edit(&text, &set(&[NODES]), &set(&[])) else { return Ok(()) };
            let list = |text: &str| plain_yaml::read::<Option<Vec<Value>>>(text).unwrap().unwrap_or_default();
            let with = added.text.unwrap();
            let mut expected = list(&text);
            expected.push(mapping(NODES));
            prop_assert_eq!(&list(&with), &expected);
            let again = edit(&with, &set(&[]), &added.ours).unwrap().text.unwrap();
            prop_assert_eq!(list(&again), list(&text));
        }
    }
}
