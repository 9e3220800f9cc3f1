//! State of an identity provider config: the API server's own configuration, which the cluster's reconcile writes.

use super::health::{Kind, MemberHealth};
use crate::cluster::{control_plane_config, observe};
use crate::context::Context;
use crate::error::Error;
use crd::{EKSClusterConfig, IdentityProviderConfig, MemberIssue};

impl Kind for IdentityProviderConfig {
    const WAKES_CLUSTER: bool = true;

    async fn assess(&self, cluster: &EKSClusterConfig, ctx: &Context) -> Result<MemberHealth, Error> {
        let seen = observe::observe(cluster, ctx);
        let Ok(plan) = &seen.plan else { return Ok(MemberHealth::Record) };
        if ctx.settings.identity.is_none() || !seen.has_api_server {
            return Ok(MemberHealth::Record);
        }
        if !control_plane_config::is_structured(&plan.version) {
            return Ok(MemberHealth::Refused(format!(
                "the API server of Kubernetes {} can't take identity providers while it runs; upgrade the cluster to 1.30 or later",
                plan.version
            )));
        }
        if seen.configured == Some(true) {
            return Ok(MemberHealth::Working);
        }
        let message = "The API server doesn't know the identity provider yet".to_owned();
        let code = "ClusterUnreachable".to_owned();
        Ok(MemberHealth::Impaired(vec![MemberIssue { code, message, ..MemberIssue::default() }]))
    }
}
