//! Roles, and who may have them: trust policies in IAM's language.

use std::sync::Arc;

use iam_rs::{
    Arn as IamArn, Context, ContextValue, Decision, EvaluationOptions, IAMPolicy, IAMRequest, PolicyEvaluator,
};
use iam_rs::{Principal, PrincipalId};
use serde_json::{Value, json};

use arn::Arn;
use aws::sigv4::Mode;

/// Finds roles that somebody described.
pub trait RoleStore: Send + Sync {
    /// The role, if there is one.
    fn role(&self, arn: &str) -> Option<Arc<Role>>;

    /// Whether the role that has this one's name is another one: an account has a name once, whatever stands before it and
    /// however it is written, and a session tells no more of its role than that.
    fn is_taken(&self, arn: &str) -> bool;
}

/// What two roles can't both have: account and name, without regard to case.
pub fn unique(arn: &str) -> String {
    let Ok(parsed) = arn.parse::<Arn>() else { return arn.to_owned() };
    let name = parsed.resource.rsplit('/').next().unwrap_or_default();
    format!("{}/{}", parsed.account, name.to_lowercase())
}

/// A role that somebody described.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its ARN; `None` for one that stands for all of its name.
    arn: Option<String>,
    /// Who may have it; `None`: whoever asks with good credentials.
    trust: Option<Vec<IAMPolicy>>,
    /// The longest session, in seconds.
    pub longest: u64,
}

/// The role of this ARN, for somebody of `account`. One that nobody described may be had by everybody of its own account, unless only
/// known ones count or its name is that of one that is described: sessions of both would look the same.
pub fn find(roles: &dyn RoleStore, mode: Mode, arn: &Arn, account: &str) -> Option<Arc<Role>> {
    let text = arn.to_string();
    let open = mode == Mode::Permissive && arn.account == account && !roles.is_taken(&text);
    roles.role(&text).or_else(|| open.then(|| Arc::new(Role::open())))
}

/// The longest session that a role may allow, in seconds.
pub const LIMIT: u64 = 43_200;
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
    /// IAM has no patterns in a principal, and one that is taken literally elsewhere must not be taken for more here.
    #[error(
        "the trust policy names the principal {0}: a principal is * alone or has no * and no ? in it; give the ARN, or a condition on aws:PrincipalArn"
    )]
    Wildcard(String),
    /// In IAM a trust policy allows nothing but ways to have the role; one that says more was meant for something else.
    #[error("the trust policy has the action {0}: IAM takes only those of sts there, such as sts:AssumeRole")]
    ForeignAction(String),
    /// What is never said of who asks can't be compared.
    #[error("a condition of the trust policy asks for {0}, which isn't known here; known are an issuer's :sub and :aud, aws:RequestTag/, {known}", known = CONDITIONS.join(", "))]
    UnknownCondition(String),
}

/// Who asks for a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester<'a> {
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
        Ok(Self { arn: None, trust, longest: longest.unwrap_or(LONGEST) })
    }

    /// The same, with this ARN.
    #[must_use]
    pub fn named(self, arn: &str) -> Self {
        Self { arn: Some(arn.to_owned()), ..self }
    }

    /// Whether the role of this ARN is meant.
    pub fn is(&self, arn: &str) -> bool {
        self.arn.as_deref().is_none_or(|own| own == arn)
    }

    /// A role that everybody may have.
    fn open() -> Self {
        Self { arn: None, trust: None, longest: LIMIT }
    }

    /// A role that nobody may have.
    pub fn of_nobody(longest: Option<u64>) -> Self {
        Self { arn: None, trust: Some(Vec::new()), longest: longest.unwrap_or(LONGEST) }
    }

    /// Whether somebody wrote down who may have it.
    pub const fn has_trust_policy(&self) -> bool {
        self.trust.is_some()
    }

    /// Whether the role may be had by any of `askers`, who are the same one seen differently, by this action, with these
    /// condition keys. A statement that can't be evaluated refuses.
    pub fn trusts(&self, askers: &[Requester<'_>], action: &str, keys: &[(&str, &str)]) -> bool {
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
                    Requester::Aws(arn) => Principal::Aws(PrincipalId::String(arn.to_owned())),
                    Requester::Federated(arn) => Principal::Federated(PrincipalId::String(arn.to_owned())),
                    Requester::Service(name) => Principal::Service(PrincipalId::String(name.to_owned())),
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

/// Whether a statement speaks of actions of STS and of no others.
fn actions(all: &Value) -> Result<(), TrustError> {
    let all = all.as_array().map_or(std::slice::from_ref(all), Vec::as_slice);
    let foreign = |action: &&str| !action.get(..4).is_some_and(|service| service.eq_ignore_ascii_case("sts:"));
    let foreign = all.iter().filter_map(Value::as_str).find(foreign);
    foreign.map_or(Ok(()), |action| Err(TrustError::ForeignAction(action.to_owned())))
}

/// Whether a principal of one kind has no patterns in it.
fn literal(principal: &Value) -> Result<(), TrustError> {
    let ids = principal.as_object().into_iter().flat_map(|kinds| kinds.values());
    for id in ids.flat_map(|ids| ids.as_array().map_or(std::slice::from_ref(ids), Vec::as_slice)) {
        let text = id.as_str().unwrap_or_default();
        if text != "*" && text.contains(['*', '?']) {
            return Err(TrustError::Wildcard(text.to_owned()));
        }
    }
    Ok(())
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
        actions(&statement["Action"])?;
        let principals = match &statement["Principal"] {
            Value::Object(kinds) if !kinds.is_empty() => kinds.iter().map(|(kind, ids)| json!({kind: ids})).collect(),
            Value::String(everybody) if everybody == "*" => vec![json!({"AWS": "*"})],
            _ => return Err(TrustError::NoPrincipal),
        };
        for principal in principals {
            literal(&principal)?;
            let mut one = statement.clone();
            one["Principal"] = principal;
            policies.push(serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [one]}))?);
        }
    }
    Ok(policies)
}

#[cfg(test)]
mod tests;
