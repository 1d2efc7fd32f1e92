//! The `floe` program: arguments, terminal output and exit statuses around the library crates.
//!
//! One file per command in `commands`, one renderer for errors, one reporter for progress. What a
//! command does is in the library crates.

mod arguments;
mod builds;
mod commands;
mod demo;
mod dev_shell;
mod evaluation;
mod expression;
mod introsort;
mod nix_instantiate;
mod output;
mod packages;
mod progress;
mod render;

use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
    process::ExitCode,
};

use clap::Parser as _;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    // Some callers have no time or no room for the command line: a build's sandbox, which must still
    // be a single thread; the shell's hook, which runs at every prompt; a running `.envrc`; an editor.
    let mut words = env::args_os();
    let program = words.next().unwrap_or_default();
    if Path::new(&program).file_name() == Some(OsStr::new(nix_instantiate::NAME)) {
        let words = words.map(|word| word.to_string_lossy().into_owned()).collect();
        return nix_instantiate::run(&program.to_string_lossy(), words);
    }
    match words.next().as_deref().and_then(|word| word.to_str()) {
        Some(floe_builder::SANDBOX_COMMAND) => floe_builder::sandbox_main(),
        Some("export") => {
            let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
            if let (Some(shell), None) = (words.next().filter(|w| !is_option(w)), words.next()) {
                return ended(commands::export::run_at_prompt(&shell), ExitCode::FAILURE);
            }
        }
        // What every editor starts waits for the answer to its first message.
        Some("lsp") if words.all(|word| word == "--stdio") => {
            start_tracing();
            return ended(commands::lsp::run_for_editor(), ExitCode::FAILURE);
        }
        Some(name) if name.starts_with("__") => {
            let answer = commands::callback::run(name, &words.collect::<Vec<_>>());
            return ended(answer, ExitCode::FAILURE);
        }
        _ => {}
    }

    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => {
            let code = if answer.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            let said = output::usage(&answer).map(|()| code);
            return ended(said.map_err(Into::into), ExitCode::FAILURE);
        }
    };
    arguments.color.write_global();
    arguments.message_format.choose();
    start_tracing();
    let failure = arguments.command.failure();
    ended(commands::run(arguments), failure)
}

/// The exit status of a command. Where it could not do its work, that is `failure`, and it is said why.
fn ended(code: anyhow::Result<ExitCode>, failure: ExitCode) -> ExitCode {
    match code.and_then(|code| Ok(output::finish().map(|()| code)?)) {
        Ok(code) => code,
        // A reader that has seen enough closes the pipe.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            render::print_error(&error);
            failure
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Messages for whoever works on Floe itself: `FLOE_LOG=debug floe …`.
fn start_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("FLOE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
}
