//! Policies of repositories: kept. They let nobody in and keep nobody out.

use aws::error::ApiError;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::error::EcrError as _;

/// Versions of the policy language.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// `SetRepositoryPolicy`
pub async fn set(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let text = call.input.policy_text.as_deref().unwrap_or_default();
    if !is_policy(text) {
        return Err(ApiError::invalid("PolicyText", "Invalid repository policy provided"));
    }
    call.change(name, |record| {
        record.policy = Some(text.to_owned());
        Ok(())
    })
    .await?;
    Ok(shown(&call, name, text))
}

/// `GetRepositoryPolicy`
pub async fn get(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let policy = call.record(name).await?.policy;
    let text = policy.ok_or_else(|| ApiError::no_policy(&call.registry, name))?;
    Ok(shown(&call, name, &text))
}

/// `DeleteRepositoryPolicy`
pub async fn delete(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let none = || ApiError::no_policy(&call.registry, name);
    let text = call.change(name, |record| record.policy.take().ok_or_else(none)).await?;
    Ok(shown(&call, name, &text))
}

fn shown(call: &Call, name: &str, text: &str) -> Value {
    json!({"registryId": call.registry.account, "repositoryName": name, "policyText": text})
}

/// Whether this is a policy of a resource: its statements say who and what, and not on which resource.
fn is_policy(text: &str) -> bool {
    let Ok(Value::Object(policy)) = serde_json::from_str(text) else { return false };
    let version = policy.get("Version").is_none_or(|v| v.as_str().is_some_and(|v| VERSIONS.contains(&v)));
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().all(is_statement),
        Some(one) => is_statement(one),
        None => false,
    };
    version && statements
}

fn is_statement(statement: &Value) -> bool {
    let Value::Object(statement) = statement else { return false };
    let effect = matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"));
    let resource = ["Resource", "NotResource"].iter().any(|member| statement.contains_key(*member));
    effect && has_one(statement, "Principal") && has_one(statement, "Action") && !resource
}

/// Whether the statement has the member or its opposite, such as `Action` or `NotAction`, and not both.
fn has_one(statement: &Map<String, Value>, member: &str) -> bool {
    statement.contains_key(member) != statement.contains_key(&format!("Not{member}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_who_may_do_what() {
        let statement = json!({"Sid": "a", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]});
        for good in [
            json!({"Version": "2012-10-17", "Statement": [statement]}),
            json!({"Statement": statement}),
            json!({"Statement": {"Effect": "Deny", "NotPrincipal": {"AWS": "*"}, "NotAction": "ecr:*"}}),
        ] {
            assert!(is_policy(&good.to_string()), "{good}");
        }
        let with = |member: &str, value: Value| {
            let mut statement = statement.clone();
            statement[member] = value;
            json!({"Statement": [statement]})
        };
        for odd in [
            json!([]),
            json!({}),
            json!({"Statement": []}),
            json!({"Statement": "a"}),
            json!({"Version": "2020-01-01", "Statement": [statement]}),
            json!({"Statement": [{"Effect": "Allow", "Action": "ecr:*"}]}),
            json!({"Statement": [{"Effect": "Allow", "Principal": "*"}]}),
            with("Effect", json!("Maybe")),
            with("Resource", json!("*")),
            with("NotAction", json!("*")),
        ] {
            assert!(!is_policy(&odd.to_string()), "{odd}");
        }
        assert!(!is_policy("{"));
    }
}
