//! The operations.

mod images;
mod lifecycle_policies;
mod put_image;
mod repositories;
mod repository_policies;
mod tags;

use std::future::{Future, ready};

use aws::error::ApiError;
use aws::handlers::Context;
use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;

use super::call::{Call, Ecr};
use super::input::Input;
use super::model::Operation;

aws::handlers! {
    Operation in Ecr:
    BatchCheckLayerAvailability => on(put_image::check_layers),
    BatchDeleteImage => on(images::delete),
    BatchGetImage => on(images::get),
    CreateRepository => on(repositories::create),
    DeleteLifecyclePolicy => on(lifecycle_policies::delete),
    DeleteRepository => on(repositories::delete),
    DeleteRepositoryPolicy => on(repository_policies::delete),
    DescribeImages => on(images::describe),
    DescribeRegistry => on(|call| ready(Ok(repositories::registry(&call)))),
    DescribeRepositories => on(repositories::describe),
    GetAuthorizationToken => on(|call| ready(Ok(repositories::token(&call)))),
    GetLifecyclePolicy => on(lifecycle_policies::get),
    GetLifecyclePolicyPreview => on(lifecycle_policies::get_preview),
    GetRepositoryPolicy => on(repository_policies::get),
    ListImages => on(images::list),
    ListTagsForResource => on(tags::list),
    PutImage => on(put_image::put),
    PutImageTagMutability => on(repositories::put_mutability),
    PutLifecyclePolicy => on(lifecycle_policies::put),
    SetRepositoryPolicy => on(repository_policies::set),
    StartLifecyclePolicyPreview => on(lifecycle_policies::start_preview),
    TagResource => on(tags::tag),
    UntagResource => on(tags::untag),
}

/// The handler that calls this, unless another account's registry is meant.
fn on<F, Fut>(operation: F) -> impl Fn(Context<Ecr>, Input) -> BoxFuture<'static, Result<Value, ApiError>>
where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<Value, ApiError>> + Send + 'static,
{
    move |context, input| match Call::new(context, input) {
        Ok(call) => operation(call).boxed(),
        Err(denied) => ready(Err(denied)).boxed(),
    }
}
