//! The exceptions that EKS alone has, and what all of its exceptions can name.

use aws::error::{ApiError, ErrorCode};
use serde_json::json;

/// A subnet's zone can't be used.
pub const UNSUPPORTED_AVAILABILITY_ZONE: ErrorCode = ErrorCode::new("UnsupportedAvailabilityZoneException", 400);

/// EKS's answers, and the resources that an exception of EKS names.
pub trait EksError: Sized {
    /// The cluster's name is taken.
    fn cluster_exists(name: &str) -> Self;

    /// Subnets are in zones that can't be used.
    fn unsupported_zones(message: impl Into<String>, valid: &[&str]) -> Self;

    /// Names the cluster.
    #[must_use]
    fn cluster(self, name: &str) -> Self;

    /// Names the node group.
    #[must_use]
    fn nodegroup(self, name: &str) -> Self;

    /// Names the add-on.
    #[must_use]
    fn addon(self, name: &str) -> Self;

    /// Names the Fargate profile.
    #[must_use]
    fn fargate_profile(self, name: &str) -> Self;

    /// Names the subscription.
    #[must_use]
    fn subscription(self, id: &str) -> Self;
}

impl EksError for ApiError {
    fn cluster_exists(name: &str) -> Self {
        Self::resource_in_use(format!("Cluster already exists with name: {name}")).cluster(name)
    }

    fn unsupported_zones(message: impl Into<String>, valid: &[&str]) -> Self {
        Self::new(UNSUPPORTED_AVAILABILITY_ZONE, message).with("validZones", json!(valid))
    }

    fn cluster(self, name: &str) -> Self {
        self.with("clusterName", name.into())
    }

    fn nodegroup(self, name: &str) -> Self {
        self.with("nodegroupName", name.into())
    }

    fn addon(self, name: &str) -> Self {
        self.with("addonName", name.into())
    }

    fn fargate_profile(self, name: &str) -> Self {
        self.with("fargateProfileName", name.into())
    }

    fn subscription(self, id: &str) -> Self {
        self.with("subscriptionId", id.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn every_exception_of_the_model_is_there_with_its_status() {
        let known: Vec<&ErrorCode> = ErrorCode::COMMON.iter().chain([&UNSUPPORTED_AVAILABILITY_ZONE]).collect();
        for (name, facts) in model::eks().errors() {
            let code = known.iter().find(|code| code.name() == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(code.status().as_u16(), facts.status, "{name}");
        }
    }
}
