//! The commands that don't name a provider.

pub mod api;
pub mod identity;
mod keys;
