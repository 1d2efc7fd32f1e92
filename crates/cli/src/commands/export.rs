//! `floe export`: the changes that the shell's hook applies at a prompt.

use std::{
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use anstyle::AnsiColor;
use clap::Args;
use floe_devshell::{Context, Output, export::export};

use crate::{commands::callback::shell, output};

/// Print what the shell must change to have the environment of its folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe export bash    what the hook of `floe hook bash` evaluates at every prompt
  floe export json    the changes for a script or an editor")]
pub(crate) struct Arguments {
    /// The shell's name: bash, zsh, fish or json.
    shell: OsString,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut messages = Messages;
    let export = export(&Context::from_process()?, shell(&arguments.shell)?, &mut messages)?;
    output::bytes(&export.script)?;
    Ok(match export.failure {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            messages.error(&failure.to_string());
            ExitCode::FAILURE
        }
    })
}

/// The same without the command line's machinery: a millisecond counts at every prompt.
pub(crate) fn run_at_prompt(shell: &OsStr) -> anyhow::Result<ExitCode> {
    run(&Arguments { shell: shell.to_owned() })
}

/// Messages of the activator, on standard error: standard output is the script.
pub(crate) struct Messages;

impl Output for Messages {
    fn status(&mut self, message: &str) {
        let style = AnsiColor::BrightBlack.on_default();
        output::note(format_args!("{style}floe: {message}{style:#}"));
    }

    fn error(&mut self, message: &str) {
        let style = AnsiColor::Red.on_default();
        output::note(format_args!("{style}floe: {message}{style:#}"));
    }
}
