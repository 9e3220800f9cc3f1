//! Every `k3eks …` that the README and the documents have is one that the program takes.

use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::Cli;

/// The README and the documents, by name.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(".");
    let documents = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let all = documents.chain([root.join("README.md")]);
    all.map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

/// What stands between backticks in a line.
fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The command lines of a line: each one between backticks, also with each argument that follows it there (`k3eks logs NAME`,
/// `--audit`), or the line itself.
fn commands(line: &str) -> Vec<String> {
    if line.starts_with("k3eks ") && !line.contains('`') {
        return vec![line.split(" #").next().unwrap_or_default().to_owned()];
    }
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

#[test]
fn every_command_that_is_documented_is_taken() {
    let mut tried = 0;
    for (name, text) in documents() {
        for command in text.lines().flat_map(commands).filter(|command| !command.contains(['…', ':'])) {
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
fn every_argument_that_is_documented_is_there() {
    let (_, text) = documents().into_iter().find(|(name, _)| name.ends_with("README.md")).unwrap();
    for command in ["operator", "api"] {
        let table = text.split_once(&format!("Arguments of `k3eks {command}`")).unwrap().1;
        let rows = table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        let mut all = Cli::command();
        all.build();
        let known: Vec<String> = all
            .find_subcommand(command)
            .unwrap()
            .get_arguments()
            .filter_map(|a| a.get_long().map(str::to_owned))
            .collect();
        let mut named = 0;
        for argument in rows.filter_map(|row| row.split('|').nth(1)).flat_map(spans) {
            let argument = argument.split_whitespace().next().unwrap().trim_start_matches("--").to_owned();
            assert!(known.contains(&argument), "k3eks {command} --{argument}");
            named += 1;
        }
        assert!(named > 10, "{command}: {named}");
    }
}
