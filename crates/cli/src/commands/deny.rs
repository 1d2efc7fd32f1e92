//! `floe deny`: refuses a project, whatever its content.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use floe_devshell::{Context, decide};

use crate::output;

/// Refuse to run a project's shell, whatever its content, until it is allowed again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe deny               the project that this folder belongs to
  floe deny ~/src/tool    another one")]
pub(crate) struct Arguments {
    /// The project's folder or file.
    path: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let context = Context::from_process()?;
    let file = decide::deny(&context, arguments.path.as_deref())?;
    output::note(format_args!("floe: denied {}", context.display(&file)));
    Ok(ExitCode::SUCCESS)
}
