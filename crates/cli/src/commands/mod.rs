//! One file per command: its arguments, and how it calls the libraries and prints what they say.

pub(crate) mod allow;
pub(crate) mod build;
pub(crate) mod callback;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod deny;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod fmt;
pub(crate) mod hook;
pub(crate) mod instantiate;
pub(crate) mod list;
pub(crate) mod lsp;
pub(crate) mod man;
pub(crate) mod options;
pub(crate) mod reload;
mod replace;
pub(crate) mod shell;
pub(crate) mod ssr;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod symbols;
mod walk;

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::arguments::{Arguments, Command};

/// Runs the command that was asked for. The exit status says whether there was something to complain
/// about; an error says that the command could not do its work.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let store = arguments.store;
    match arguments.command {
        Command::Lsp(arguments) => lsp::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Fmt(arguments) => fmt::run(&arguments),
        Command::Symbols(arguments) => symbols::run(&arguments),
        Command::Options(arguments) => options::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments, &store),
        Command::Instantiate(arguments) => instantiate::run(&arguments, &store),
        Command::List(arguments) => list::run(&arguments, &store),
        Command::Build(arguments) => build::run(&arguments, &store),
        Command::Shell(arguments) => shell::run(&arguments, &store),
        Command::Ssr(arguments) => ssr::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Store(arguments) => store::run(&arguments, &store),
        Command::Hook(arguments) => hook::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Allow(arguments) => allow::run(&arguments),
        Command::Deny(arguments) => deny::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// How a command prints its result, as the command line says it.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct FormatArguments {
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl FormatArguments {
    pub(crate) fn chosen(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// How a command prints its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    #[default]
    Human,
    /// For a script.
    Json,
}
