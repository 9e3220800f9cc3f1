//! `k3eks completion` and `k3eks man`: what shells and manuals know of the commands.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

/// The arguments of `k3eks completion`.
#[derive(Args)]
pub struct Completion {
    /// The shell.
    shell: Shell,
}

/// Prints what completes `command` in a shell.
pub fn completion(mut command: Command, options: &Completion) -> anyhow::Result<()> {
    let (name, mut text) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(options.shell, &mut command, name, &mut text);
    io::stdout().write_all(&text).context("writing what the shell is to know")
}

/// Prints the manual page.
pub fn man(command: Command) -> anyhow::Result<()> {
    clap_mangen::Man::new(command).render(&mut io::stdout()).context("writing the manual page")
}
