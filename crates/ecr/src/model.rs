//! The facts of the ECR API, written by `hack/aws-models/generate.py`.

mod operation;

use std::sync::LazyLock;

use aws::model::Model;

pub use operation::Operation;

static ECR: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")).unwrap_or_default());

/// The model of what is served of the ECR API, parsed on first use.
pub fn ecr() -> &'static Model {
    &ECR
}
