//! IAM roles and their trust policies: which principals may assume them.

use std::sync::Arc;

use iam_rs::{
    Arn as IamArn, Context, ContextValue, Decision, EvaluationOptions, IAMPolicy, IAMRequest, PolicyEvaluator,
};
use iam_rs::{Principal, PrincipalId};
use serde_json::{Value, json};

use arn::Arn;
use aws::sigv4::Mode;

/// Finds the configured roles.
pub trait RoleStore: Send + Sync {
    /// The role, if there is one.
    fn role(&self, arn: &str) -> Option<Arc<Role>>;

    /// Whether another role has the name of this one. A role's name is unique in its account, without regard to path
    /// and case, and the ARN of a session has nothing else of its role.
    fn is_taken(&self, arn: &str) -> bool;
}

/// Account and name of a role, in lower case: no two roles share both.
pub fn account_and_name(arn: &str) -> String {
    let Ok(parsed) = arn.parse::<Arn>() else { return arn.to_owned() };
    let name = parsed.resource.rsplit('/').next().unwrap_or_default();
    format!("{}/{}", parsed.account, name.to_lowercase())
}

/// An IAM role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its ARN; `None` for any role of its name.
    arn: Option<String>,
    /// Its trust policy; `None`: any principal with valid credentials may assume it.
    trust: Option<Vec<IAMPolicy>>,
    /// The longest session, in seconds.
    pub longest: u64,
}

/// The role of this ARN, for a principal of `account`. A role that isn't configured trusts all principals of its own account, unless
/// the mode is strict or a configured role has its name: sessions of both would look the same.
pub fn find(roles: &dyn RoleStore, mode: Mode, arn: &Arn, account: &str) -> Option<Arc<Role>> {
    let text = arn.to_string();
    let open = mode == Mode::Permissive && arn.account == account && !roles.is_taken(&text);
    roles.role(&text).or_else(|| open.then(|| Arc::new(Role::trusting_everybody())))
}

/// The longest session that a role may allow, in seconds.
pub const LIMIT: u64 = 43_200;
/// The longest session of roles without a limit of their own, in seconds.
pub const LONGEST: u64 = 3600;

/// The members that a policy, and a statement of one, may have.
const MEMBERS: [&[&str]; 2] =
    [&["Version", "Id", "Statement"], &["Sid", "Effect", "Principal", "Action", "NotAction", "Condition"]];
/// The condition keys that requests have. A denial by any other key would never apply.
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
    /// A statement without a principal would trust everybody.
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
    /// In IAM a trust policy allows actions of STS alone; one with other actions was meant for something else.
    #[error("the trust policy has the action {0}: IAM takes only those of sts there, such as sts:AssumeRole")]
    ForeignAction(String),
    /// Requests don't have this key, so nothing could be compared with it.
    #[error("a condition of the trust policy asks for {0}, which isn't known here; known are an issuer's :sub and :aud, aws:RequestTag/, {known}", known = CONDITIONS.join(", "))]
    UnknownCondition(String),
}

/// Who wants to assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester<'a> {
    /// A user or another role.
    Aws(&'a str),
    /// A user of an OIDC provider, by the provider's ARN.
    Federated(&'a str),
    /// A service of AWS.
    Service(&'a str),
}

impl Role {
    /// A role with this trust policy.
    ///
    /// # Errors
    /// [`TrustError`], before the role is assumed.
    pub fn new(trust: Option<&Value>, longest: Option<u64>) -> Result<Self, TrustError> {
        let trust = trust.map(policies).transpose()?;
        Ok(Self { arn: None, trust, longest: longest.unwrap_or(LONGEST) })
    }

    /// The same role with this ARN.
    #[must_use]
    pub fn with_arn(self, arn: &str) -> Self {
        Self { arn: Some(arn.to_owned()), ..self }
    }

    /// Whether it is the role of this ARN.
    pub fn is(&self, arn: &str) -> bool {
        self.arn.as_deref().is_none_or(|own| own == arn)
    }

    /// A role that everybody may assume.
    fn trusting_everybody() -> Self {
        Self { arn: None, trust: None, longest: LIMIT }
    }

    /// A role that nobody may assume.
    pub fn trusting_nobody(longest: Option<u64>) -> Self {
        Self { arn: None, trust: Some(Vec::new()), longest: longest.unwrap_or(LONGEST) }
    }

    /// Whether it has a trust policy.
    pub const fn has_trust_policy(&self) -> bool {
        self.trust.is_some()
    }

    /// Whether the requester may assume the role by this action, with these condition keys. `requesters` are forms of the same
    /// requester. A statement that can't be evaluated refuses.
    pub fn trusts(&self, requesters: &[Requester<'_>], action: &str, keys: &[(&str, &str)]) -> bool {
        let Some(policies) = &self.trust else { return true };
        let mut context = Context::new();
        for (key, value) in keys {
            context.insert((*key).to_owned(), ContextValue::String((*value).to_owned()));
        }
        let options = EvaluationOptions { ignore_resource_constraints: true, ..EvaluationOptions::default() };
        let evaluator = PolicyEvaluator::with_policies(policies.clone()).with_options(options);
        let decisions: Vec<_> = requesters
            .iter()
            .map(|requester| {
                let principal = match *requester {
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

fn refuse_unknown_members(object: &Value, members: &[&str]) -> Result<(), TrustError> {
    let unknown = object.as_object().and_then(|all| all.keys().find(|name| !members.contains(&name.as_str())));
    unknown.map_or(Ok(()), |name| Err(TrustError::UnknownMember(name.clone())))
}

/// Refuses a statement with actions of other services than STS.
fn refuse_foreign_actions(all: &Value) -> Result<(), TrustError> {
    let all = all.as_array().map_or(std::slice::from_ref(all), Vec::as_slice);
    let foreign = |action: &&str| !action.get(..4).is_some_and(|service| service.eq_ignore_ascii_case("sts:"));
    let foreign = all.iter().filter_map(Value::as_str).find(foreign);
    foreign.map_or(Ok(()), |action| Err(TrustError::ForeignAction(action.to_owned())))
}

/// Refuses a principal that is a pattern.
fn refuse_patterns(principal: &Value) -> Result<(), TrustError> {
    let ids = principal.as_object().into_iter().flat_map(|kinds| kinds.values());
    for id in ids.flat_map(|ids| ids.as_array().map_or(std::slice::from_ref(ids), Vec::as_slice)) {
        let text = id.as_str().unwrap_or_default();
        if text != "*" && text.contains(['*', '?']) {
            return Err(TrustError::Wildcard(text.to_owned()));
        }
    }
    Ok(())
}

fn refuse_unknown_conditions(all: &Value) -> Result<(), TrustError> {
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
    refuse_unknown_members(document, MEMBERS[0])?;
    let mut policies = Vec::new();
    for statement in statements {
        refuse_unknown_members(&statement, MEMBERS[1])?;
        refuse_unknown_conditions(&statement["Condition"])?;
        refuse_foreign_actions(&statement["Action"])?;
        let principals = match &statement["Principal"] {
            Value::Object(kinds) if !kinds.is_empty() => kinds.iter().map(|(kind, ids)| json!({kind: ids})).collect(),
            Value::String(everybody) if everybody == "*" => vec![json!({"AWS": "*"})],
            _ => return Err(TrustError::NoPrincipal),
        };
        for principal in principals {
            refuse_patterns(&principal)?;
            let mut one = statement.clone();
            one["Principal"] = principal;
            policies.push(serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [one]}))?);
        }
    }
    Ok(policies)
}

#[cfg(test)]
mod tests;
