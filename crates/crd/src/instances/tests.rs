use super::*;

#[test]
fn a_family_s_name_says_what_it_is() {
    use Accelerator::{Neuron, Nvidia};
    let of = |family| (architecture(family) == Architecture::Arm, accelerator(family));
    for family in "t2 t3 t3a m5 m5a m5dn m6i m6idn m7i-flex c7a c5n r5b r7iz x1e x2iedn u-6tb1 u7i-12tb i3en i4i z1d d3en h1 hpc7a f2 vt1 dl2q mac2".split(' ') {
        assert_eq!(of(family), (false, None), "{family}");
    }
    for family in "a1 t4g m6g m6gd m7g m8gn c6gn c7gd c8gb r6g r8gd x2gd x8g im4gn is4gen i4g i7g i8ge hpc7g".split(' ')
    {
        assert_eq!(of(family), (true, None), "{family}");
    }
    for (family, what) in [
        ("p3", Nvidia),
        ("p4de", Nvidia),
        ("p5en", Nvidia),
        ("g4dn", Nvidia),
        ("g6e", Nvidia),
        ("gr6", Nvidia),
        ("inf2", Neuron),
        ("trn1n", Neuron),
    ] {
        assert_eq!(of(family), (false, Some(what)), "{family}");
    }
    assert_eq!((of("g5g"), of("p6e-gb200"), of("g4ad")), ((true, Some(Nvidia)), (true, Some(Nvidia)), (false, None)));
}

#[test]
fn an_ami_runs_on_its_own_architecture_and_accelerator_alone() {
    let runs = |type_, on| runs_on(ami(type_).unwrap(), on);
    for (type_, good, bad) in [
        ("AL2_x86_64", "t3.medium", "t4g.medium"),
        ("AL2_ARM_64", "m6g.large", "m6i.large"),
        ("AL2_x86_64_GPU", "g4dn.xlarge", "t3.medium"),
        ("AL2_x86_64_GPU", "p3.2xlarge", "g5g.xlarge"),
        ("AL2023_x86_64_STANDARD", "g4dn.xlarge", "i4g.xlarge"),
        ("AL2023_ARM_64_STANDARD", "c7gn.large", "c7i.large"),
        ("AL2023_x86_64_NVIDIA", "g6.xlarge", "g4ad.xlarge"),
        ("AL2023_ARM_64_NVIDIA", "g5g.xlarge", "t4g.medium"),
        ("AL2023_x86_64_NEURON", "inf2.xlarge", "g5.xlarge"),
        ("BOTTLEROCKET_ARM_64", "t4g.small", "t3.small"),
        ("BOTTLEROCKET_x86_64_NVIDIA_FIPS", "p4d.24xlarge", "m5.large"),
        ("WINDOWS_CORE_2022_x86_64", "m5.large", "m6g.large"),
    ] {
        assert!(runs(type_, good), "{type_} on {good}");
        assert!(!runs(type_, bad), "{type_} on {bad}");
    }
    assert_eq!(ami("CUSTOM"), None);
}

#[test]
fn a_default_follows_the_version() {
    assert_eq!(
        ["1.29", "1.30", "1.33"].map(default_ami),
        ["AL2_x86_64", "AL2023_x86_64_STANDARD", "AL2023_x86_64_STANDARD"]
    );
    assert_eq!((last_version("AL2_ARM_64"), last_version("AL2023_ARM_64_STANDARD")), (Some(32), None));
}
