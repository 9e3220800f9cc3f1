//! Tags of repositories.

use std::collections::BTreeMap;

use arn::Arn;
use aws::error::ApiError;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::EcrError as _;
use crate::input::Tag;
use crate::names::is_repository;

/// Tags that a repository may have.
const MOST: usize = 50;
/// Characters that a key may have.
const KEY: usize = 128;
/// Characters that a value may have.
const VALUE: usize = 256;

/// `TagResource`
pub async fn tag(call: Call) -> Result<Value, ApiError> {
    let name = repository(&call)?;
    let given = call.input.tags.as_deref().unwrap_or_default();
    let add = |tags: &BTreeMap<_, _>| added(tags, given);
    call.change(&name, |record| add(&record.tags).map(|tags| record.tags = tags)).await?;
    Ok(json!({}))
}

/// `UntagResource`
pub async fn untag(call: Call) -> Result<Value, ApiError> {
    let name = repository(&call)?;
    let gone = call.input.tag_keys.as_deref().unwrap_or_default();
    call.change(&name, |record| {
        record.tags.retain(|key, _| !gone.contains(key));
        Ok(())
    })
    .await?;
    Ok(json!({}))
}

/// `ListTagsForResource`
pub async fn list(call: Call) -> Result<Value, ApiError> {
    let record = call.record(&repository(&call)?).await?;
    let tags: Vec<_> = record.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"tags": tags}))
}

/// The tags with the given ones; of a key that is there the value changes.
///
/// # Errors
/// A tag isn't as it must be, or there are too many.
pub fn added(tags: &BTreeMap<String, String>, given: &[Tag]) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = tags.clone();
    for Tag { key, value } in given {
        let (key_length, value_length) = (key.chars().count(), value.chars().count());
        if !(1..=KEY).contains(&key_length) || value_length > VALUE || key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::invalid_tag());
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > MOST { Err(ApiError::too_many_tags()) } else { Ok(tags) }
}

/// The name of the repository that the ARN names.
fn repository(call: &Call) -> Result<String, ApiError> {
    let invalid = || ApiError::invalid("resourceArn", "Invalid ARN");
    let arn: Arn = call.input.resource_arn.as_deref().unwrap_or_default().parse().map_err(|_| invalid())?;
    let name = arn.resource.strip_prefix("repository/").filter(|name| is_repository(name));
    let name = name.filter(|_| arn.service == "ecr" && arn.region == call.registry.region).ok_or_else(invalid)?;
    if arn.account == call.registry.account { Ok(name.to_owned()) } else { Err(call.denied(&arn.account)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_added_within_limits() {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        let one = added(&BTreeMap::new(), &[tag("team", "a"), tag("team", "b")]).unwrap();
        assert_eq!(one, BTreeMap::from([("team".into(), "b".into())]));
        for odd in [tag("", "a"), tag(&"k".repeat(129), "a"), tag("a", &"v".repeat(257)), tag("AWS:a", "a")] {
            assert_eq!(added(&one, &[odd]).unwrap_err().code().name(), "InvalidTagParameterException");
        }
        let many: Vec<_> = (0..50).map(|number| tag(&number.to_string(), "")).collect();
        assert_eq!(added(&BTreeMap::new(), &many).unwrap().len(), 50);
        assert_eq!(added(&one, &many).unwrap_err().code().name(), "TooManyTagsException");
    }
}
