//! What EKS checks besides its service model: one file per resource, each a list of rules that reads like the table of
//! `docs/reference/eks-rules.md`.
//!
//! A rule is a plain function from a request, and what is known of the world it arrives in, to nothing or to the exception
//! that EKS answers with. A list names the rules of one operation in the order in which they are asked; the first that
//! objects is the answer. An operation calls [`check`] with its list before it writes anything.
//!
//! # Adding a rule
//! 1. An item in `docs/reference/eks-rules.md`: operation, member, rule, error, source.
//! 2. A function here, in the file of the resource. Its doc comment is the rule in one sentence, its message EKS's own where
//!    a public report quotes it.
//! 3. Its name in the lists of the operations that it holds for, creation and updates alike.
//! 4. A line in the tests of that file: a request that is refused, and one that must be accepted.
//!
//! What a resource's definition can say as well, it says: YAML is refused by `kubectl apply`. Forms of texts and limits that
//! both ask for are in the crate of the resources, in `forms`, `most` and `tags`. What the model says is checked
//! before any handler runs.

pub mod access_entry;
pub mod addon;
mod auto_mode;
pub mod capability;
pub mod certificate_authority;
pub mod cluster;
pub mod cluster_delete;
pub mod cluster_update;
pub mod cluster_version;
pub mod control_plane;
pub mod fargate_profile;
pub mod idp_config;
pub mod labels_taints;
mod network;
pub mod nodegroup;
pub mod pod_identity;
pub mod roles;
pub mod subscription;
pub mod values;

use aws::error::ApiError;
pub use crd::instances;

/// What a rule says of a request.
pub type Verdict = Result<(), ApiError>;

/// Asks the rules one after the other; the first refusal is the answer.
///
/// # Errors
/// What the first rule that objects says.
pub fn check<R: ?Sized, F: ?Sized>(rules: &[fn(&R, &F) -> Verdict], request: &R, facts: &F) -> Verdict {
    rules.iter().try_for_each(|rule| rule(request, facts))
}

/// Shorthand for the most frequent refusal.
fn invalid(message: impl Into<String>) -> Verdict {
    Err(ApiError::invalid_parameter(message))
}
