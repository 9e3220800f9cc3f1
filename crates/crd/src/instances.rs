//! Which instance types an AMI runs on.
//!
//! EC2 has hundreds of types, and new ones each month; what decides is in their names: a family is letters, a generation and
//! attributes, and `g` among the attributes says Graviton.

use super::NodegroupSpec;
use super::names::minor;

/// Instance type of nodes that ask for none.
pub const DEFAULT_TYPE: &str = "t3.medium";

/// The newest Kubernetes minor version that Amazon Linux 2 is there for.
const LAST_OF_AL2: u32 = 32;
/// The first one whose node groups get Amazon Linux 2023 if they ask for nothing.
const FIRST_WITH_AL2023: u32 = 30;

/// What a processor or an AMI is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Intel and AMD.
    X86,
    /// Graviton.
    Arm,
}

/// What an instance has beside its processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// GPUs.
    Nvidia,
    /// AWS's own chips, Inferentia and Trainium.
    Neuron,
}

/// What an AMI type is made for; `None` for `CUSTOM`, of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ami {
    /// Its processor.
    pub architecture: Architecture,
    /// What it is of no use without.
    pub accelerator: Option<Accelerator>,
    /// The system on it.
    pub system: System,
}

/// The system on an AMI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Amazon Linux 2.
    Al2,
    /// Amazon Linux 2023.
    Al2023,
    /// Bottlerocket.
    Bottlerocket,
    /// Windows.
    Windows,
}

/// What an AMI type of the API is made for.
pub fn ami(type_: &str) -> Option<Ami> {
    let system = match type_ {
        _ if type_.starts_with("AL2023_") => System::Al2023,
        _ if type_.starts_with("AL2_") => System::Al2,
        _ if type_.starts_with("BOTTLEROCKET_") => System::Bottlerocket,
        _ if type_.starts_with("WINDOWS_") => System::Windows,
        _ => return None,
    };
    let architecture = if type_.contains("_ARM_64") { Architecture::Arm } else { Architecture::X86 };
    let accelerator = match type_ {
        _ if type_.ends_with("_GPU") || type_.contains("_NVIDIA") => Some(Accelerator::Nvidia),
        _ if type_.ends_with("_NEURON") => Some(Accelerator::Neuron),
        _ => None,
    };
    Some(Ami { architecture, accelerator, system })
}

/// The AMI type of node groups that ask for none, for a Kubernetes version.
pub fn default_ami(kubernetes: &str) -> &'static str {
    if minor(kubernetes).is_none_or(|minor| minor >= FIRST_WITH_AL2023) {
        "AL2023_x86_64_STANDARD"
    } else {
        "AL2_x86_64"
    }
}

/// The last Kubernetes version that the AMI type is there for, if there is one.
fn last_version(type_: &str) -> Option<u32> {
    ami(type_).filter(|ami| ami.system == System::Al2).map(|_| LAST_OF_AL2)
}

/// That version where `kubernetes` is a later one: for it there is no AMI of the type.
pub fn ended(type_: &str, kubernetes: &str) -> Option<u32> {
    last_version(type_).filter(|last| minor(kubernetes) > Some(*last))
}

/// The instance types of a node group that its AMI type doesn't run on. Where neither the group nor a launch template
/// names any, it has [`DEFAULT_TYPE`].
pub fn unfit<'s>(spec: &'s NodegroupSpec, ami_type: &str) -> Vec<&'s str> {
    let Some(ami) = ami(ami_type) else { return Vec::new() };
    let implied = spec.instance_types.is_empty() && spec.launch_template.is_none();
    let types = spec.instance_types.iter().map(String::as_str).chain(implied.then_some(DEFAULT_TYPE));
    types.filter(|name| !runs_on(ami, name)).collect()
}

/// Whether an AMI of this kind runs on an instance type.
fn runs_on(ami: Ami, instance_type: &str) -> bool {
    let family = instance_type.split('.').next().unwrap_or_default();
    architecture(family) == ami.architecture && ami.accelerator.is_none_or(|needed| accelerator(family) == Some(needed))
}

/// A family's letters, and what stands behind its generation.
fn parts(family: &str) -> (&str, &str) {
    let letters = family.find(|c: char| c.is_ascii_digit()).unwrap_or(family.len());
    let (letters, rest) = family.split_at(letters);
    (letters, rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn architecture(family: &str) -> Architecture {
    let (letters, attributes) = parts(family);
    // The first Graviton's family has no such letter.
    if letters == "a" || attributes.contains('g') { Architecture::Arm } else { Architecture::X86 }
}

fn accelerator(family: &str) -> Option<Accelerator> {
    match parts(family).0 {
        // The one with an AMD GPU.
        "g" if family == "g4ad" => None,
        "g" | "gr" | "p" => Some(Accelerator::Nvidia),
        "inf" | "trn" => Some(Accelerator::Neuron),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
