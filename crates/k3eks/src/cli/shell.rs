//! `k3eks completion` and `k3eks man`.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

/// Environment variable of completion requests.
const ASKED: &str = "COMPLETE";

/// The arguments of `k3eks completion`.
#[derive(Args)]
pub struct Completion {
    /// Shell to print the script for.
    shell: Shell,
}

/// The arguments of `k3eks man`.
#[derive(Args)]
pub struct Manual {
    /// Command whose page to print, such as `status`. Default: k3eks itself.
    command: Option<String>,
}

/// Answers a completion request, including names of clusters, and exits.
pub fn complete(command: fn() -> Command) {
    CompleteEnv::with_factory(command).var(ASKED).complete();
}

/// Prints the completion script.
pub fn completion(command: &Command, options: &Completion) -> anyhow::Result<()> {
    let (name, mut text) = (command.get_name(), Vec::new());
    let shell = options.shell.to_string();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell).with_context(|| format!("shell {shell} isn't supported"))?;
    completer.write_registration(ASKED, name, name, name, &mut text).context("writing the completion script")?;
    io::stdout().write_all(&text).context("writing the completion script")
}

/// Prints a manual page.
pub fn man(command: Command, options: &Manual) -> anyhow::Result<()> {
    let name = command.get_name().to_owned();
    let mut command = command.after_help(format!("`{name} man COMMAND` prints the page of a command."));
    command.build();
    let page = match &options.command {
        None => command,
        Some(wanted) => command.find_subcommand(wanted).cloned().with_context(|| {
            let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            format!("there is no command {wanted}; there are {}", known.join(", "))
        })?,
    };
    clap_mangen::Man::new(page).render(&mut io::stdout()).context("writing the manual page")
}
