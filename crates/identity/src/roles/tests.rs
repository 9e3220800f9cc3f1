use proptest::prelude::*;

use super::*;

const PROVIDER: &str = "arn:aws:iam::444455556666:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/AB";

fn role(statement: Value) -> Role {
    Role::new(Some(&json!({"Version": "2012-10-17", "Statement": statement})), None).unwrap()
}

#[test]
fn a_role_of_pods_honours_subject_and_audience() {
    let role = role(json!({
        "Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            "oidc.eks.us-east-1.amazonaws.com/id/AB:sub": "system:serviceaccount:default:app",
            "oidc.eks.us-east-1.amazonaws.com/id/AB:aud": "sts.amazonaws.com"}}}));
    let asks = |provider: &str, sub: &str, aud: &str| {
        let issuer = provider.split_once("oidc-provider/").unwrap().1;
        let (s, a) = (format!("{issuer}:sub"), format!("{issuer}:aud"));
        role.trusts(&[Requester::Federated(provider)], "sts:AssumeRoleWithWebIdentity", &[(&s, sub), (&a, aud)])
    };
    assert!(asks(PROVIDER, "system:serviceaccount:default:app", "sts.amazonaws.com"));
    assert!(!asks(PROVIDER, "system:serviceaccount:default:other", "sts.amazonaws.com"));
    assert!(!asks(PROVIDER, "system:serviceaccount:default:app", "other"));
    assert!(!asks(&format!("{PROVIDER}CD"), "system:serviceaccount:default:app", "sts.amazonaws.com"));
    assert!(!role.trusts(&[Requester::Aws("arn:aws:iam::444455556666:user/me")], "sts:AssumeRole", &[]));
}

#[test]
fn wildcards_lists_accounts_and_denials() {
    let like = role(json!([
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root", "Service": "pods.eks.amazonaws.com"},
         "Action": ["sts:AssumeRole", "sts:TagSession"]},
        {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:user/eve"}, "Action": "sts:*"}]));
    let user = |name: &str| {
        let arn = format!("arn:aws:iam::111122223333:user/{name}");
        like.trusts(&[Requester::Aws(&arn), Requester::Aws("arn:aws:iam::111122223333:root")], "sts:AssumeRole", &[])
    };
    assert!(user("ann") && !user("eve"));
    assert!(like.trusts(&[Requester::Service("pods.eks.amazonaws.com")], "sts:TagSession", &[]));
    assert!(!like.trusts(&[Requester::Service("ec2.amazonaws.com")], "sts:AssumeRole", &[]));
    let pattern = role(json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        "Condition": {"StringLike": {"sts:ExternalId": "team-*"}}}));
    let with = |id: &str| {
        pattern.trusts(
            &[Requester::Aws("arn:aws:iam::444455556666:user/a")],
            "sts:AssumeRole",
            &[("sts:ExternalId", id)],
        )
    };
    assert!(with("team-a") && !with("other"));
    assert!(!pattern.trusts(&[Requester::Aws("arn:aws:iam::444455556666:user/a")], "sts:AssumeRole", &[]));
}

#[test]
fn a_principal_is_no_pattern() {
    let read = |principal: Value| {
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
        Role::new(Some(&json!({"Statement": statement})), None)
    };
    for wrong in [
        json!({"AWS": "arn:aws:iam::111122223333:user/*"}),
        json!({"AWS": ["arn:aws:iam::111122223333:user/ann", "arn:aws:iam::111122223333:role/?"]}),
        json!({"AWS": "arn:aws:iam::*:root"}),
        json!({"Federated": "arn:aws:iam::111122223333:oidc-provider/*"}),
        json!({"Service": "*.amazonaws.com"}),
    ] {
        assert!(matches!(read(wrong.clone()), Err(TrustError::Wildcard(_))), "{wrong}");
    }
    assert!(read(json!("*")).is_ok() && read(json!({"AWS": "arn:aws:iam::111122223333:user/ann"})).is_ok());
}

#[test]
fn what_would_be_overlooked_is_refused() {
    let read = |more: Value| {
        let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"});
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Role::new(Some(&json!({"Statement": statement})), None)
    };
    assert!(read(json!({"Sid": "one", "Condition": {"StringLike": {"aws:RequestTag/team": "a*"}}})).is_ok());
    let elsewhere = json!({"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:a/b"}});
    assert!(read(json!({"Condition": elsewhere})).is_ok());
    assert!(!Role::trusting_nobody(None).trusts(&[Requester::Aws("x")], "sts:AssumeRole", &[]));
    let misspelt = read(json!({"Conditions": {"StringEquals": {"sts:ExternalId": "a"}}})).unwrap_err();
    assert!(matches!(&misspelt, TrustError::UnknownMember(name) if name == "Conditions"), "{misspelt}");
    let unknown = read(json!({"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}));
    assert!(matches!(unknown, Err(TrustError::UnknownCondition(key)) if key == "aws:CurrentTime"));
    let eve = "arn:aws:iam::111122223333:user/eve";
    let but = read(json!({"Condition": {"ArnNotEquals": {"aws:PrincipalArn": eve}}})).unwrap();
    let asks = |arn: &str| but.trusts(&[Requester::Aws(arn)], "sts:AssumeRole", &[("aws:PrincipalArn", arn)]);
    assert!(asks("arn:aws:iam::111122223333:user/ann") && !asks(eve));
}

#[test]
fn a_trust_policy_speaks_of_sts_alone() {
    let read = |action: Value| {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": ANN}, "Action": action});
        Role::new(Some(&json!({"Statement": statement})), None)
    };
    for wrong in [json!("*"), json!(["sts:AssumeRole", "*"]), json!("s*:AssumeRole"), json!("iam:PassRole"), json!("")]
    {
        assert!(matches!(read(wrong.clone()), Err(TrustError::ForeignAction(_))), "{wrong}");
    }
    for good in [json!("sts:*"), json!("STS:AssumeRole"), json!(["sts:AssumeRole", "sts:TagSession"])] {
        assert!(read(good.clone()).unwrap().trusts(&[Requester::Aws(ANN)], "sts:AssumeRole", &[]), "{good}");
    }
}

#[test]
fn who_is_trusted_must_be_said() {
    assert!(matches!(
        Role::new(Some(&json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}})), None),
        Err(TrustError::NoPrincipal)
    ));
    assert!(Role::new(None, None).unwrap().trusts(&[Requester::Aws("x")], "sts:AssumeRole", &[]));
}

/// The only role that is described.
struct One(Arc<Role>);

impl RoleStore for One {
    fn role(&self, arn: &str) -> Option<Arc<Role>> {
        self.0.is(arn).then(|| Arc::clone(&self.0))
    }

    fn is_taken(&self, arn: &str) -> bool {
        !self.0.is(arn) && account_and_name(arn) == account_and_name("arn:aws:iam::111122223333:role/app")
    }
}

#[test]
fn a_role_that_nobody_described_has_no_name_of_one_that_is() {
    let roles = One(Arc::new(Role::trusting_nobody(None).with_arn("arn:aws:iam::111122223333:role/app")));
    let by = |account: &str, mode: Mode, arn: &str| {
        let found = find(&roles, mode, &arn.parse().unwrap(), account);
        found.is_some_and(|role| role.trusts(&[Requester::Aws(ANN)], "sts:AssumeRole", &[]))
    };
    let may = |mode: Mode, arn: &str| by("111122223333", mode, arn);
    assert!(may(Mode::Permissive, "arn:aws:iam::111122223333:role/other"));
    assert!(by("444455556666", Mode::Permissive, "arn:aws:iam::444455556666:role/app"));
    assert!(!may(Mode::Permissive, "arn:aws:iam::444455556666:role/app"), "another account's says whom it trusts");
    for described in ["role/app", "role/evil/app", "role/APP", "role/evil/App"] {
        assert!(!may(Mode::Permissive, &format!("arn:aws:iam::111122223333:{described}")), "{described}");
    }
    for any in ["arn:aws:iam::111122223333:role/other", "arn:aws:iam::111122223333:role/app"] {
        assert!(!may(Mode::Strict, any), "{any}");
    }
}

const ANN: &str = "arn:aws:iam::111122223333:user/ann";
const ROOT: &str = "arn:aws:iam::111122223333:root";

/// Effect, principal and action of a statement, and whether it has a condition that doesn't hold.
type Statement = (&'static str, &'static str, &'static str, bool);

fn statement() -> impl Strategy<Value = Statement> {
    const PRINCIPALS: &[&str] = &[
        ANN,
        ROOT,
        "*",
        "arn:aws:iam::111122223333:user/an",
        "arn:aws:iam::111122223333:user/ann2",
        "arn:aws:iam::444455556666:root",
        "arn:aws:sts::111122223333:assumed-role/ann/ann",
        "",
    ];
    const ACTIONS: &[&str] =
        &["sts:AssumeRole", "sts:*", "*", "sts:Assume*", "sts:TagSession", "sts:AssumeRoleWithWebIdentity", ""];
    let select = |all: &'static [&'static str]| prop::sample::select(all);
    (select(&["Allow", "Deny"]), select(PRINCIPALS), select(ACTIONS), any::<bool>())
}

proptest! {
    // With PROPTEST_CASES there are more of them.
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_trusted_whom_no_statement_names(statements in prop::collection::vec(statement(), 0..4)) {
        let written: Vec<Value> = statements.iter().map(|(effect, principal, action, never)| {
            let mut one = json!({"Effect": effect, "Principal": {"AWS": principal}, "Action": action});
            if *never {
                one["Condition"] = json!({"StringEquals": {"sts:ExternalId": "nobody says so"}});
            }
            one
        }).collect();
        let Ok(role) = Role::new(Some(&json!({"Statement": written})), None) else { return Ok(()) };
        let trusted = role.trusts(&[Requester::Aws(ANN), Requester::Aws(ROOT)], "sts:AssumeRole", &[]);
        let meant = |wanted: &str| statements.iter().any(|(effect, principal, action, never)| {
            *effect == wanted && [ANN, ROOT, "*"].contains(principal) && !never
                && ["sts:AssumeRole", "sts:*", "sts:Assume*"].contains(action)
        });
        prop_assert!(!trusted || meant("Allow") && !meant("Deny"), "{:?}", statements);
    }

    #[test]
    fn what_is_no_policy_is_refused_and_not_feared(text in "[\\[\\]{}\":,a-zA-Z*0-9 ]{0,60}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            prop_assert!(Role::new(Some(&value), None).is_err(), "{}", text);
        }
    }
}
