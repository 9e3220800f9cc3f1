//! What all kinds that belong to a cluster say alike in the API.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::crd::{Member, MemberPhase};

/// The API's word for where a member stands.
pub fn wire_status(member: &impl Member) -> &'static str {
    if member.meta().deletion_timestamp.is_some() {
        return "DELETING";
    }
    match member.member_status().map(|s| s.phase).unwrap_or_default() {
        MemberPhase::Creating => "CREATING",
        MemberPhase::Active => "ACTIVE",
        MemberPhase::Updating => "UPDATING",
        MemberPhase::Degraded => "DEGRADED",
        MemberPhase::Failed => "CREATE_FAILED",
    }
}

/// What is wrong with a member.
pub fn issues(member: &impl Member) -> Vec<Value> {
    let issues = member.member_status().map(|s| s.issues.as_slice()).unwrap_or_default();
    issues.iter().map(|i| json!({"code": i.code, "message": i.message, "resourceIds": i.resource_ids})).collect()
}

/// When it was made.
pub fn created(meta: &ObjectMeta) -> Option<String> {
    meta.creation_timestamp.as_ref().map(|time| time.0.to_string())
}

/// When its spec was last changed.
pub fn modified(member: &impl Member) -> Option<String> {
    member.member_status().and_then(|s| s.modified_at.clone()).or_else(|| created(member.meta()))
}

/// Whether it was given up for deletion.
pub fn gone<K: Member + Clone>(member: &K) -> K {
    let mut left = member.clone();
    if left.meta().deletion_timestamp.is_none() {
        left.meta_mut().deletion_timestamp = left.creation_timestamp();
    }
    left
}
