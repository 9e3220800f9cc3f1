//! How many of something there may be, and how large it may be: for definitions and for the EKS API.

use std::ops::RangeInclusive;

/// Subnets that a cluster, a node group or a Fargate profile names: a VPC has no more.
pub const SUBNETS: usize = 200;
/// Security groups of a control plane.
pub const SECURITY_GROUPS: usize = 4;
/// CIDR blocks of the public endpoint.
pub const PUBLIC_SOURCES: usize = 40;
/// CIDR blocks of the nodes, and of the pods, of hybrid nodes.
pub const REMOTE_CIDRS: usize = 15;
/// Ports that Services can have on nodes.
pub const NODE_PORTS: RangeInclusive<i32> = 10_260..=32_767;
/// Weight of a resource that nodes are scored by.
pub const WEIGHTS: RangeInclusive<i32> = 1..=100;
/// Disk of a node in GiB: a volume of EC2's is no larger.
pub const DISK: RangeInclusive<i32> = 1..=16_384;
/// Instance types of a node group.
pub const INSTANCE_TYPES: usize = 20;
/// Security groups that may connect to nodes by SSH. EKS names no number; a definition needs one.
pub const SSH_GROUPS: usize = 200;
/// Repair actions for single causes. EKS names no number; a definition needs one.
pub const REPAIR_OVERRIDES: usize = 200;
/// Registries with mirrors, and registries with credentials. A definition needs a number.
pub const REGISTRIES: usize = 32;
/// Characters of a registry's host and port.
pub const REGISTRY: usize = 128;
/// Mirrors of a registry.
pub const ENDPOINTS: usize = 8;
/// Characters of a mirror's URL.
pub const ENDPOINT: usize = 256;
/// Rewritten names of images at the mirrors of a registry.
pub const REWRITES: usize = 16;
/// Labels of a node group.
pub const LABELS: usize = 50;
/// Taints of a node group.
pub const TAINTS: usize = 50;
/// Tags of one resource.
pub const TAGS: usize = 50;
