//! Runs an `.envrc` in a real bash, with our library of commands (`stdlib.sh`).
//!
//! The script talks to us through files in a folder of its own (`FLOE_CONTEXT`): the files to watch,
//! and at its end the environment. It calls the program back (`floe __dump`, `__dotenv`,
//! `__use-nix`) for what bash cannot do. Its standard error is the person's.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::context::Context;
use crate::environment::{Environment, parse_dump};
use crate::project::{Project, ProjectKind};
use crate::watch::{Watches, walk};

/// The library of commands that an `.envrc` may use.
pub const STDLIB: &str = include_str!("stdlib.sh");

/// Why an `.envrc` gave no environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvrcError {
    /// The folder through which we talk to the script.
    #[error("cannot prepare to run {path}: {source}")]
    Prepare {
        /// The script.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// bash did not start.
    #[error(
        "cannot start {bash}, which runs {path}: {source}; install bash, or set `bash` in the [shell] table of Floe's config.toml"
    )]
    Bash {
        /// The program.
        bash: PathBuf,
        /// The script.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The script failed.
    #[error("{path} failed: {status}")]
    Failed {
        /// The script.
        path: PathBuf,
        /// How.
        status: ExitStatus,
    },
    /// The script ended without running our exit trap.
    #[error(
        "{path} replaced the shell that runs it (exec) or its EXIT trap, so its environment is not known"
    )]
    NoEnvironment {
        /// The script.
        path: PathBuf,
    },
}

/// What came of running an `.envrc` or `.env`. The watched files are known even when it failed.
#[derive(Debug)]
pub struct Run {
    /// The environment at the script's end.
    pub environment: Result<Environment, EnvrcError>,
    /// The files it asked to watch, as they are now.
    pub watches: Watches,
}

/// Runs the `.envrc` or loads the `.env` of `project`, starting from `environment`. The caller has
/// made sure that it is allowed.
pub fn run(context: &Context, project: &Project, environment: &Environment) -> Run {
    let mut watches = Watches::default();
    let environment = run_in_folder(context, project, environment, &mut watches);
    Run { environment, watches }
}

fn run_in_folder(
    context: &Context,
    project: &Project,
    environment: &Environment,
    watches: &mut Watches,
) -> Result<Environment, EnvrcError> {
    let path = || project.file.clone();
    let prepare = |source| EnvrcError::Prepare { path: path(), source };
    let exchange = tempfile::Builder::new().prefix("floe-envrc-").tempdir().map_err(prepare)?;
    let stdlib = exchange.path().join("stdlib.sh");
    fs::write(&stdlib, STDLIB).map_err(prepare)?;

    let function = match project.kind {
        ProjectKind::Dotenv => "dotenv",
        _ => "source_env",
    };
    let status = Command::new(&context.settings.bash)
        .args(["--noprofile", "--norc", "-c", r#". "$1"; __main__ "${@:2}""#, "floe"])
        .args([stdlib.as_os_str(), context.floe.as_os_str(), context.folders.config.as_os_str()])
        .arg(if context.settings.strict_env { "strict" } else { "" })
        .arg(function)
        .arg(&project.file)
        .current_dir(project.folder())
        .env_clear()
        .envs(environment)
        .env("PWD", project.folder())
        .env("FLOE_CONTEXT", exchange.path())
        .stdout(Stdio::null())
        .status()
        .map_err(|source| EnvrcError::Bash {
            bash: context.settings.bash.clone(),
            path: path(),
            source,
        })?;

    read_watches(exchange.path(), watches);
    if !status.success() {
        return Err(EnvrcError::Failed { path: path(), status });
    }
    match fs::read(exchange.path().join("environment")) {
        Ok(dump) => Ok(without_ours(parse_dump(&dump), environment)),
        Err(_) => Err(EnvrcError::NoEnvironment { path: path() }),
    }
}

/// What bash and we have put there for the run only has its value of before.
fn without_ours(mut after: Environment, before: &Environment) -> Environment {
    for name in ["PWD", "OLDPWD", "SHLVL", "_", "FLOE_CONTEXT", "FLOE_IN_ENVRC", "DIRENV_IN_ENVRC"]
    {
        match before.get(OsStr::new(name)) {
            Some(value) => after.insert(name.into(), value.clone()),
            None => after.remove(OsStr::new(name)),
        };
    }
    after
}

fn read_watches(exchange: &Path, watches: &mut Watches) {
    let records = fs::read(exchange.join("watches")).unwrap_or_default();
    for record in records.split(|byte| *byte == 0) {
        match record {
            [b'f', path @ ..] => watches.add(Path::new(OsStr::from_bytes(path))),
            [b'd', path @ ..] => {
                for path in walk(Path::new(OsStr::from_bytes(path))) {
                    watches.add(&path);
                }
            }
            [b'w', list @ ..] => {
                if let Some(list) = Watches::from_variable(OsStr::from_bytes(list)) {
                    watches.extend(list);
                }
            }
            _ => {}
        }
    }
}

/// Has a program that an `.envrc` calls back add to the files that the run watches, with their
/// identities as they were when it looked.
pub fn add_watches(context: &Context, watches: &Watches) -> io::Result<()> {
    let Some(exchange) = context.variable("FLOE_CONTEXT") else { return Ok(()) };
    let mut file =
        fs::File::options().append(true).create(true).open(Path::new(exchange).join("watches"))?;
    let record = format!("w{}\0", watches.to_variable());
    io::Write::write_all(&mut file, record.as_bytes())
}
