//! The commands that don't name a provider: servers, and what people ask about their clusters.

pub mod api;
pub mod doctor;
mod find;
mod folder;
pub mod identity;
mod keys;
pub mod kubeconfig;
mod listen;
pub mod logs;
mod merge;
pub mod reference;
pub mod revoke;
pub mod shell;
mod sources;
pub mod status;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod wake;
