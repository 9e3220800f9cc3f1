//! Access policies: the list of them, and their association with access entries.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::RequestContext;
use super::access_entries::find;
use crate::convert::access_entry::AssociateAccessPolicy;
use crate::error::EksError;
use crate::rules::{access_entry as rules, check};
use arn::access_policy;
use aws::error::ApiError;
use crd::AccessEntry;
use crd::access_entry::{AssociatedPolicy, POLICIES};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByPolicy {
    cluster_name: String,
    principal_arn: String,
    #[serde(default)]
    policy_arn: String,
}

fn wire(policy: &AssociatedPolicy) -> Value {
    json!({
        "policyArn": policy.policy_arn,
        "accessScope": {"type": policy.access_scope.type_, "namespaces": policy.access_scope.namespaces},
        "associatedAt": policy.associated_at,
        "modifiedAt": policy.modified_at.as_ref().or(policy.associated_at.as_ref()),
    })
}

pub(super) async fn list(cx: RequestContext, _: Value) -> Result<Value, ApiError> {
    let all =
        POLICIES.iter().map(|name| json!({"name": name, "arn": access_policy(&cx.caller.region, name)})).collect();
    let page = cx.page(all, |policy: &Value| policy["name"].as_str().unwrap_or_default().to_owned());
    Ok(json!({"accessPolicies": page.items, "nextToken": page.next_token}))
}

/// Adds the policy, or changes the scope of one that is there.
fn put(entry: &mut AccessEntry, input: &AssociateAccessPolicy, now: &str) {
    let policies = &mut entry.spec.access_policies;
    if let Some(known) = policies.iter_mut().find(|p| p.policy_arn == input.policy_arn) {
        if known.access_scope != input.access_scope {
            known.access_scope = input.access_scope.clone();
            known.modified_at = Some(now.to_owned());
        }
        return;
    }
    policies.push(AssociatedPolicy {
        policy_arn: input.policy_arn.clone(),
        access_scope: input.access_scope.clone(),
        associated_at: Some(now.to_owned()),
        modified_at: Some(now.to_owned()),
    });
}

pub(super) async fn associate(cx: RequestContext, input: AssociateAccessPolicy) -> Result<Value, ApiError> {
    let (_, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    let named = |error: ApiError| error.cluster(&input.cluster_name);
    rules::policy(&input.policy_arn, &cx.caller.region).map_err(named)?;
    check(rules::ASSOCIATE, &input, &*entry).map_err(named)?;
    let now = Timestamp::now().to_string();
    let change = |entry: &mut AccessEntry| {
        put(entry, &input, &now);
        Ok(())
    };
    let (changed, _) = cx.state.store.change(&entry, change).await?;
    let policy = changed.spec.access_policies.iter().find(|p| p.policy_arn == input.policy_arn).map(wire);
    Ok(
        json!({"clusterName": input.cluster_name, "principalArn": input.principal_arn, "associatedAccessPolicy": policy}),
    )
}

pub(super) async fn disassociate(cx: RequestContext, input: ByPolicy) -> Result<Value, ApiError> {
    let (_, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    let has = |entry: &Arc<AccessEntry>| entry.spec.access_policies.iter().any(|p| p.policy_arn == input.policy_arn);
    if !has(&entry) {
        let text = format!("The policy {} is not associated with {}", input.policy_arn, input.principal_arn);
        return Err(ApiError::resource_not_found(text).cluster(&input.cluster_name));
    }
    let change = |entry: &mut AccessEntry| {
        entry.spec.access_policies.retain(|p| p.policy_arn != input.policy_arn);
        Ok(())
    };
    cx.state.store.change(&entry, change).await?;
    Ok(json!({}))
}

pub(super) async fn list_associated(cx: RequestContext, input: ByPolicy) -> Result<Value, ApiError> {
    let (_, entry) = find(&cx, &input.cluster_name, &input.principal_arn)?;
    let page = cx.page(entry.spec.access_policies.clone(), |policy| policy.policy_arn.clone());
    let items: Vec<Value> = page.items.iter().map(wire).collect();
    Ok(json!({
        "clusterName": input.cluster_name, "principalArn": input.principal_arn,
        "associatedAccessPolicies": items, "nextToken": page.next_token,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crd::access_entry::AccessScope;

    #[test]
    fn a_policy_is_associated_once_and_its_scope_can_change() {
        let mut entry = AccessEntry::new(
            "e",
            crd::access_entry::AccessEntrySpec { type_: "STANDARD".into(), ..Default::default() },
        );
        let mut input = AssociateAccessPolicy {
            cluster_name: "c".into(),
            principal_arn: "p".into(),
            policy_arn: access_policy("us-east-1", "AmazonEKSViewPolicy"),
            access_scope: AccessScope { type_: "cluster".into(), namespaces: vec![] },
        };
        put(&mut entry, &input, "1");
        put(&mut entry, &input, "2");
        assert_eq!(entry.spec.access_policies[0].modified_at.as_deref(), Some("1"));
        input.access_scope = AccessScope { type_: "namespace".into(), namespaces: vec!["a".into()] };
        put(&mut entry, &input, "3");
        assert_eq!(entry.spec.access_policies.len(), 1);
        assert_eq!(entry.spec.access_policies[0].modified_at.as_deref(), Some("3"));
    }
}
