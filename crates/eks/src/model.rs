//! The facts of the EKS API, written by `hack/aws-models/generate.py`.

mod operation;

use std::sync::LazyLock;

use aws::model::Model;

pub use operation::Operation;

static EKS: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")).unwrap_or_default());

/// The model of the EKS API, parsed on first use.
pub fn eks() -> &'static Model {
    &EKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_has_every_operation_of_eks() {
        assert_eq!(eks().operations().len(), 70);
    }
}
