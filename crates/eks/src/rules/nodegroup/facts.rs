//! What the rules of node groups know.

use crate::settings::Quotas;

/// What a rule knows besides the request.
pub struct Facts {
    /// Account of the cluster.
    pub account: String,
    /// Kubernetes minor version of the cluster.
    pub cluster_version: String,
    /// How much there may be.
    pub quotas: Quotas,
}
