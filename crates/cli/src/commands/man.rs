//! `floe man`: manual pages.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};

use crate::output;

/// Print the manual page, or write all of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe man | man -l -
  floe man --directory ~/.local/share/man/man1")]
pub(crate) struct Arguments {
    /// Write one page for each command into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let command = crate::arguments::Arguments::command();
    match &arguments.directory {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            output::bytes(&page)?;
        }
        Some(directory) => {
            fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(command, directory))
                .with_context(|| {
                    format!("cannot write manual pages to '{}'", directory.display())
                })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
