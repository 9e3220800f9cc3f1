//! The facts of STS, written by `hack/aws-models/generate.py`.

mod operation;

use std::sync::LazyLock;

use aws::model::Model;

pub use operation::Operation;

static STS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")).unwrap_or_default());

/// The model of what is served of STS, parsed on first use.
pub fn sts() -> &'static Model {
    &STS
}
