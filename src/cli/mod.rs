//! The commands that don't name a provider.

pub mod api;
mod folder;
pub mod identity;
mod keys;
mod listen;
