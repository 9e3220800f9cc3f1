//! Roles, and who may have them: trust policies in IAM's language.

use std::sync::Arc;

use iam_rs::{
    Arn as IamArn, Context, ContextValue, Decision, EvaluationOptions, IAMPolicy, IAMRequest, PolicyEvaluator,
};
use iam_rs::{Principal, PrincipalId};
use serde_json::{Value, json};

/// Finds roles that somebody described.
pub trait RoleStore: Send + Sync {
    /// The role, if there is one.
    fn role(&self, arn: &str) -> Option<Arc<Role>>;
}

/// A role that somebody described.
#[derive(Clone, Debug)]
pub struct Role {
    /// Who may have it; `None`: whoever asks with good credentials.
    trust: Option<Vec<IAMPolicy>>,
    /// The longest session, in seconds.
    pub longest: u64,
}

/// The longest session of roles that say nothing of it, in seconds.
pub const LONGEST: u64 = 3600;

/// What a policy, and a statement of one, may have.
const MEMBERS: [&[&str]; 2] =
    [&["Version", "Id", "Statement"], &["Sid", "Effect", "Principal", "Action", "NotAction", "Condition"]];
/// What conditions may ask for; of others nothing is known, and a denial by them would be none.
const CONDITIONS: [&str; 6] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:SourceAccount",
    "aws:SourceArn",
    "sts:ExternalId",
    "sts:RoleSessionName",
];

/// Why a trust policy can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It isn't a policy.
    #[error("the trust policy can't be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A statement that names nobody would mean everybody.
    #[error("a statement of the trust policy has no Principal")]
    NoPrincipal,
    /// A condition that is overlooked would let everybody in.
    #[error("the trust policy has {0}, which isn't known here; known are {known}", known = MEMBERS.concat().join(", "))]
    UnknownMember(String),
    /// What is never said of who asks can't be compared.
    #[error("a condition of the trust policy asks for {0}, which isn't known here; known are an issuer's :sub and :aud, aws:RequestTag/, {known}", known = CONDITIONS.join(", "))]
    UnknownCondition(String),
}

/// Who asks for a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker<'a> {
    /// A user or another role.
    Aws(&'a str),
    /// Somebody whom an OIDC provider knows, by the provider's ARN.
    Federated(&'a str),
    /// A service of AWS.
    Service(&'a str),
}

impl Role {
    /// A role with this trust policy.
    ///
    /// # Errors
    /// [`TrustError`], before anybody asks for the role.
    pub fn new(trust: Option<&Value>, longest: Option<u64>) -> Result<Self, TrustError> {
        let trust = trust.map(policies).transpose()?;
        Ok(Self { trust, longest: longest.unwrap_or(LONGEST) })
    }

    /// A role that nobody may have.
    pub fn of_nobody(longest: Option<u64>) -> Self {
        Self { trust: Some(Vec::new()), longest: longest.unwrap_or(LONGEST) }
    }

    /// Whether somebody wrote down who may have it.
    pub const fn has_trust_policy(&self) -> bool {
        self.trust.is_some()
    }

    /// Whether the role may be had by any of `askers`, who are the same one seen differently, by this action, with these
    /// condition keys. A statement that can't be evaluated refuses.
    pub fn trusts(&self, askers: &[Asker<'_>], action: &str, keys: &[(&str, &str)]) -> bool {
        let Some(policies) = &self.trust else { return true };
        let mut context = Context::new();
        for (key, value) in keys {
            context.insert((*key).to_owned(), ContextValue::String((*value).to_owned()));
        }
        let options = EvaluationOptions { ignore_resource_constraints: true, ..EvaluationOptions::default() };
        let evaluator = PolicyEvaluator::with_policies(policies.clone()).with_options(options);
        let decisions: Vec<_> = askers
            .iter()
            .map(|asker| {
                let principal = match *asker {
                    Asker::Aws(arn) => Principal::Aws(PrincipalId::String(arn.to_owned())),
                    Asker::Federated(arn) => Principal::Federated(PrincipalId::String(arn.to_owned())),
                    Asker::Service(name) => Principal::Service(PrincipalId::String(name.to_owned())),
                };
                let resource = IamArn::parse("arn:aws:iam::000000000000:role/any").ok()?;
                let request = IAMRequest::new_with_context(principal, action, resource, context.clone());
                evaluator.evaluate(&request).ok().map(|result| result.decision)
            })
            .collect();
        let has = |wanted: Option<Decision>| decisions.contains(&wanted);
        has(Some(Decision::Allow)) && !has(Some(Decision::Deny)) && !has(None)
    }
}

fn known(object: &Value, members: &[&str]) -> Result<(), TrustError> {
    let unknown = object.as_object().and_then(|all| all.keys().find(|name| !members.contains(&name.as_str())));
    unknown.map_or(Ok(()), |name| Err(TrustError::UnknownMember(name.clone())))
}

fn conditions(all: &Value) -> Result<(), TrustError> {
    let keys = all.as_object().into_iter().flat_map(|all| all.values()).filter_map(Value::as_object);
    for key in keys.flat_map(|of| of.keys()) {
        let of_issuer = key.contains('.') && (key.ends_with(":sub") || key.ends_with(":aud"));
        let known = CONDITIONS.iter().any(|known| known.eq_ignore_ascii_case(key));
        if !known && !of_issuer && !key.to_ascii_lowercase().starts_with("aws:requesttag/") {
            return Err(TrustError::UnknownCondition(key.clone()));
        }
    }
    Ok(())
}

/// One policy for each kind of principal that a statement names, since the evaluator takes one kind at a time.
fn policies(document: &Value) -> Result<Vec<IAMPolicy>, TrustError> {
    let statements = match &document["Statement"] {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    known(document, MEMBERS[0])?;
    let mut policies = Vec::new();
    for statement in statements {
        known(&statement, MEMBERS[1])?;
        conditions(&statement["Condition"])?;
        let principals = match &statement["Principal"] {
            Value::Object(kinds) if !kinds.is_empty() => kinds.iter().map(|(kind, ids)| json!({kind: ids})).collect(),
            Value::String(everybody) if everybody == "*" => vec![json!({"AWS": "*"})],
            _ => return Err(TrustError::NoPrincipal),
        };
        for principal in principals {
            let mut one = statement.clone();
            one["Principal"] = principal;
            policies.push(serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [one]}))?);
        }
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
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
            role.trusts(&[Asker::Federated(provider)], "sts:AssumeRoleWithWebIdentity", &[(&s, sub), (&a, aud)])
        };
        assert!(asks(PROVIDER, "system:serviceaccount:default:app", "sts.amazonaws.com"));
        assert!(!asks(PROVIDER, "system:serviceaccount:default:other", "sts.amazonaws.com"));
        assert!(!asks(PROVIDER, "system:serviceaccount:default:app", "other"));
        assert!(!asks(&format!("{PROVIDER}CD"), "system:serviceaccount:default:app", "sts.amazonaws.com"));
        assert!(!role.trusts(&[Asker::Aws("arn:aws:iam::444455556666:user/me")], "sts:AssumeRole", &[]));
    }

    #[test]
    fn wildcards_lists_accounts_and_denials() {
        let like = role(json!([
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root", "Service": "pods.eks.amazonaws.com"},
             "Action": ["sts:AssumeRole", "sts:TagSession"]},
            {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:user/eve"}, "Action": "sts:*"}]));
        let user = |name: &str| {
            let arn = format!("arn:aws:iam::111122223333:user/{name}");
            like.trusts(&[Asker::Aws(&arn), Asker::Aws("arn:aws:iam::111122223333:root")], "sts:AssumeRole", &[])
        };
        assert!(user("ann") && !user("eve"));
        assert!(like.trusts(&[Asker::Service("pods.eks.amazonaws.com")], "sts:TagSession", &[]));
        assert!(!like.trusts(&[Asker::Service("ec2.amazonaws.com")], "sts:AssumeRole", &[]));
        let pattern = role(json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
            "Condition": {"StringLike": {"sts:ExternalId": "team-*"}}}));
        let with = |id: &str| {
            pattern.trusts(
                &[Asker::Aws("arn:aws:iam::444455556666:user/a")],
                "sts:AssumeRole",
                &[("sts:ExternalId", id)],
            )
        };
        assert!(with("team-a") && !with("other"));
        assert!(!pattern.trusts(&[Asker::Aws("arn:aws:iam::444455556666:user/a")], "sts:AssumeRole", &[]));
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
        assert!(!Role::of_nobody(None).trusts(&[Asker::Aws("x")], "sts:AssumeRole", &[]));
        let misspelt = read(json!({"Conditions": {"StringEquals": {"sts:ExternalId": "a"}}})).unwrap_err();
        assert!(matches!(&misspelt, TrustError::UnknownMember(name) if name == "Conditions"), "{misspelt}");
        let unknown = read(json!({"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}));
        assert!(matches!(unknown, Err(TrustError::UnknownCondition(key)) if key == "aws:CurrentTime"));
        let eve = "arn:aws:iam::111122223333:user/eve";
        let but = read(json!({"Condition": {"ArnNotEquals": {"aws:PrincipalArn": eve}}})).unwrap();
        let asks = |arn: &str| but.trusts(&[Asker::Aws(arn)], "sts:AssumeRole", &[("aws:PrincipalArn", arn)]);
        assert!(asks("arn:aws:iam::111122223333:user/ann") && !asks(eve));
    }

    #[test]
    fn who_is_trusted_must_be_said() {
        assert!(matches!(
            Role::new(Some(&json!({"Statement": {"Effect": "Allow", "Action": "*"}})), None),
            Err(TrustError::NoPrincipal)
        ));
        assert!(Role::new(None, None).unwrap().trusts(&[Asker::Aws("x")], "sts:AssumeRole", &[]));
    }
}
