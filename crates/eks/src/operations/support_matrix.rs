//! What each operation does here, for the reference.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// What stands behind the operations.
#[derive(Debug, Deserialize)]
pub struct Behind {
    /// Something happens, or is looked at, in a cluster: what.
    pub real: BTreeMap<String, String>,
    /// The request is kept and reported, and no more: what that means.
    pub recorded: BTreeMap<String, String>,
}

/// What each operation of the API does here.
#[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
pub static BEHIND: LazyLock<Behind> =
    LazyLock::new(|| yaml::read(include_str!("support_matrix.yaml")).expect("what stands behind the operations"));

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model;

    #[test]
    fn every_operation_is_in_one_of_the_two_lists() {
        let listed: Vec<&String> = BEHIND.real.keys().chain(BEHIND.recorded.keys()).collect();
        let all: BTreeSet<&String> = model::eks().operations().iter().map(|operation| &operation.name).collect();
        assert_eq!(listed.len(), all.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), all);
    }
}
