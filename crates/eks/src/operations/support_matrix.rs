//! How far each operation is supported, for the reference.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// How far k3eks supports each operation.
#[derive(Debug, Deserialize)]
pub struct SupportMatrix {
    /// Operations that do or read something in a cluster, and what.
    pub real: BTreeMap<String, String>,
    /// Operations that only record the request, and what that means.
    pub recorded: BTreeMap<String, String>,
}

/// The support matrix of all operations.
#[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
pub static SUPPORT_MATRIX: LazyLock<SupportMatrix> =
    LazyLock::new(|| yaml::read(include_str!("support_matrix.yaml")).expect("the support matrix"));

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model;

    #[test]
    fn every_operation_is_in_one_of_the_two_lists() {
        let listed: Vec<&String> = SUPPORT_MATRIX.real.keys().chain(SUPPORT_MATRIX.recorded.keys()).collect();
        let all: BTreeSet<&String> = model::eks().operations().iter().map(|operation| &operation.name).collect();
        assert_eq!(listed.len(), all.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), all);
    }
}
