//! CPU and memory of the instance types that people use most, as AWS publishes them.

pub use crd::instances::DEFAULT_TYPE as DEFAULT;
use provider::Resources;

/// Sizes within a family: vCPUs, and GiB of memory for each vCPU follow from the family.
const SIZES: [(&str, u32); 12] = [
    ("medium", 1),
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("3xlarge", 12),
    ("4xlarge", 16),
    ("6xlarge", 24),
    ("8xlarge", 32),
    ("9xlarge", 36),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("24xlarge", 96),
];

/// Burstable types don't follow the rule: two vCPUs, then more.
const BURSTABLE: [(&str, u32, u64); 7] = [
    ("nano", 2, 512),
    ("micro", 2, 1024),
    ("small", 2, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16384),
    ("2xlarge", 8, 32768),
];

/// CPU and memory of `name`; `None` where the type isn't known, and a node then has all that the machine has.
pub fn resources(name: &str) -> Option<Resources> {
    let (family, size) = name.split_once('.')?;
    if matches!(family, "t2" | "t3" | "t3a" | "t4g") {
        let (_, cpus, memory_mib) = BURSTABLE.iter().find(|(s, ..)| *s == size)?;
        return Some(Resources { cpus: *cpus, memory_mib: *memory_mib });
    }
    let generation = family.find(|c: char| c.is_ascii_digit())?;
    let gib_per_cpu = match &family[..generation] {
        "c" => 2,
        "m" => 4,
        "r" => 8,
        _ => return None,
    };
    let (_, cpus) = SIZES.iter().find(|(s, _)| *s == size)?;
    Some(Resources { cpus: *cpus, memory_mib: u64::from(*cpus) * gib_per_cpu * 1024 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types() {
        let of = |name| resources(name).map(|r| (r.cpus, r.memory_mib));
        assert_eq!(of("t3.medium"), Some((2, 4096)));
        assert_eq!(of("m5.large"), Some((2, 8192)));
        assert_eq!(of("c6i.2xlarge"), Some((8, 16384)));
        assert_eq!(of("r7g.medium"), Some((1, 8192)));
        assert_eq!(of("p5.48xlarge"), None);
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn the_default_is_known_and_no_size_is_smaller_than_the_one_before() {
        assert!(resources(DEFAULT).is_some());
        for (family, gib) in [("c6i", 2), ("m7g", 4), ("r5", 8)] {
            let mut before = 0;
            for (size, cpus) in SIZES {
                let found = resources(&format!("{family}.{size}")).unwrap();
                assert_eq!((found.cpus, found.memory_mib), (cpus, u64::from(cpus) * gib * 1024), "{family}.{size}");
                assert!(cpus > before);
                before = cpus;
            }
        }
        for odd in ["m5", "m5.", ".large", "m.large", "large", "x1.large", "t3.24xlarge", ""] {
            assert_eq!(resources(odd), None, "{odd}");
        }
    }
}
