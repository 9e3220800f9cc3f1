//! The Kubernetes versions of EKS and how long each is supported there.

/// A version. Days are `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// Minor version such as `1.33`.
    pub name: &'static str,
    /// Day on which EKS began to offer it.
    pub released: &'static str,
    /// Last day of standard support.
    pub standard_until: &'static str,
    /// Last day of extended support.
    pub extended_until: &'static str,
}

const fn version(
    name: &'static str,
    released: &'static str,
    standard_until: &'static str,
    extended_until: &'static str,
) -> Version {
    Version { name, released, standard_until, extended_until }
}

/// Every version that is built in, newest first. The days are those that EKS has announced.
pub const ALL: &[Version] = &[
    version("1.34", "2025-10-02", "2026-12-02", "2027-12-02"),
    version("1.33", "2025-05-29", "2026-07-29", "2027-07-29"),
    version("1.32", "2025-01-23", "2026-03-23", "2027-03-23"),
    version("1.31", "2024-09-26", "2025-11-26", "2026-11-26"),
    version("1.30", "2024-05-23", "2025-07-23", "2026-07-23"),
    version("1.29", "2024-01-23", "2025-03-23", "2026-03-23"),
    version("1.28", "2023-09-26", "2024-11-26", "2025-11-26"),
    version("1.27", "2023-05-24", "2024-07-24", "2025-07-24"),
    version("1.26", "2023-04-11", "2024-06-11", "2025-06-11"),
    version("1.25", "2023-02-22", "2024-05-01", "2025-05-01"),
    version("1.24", "2022-11-15", "2024-01-31", "2025-01-31"),
];

/// The facts about a version, if it is built in.
pub fn find(name: &str) -> Option<&'static Version> {
    ALL.iter().find(|version| version.name == name)
}
