//! Runs a script in a real bash and takes over its environment when it ends.
//!
//! Script and program talk through files in a folder of their own, which `FLOE_CONTEXT` names. The
//! script's standard error is the person's, and so is its standard output: ours is evaluated by a
//! shell.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::context::Context;
use crate::environment::{Environment, parse_dump};

/// Why a script gave no environment.
#[derive(Debug, thiserror::Error)]
pub enum BashError {
    /// The folder through which we talk to the script.
    #[error("cannot prepare to run {name}: {source}")]
    Prepare {
        /// The script.
        name: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// bash did not start.
    #[error(
        "cannot start {bash}, which runs {name}: {source}; install bash, or set `bash` in the [shell] table of Floe's config.toml"
    )]
    Start {
        /// The program.
        bash: PathBuf,
        /// The script.
        name: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The script failed.
    #[error("{name} failed: {status}")]
    Failed {
        /// The script.
        name: PathBuf,
        /// How.
        status: ExitStatus,
    },
    /// The script ended without running our exit trap.
    #[error(
        "{name} replaced the shell that runs it (exec) or its EXIT trap, so its environment is not known"
    )]
    NoEnvironment {
        /// The script.
        name: PathBuf,
    },
}

/// One run of a script.
pub(crate) struct Run<'a> {
    context: &'a Context,
    folder: &'a Path,
    name: &'a Path,
    exchange: tempfile::TempDir,
}

/// The beginning of every script. The environment is taken when bash ends, however it ends.
const PROLOGUE: &str = r#"floe=$1
shift
trap '"$floe" __dump "$FLOE_CONTEXT/environment"' EXIT
exec >&2
"#;

/// What bash and we change for the duration of the run only.
const OF_THE_RUN: [&str; 7] =
    ["PWD", "OLDPWD", "SHLVL", "_", "FLOE_CONTEXT", "FLOE_IN_ENVRC", "DIRENV_IN_ENVRC"];

impl<'a> Run<'a> {
    /// A run in `folder` of a script that messages call `name`.
    pub(crate) fn new(
        context: &'a Context,
        folder: &'a Path,
        name: &'a Path,
    ) -> Result<Run<'a>, BashError> {
        let exchange = tempfile::Builder::new().prefix("floe-shell-").tempdir();
        let exchange =
            exchange.map_err(|source| BashError::Prepare { name: name.to_owned(), source })?;
        Ok(Run { context, folder, name, exchange })
    }

    /// The folder that the script knows as `FLOE_CONTEXT`.
    pub(crate) fn exchange(&self) -> &Path {
        self.exchange.path()
    }

    /// Runs `script` with `arguments` and gives the environment at its end.
    pub(crate) fn script(
        &self,
        script: &[u8],
        arguments: &[&OsStr],
        environment: &Environment,
    ) -> Result<Environment, BashError> {
        let name = || self.name.to_owned();
        let file = self.exchange().join("script.sh");
        fs::write(&file, [PROLOGUE.as_bytes(), script].concat())
            .map_err(|source| BashError::Prepare { name: name(), source })?;
        let bash = &self.context.settings.bash;
        let status = Command::new(bash)
            .args(["--noprofile", "--norc", "-c", r#". "$@""#, "floe"])
            .args([file.as_os_str(), self.context.floe.as_os_str()])
            .args(arguments)
            .current_dir(self.folder)
            .env_clear()
            .envs(environment)
            .env("PWD", self.folder)
            .env("FLOE_CONTEXT", self.exchange())
            .stdout(Stdio::null())
            .status()
            .map_err(|source| BashError::Start { bash: bash.clone(), name: name(), source })?;
        if !status.success() {
            return Err(BashError::Failed { name: name(), status });
        }
        let dump = fs::read(self.exchange().join("environment"))
            .map_err(|_| BashError::NoEnvironment { name: name() })?;
        let mut after = parse_dump(&dump);
        for name in OF_THE_RUN.map(OsString::from) {
            match environment.get(&name) {
                Some(value) => after.insert(name, value.clone()),
                None => after.remove(&name),
            };
        }
        Ok(after)
    }
}
