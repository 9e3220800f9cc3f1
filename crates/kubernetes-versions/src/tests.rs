use super::*;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn the_table_is_whole_and_in_order() {
    let table = table();
    assert!(find(&table.default).is_some_and(|v| v.support(table.checked) == Support::Standard));
    assert!(table.sources.iter().all(|source| source.starts_with("https://")));
    for (number, version) in (24..).zip(table.versions.iter().rev()) {
        assert_eq!(version.name, format!("1.{number}"), "no gap, no version twice");
        assert!(version.k3s.starts_with(&format!("{}.", version.name)), "{}", version.k3s);
        assert!(version.k3s.contains("-k3s"), "{}", version.k3s);
        assert!(version.released < version.standard_until && version.standard_until < version.extended_until);
        assert!(version.released <= table.checked, "{} is still to come", version.name);
    }
    assert!(table.versions.is_sorted_by(|newer, older| newer.released > older.released));
}

#[test]
fn what_others_run_is_run_here() {
    let theirs = [
        "1.24.17-k3s1",
        "1.25.16-k3s4",
        "1.26.15-k3s1",
        "1.27.16-k3s1",
        "1.28.13-k3s1",
        "1.29.8-k3s1",
        "1.30.4-k3s1",
        "1.31.1-k3s1",
    ];
    assert!(theirs.iter().all(|release| all().iter().any(|version| version.k3s == *release)));
}

#[test]
fn support_ends_when_its_last_day_begins() {
    let version = find("1.31").unwrap();
    assert_eq!(version.support(day("2025-11-25")), Support::Standard);
    assert_eq!(version.support(day("2025-11-26")), Support::Extended);
    assert_eq!(version.support(day("2026-11-25")), Support::Extended);
    assert_eq!(version.support(day("2026-11-26")), Support::Unsupported);
}

#[test]
fn a_release_names_its_patch_and_its_image() {
    let version = find("1.25").unwrap();
    assert_eq!((version.patch(), version.image().as_str()), ("1.25.16", "rancher/k3s:v1.25.16-k3s4"));
    assert!(find("1.23").is_none() && find("1.3").is_none());
}
