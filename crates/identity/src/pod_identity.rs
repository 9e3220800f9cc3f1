//! EKS Pod Identity: credentials for a pod whose service account has an association with a role.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::IdentityState;
use super::issuer::{self, Claims};
use super::principal::Principal;
use super::roles::Requester;
use super::sessions::{Credentials, Origin};
use super::sts::{self, time};
use super::token::AuthError;
use arn::Arn;
use aws::error::ApiError;
use crd::identity_service::POD_IDENTITY_AUDIENCE;
use crd::names::Identity;
use crd::{EKSClusterConfig, Member, PodIdentityAssociation};
use eks::rules::roles::is_of;

/// Lifetime of a pod's credentials.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);
/// The service principal of EKS Pod Identity.
const SERVICE: &str = "pods.eks.amazonaws.com";

/// A pod's credentials, and the association and token that they come from.
pub struct PodCredentials {
    association: Arc<PodIdentityAssociation>,
    arn: String,
    claims: Claims,
    who: Principal,
    credentials: Credentials,
}

/// Credentials for the bearer of `token`; of the cluster of this name in EKS, where one is given.
///
/// # Errors
/// Why there are none.
pub fn grant(state: &IdentityState, token: &str, cluster: Option<&str>) -> Result<PodCredentials, AuthError> {
    let (found, claims) = issuer::check(state, token, POD_IDENTITY_AUDIENCE)?;
    let identity = Identity::of(&found);
    if cluster.is_some_and(|name| name != identity.name) {
        return Err(AuthError::new("the token is of another cluster"));
    }
    let (namespace, account) =
        claims.service_account().ok_or_else(|| AuthError::new("the token isn't one of a service account"))?;
    let association = association(state, &found, namespace, account)
        .ok_or_else(|| AuthError::new(format!("no pod identity association of {namespace}/{account}")))?;
    let pod = claims.kubernetes.pod.clone().unwrap_or_default();
    let mut tags = BTreeMap::new();
    if association.spec.disable_session_tags != Some(true) {
        let all = [
            ("eks-cluster-arn", identity.arn()),
            ("eks-cluster-name", identity.name.clone()),
            ("kubernetes-namespace", namespace.to_owned()),
            ("kubernetes-service-account", account.to_owned()),
            ("kubernetes-pod-name", pod.name.clone()),
            ("kubernetes-pod-uid", pod.uid.clone()),
        ];
        tags.extend(all.map(|(key, value)| (key.to_owned(), value)));
    }
    let name: String = format!("eks-{}-{}", identity.name, pod.name).chars().take(27).collect();
    let name = format!("{name}-{}", Uuid::new_v4());
    let source = [("aws:SourceAccount", identity.account.clone()), ("aws:SourceArn", identity.arn())];
    let (who, credentials) = assume(state, &association, &identity.account, &name, &tags, &source)?;
    let arn = identity.arn_of("podidentityassociation", &format!("{}/{}", identity.name, association.eks_name()));
    Ok(PodCredentials { association, arn, claims, who, credentials })
}

/// The association of a service account.
pub fn association(
    state: &IdentityState,
    cluster: &EKSClusterConfig,
    namespace: &str,
    account: &str,
) -> Option<Arc<PodIdentityAssociation>> {
    let all = state.api.store.members::<PodIdentityAssociation>(cluster);
    all.into_iter().find(|a| {
        a.spec.namespace == namespace && a.spec.service_account == account && a.metadata.deletion_timestamp.is_none()
    })
}

/// The association's role, which is one of the cluster's own account, and then the target role with it, if there is one.
fn assume(
    state: &IdentityState,
    association: &PodIdentityAssociation,
    account: &str,
    name: &str,
    tags: &BTreeMap<String, String>,
    source: &[(&str, String)],
) -> Result<(Principal, Credentials), AuthError> {
    let role = role(&association.spec.role_arn)?;
    if !is_of(&association.spec.role_arn, account) {
        return Err(AuthError::new(format!(
            "the association's role {role} isn't of the cluster's account {account}; only its target role may be another account's"
        )));
    }
    let tagged = sts::request_tags(tags);
    let mut keys: Vec<(&str, &str)> = tagged.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    keys.push(("sts:RoleSessionName", name));
    keys.extend(source.iter().map(|(key, value)| (*key, value.as_str())));
    let mut actions = vec!["sts:AssumeRole"];
    actions.extend((!tags.is_empty()).then_some("sts:TagSession"));
    for action in &actions {
        if sts::find_trusting_role(state, (&role, account), &[Requester::Service(SERVICE)], action, &keys).is_none() {
            return Err(AuthError::new(format!("role {role} doesn't trust {SERVICE} with {action}")));
        }
    }
    let failed = |error: ApiError| AuthError::new(error.message());
    let Some(target) = &association.spec.target_role_arn else {
        return sts::start_session(state, &role, name, LIFE, tags.clone(), Origin::default()).map_err(failed);
    };
    let target = self::role(target)?;
    if !sts::is_reachable_from(state, &target, &role.account) {
        return Err(AuthError::new(format!(
            "role {target} of another account has no trust policy, so it trusts nobody"
        )));
    }
    let (by, root) = (role.to_string(), format!("arn:aws:iam::{}:root", role.account));
    // The first role assumes the second one.
    keys.retain(|(key, _)| !key.starts_with("aws:Source"));
    keys.extend([("aws:PrincipalArn", by.as_str()), ("aws:PrincipalAccount", role.account.as_str())]);
    for action in actions {
        if sts::find_trusting_role(
            state,
            (&target, &role.account),
            &[Requester::Aws(&by), Requester::Aws(&root)],
            action,
            &keys,
        )
        .is_none()
        {
            return Err(AuthError::new(format!("role {target} doesn't trust role {role} with {action}")));
        }
    }
    // A session that was begun by another one lasts an hour at most.
    let origin = Origin::default().then(&by);
    sts::start_session(state, &target, name, Duration::from_secs(3600), tags.clone(), origin).map_err(failed)
}

fn role(arn: &str) -> Result<Arn, AuthError> {
    let parsed = arn.parse::<Arn>().ok().filter(Arn::is_role);
    parsed.ok_or_else(|| AuthError::new(format!("the association's role {arn} isn't the ARN of a role")))
}

impl PodCredentials {
    /// In the format that AWS SDKs read from AWS_CONTAINER_CREDENTIALS_FULL_URI.
    pub fn for_sdk(&self) -> Value {
        let account = &self.who.account;
        let credentials = &self.credentials;
        json!({
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.session_token,
            "AccountId": account,
            "Expiration": time(credentials.expires),
        })
    }

    /// In the format of the answer of AssumeRoleForPodIdentity of the EKS Auth API.
    pub fn for_agent(&self) -> Value {
        let (namespace, account) = self.claims.service_account().unwrap_or_default();
        let expires = self.credentials.expires.duration_since(std::time::SystemTime::UNIX_EPOCH);
        json!({
            "subject": {"namespace": namespace, "serviceAccount": account},
            "audience": POD_IDENTITY_AUDIENCE,
            "podIdentityAssociation": {"associationArn": self.arn, "associationId": self.association.eks_name()},
            "assumedRoleUser": {"arn": self.who.arn, "assumeRoleId": self.who.id},
            "credentials": {
                "accessKeyId": self.credentials.access_key_id,
                "secretAccessKey": self.credentials.secret_access_key,
                "sessionToken": self.credentials.session_token,
                "expiration": expires.map_or(0, |since| since.as_secs()),
            },
        })
    }
}
