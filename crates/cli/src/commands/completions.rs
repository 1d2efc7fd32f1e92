//! `floe completions`: what a shell needs to complete Floe's own command line.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

use crate::output;

/// Print completions of this command line for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe completions bash > ~/.local/share/bash-completion/completions/floe
  floe completions zsh > ~/.zfunc/_floe
  floe completions fish > ~/.config/fish/completions/floe.fish")]
pub(crate) struct Arguments {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut command = crate::arguments::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "floe", &mut script);
    output::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
