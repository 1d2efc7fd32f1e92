//! `floe shell`: a shell with a project's environment, without any hook.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context as _;
use clap::Args;
use floe_devshell::{Context, FirstEntry, export::enter};

use crate::{arguments::StoreArguments, commands::export::Messages};

/// Enter a project's dev shell, or run a command in it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe shell                       a shell with the environment of this folder's project
  floe shell ~/src/tool            of another project
  floe shell -- make test          run a command in it")]
pub(crate) struct Arguments {
    /// The project's folder or file.
    path: Option<PathBuf>,
    /// What to run; $SHELL if nothing is given.
    #[arg(last = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let mut context = Context::from_process()?;
    if let Some(store) = &store.store {
        // For the process that builds.
        context.environment.insert("FLOE_STORE".into(), store.into());
    }
    let path = match &arguments.path {
        // `..` and links are followed: what is allowed is known by its real path.
        Some(path) => context
            .directory
            .join(path)
            .canonicalize()
            .with_context(|| format!("cannot enter '{}'", path.display()))?,
        None => context.directory.clone(),
    };
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(&path).to_owned() };
    context.directory.clone_from(&folder);
    // A command is not run without the tools that it was given for.
    context.environment.insert("FLOE_FAIL_FAST".into(), "1".into());
    context.settings.first_entry = FirstEntry::Wait;
    let entered = enter(&context, &mut Messages)?;

    let default = || vec![env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())];
    let words = if arguments.command.is_empty() { default() } else { arguments.command.clone() };
    let (program, words) = words.split_first().context("there is nothing to run")?;
    let mut command = Command::new(program);
    command.args(words);
    if let Some(entered) = entered {
        if let Some(failure) = entered.failure {
            return Err(failure.into());
        }
        command.env_clear().envs(entered.environment).env_remove("FLOE_FAIL_FAST");
    }
    // The program takes our place, so that signals and the exit status are its own.
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run '{}'", program.display()))
}
