//! The commands that don't name a provider.

pub mod api;
mod keys;
