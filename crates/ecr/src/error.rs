//! Errors in ECR's own codes and words.

use aws::error::{ApiError, ErrorCode};
use aws::validate::Violation;
use aws::wording::Wording;

use super::engine;
use super::names::{REPOSITORY, Registry};

const REPOSITORY_NOT_FOUND: ErrorCode = ErrorCode::new("RepositoryNotFoundException", 400);
const REPOSITORY_ALREADY_EXISTS: ErrorCode = ErrorCode::new("RepositoryAlreadyExistsException", 400);
const REPOSITORY_NOT_EMPTY: ErrorCode = ErrorCode::new("RepositoryNotEmptyException", 400);
const IMAGE_NOT_FOUND: ErrorCode = ErrorCode::new("ImageNotFoundException", 400);
const IMAGE_ALREADY_EXISTS: ErrorCode = ErrorCode::new("ImageAlreadyExistsException", 400);
const IMAGE_TAG_ALREADY_EXISTS: ErrorCode = ErrorCode::new("ImageTagAlreadyExistsException", 400);
const IMAGE_DIGEST_DOES_NOT_MATCH: ErrorCode = ErrorCode::new("ImageDigestDoesNotMatchException", 400);
const LAYERS_NOT_FOUND: ErrorCode = ErrorCode::new("LayersNotFoundException", 400);
const REFERENCED_IMAGES_NOT_FOUND: ErrorCode = ErrorCode::new("ReferencedImagesNotFoundException", 400);
const REPOSITORY_POLICY_NOT_FOUND: ErrorCode = ErrorCode::new("RepositoryPolicyNotFoundException", 400);
const LIFECYCLE_POLICY_NOT_FOUND: ErrorCode = ErrorCode::new("LifecyclePolicyNotFoundException", 400);
const LIFECYCLE_POLICY_PREVIEW_NOT_FOUND: ErrorCode = ErrorCode::new("LifecyclePolicyPreviewNotFoundException", 400);
const INVALID_TAG: ErrorCode = ErrorCode::new("InvalidTagParameterException", 400);
const TOO_MANY_TAGS: ErrorCode = ErrorCode::new("TooManyTagsException", 400);
const ACCESS_DENIED: ErrorCode = ErrorCode::new("AccessDeniedException", 400);
const UNSUPPORTED_OPERATION: ErrorCode = ErrorCode::new("UnsupportedOperation", 400);

/// What ECR says in words of its own.
pub const WORDING: Wording = Wording { unknown, broken };

/// Which mutabilities of tags there are.
pub const MUTABILITY: &str = "Member must satisfy enum value set: [MUTABLE, IMMUTABLE]; k3eks has no exclusions";

/// ECR's answers.
pub trait EcrError: Sized {
    /// There is no such repository.
    fn no_repository(registry: &Registry, name: &str) -> Self;

    /// The name is taken.
    fn repository_exists(registry: &Registry, name: &str) -> Self;

    /// It has images.
    fn not_empty(registry: &Registry, name: &str) -> Self;

    /// There is no such image.
    fn no_image(registry: &Registry, name: &str, digest: Option<&str>, tag: Option<&str>) -> Self;

    /// The repository has no policy.
    fn no_policy(registry: &Registry, name: &str) -> Self;

    /// The repository has no lifecycle policy.
    fn no_lifecycle_policy(registry: &Registry, name: &str) -> Self;

    /// No preview of a lifecycle policy was started.
    fn no_preview(registry: &Registry, name: &str) -> Self;

    /// The image is there, with the tag if one is given.
    fn image_exists(registry: &Registry, name: &str, digest: &str, tag: Option<&str>) -> Self;

    /// The tag is there and may not be moved.
    fn tag_exists(name: &str, tag: &str) -> Self;

    /// The manifest has another digest than the request says.
    fn other_digest(asked: &str, is: &str) -> Self;

    /// Layers of an image, or images of an index, aren't there.
    fn no_parts(registry: &Registry, name: &str, digests: &[&str], of_index: bool) -> Self;

    /// A member of the request isn't as it must be.
    fn invalid(member: &str, constraint: &str) -> Self;

    /// A repository's name isn't one.
    fn invalid_name() -> Self;

    /// A tag of a repository isn't as it must be.
    fn invalid_tag() -> Self;

    /// The repository would have more tags than it may.
    fn too_many_tags() -> Self;

    /// Another account's registry.
    fn denied(principal: &str, operation: &str, registry: &Registry) -> Self;
}

impl EcrError for ApiError {
    fn no_repository(registry: &Registry, name: &str) -> Self {
        let id = &registry.account;
        let message = format!("The repository with name '{name}' does not exist in the registry with id '{id}'");
        Self::new(REPOSITORY_NOT_FOUND, message)
    }

    fn repository_exists(registry: &Registry, name: &str) -> Self {
        let id = &registry.account;
        let message = format!("The repository with name '{name}' already exists in the registry with id '{id}'");
        Self::new(REPOSITORY_ALREADY_EXISTS, message)
    }

    fn not_empty(registry: &Registry, name: &str) -> Self {
        let id = &registry.account;
        let message = format!(
            "The repository with name '{name}' in registry with id '{id}' cannot be deleted because it still contains \
             images"
        );
        Self::new(REPOSITORY_NOT_EMPTY, message)
    }

    fn no_image(registry: &Registry, name: &str, digest: Option<&str>, tag: Option<&str>) -> Self {
        let quoted = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        let (digest, tag, id) = (quoted(digest), quoted(tag), &registry.account);
        let message = format!(
            "The image with imageId {{imageDigest:{digest}, imageTag:{tag}}} does not exist within the repository \
             with name '{name}' in the registry with id '{id}'"
        );
        Self::new(IMAGE_NOT_FOUND, message)
    }

    fn no_policy(registry: &Registry, name: &str) -> Self {
        Self::new(REPOSITORY_POLICY_NOT_FOUND, none("Repository policy", registry, name))
    }

    fn no_lifecycle_policy(registry: &Registry, name: &str) -> Self {
        Self::new(LIFECYCLE_POLICY_NOT_FOUND, none("Lifecycle policy", registry, name))
    }

    fn no_preview(registry: &Registry, name: &str) -> Self {
        Self::new(LIFECYCLE_POLICY_PREVIEW_NOT_FOUND, none("Lifecycle policy preview", registry, name))
    }

    fn image_exists(registry: &Registry, name: &str, digest: &str, tag: Option<&str>) -> Self {
        let (id, tag) = (&registry.account, tag.map(|tag| format!(" and tag '{tag}'")).unwrap_or_default());
        let message = format!(
            "Image with digest '{digest}'{tag} already exists in the repository with name '{name}' in registry with id \
             '{id}'"
        );
        Self::new(IMAGE_ALREADY_EXISTS, message)
    }

    fn tag_exists(name: &str, tag: &str) -> Self {
        Self::new(IMAGE_TAG_ALREADY_EXISTS, immutable(name, tag))
    }

    fn other_digest(asked: &str, is: &str) -> Self {
        let message = format!("The digest of the image manifest is '{is}', which does not match '{asked}'");
        Self::new(IMAGE_DIGEST_DOES_NOT_MATCH, message)
    }

    fn no_parts(registry: &Registry, name: &str, digests: &[&str], of_index: bool) -> Self {
        let (code, what) =
            if of_index { (REFERENCED_IMAGES_NOT_FOUND, "Images") } else { (LAYERS_NOT_FOUND, "Layers") };
        let (digests, id) = (digests.join(", "), &registry.account);
        let message = format!(
            "{what} with digests '[{digests}]' required for pushing image into repository with name '{name}' in the \
             registry with id '{id}' do not exist"
        );
        Self::new(code, message)
    }

    fn invalid(member: &str, constraint: &str) -> Self {
        let message = format!("Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'");
        Self::new(ErrorCode::INVALID_PARAMETER, message)
    }

    fn invalid_name() -> Self {
        Self::invalid("repositoryName", &format!("must satisfy regular expression '{REPOSITORY}'"))
    }

    fn invalid_tag() -> Self {
        let message = "An invalid parameter has been specified. Tag keys can have a maximum character length of 128 \
            characters and can't begin with 'aws:', and tag values can have a maximum length of 256 characters.";
        Self::new(INVALID_TAG, message)
    }

    fn too_many_tags() -> Self {
        let message = "The list of tags on the repository is over the limit. The maximum number of tags that can be \
            applied to a repository is 50.";
        Self::new(TOO_MANY_TAGS, message)
    }

    fn denied(principal: &str, operation: &str, registry: &Registry) -> Self {
        let message = format!(
            "User: {principal} is not authorized to perform: ecr:{operation} on resource: \
             arn:aws:ecr:{}:{}:repository/*",
            registry.region, registry.account
        );
        Self::new(ACCESS_DENIED, message)
    }
}

fn none(what: &str, registry: &Registry, name: &str) -> String {
    let id = &registry.account;
    format!("{what} does not exist for the repository with name '{name}' in the registry with id '{id}'")
}

/// That the tag is there and may not be moved.
pub fn immutable(name: &str, tag: &str) -> String {
    format!(
        "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the \
         repository is immutable."
    )
}

fn unknown(operation: &str) -> ApiError {
    let message = format!("k3eks doesn't serve {operation} of ecr; docs/guides/images.md lists what it serves");
    ApiError::new(UNSUPPORTED_OPERATION, message)
}

/// ECR tells the first constraint that is broken.
fn broken(violations: &[Violation]) -> Option<ApiError> {
    let Violation { path, value, shape, constraint, .. } = violations.first()?;
    Some(match shape.as_str() {
        "ImageIdentifierList" | "BatchedOperationLayerDigestList" => {
            ApiError::invalid(path, "Member must have length between 1 and 100")
        }
        _ if value == "null" => ApiError::invalid(path, &format!("must {constraint}")),
        "RepositoryName" => ApiError::invalid_name(),
        "ImageTagMutability" => ApiError::invalid(path, MUTABILITY),
        "MaxResults" => ApiError::invalid(path, "Member must be between 1 and 1000"),
        _ => ApiError::invalid(path, &format!("Member must {constraint}")),
    })
}

impl From<engine::Error> for ApiError {
    fn from(error: engine::Error) -> Self {
        tracing::warn!(%error, "the container registry can't do what the ECR API was asked for");
        Self::server(error.to_string())
    }
}
