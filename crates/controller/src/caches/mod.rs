//! What is remembered between reconciles to spare work. Each of these caches may be lost at any time, as at a restart.

mod idle;
mod roles;

pub use roles::MappedRoles;

/// The caches.
#[derive(Default)]
pub struct Caches {
    /// How long clusters haven't been used.
    pub idle: idle::Idle,
    /// The roles of nodes in the clusters' ConfigMaps `aws-auth`.
    pub roles: roles::Roles,
}
