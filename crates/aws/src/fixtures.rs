//! A model for tests: that of EKS, which has something of everything.

use std::sync::LazyLock;

use super::model::Model;

static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::parse(include_str!("../../eks/src/model.json")).unwrap_or_default());

/// The model.
pub fn model() -> &'static Model {
    &MODEL
}
