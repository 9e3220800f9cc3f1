//! The shape of the code: which module imports which, and how long files and functions are.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "architecture/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source::Source;

/// Most lines of a file.
const FILE: usize = 400;
/// Most lines of a function.
const FUNCTION: usize = 60;
/// Most lines of the file in the middle.
const MEDIAN: usize = 150;

/// Crates that a module has no business with: what runs clusters knows no Kubernetes, and only it knows Docker.
const FOREIGN: [(&str, &[&str]); 4] = [
    ("provider", &["kube", "k8s_openapi", "axum"]),
    ("controller", &["axum", "bollard"]),
    ("eks", &["bollard"]),
    ("crd", &["axum", "bollard", "tokio"]),
];

/// Every file of the crate.
fn sources() -> Vec<Source> {
    let all = Source::all(Path::new("src"));
    assert!(all.len() > 50, "only {} files were found", all.len());
    all
}

/// What each module may import, from the table in `src/lib.rs`. `provider!` means its port alone.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string("src/lib.rs").unwrap();
    let rows = text.lines().filter_map(|l| l.strip_prefix("//! | ")?.strip_suffix(" |")?.split_once(" | "));
    let mut table = BTreeMap::new();
    for (modules, allowed) in rows.skip(1).filter(|(left, _)| !left.starts_with("---")) {
        let mut allowed: BTreeSet<String> = match allowed {
            "everything" => BTreeSet::from(["*".to_owned()]),
            _ => quoted(&allowed.replace("the port in `provider`", "`provider!`")),
        };
        for module in quoted(modules) {
            allowed.insert(module.clone());
            assert!(table.insert(module.clone(), allowed.clone()).is_none(), "{module} has two rows");
            allowed.remove(&module);
        }
    }
    assert!(table.len() > 5, "the table in src/lib.rs was read: {table:?}");
    table
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What is wrong with an import of `path` (below the crate) in a file of `module`; `inner` are the modules inside the provider.
fn wrong(
    table: &BTreeMap<String, BTreeSet<String>>,
    inner: &[String],
    module: &str,
    path: &[String],
) -> Option<String> {
    let target = path.first()?;
    let Some(allowed) = table.get(module) else {
        return Some(format!("{module} has no row in the table of src/lib.rs"));
    };
    let port = allowed.contains("provider!") && target == "provider";
    if port && path.get(1).is_none_or(|second| !inner.contains(second)) {
        return None;
    }
    let fine = allowed.contains("*") || allowed.contains(target);
    (!fine).then(|| format!("{module} may not import {}", path.join("::")))
}

/// Modules inside the provider: concrete providers, and the files that the port is made of.
fn inside_provider(sources: &[Source]) -> Vec<String> {
    let below = sources.iter().filter(|s| s.module.first().is_some_and(|m| m == "provider"));
    below.filter_map(|s| s.module.get(1).cloned()).collect()
}

#[test]
fn imports_follow_the_table() {
    let (sources, table) = (sources(), table());
    let inner = inside_provider(&sources);
    let (mut seen, mut wrongs) = (0, Vec::new());
    for source in sources.iter().filter(|s| s.name != "lib.rs") {
        for path in source.imports() {
            seen += 1;
            wrongs.extend(wrong(&table, &inner, source.top(), &path).map(|w| format!("{}: {w}", source.name)));
        }
    }
    assert!(seen > 100, "only {seen} imports were found");
    assert_eq!(wrongs, Vec::<String>::new());
}

#[test]
fn modules_keep_to_their_own_crates() {
    let mut wrongs = Vec::new();
    for source in sources() {
        let foreign = FOREIGN.iter().find(|(module, _)| *module == source.top()).map_or(&[][..], |(_, f)| f);
        let used = source.crates();
        wrongs.extend(foreign.iter().filter(|c| used.contains(**c)).map(|c| format!("{}: uses {c}", source.name)));
    }
    assert_eq!(wrongs, Vec::<String>::new());
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
fn an_import_against_the_direction_is_noticed_however_it_is_written() {
    let (table, inner) = (table(), vec!["k3d".to_owned(), "error".to_owned()]);
    let found = |name: &str, text: &str| -> Vec<String> {
        let source = Source::new(name, text.to_owned());
        source.imports().iter().filter_map(|p| wrong(&table, &inner, source.top(), p)).collect()
    };
    for (name, text) in [
        ("controller/a.rs", "use crate::eks::error;"),
        ("controller/a.rs", "use crate::{crd, eks};"),
        ("controller/a.rs", "use crate::provider::k3d::K3d;"),
        ("controller/a.rs", "use crate::provider::{Error, k3d::{self, K3d}};"),
        ("controller/cluster/plan.rs", "use super::super::super::eks::error;"),
        ("controller/mod.rs", "use super::eks;"),
        ("controller/a.rs", "mod inner { use super::super::super::eks; }"),
        ("controller/a.rs", "fn f() { crate::eks::error::f() }"),
        ("controller/a.rs", "fn f() { println!(\"{}\", crate::eks::NAME) }"),
        ("eks/a.rs", "use crate::controller::Error;"),
        ("crd/a.rs", "use crate::provider::Error;"),
        ("provider/k3d/a.rs", "use crate::crd::keys;"),
        ("unheard_of.rs", "use crate::crd::keys;"),
    ] {
        assert!(!found(name, text).is_empty(), "{name}: {text}");
    }
    for (name, text) in [
        (
            "controller/a.rs",
            "use crate::provider::{self, Error};\nuse crate::crd::keys;\nuse super::super::metrics::Metrics;",
        ),
        ("controller/cluster/plan.rs", "use super::super::decision;\nuse super::observe;"),
        ("provider/k3d/a.rs", "use crate::provider::Error;\nuse super::super::types;"),
        ("controller/a.rs", "#[cfg(test)] mod tests { use crate::provider::k3d::K3d; }"),
        ("main.rs", "use crate::provider::k3d::K3d;"),
    ] {
        assert_eq!(found(name, text), Vec::<String>::new(), "{name}: {text}");
    }
}

#[test]
fn the_length_of_a_function_is_that_of_its_lines() {
    let text = "fn a() {}\nimpl X {\n    fn b() {\n        1;\n    }\n}\n#[cfg(test)]\nfn c() {}\n";
    let functions = Source::new("a.rs", text.to_owned()).functions();
    assert_eq!(functions, [("a".to_owned(), 1), ("b".to_owned(), 3)]);
}
