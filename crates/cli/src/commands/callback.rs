//! `floe __…`: what a running `.envrc` and the activator call. Not for people, and so not on the command
//! line's pages.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use floe_devshell::{
    Context, callback,
    environment::Environment,
    nix::{self, background},
    output::Lines,
    shells::{self, Shell},
};

use crate::{commands::export::Messages, dev_shell::Tools, output};

/// Runs the callback `name`.
pub(crate) fn run(name: &str, words: &[OsString]) -> anyhow::Result<ExitCode> {
    output::bytes(&script(name, words)?)?;
    Ok(ExitCode::SUCCESS)
}

fn script(name: &str, words: &[OsString]) -> anyhow::Result<Vec<u8>> {
    let environment: Environment = env::vars_os().collect();
    let file = |index: usize| words.get(index).map(Path::new);
    let shell_and_file = || -> anyhow::Result<(&'static dyn Shell, &Path)> {
        let shell = shell(words.first().context("the shell's name is missing")?)?;
        Ok((shell, file(1).context("the file's path is missing")?))
    };
    Ok(match name {
        "__dump" => {
            callback::dump_environment(&environment, file(0))?;
            Vec::new()
        }
        "__apply-dump" => {
            let (shell, file) = shell_and_file()?;
            callback::apply_dump(&environment, shell, file)?
        }
        "__dotenv" => {
            let (shell, file) = shell_and_file()?;
            callback::dotenv(shell, file)?
        }
        "__use-nix" => {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            nix::use_nix(&Context::from_process()?, &words, &mut Messages)?
        }
        background::BUILD_COMMAND => {
            let folder = file(0).context("the folder's path is missing")?;
            let tools = Tools::open()?;
            background::build(folder, &tools, &tools, &mut Lines(io::stderr()))?;
            Vec::new()
        }
        _ => bail!("'{name}' is not a command of floe"),
    })
}

/// The dialect called `name`.
pub(crate) fn shell(name: &OsStr) -> anyhow::Result<&'static dyn Shell> {
    name.to_str().and_then(shells::detect).with_context(|| {
        format!("unknown shell '{}'; known are {}", name.display(), shells::NAMES.join(", "))
    })
}
