//! `floe allow`: lets a project's shell run.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use floe_devshell::{Context, decide};

use crate::output;

/// Allow the present content of a project's .envrc, shell.nix or .env to run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe allow               the project that this folder belongs to
  floe allow ~/src/tool    another one; it may also be the file itself")]
pub(crate) struct Arguments {
    /// The project's folder or file.
    path: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let context = Context::from_process()?;
    let file = decide::allow(&context, arguments.path.as_deref())?;
    output::note(format_args!("floe: allowed {}", context.display(&file)));
    Ok(ExitCode::SUCCESS)
}
