//! Between the words of the EKS API and the resources. Pure: no clock, no client, no randomness.
//!
//! A request's members that the resource has under the same name are read straight into the resource's own types; what
//! differs is written out here, once, with a round-trip test.

pub mod access_entry;
pub mod cluster;
pub mod cluster_change;
mod cluster_request;
pub mod idp_config;
pub mod member;
pub mod nodegroup;
pub mod nodegroup_change;
pub mod update;

#[cfg(test)]
mod round_trip;
