//! `floe hook`: what goes into a shell's start-up file.

use std::{env, ffi::OsString, process::ExitCode};

use anyhow::Context as _;
use clap::Args;

use crate::{commands::callback::shell, output};

/// Print the hook that enters and leaves dev shells on `cd`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  eval \"$(floe hook bash)\"      at the end of ~/.bashrc
  eval \"$(floe hook zsh)\"       at the end of ~/.zshrc")]
pub(crate) struct Arguments {
    /// The shell's name: bash, zsh or fish.
    shell: OsString,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let shell = shell(&arguments.shell)?;
    let floe = env::current_exe().context("cannot tell where the floe program is")?;
    let hook =
        shell.hook(&floe).with_context(|| format!("'{}' is no interactive shell", shell.name()))?;
    output::print(format_args!("{hook}"))?;
    Ok(ExitCode::SUCCESS)
}
