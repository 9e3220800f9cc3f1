//! The shape of the code: what each crate may depend on, and how long files and functions are.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "architecture/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use source::Source;

/// Where the crates are, from this package's folder.
const CRATES: &str = "..";
/// Most lines of a file.
const FILE: usize = 400;
/// Most lines of a function.
const FUNCTION: usize = 60;
/// Most lines of the file in the middle.
const MEDIAN: usize = 150;

/// What each crate may depend on, of ours; from the lowest up.
const DIRECTION: [(&str, &[&str]); 21] = [
    ("arn", &[]),
    ("text", &[]),
    ("yaml", &[]),
    ("limits", &[]),
    ("registry-credentials", &[]),
    ("kubernetes-versions", &["yaml"]),
    ("telemetry", &["text", "limits"]),
    ("crd", &["arn", "kubernetes-versions", "text", "yaml"]),
    ("provider", &["kubernetes-versions"]),
    ("k3s", &["provider"]),
    ("program", &[]),
    ("helm", &["program"]),
    ("provider-k3d", &["k3s", "kubernetes-versions", "program", "provider", "yaml"]),
    (
        "controller",
        &[
            "arn",
            "crd",
            "helm",
            "kubernetes-versions",
            "limits",
            "provider",
            "registry-credentials",
            "telemetry",
            "text",
            "yaml",
        ],
    ),
    ("aws", &["arn"]),
    ("store", &["aws", "crd", "text"]),
    ("eks", &["arn", "aws", "crd", "kubernetes-versions", "store", "yaml"]),
    ("ecr", &["arn", "aws", "registry-credentials", "text"]),
    ("identity", &["arn", "aws", "crd", "eks", "limits", "store", "text"]),
    ("console", &["arn", "aws", "crd", "eks", "identity", "store", "text", "yaml"]),
    (
        "k3eks",
        &[
            "arn",
            "aws",
            "console",
            "controller",
            "crd",
            "ecr",
            "eks",
            "helm",
            "identity",
            "kubernetes-versions",
            "limits",
            "provider",
            "provider-k3d",
            "registry-credentials",
            "store",
            "telemetry",
            "text",
            "yaml",
        ],
    ),
];

/// What a crate has no business with: what runs clusters knows no Kubernetes, and only the engine knows Docker.
const FOREIGN: [(&str, &[&str]); 9] = [
    ("arn", &["kube", "k8s-openapi", "axum", "bollard", "tokio"]),
    ("aws", &["kube", "bollard"]),
    ("store", &["axum", "bollard"]),
    ("provider", &["kube", "k8s-openapi", "axum", "bollard"]),
    ("k3s", &["kube", "k8s-openapi", "axum", "bollard", "tokio"]),
    ("provider-k3d", &["kube", "k8s-openapi", "axum"]),
    ("controller", &["axum", "bollard"]),
    ("eks", &["bollard"]),
    ("crd", &["axum", "bollard", "tokio"]),
];

/// The names under `[dependencies]` in the manifest of a crate.
fn dependencies(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(format!("{CRATES}/{name}/Cargo.toml")).unwrap();
    let below = text.split("[dependencies]\n").nth(1).unwrap_or_default();
    let own = below.split("\n[").next().unwrap_or_default();
    own.lines()
        .filter_map(|line| Some(line.split(['.', ' ', '=']).next()?.to_owned()))
        .filter(|n| !n.is_empty())
        .collect()
}

/// Every file of every crate.
fn sources() -> Vec<Source> {
    let all: Vec<Source> =
        DIRECTION.iter().flat_map(|(name, _)| Source::all(&Path::new(CRATES).join(name).join("src"), name)).collect();
    assert!(all.len() > 200, "only {} files were found", all.len());
    all
}

#[test]
fn crates_depend_on_lower_ones_alone() {
    let listed: BTreeSet<String> = DIRECTION.iter().map(|(name, _)| (*name).to_owned()).collect();
    let there: BTreeSet<String> =
        std::fs::read_dir(CRATES).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(listed, there, "every crate has a row");
    for (name, allowed) in DIRECTION {
        let ours: BTreeSet<String> = dependencies(name).intersection(&listed).cloned().collect();
        let allowed: BTreeSet<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
        assert!(ours.is_subset(&allowed), "{name} depends on {:?}", ours.difference(&allowed));
    }
}

#[test]
fn crates_keep_to_their_own_dependencies() {
    for (name, foreign) in FOREIGN {
        let all = dependencies(name);
        assert!(!all.is_empty(), "{name} depends on nothing at all");
        let used: Vec<_> = foreign.iter().filter(|one| all.contains(**one)).collect();
        assert!(used.is_empty(), "{name} depends on {used:?}");
    }
}

#[test]
fn files_are_short() {
    let sources = sources();
    let long = sources.iter().filter(|s| s.lines() > FILE).map(|s| format!("{}: {} lines", s.name, s.lines()));
    assert_eq!(long.collect::<Vec<_>>(), Vec::<String>::new(), "split what has more than {FILE} lines");
    let mut lines: Vec<usize> = sources.iter().filter(|s| !s.is_test()).map(Source::lines).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    assert!(median <= MEDIAN, "the median of {} files is {median} lines", lines.len());
}

#[test]
fn functions_are_short() {
    let sources = sources();
    let functions = sources.iter().flat_map(|s| s.functions().into_iter().map(move |(f, lines)| (&s.name, f, lines)));
    let all: Vec<_> = functions.collect();
    assert!(all.len() > 300, "only {} functions were found", all.len());
    let long =
        all.iter().filter(|(.., lines)| *lines > FUNCTION).map(|(s, f, lines)| format!("{s}: {f}: {lines} lines"));
    assert_eq!(long.collect::<Vec<_>>(), Vec::<String>::new(), "split what has more than {FUNCTION} lines");
}

#[test]
fn the_length_of_a_function_is_that_of_its_lines() {
    let text = "fn a() {}\nimpl X {\n    fn b() {\n        1;\n    }\n}\n#[cfg(test)]\nfn c() {}\n";
    let functions = Source::new("a.rs", text.to_owned()).functions();
    assert_eq!(functions, [("a".to_owned(), 1), ("b".to_owned(), 3)]);
}
