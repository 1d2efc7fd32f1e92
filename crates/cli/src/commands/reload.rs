//! `floe reload`: evaluates and builds a shell again.

use std::process::ExitCode;

use clap::Args;
use floe_devshell::{Context, decide};

use crate::output;

/// Load the shell of this folder again at the next prompt, although nothing has changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe reload")]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let context = Context::from_process()?;
    let file = decide::reload(&context)?;
    output::note(format_args!("floe: the next prompt loads {} again", context.display(&file)));
    Ok(ExitCode::SUCCESS)
}
