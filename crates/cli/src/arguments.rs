//! The command line as a whole.

use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{commands, render::MessageFormat};

/// A Nix language server, evaluator, store with a sandboxed builder, and dev-shell activator.
#[derive(Debug, Parser)]
#[command(
    name = "floe",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  floe check .                          every mistake that the text alone shows
  floe eval '<nixpkgs>' -A hello.name   the value of an attribute
  floe build '<floe-pkgs>' -A hello     build in the sandbox, leave ./result
  floe explain infinite-recursion       why an error happens and how to fix it
  eval \"$(floe hook bash)\"              enter dev shells on cd; goes into ~/.bashrc

A man page for each command: floe man --help"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// How errors and warnings are printed.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) message_format: MessageFormat,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// Which store a command works on.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArguments {
    /// The store to use: a directory, or `daemon`. Otherwise the running daemon, a writable
    /// /nix/store, or a store in your data directory.
    #[arg(long = "store", global = true, env = "FLOE_STORE", value_name = "STORE")]
    pub(crate) store: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Lsp(commands::lsp::Arguments),
    Check(commands::check::Arguments),
    Ssr(commands::ssr::Arguments),
    Fmt(commands::fmt::Arguments),
    Symbols(commands::symbols::Arguments),
    Options(commands::options::Arguments),
    Eval(commands::eval::Arguments),
    Instantiate(commands::instantiate::Arguments),
    List(commands::list::Arguments),
    Build(commands::build::Arguments),
    Shell(commands::shell::Arguments),
    Explain(commands::explain::Arguments),
    Store(commands::store::Arguments),
    Hook(commands::hook::Arguments),
    Export(commands::export::Arguments),
    Allow(commands::allow::Arguments),
    Deny(commands::deny::Arguments),
    Status(commands::status::Arguments),
    Reload(commands::reload::Arguments),
    Demo(commands::demo::Arguments),
    Completions(commands::completions::Arguments),
    Man(commands::man::Arguments),
}

impl Command {
    /// The exit status if it cannot do its work: not the one that answers a question.
    pub(crate) fn failure(&self) -> ExitCode {
        match self {
            Command::Check(_) | Command::Ssr(_) | Command::Symbols(_) | Command::Options(_) => {
                ExitCode::from(2)
            }
            _ => ExitCode::FAILURE,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// When the output is a terminal that has them.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes the choice that of every printing macro.
    pub(crate) fn write_global(self) {
        match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_an_example() {
        for command in Arguments::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains(&format!("floe {name}")), "{name}: {example}");
        }
    }
}
