//! `floe lsp`: the language server.

use std::process::ExitCode;

use clap::Args;
use floe_lsp::{End, Options};

/// Run the language server on standard input and output.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe lsp              what an editor starts
  FLOE_LOG=debug floe lsp 2> server.log")]
pub(crate) struct Arguments {
    /// Accepted because many editors pass it; standard input and output are used anyway.
    #[arg(long)]
    stdio: bool,
    /// How many answers are computed at a time; the number of cores if not given.
    #[arg(long, value_name = "NUMBER")]
    readers: Option<usize>,
}

/// The command without further arguments.
pub(crate) fn run_for_editor() -> anyhow::Result<ExitCode> {
    run(&Arguments { stdio: true, readers: None })
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { stdio: _, readers } = arguments;
    let mut options = Options::default();
    if let Some(readers) = readers {
        options.readers = (*readers).max(1);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    Ok(match runtime.block_on(floe_lsp::run_stdio(options)) {
        End::Orderly => ExitCode::SUCCESS,
        End::Abrupt => ExitCode::FAILURE,
    })
}
