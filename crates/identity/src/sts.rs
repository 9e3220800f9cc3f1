//! A small Security Token Service: caller identity and sessions. Source:
//! <https://docs.aws.amazon.com/STS/latest/APIReference/>.

pub mod model;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use k8s_openapi::jiff::Timestamp;
use regex::Regex;
use serde::Serialize;
use uuid::Uuid;

use self::model::Operation;
use super::principal::{Principal, assumed_role_arn};
use super::roles::{self, LONGEST, Requester, Role};
use super::sessions::{Credentials, Origin, Session};
use super::{IdentityState, issuer};
use arn::Arn;
use aws::body::Unread;
use aws::error::{ApiError, ErrorCode};
use aws::handlers::Operations;
use aws::query::{self, Form};
use aws::sigv4::{Key, Purpose, SignedRequest, verify};
use aws::times;
use crd::names::Identity;

/// Largest body.
pub const LARGEST: usize = 64 * 1024;
/// The audience of web identity tokens.
pub const AUDIENCE: &str = "sts.amazonaws.com";
/// The shortest session, in seconds.
const SHORTEST: u64 = 900;

#[expect(clippy::expect_used, reason = "the pattern is part of the program, and a test uses it")]
static SESSION_NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\w+=,.@-]{2,64}$").expect("the pattern of session names"));

const VALIDATION_ERROR: ErrorCode = ErrorCode::new("ValidationError", 400);
const INVALID_IDENTITY_TOKEN: ErrorCode = ErrorCode::new("InvalidIdentityToken", 400);
const ACCESS_DENIED: ErrorCode = ErrorCode::new("AccessDenied", 403);
const SERVICE_UNAVAILABLE: ErrorCode = ErrorCode::new("ServiceUnavailable", 503);

/// Answers one request: a form or a presigned URL.
pub async fn handle(state: &IdentityState, request: Request<Body>) -> Response {
    let id = Uuid::new_v4().to_string();
    let (head, body) = request.into_parts();
    let body = match state.memory.public.read(body, LARGEST).await {
        Ok(arrived) => arrived.bytes,
        Err(unread) => return query::refusal(model::sts(), &refused(unread), &id),
    };
    let query = head.uri.query().unwrap_or_default();
    let input = query::form(query, &body);
    if let Some(remote) = &state.remote_sts {
        return match check_web_identity(state, &input) {
            Ok(()) => remote.forward(&head, query, body).await,
            Err(error) => query::refusal(model::sts(), &error, &id),
        };
    }
    let signed = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query,
        headers: &head.headers,
        body: &body,
    };
    let action = query::action(&input);
    match dispatch(state, &input, &signed) {
        Ok((operation, result)) => {
            tracing::debug!(action, "STS");
            query::answer(model::sts(), operation, &result, &id)
        }
        Err(error) => {
            tracing::info!(action, code = error.code().name(), error.message = error.message(), "STS refused");
            query::refusal(model::sts(), &error, &id)
        }
    }
}

fn refused(unread: Unread) -> ApiError {
    match unread {
        Unread::Busy => ApiError::new(SERVICE_UNAVAILABLE, "Too many requests are under way. Please try again."),
        unread => ApiError::new(VALIDATION_ERROR, unread.to_string()),
    }
}

/// Checks the token of a service account before a remote STS answers, which doesn't know the clusters' issuers.
fn check_web_identity(state: &IdentityState, input: &Form) -> Result<(), ApiError> {
    if query::action(input) == Operation::AssumeRoleWithWebIdentity.name() {
        let token = required(input, "WebIdentityToken")?;
        let refused = |refusal: super::token::AuthError| ApiError::new(INVALID_IDENTITY_TOKEN, refusal.0);
        issuer::check(state, token, AUDIENCE).map_err(refused)?;
    }
    Ok(())
}

/// Runs the operation of the request. Returns it and its result.
fn dispatch(state: &IdentityState, input: &Form, signed: &SignedRequest<'_>) -> Result<(Operation, String), ApiError> {
    let operation = query::operation(model::sts(), input)?;
    let result = match operation {
        Operation::AssumeRole => query::result(operation, &assume_role(state, &*caller(state, signed)?, input)?),
        Operation::AssumeRoleWithWebIdentity => query::result(operation, &assume_role_with_web_identity(state, input)?),
        Operation::GetCallerIdentity => query::result(operation, &get_caller_identity(&*caller(state, signed)?)),
        Operation::GetSessionToken => {
            query::result(operation, &get_session_token(state, &*caller(state, signed)?, input)?)
        }
    };
    Ok((operation, result?))
}

/// The owner of the signing key. STS credentials open clusters, so signatures are checked in every mode.
fn caller(state: &IdentityState, signed: &SignedRequest<'_>) -> Result<Arc<Key>, ApiError> {
    let purpose = Purpose { service: "sts", presigned: None };
    verify(signed, state.keys.as_ref(), purpose, SystemTime::now()).map(|(key, _)| key).map_err(|error| {
        let code = match error.code() {
            ErrorCode::UNRECOGNIZED_CLIENT => "InvalidClientTokenId",
            ErrorCode::INVALID_SIGNATURE => "SignatureDoesNotMatch",
            ErrorCode::EXPIRED_TOKEN => "ExpiredToken",
            ErrorCode::MISSING_AUTHENTICATION_TOKEN => "MissingAuthenticationToken",
            _ => "IncompleteSignature",
        };
        ApiError::new(ErrorCode::new(code, 403), error.message())
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    arn: String,
    user_id: String,
    account: String,
}

fn get_caller_identity(key: &Key) -> CallerIdentity {
    let who = Principal::of(key);
    CallerIdentity { arn: who.arn, user_id: who.id, account: who.account }
}

/// Credentials in STS's format.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SessionCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

impl SessionCredentials {
    fn of(credentials: Credentials) -> Self {
        Self {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
            expiration: time(credentials.expires),
        }
    }
}

/// A time as AWS writes it.
pub fn time(time: SystemTime) -> String {
    times::to_seconds(Timestamp::try_from(time).unwrap_or(Timestamp::MAX))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleResult {
    credentials: SessionCredentials,
    assumed_role_user: AssumedRoleUser,
    packed_policy_size: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_from_web_identity_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SessionTokenResult {
    credentials: SessionCredentials,
}

fn assume_role(state: &IdentityState, key: &Key, input: &Form) -> Result<AssumeRoleResult, ApiError> {
    let who = Principal::of(key);
    let root = format!("arn:aws:iam::{}:root", who.account);
    let mut keys = vec![("aws:PrincipalArn", who.identity.as_str()), ("aws:PrincipalAccount", who.account.as_str())];
    keys.extend(input.get("ExternalId").map(|id| ("sts:ExternalId", id.as_str())));
    let requesters = [Requester::Aws(&who.arn), Requester::Aws(&who.identity), Requester::Aws(&root)];
    // A session that was result by another one lasts an hour at most.
    let most = if key.role_arn().is_some() { LONGEST } else { u64::MAX };
    let origin = state.sessions.origin(key);
    assume(state, input, &requesters, "sts:AssumeRole", &keys, (&who.account, &who.arn, most, origin))
}

fn assume_role_with_web_identity(state: &IdentityState, input: &Form) -> Result<AssumeRoleResult, ApiError> {
    let token = required(input, "WebIdentityToken")?;
    let invalid = |text: String| ApiError::new(INVALID_IDENTITY_TOKEN, text);
    let (cluster, claims) = issuer::check(state, token, AUDIENCE).map_err(|refusal| invalid(refusal.to_string()))?;
    let role = role_arn(input)?;
    let action = "sts:AssumeRoleWithWebIdentity";
    let account = Identity::of(&cluster).account;
    if !is_reachable_from(state, &role, &account) {
        return Err(denied(&claims.sub, action, &role));
    }
    let host = claims.iss.trim_start_matches("https://");
    let provider = format!("arn:{}:iam::{}:oidc-provider/{host}", role.partition, role.account);
    let (sub, aud) = (format!("{host}:sub"), format!("{host}:aud"));
    let keys = [(sub.as_str(), claims.sub.as_str()), (aud.as_str(), AUDIENCE)];
    tracing::debug!(issuer = claims.iss, subject = claims.sub, cluster = ?cluster.metadata.name, "web identity");
    let requester = [Requester::Federated(&provider)];
    let mut result =
        assume(state, input, &requester, action, &keys, (&account, &claims.sub, u64::MAX, Origin::default()))?;
    result.subject_from_web_identity_token = Some(claims.sub);
    result.audience = Some(AUDIENCE.into());
    result.provider = Some(provider);
    Ok(result)
}

fn get_session_token(state: &IdentityState, key: &Key, input: &Form) -> Result<SessionTokenResult, ApiError> {
    if key.is_temporary() {
        return Err(ApiError::new(ACCESS_DENIED, "Cannot call GetSessionToken with session credentials"));
    }
    let life = duration(input, roles::LIMIT, 129_600)?;
    let session = Session {
        principal: key.principal_arn().to_owned(),
        account: key.account().to_owned(),
        origin: state.sessions.origin(key),
        ..Session::default()
    };
    let credentials = state.sessions.begin(session, life, SystemTime::now()).map_err(query::internal)?;
    Ok(SessionTokenResult { credentials: SessionCredentials::of(credentials) })
}

/// Assumes the role that the request names, for the requester of this account, name and origin, and for at most `most`
/// seconds.
fn assume(
    state: &IdentityState,
    input: &Form,
    requesters: &[Requester<'_>],
    action: &str,
    keys: &[(&str, &str)],
    (account, name, most, origin): (&str, &str, u64, Origin),
) -> Result<AssumeRoleResult, ApiError> {
    let arn = role_arn(input)?;
    let session = required(input, "RoleSessionName")?;
    if !SESSION_NAME.is_match(session) {
        return Err(ApiError::new(VALIDATION_ERROR, "RoleSessionName must be 2 to 64 letters, digits or of _+=,.@-"));
    }
    let tags = tags(input);
    let asked = request_tags(&tags);
    let mut keys = [keys, &[("sts:RoleSessionName", session)]].concat();
    keys.extend(asked.iter().map(|(key, value)| (key.as_str(), *value)));
    let role = find_trusting_role(state, (&arn, account), requesters, action, &keys)
        .ok_or_else(|| denied(name, action, &arn))?;
    if !tags.is_empty() && !role.trusts(requesters, "sts:TagSession", &keys) {
        return Err(denied(name, "sts:TagSession", &arn));
    }
    let life = duration(input, LONGEST, role.longest.min(most))?;
    let (who, credentials) = start_session(state, &arn, session, life, tags, origin)?;
    Ok(AssumeRoleResult {
        credentials: SessionCredentials::of(credentials),
        assumed_role_user: AssumedRoleUser { assumed_role_id: who.id, arn: who.arn },
        packed_policy_size: 0,
        subject_from_web_identity_token: None,
        audience: None,
        provider: None,
    })
}

fn denied(name: &str, action: &str, role: &Arn) -> ApiError {
    let text = format!("User: {name} is not authorized to perform: {action} on resource: {role}");
    ApiError::new(ACCESS_DENIED, text)
}

/// The role, if it trusts the requester, which is of `account`. `requesters` are forms of the same requester.
pub fn find_trusting_role(
    state: &IdentityState,
    (arn, account): (&Arn, &str),
    requesters: &[Requester<'_>],
    action: &str,
    keys: &[(&str, &str)],
) -> Option<Arc<Role>> {
    let role = roles::find(state.roles.as_ref(), state.mode, arn, account)?;
    role.trusts(requesters, action, keys).then_some(role)
}

/// Whether pods of a cluster of `account` may assume the role at all: one of another account needs a trust policy.
pub fn is_reachable_from(state: &IdentityState, role: &Arn, account: &str) -> bool {
    role.account == account || state.roles.role(&role.to_string()).is_some_and(|role| role.has_trust_policy())
}

/// Starts a session of a role, and returns its principal and credentials. `origin`: what the requester's own session comes from.
///
/// # Errors
/// The session can't be written as a token.
pub fn start_session(
    state: &IdentityState,
    role: &Arn,
    name: &str,
    life: Duration,
    tags: BTreeMap<String, String>,
    origin: Origin,
) -> Result<(Principal, Credentials), ApiError> {
    let arn = assumed_role_arn(role, name);
    let session = Session {
        principal: arn.clone(),
        role: Some(role.to_string()),
        account: role.account.clone(),
        tags,
        origin: origin.then(&role.to_string()),
        ..Session::default()
    };
    let credentials = state.sessions.begin(session, life, SystemTime::now()).map_err(query::internal)?;
    Ok((Principal::new(&arn, &role.account, &credentials.access_key_id), credentials))
}

fn required<'a>(input: &'a Form, name: &str) -> Result<&'a str, ApiError> {
    let value = input.get(name).filter(|value| !value.is_empty());
    value.map(String::as_str).ok_or_else(|| ApiError::new(VALIDATION_ERROR, format!("{name} is missing")))
}

fn role_arn(input: &Form) -> Result<Arn, ApiError> {
    let text = required(input, "RoleArn")?;
    let arn = text.parse::<Arn>().ok().filter(Arn::is_role);
    arn.ok_or_else(|| ApiError::new(VALIDATION_ERROR, format!("{text} is invalid: the ARN of a role is expected")))
}

fn duration(input: &Form, default: u64, longest: u64) -> Result<Duration, ApiError> {
    let Some(text) = input.get("DurationSeconds") else { return Ok(Duration::from_secs(default.min(longest))) };
    let seconds = text.parse().ok().filter(|n| (SHORTEST..=longest).contains(n));
    let refused = || {
        let text = format!(
            "DurationSeconds must be between {SHORTEST} and {longest}, which is the longest session of the role"
        );
        ApiError::new(VALIDATION_ERROR, text)
    };
    seconds.map(Duration::from_secs).ok_or_else(refused)
}

/// Condition keys of the session tags of a request.
pub fn request_tags(tags: &BTreeMap<String, String>) -> Vec<(String, &str)> {
    tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.as_str())).collect()
}

fn tags(input: &Form) -> BTreeMap<String, String> {
    let keys = input.iter().filter_map(|(name, key)| Some((name.strip_suffix(".Key")?, key)));
    keys.filter(|(name, _)| name.starts_with("Tags.member."))
        .map(|(name, key)| (key.clone(), input.get(&format!("{name}.Value")).cloned().unwrap_or_default()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_has_what_answers_need() {
        let model = model::sts();
        let names: Vec<_> = model.operations().iter().map(|operation| operation.name.as_str()).collect();
        assert_eq!(names, Operation::ALL.iter().map(|operation| operation.name()).collect::<Vec<_>>());
        let facts = model.metadata();
        assert_eq!((facts.version.as_str(), facts.service.as_str()), ("2011-06-15", "sts"));
        assert_eq!(facts.namespace, "https://sts.amazonaws.com/doc/2011-06-15/");
    }

    #[test]
    fn a_result_is_told_in_the_members_of_sts() {
        let key = Key::new("AKIA1", "secret", "000000000000", "arn:aws:iam::000000000000:user/ann");
        let who = Principal::of(&key);
        let told = query::result(Operation::GetCallerIdentity, &get_caller_identity(&key)).unwrap();
        let expected = format!(
            "<GetCallerIdentityResult><Arn>{}</Arn><UserId>{}</UserId><Account>000000000000</Account>\
             </GetCallerIdentityResult>",
            who.arn, who.id
        );
        assert_eq!(told, expected);
    }
}
