//! What all kinds that belong to a cluster say alike in the API.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use serde_json::{Value, json};

use crd::{Member, MemberPhase};

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
        MemberPhase::UpdateFailed => "UPDATE_FAILED",
    }
}

/// The same of a member that can be changed; `updating` is whether a change of it is under way.
pub fn changing_status(member: &impl Member, updating: bool) -> &'static str {
    let seen = member.member_status().and_then(|status| status.observed_generation) == member.meta().generation;
    match wire_status(member) {
        "ACTIVE" if updating || !seen => "UPDATING",
        status => status,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crd::Addon;

    #[test]
    fn a_change_that_is_not_in_force_yet_is_an_update() {
        let status = |phase: &str, observed: i64, updating| {
            let addon: Addon = serde_json::from_value(json!({
                "apiVersion": "k3eks.io/v1alpha1", "kind": "Addon", "metadata": {"name": "a", "generation": 2},
                "spec": {"clusterName": "c", "addonName": "coredns"},
                "status": {"phase": phase, "observedGeneration": observed},
            }))
            .unwrap();
            changing_status(&addon, updating)
        };
        assert_eq!(status("Active", 2, false), "ACTIVE");
        assert_eq!((status("Active", 1, false), status("Active", 2, true)), ("UPDATING", "UPDATING"));
        assert_eq!((status("Creating", -1, false), status("Degraded", 1, true)), ("CREATING", "DEGRADED"));
    }
}
