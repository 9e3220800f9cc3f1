use proptest::prelude::*;

use super::*;
use aws::sigv4::Key;

fn map(data: &[(&str, &str)]) -> ConfigMap {
    let data = data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    ConfigMap { data: Some(data), ..ConfigMap::default() }
}

fn who(arn: &str) -> Principal {
    Principal::of(&Key::new("AKIA1", "s", "111122223333", arn))
}

const ROLES: &str = "- rolearn: arn:aws:iam::111122223333:role/Dev\n  username: dev:{{SessionName}}\n  groups: [devs, 'a-{{AccountID}}']\n";

#[test]
fn roles_users_and_accounts_are_mapped() {
    let map = map(&[
        ("mapRoles", ROLES),
        ("mapUsers", "- userarn: arn:aws:iam::111122223333:user/Ann\n  username: ann\n  groups: [system:masters]\n"),
        ("mapAccounts", "- \"111122223333\"\n"),
    ]);
    let dev = user(&map, &who("arn:aws:sts::111122223333:assumed-role/dev/me@home")).unwrap();
    assert_eq!((dev.name.as_str(), dev.groups), ("dev:me-home", vec!["devs".into(), "a-111122223333".into()]));
    assert_eq!(user(&map, &who("arn:aws:iam::111122223333:user/Ann")).unwrap().groups, ["system:masters"]);
    let other = user(&map, &who("arn:aws:iam::111122223333:user/bob")).unwrap();
    assert_eq!((other.name.as_str(), other.groups.len()), ("arn:aws:iam::111122223333:user/bob", 0));
}

#[test]
fn what_cannot_be_read_lets_nobody_in() {
    let map = map(&[("mapRoles", "no: list"), ("mapUsers", "")]);
    assert_eq!(user(&map, &who("arn:aws:iam::111122223333:user/Ann")), None);
    assert_eq!(user(&ConfigMap::default(), &who("arn:aws:iam::111122223333:user/Ann")), None);
}

#[test]
fn a_few_bytes_that_stand_for_millions_let_nobody_in() {
    let names = vec!["l"; 20_000].join(",");
    let arn = "arn:aws:iam::111122223333:user/Ann";
    let bomb = format!("- {{userarn: '{arn}', groups: &g [{names}]}}\n")
        + &format!("- {{userarn: '{arn}', groups: *g}}\n").repeat(300);
    for text in [bomb, "? ".repeat(490_000), "[".repeat(980_000)] {
        assert_eq!(user(&map(&[("mapUsers", &text)]), &who(arn)), None);
    }
    assert!(user(&map(&[("mapUsers", &format!("- userarn: {arn}\n"))]), &who(arn)).is_some());
}

proptest! {
    // With PROPTEST_CASES there are more of them.
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_mapped_who_is_not_named(
        roles in "(- ?(rolearn|userarn|arn|x): ?[a-z:/0-9\"*]{0,30}\n( {0,3}(username|groups): [\\[\\]a-z{}&*!]{0,12}\n){0,2}){0,3}",
        users in "[ -~\n]{0,60}",
        accounts in "(- ?\"?[0-9x]{0,12}\"?\n){0,3}",
    ) {
        let map = map(&[("mapRoles", &roles), ("mapUsers", &users), ("mapAccounts", &accounts)]);
        let ann = who("arn:aws:iam::111122223333:user/Ann");
        let named = format!("{roles}{users}").to_lowercase().contains("user/ann") || accounts.contains("111122223333");
        prop_assert!(named || user(&map, &ann).is_none(), "{:?}", map);
    }
}
