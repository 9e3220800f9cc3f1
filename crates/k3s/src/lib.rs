//! k3s in words of its own: what a server and an agent are started with. Pure, no I/O.
//!
//! In goes what is meant: the provider port's [`provider::DesiredCluster`] with its
//! [`provider::ControlPlane`], or what is particular about a node. Out come command lines ([`server::arguments`],
//! [`agent::arguments`]), the files that they name ([`server::files`]), and the places where k3s keeps things itself
//! ([`paths`]); and where a machine pulls images from ([`registries`]). Any provider whose machines run k3s can use it, whatever its machines are.
//!
//! A server keeps the arguments that it was made with; files can change later. Both are pinned byte for byte by a test
//! of the controllers: a server whose files differ is restarted.

pub mod agent;
pub mod paths;
pub mod registries;
pub mod server;
