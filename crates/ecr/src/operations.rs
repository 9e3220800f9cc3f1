//! The operations.

mod images;
mod repositories;

use serde_json::Value;

use super::call::Call;
use super::error::EcrError;

/// Carries an operation out.
///
/// # Errors
/// [`EcrError`]
pub async fn call(operation: &str, call: Call<'_>) -> Result<Value, EcrError> {
    match operation {
        "CreateRepository" => repositories::create(&call).await,
        "DescribeRepositories" => repositories::describe(&call).await,
        "DeleteRepository" => repositories::delete(&call).await,
        "PutImageTagMutability" => repositories::put_mutability(&call).await,
        "GetAuthorizationToken" => Ok(repositories::token(&call)),
        "ListImages" => images::list(&call).await,
        "DescribeImages" => images::describe(&call).await,
        "BatchGetImage" => images::get(&call).await,
        "BatchDeleteImage" => images::delete(&call).await,
        other => {
            let message = format!("k3eks doesn't serve {other} of ecr; docs/guides/images.md lists what it serves");
            Err(EcrError::new("UnsupportedOperation", message))
        }
    }
}
