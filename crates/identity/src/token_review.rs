//! TokenReview: which Kubernetes user the API server of a child cluster takes the bearer of a token for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewStatus, UserInfo};
use kube::Resource;

use super::IdentityState;
use super::aws_auth::{self, User};
use super::principal::{INSTANCE, Principal};
use super::token::{self, AuthError};
use crd::cluster_settings::AuthenticationMode;
use crd::names::Identity;
use crd::{AccessEntry, EKSClusterConfig, own_entries};

/// Answers a TokenReview of the cluster resource.
pub async fn review(state: &IdentityState, namespace: &str, name: &str, mut review: TokenReview) -> TokenReview {
    let token = review.spec.token.take().unwrap_or_default();
    let resource = format!("{namespace}/{name}");
    let status = match user(state, namespace, name, &token).await {
        Ok(user) => {
            tracing::info!(resource, user = user.username, "signed in");
            TokenReviewStatus { authenticated: Some(true), user: Some(user), ..TokenReviewStatus::default() }
        }
        Err(refusal) => {
            // The API server sends every token here that isn't a service account's.
            if token.starts_with(token::PREFIX) {
                tracing::info!(resource, why = %refusal, "refused to sign in");
            }
            TokenReviewStatus {
                authenticated: Some(false),
                error: Some(refusal.to_string()),
                ..TokenReviewStatus::default()
            }
        }
    };
    TokenReview { status: Some(status), ..review }
}

async fn user(state: &IdentityState, namespace: &str, name: &str, token: &str) -> Result<UserInfo, AuthError> {
    let cluster = state.api.store.get::<EKSClusterConfig>(namespace, name);
    let cluster = cluster.ok_or_else(|| AuthError::new("there is no such cluster"))?;
    if cluster.meta().deletion_timestamp.is_some() {
        return Err(AuthError::new("the cluster is being deleted"));
    }
    let identity = Identity::of(&cluster);
    let who = principal(state, &identity.name, token).await?;
    let user = match user_of_access_entry(state, &cluster, &who) {
        Some(user) => user,
        None => user_without_access_entry(state, &cluster, &who).await?,
    };
    Ok(user_info(refuse_instance(user, &who)?, &who))
}

/// Refuses a user that stands for an EC2 instance.
fn refuse_instance(user: User, who: &Principal) -> Result<User, AuthError> {
    if user.name.contains(INSTANCE) {
        let why = format!("{} is a node role, and nodes sign in with certificates of their own", who.identity);
        return Err(AuthError::new(why));
    }
    Ok(user)
}

/// Who signed the token: by the keys that k3eks knows, else by the remote STS.
async fn principal(state: &IdentityState, cluster: &str, token: &str) -> Result<Principal, AuthError> {
    let (keys, now) = (state.keys.as_ref(), SystemTime::now());
    if let Some(remote) = &state.remote_sts
        && let Some(query) = token::query_for_remote_sts(token, keys, &state.sts_hosts, now)?
    {
        return remote.caller_identity(&query, cluster).await;
    }
    token::check(token, cluster, keys, &state.sts_hosts, now)
}

/// The Kubernetes user that an access entry makes of the principal, in a cluster that uses access entries.
fn user_of_access_entry(state: &IdentityState, cluster: &EKSClusterConfig, who: &Principal) -> Option<User> {
    if cluster.spec.authentication_mode() == AuthenticationMode::ConfigMap {
        return None;
    }
    let entries = state.api.store.members::<AccessEntry>(cluster);
    let entry = find_entry(&entries, who)?;
    let groups = entry.spec.groups().iter().map(|group| who.render(group)).collect();
    Some(User { name: who.render(&entry.spec.username()), groups })
}

/// The access entry of the principal: that of its role, with the role's path, before that of the session itself.
fn find_entry<'a>(entries: &'a [Arc<AccessEntry>], who: &Principal) -> Option<&'a AccessEntry> {
    let matching =
        |exact: &str| entries.iter().find(|e| e.meta().deletion_timestamp.is_none() && e.spec.principal_arn == exact);
    [&who.identity, &who.arn].into_iter().find_map(|arn| matching(arn)).map(|entry| &**entry)
}

/// The Kubernetes user of a principal without an access entry: the cluster's creator, or what `aws-auth` says.
async fn user_without_access_entry(
    state: &IdentityState,
    cluster: &EKSClusterConfig,
    who: &Principal,
) -> Result<User, AuthError> {
    if is_creator(cluster, who) {
        return Ok(User { name: "kubernetes-admin".into(), groups: vec!["system:masters".into()] });
    }
    let nobody = || AuthError::new(format!("{} has no access entry in this cluster", who.identity));
    if cluster.spec.authentication_mode() == AuthenticationMode::Api {
        return Err(nobody());
    }
    let map = state.children.aws_auth(&state.api.store, cluster).await?;
    let mapped = map.and_then(|map| aws_auth::user(&map, who));
    mapped.ok_or_else(|| AuthError::new(format!("{} is neither in aws-auth nor in an access entry", who.identity)))
}

/// Whether the principal created the cluster and is its administrator for that. In a cluster with access entries the creator has one,
/// which users may delete.
fn is_creator(cluster: &EKSClusterConfig, who: &Principal) -> bool {
    !own_entries::has_entries(cluster) && cluster.spec.creator_is_admin() && who.is(&own_entries::creator(cluster))
}

fn user_info(user: User, who: &Principal) -> UserInfo {
    let extra = [
        ("accessKeyId", &who.access_key_id),
        ("arn", &who.arn),
        ("canonicalArn", &who.canonical),
        ("principalId", &who.id),
        ("sessionName", &who.session),
    ];
    let extra: BTreeMap<String, Vec<String>> =
        extra.into_iter().map(|(key, value)| (key.to_owned(), vec![value.clone()])).collect();
    UserInfo {
        username: Some(user.name),
        uid: Some(format!("aws-iam-authenticator:{}:{}", who.account, who.id)),
        groups: Some(user.groups),
        extra: Some(extra),
    }
}

#[cfg(test)]
mod tests;
