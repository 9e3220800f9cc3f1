//! Lifecycle policies, and previews of what they would do. The registry's front carries them out.

use aws::error::ApiError;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::images;
use crate::call::{Call, Preview};
use crate::error::EcrError as _;
use crate::lifecycle::evaluate::{Expiring, expiring};
use crate::lifecycle::policy::{self, Policy};

/// `PutLifecyclePolicy`
pub async fn put(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let text = call.input.lifecycle_policy_text.as_deref().unwrap_or_default();
    parsed(text)?;
    call.change(name, |record| {
        record.lifecycle_policy = Some(text.to_owned());
        Ok(())
    })
    .await?;
    Ok(shown(&call, name, text))
}

/// `GetLifecyclePolicy`
pub async fn get(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let policy = call.record(name).await?.lifecycle_policy;
    let text = policy.ok_or_else(|| ApiError::no_lifecycle_policy(&call.registry, name))?;
    with_time(&call, name, &text).await
}

/// `DeleteLifecyclePolicy`
pub async fn delete(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let none = || ApiError::no_lifecycle_policy(&call.registry, name);
    let text = call.change(name, |record| record.lifecycle_policy.take().ok_or_else(none)).await?;
    with_time(&call, name, &text).await
}

/// `StartLifecyclePolicyPreview`: it is complete when this answers.
pub async fn start_preview(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    let own = call.record(name).await?.lifecycle_policy;
    let text = call.input.lifecycle_policy_text.clone().or(own);
    let text = text.ok_or_else(|| ApiError::no_lifecycle_policy(&call.registry, name))?;
    let policy = parsed(&text)?;
    let images = expiring(&images::all(&call, name).await?, &policy, Timestamp::now());
    let mut answer = shown(&call, name, &text);
    answer["status"] = "IN_PROGRESS".into();
    let preview = Preview { text, images };
    call.ecr.previews.lock().insert(call.registry.repository(name), preview);
    Ok(answer)
}

/// `GetLifecyclePolicyPreview`
pub async fn get_preview(call: Call) -> Result<Value, ApiError> {
    let name = call.input.repository()?;
    call.record(name).await?;
    let preview = call.ecr.previews.lock().get(&call.registry.repository(name)).cloned();
    let preview = preview.ok_or_else(|| ApiError::no_preview(&call.registry, name))?;
    let ids = call.input.image_ids.as_deref();
    let count = preview.images.len();
    let meant = |one: &&Expiring| {
        call.input.means(!one.image.tags.is_empty())
            && ids.is_none_or(|ids| ids.iter().any(|id| images::is(&one.image, id)))
    };
    let images = preview.images.iter().filter(meant).map(previewed).collect();
    let (page, next) = call.input.page(images, 100)?;
    let mut answer = shown(&call, name, &preview.text);
    answer["status"] = "COMPLETE".into();
    answer["nextToken"] = next.into();
    answer["previewResults"] = page.into();
    answer["summary"] = json!({"expiringImageTotalCount": count});
    Ok(answer)
}

fn parsed(text: &str) -> Result<Policy, ApiError> {
    let told = |why| ApiError::invalid("LifecyclePolicyText", &format!("Lifecycle policy validation failure: {why}"));
    policy::parse(text).map_err(told)
}

fn shown(call: &Call, name: &str, text: &str) -> Value {
    json!({"registryId": call.registry.account, "repositoryName": name, "lifecyclePolicyText": text})
}

/// The policy, and when it was carried out last: as in ECR that is 1970 before the first time.
async fn with_time(call: &Call, name: &str, text: &str) -> Result<Value, ApiError> {
    let known = call.ecr.engine.inventory(&call.registry.repository(name)).await?.unwrap_or_default();
    let mut answer = shown(call, name, text);
    answer["lastEvaluatedAt"] = known.evaluated_at.map_or(0, Timestamp::as_second).into();
    Ok(answer)
}

fn previewed(expiring: &Expiring) -> Value {
    let image = &expiring.image;
    json!({
        "imageTags": (!image.tags.is_empty()).then_some(&image.tags),
        "imageDigest": image.digest,
        "imagePushedAt": image.pushed_at.map(Timestamp::as_second),
        "action": {"type": "EXPIRE"},
        "appliedRulePriority": expiring.priority,
    })
}
