//! Every `k3eks …` that the README and the documents have is one that the program takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::Cli;

/// The documents in a folder and below, by name.
fn below(folder: &Path) -> Vec<(String, String)> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => below(&path),
        Some(extension) if extension == "md" => {
            vec![(path.display().to_string(), std::fs::read_to_string(&path).unwrap())]
        }
        _ => Vec::new(),
    };
    all.flat_map(read).collect()
}

/// The documents of the repository, by name.
fn documents() -> Vec<(String, String)> {
    let mut all = below(Path::new("../../docs"));
    all.extend(
        ["../../README.md", "../../CONTRIBUTING.md"]
            .map(|name| (name.to_owned(), std::fs::read_to_string(name).unwrap())),
    );
    all
}

/// What stands between backticks in a line.
fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The command lines between backticks, also each with each argument that follows it in a table (`k3eks logs NAME`, `--audit`).
fn spoken_of(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut last = None;
    for span in spans(line) {
        if span.starts_with("k3eks ") {
            found.push(span.to_owned());
            last = Some(span);
        } else if let (true, Some(command)) = (span.starts_with("--"), last.filter(|_| line.starts_with("| `k3eks "))) {
            found.push(format!("{command} {span}"));
        }
    }
    found
}

/// The command lines of a document: those of its blocks, without what the shell does with them, and those in its prose.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") {
            block = !block;
        } else if !block {
            found.extend(spoken_of(line));
        } else if trimmed.starts_with("k3eks ") {
            found.extend(trimmed.split(['#', '|', '>', '&']).next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_command_that_is_documented_is_taken() {
    let mut tried = 0;
    for (name, text) in documents() {
        for command in commands(&text).into_iter().filter(|command| !command.contains(['…', ':'])) {
            tried += 1;
            let words: Vec<&str> = command.split_whitespace().collect();
            let Err(error) = Cli::try_parse_from(&words) else { continue };
            let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // Prose speaks of a command by its name alone.
            let spoken_of = error.kind() == ErrorKind::MissingRequiredArgument && words.len() == 2;
            assert!(shown || spoken_of, "{name}: {command}: {error}");
        }
    }
    assert!(tried > 20, "only {tried} were found");
}

#[test]
fn every_argument_is_documented_and_no_other() {
    let text = std::fs::read_to_string("../../docs/reference/configuration.md").unwrap();
    for command in ["operator", "api"] {
        let section = text.split_once(&format!("\n## Arguments of `k3eks {command}`\n")).unwrap().1;
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `--"));
        let documented: BTreeSet<&str> = rows
            .filter_map(|row| row.split('|').nth(1))
            .flat_map(spans)
            .map(|argument| argument.split_whitespace().next().unwrap().trim_start_matches("--"))
            .collect();
        let mut all = Cli::command();
        all.build();
        let known = all.find_subcommand(command).unwrap().get_arguments();
        let shown = known.filter(|a| !a.is_hide_set()).filter_map(clap::Arg::get_long);
        let known: BTreeSet<&str> = shown.filter(|name| *name != "help").collect();
        assert_eq!(documented, known, "k3eks {command}");
        assert!(known.len() > 10, "{command}: {known:?}");
    }
}
