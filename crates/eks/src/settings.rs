//! Settings of the operations.

use std::time::Duration;

/// Settings of the operations.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Account of requests that name none. Its clusters in `region` have resources named as themselves.
    pub account: String,
    /// Region of requests that name none.
    pub region: String,
    /// Kubernetes version of clusters that name none.
    pub default_version: String,
    /// Kubernetes versions that clusters can have.
    pub versions: Vec<String>,
    /// How many resources there may be.
    pub quotas: Quotas,
    /// The longest wait for a record (`provider: metadata`) to be ready.
    pub settle: Duration,
}

/// How many resources there may be. The defaults are those of an AWS account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Clusters in one region of one account.
    pub clusters: usize,
    /// Node groups of one cluster.
    pub nodegroups: usize,
    /// Nodes of one node group.
    pub nodes: i32,
    /// Fargate profiles of one cluster.
    pub fargate_profiles: usize,
    /// Selectors of one Fargate profile.
    pub fargate_selectors: usize,
    /// Labels of one selector of a Fargate profile.
    pub fargate_label_pairs: usize,
    /// Pod identity associations of one cluster.
    pub pod_identity_associations: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            clusters: 100,
            nodegroups: 30,
            nodes: 450,
            fargate_profiles: 10,
            fargate_selectors: 5,
            fargate_label_pairs: 5,
            pod_identity_associations: 1000,
        }
    }
}
