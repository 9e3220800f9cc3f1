//! What the operations are asked for, and the checks that they share.

use aws::error::ApiError;
use serde::Deserialize;
use serde_json::Value;

use super::error::{EcrError, MUTABILITY};
use super::names::is_repository;

/// An image, by its digest, its tag or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageId {
    /// `sha256:` and 64 hexadecimal digits.
    pub image_digest: Option<String>,
    /// A tag.
    pub image_tag: Option<String>,
}

/// Which images are meant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// `TAGGED`, `UNTAGGED` or `ANY`.
    pub tag_status: Option<String>,
}

/// A tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// The members of all requests that are served.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The registry's account, if it isn't the caller's.
    pub registry_id: Option<String>,
    /// A repository.
    pub repository_name: Option<String>,
    /// Repositories.
    pub repository_names: Option<Vec<String>>,
    /// Images.
    pub image_ids: Option<Vec<ImageId>>,
    /// Layers.
    pub layer_digests: Option<Vec<String>>,
    /// A manifest's text.
    pub image_manifest: Option<String>,
    /// A manifest's media type.
    pub image_manifest_media_type: Option<String>,
    /// A tag of an image.
    pub image_tag: Option<String>,
    /// An image's digest.
    pub image_digest: Option<String>,
    /// Which images.
    pub filter: Option<Filter>,
    /// Of a repository with images, too.
    #[serde(default)]
    pub force: bool,
    /// `MUTABLE` or `IMMUTABLE`.
    pub image_tag_mutability: Option<String>,
    /// Kept as it is.
    pub image_scanning_configuration: Option<Value>,
    /// Kept as it is.
    pub encryption_configuration: Option<Value>,
    /// Who may use a repository, as JSON.
    pub policy_text: Option<String>,
    /// Which images expire, as JSON.
    pub lifecycle_policy_text: Option<String>,
    /// The ARN of a repository.
    pub resource_arn: Option<String>,
    /// Tags of a repository.
    pub tags: Option<Vec<Tag>>,
    /// Keys of such tags.
    pub tag_keys: Option<Vec<String>>,
    /// Items of a page.
    pub max_results: Option<usize>,
    /// Where the page begins.
    pub next_token: Option<String>,
}

impl Input {
    /// The repository's name.
    ///
    /// # Errors
    /// It is missing or isn't one.
    pub fn repository(&self) -> Result<&str, ApiError> {
        let name = self.repository_name.as_deref();
        let name = name.ok_or_else(|| ApiError::invalid("repositoryName", "must not be null"))?;
        if is_repository(name) { Ok(name) } else { Err(ApiError::invalid_name()) }
    }

    /// The images.
    ///
    /// # Errors
    /// There are none or too many.
    pub fn images(&self) -> Result<&[ImageId], ApiError> {
        let all = self.image_ids.as_deref().unwrap_or_default();
        match all.len() {
            1..=100 => Ok(all),
            _ => Err(ApiError::invalid("imageIds", "Member must have length between 1 and 100")),
        }
    }

    /// Whether images with tags, or those without, are meant.
    pub fn means(&self, tagged: bool) -> bool {
        match self.filter.as_ref().and_then(|filter| filter.tag_status.as_deref()) {
            Some("TAGGED") => tagged,
            Some("UNTAGGED") => !tagged,
            _ => true,
        }
    }

    /// The mutability of tags; none where it isn't named.
    ///
    /// # Errors
    /// It is none of those that are served.
    pub fn mutability(&self) -> Result<Option<String>, ApiError> {
        let asked = self.image_tag_mutability.clone();
        if asked.as_deref().is_none_or(|asked| ["MUTABLE", "IMMUTABLE"].contains(&asked)) {
            return Ok(asked);
        }
        Err(ApiError::invalid("imageTagMutability", MUTABILITY))
    }

    /// The page of `all`, and the token of the next one. `most` is a page's size where the request names none.
    ///
    /// # Errors
    /// The token or the size isn't good.
    pub fn page<T>(&self, all: Vec<T>, most: usize) -> Result<(Vec<T>, Option<String>), ApiError> {
        let size = self.max_results.unwrap_or(most);
        if !(1..=1000).contains(&size) {
            return Err(ApiError::invalid("maxResults", "Member must be between 1 and 1000"));
        }
        let first = self.next_token.as_deref().map_or(Ok(0), str::parse::<usize>);
        let first = first.map_err(|_| ApiError::invalid("nextToken", "must be the token of an earlier answer"))?;
        let next = (all.len() > first.saturating_add(size)).then(|| (first + size).to_string());
        Ok((all.into_iter().skip(first).take(size).collect(), next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let mut input = Input { max_results: Some(2), ..Input::default() };
        let (page, next) = input.page(vec![1, 2, 3], 100).unwrap();
        assert_eq!((page, next.as_deref()), (vec![1, 2], Some("2")));
        input.next_token = next;
        assert_eq!(input.page(vec![1, 2, 3], 100).unwrap(), (vec![3], None));
        input.next_token = Some("x".into());
        assert!(input.page(vec![1], 100).is_err());
    }

    #[test]
    fn names_and_mutability_are_checked() {
        let named = |name: &str| Input { repository_name: Some(name.into()), ..Input::default() };
        assert_eq!(named("team/app").repository().unwrap(), "team/app");
        assert_eq!(named("App").repository().unwrap_err().code().name(), "InvalidParameterException");
        assert!(Input::default().repository().is_err() && Input::default().images().is_err());
        let input = Input { image_tag_mutability: Some("ODD".into()), ..Input::default() };
        assert!(input.mutability().is_err());
    }
}
