//! Runs an `.envrc` in a real bash, with our library of commands (`stdlib.sh`).
//!
//! The script calls the program back (`floe __dump`, `__dotenv`, `__use-nix`) for what bash cannot
//! do, and notes the files to watch in its exchange folder.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::bash::{self, BashError};
use crate::context::Context;
use crate::environment::{Environment, state};
use crate::project::{Project, ProjectKind};
use crate::watch::{Watches, walk};

/// The library of commands that an `.envrc` may use.
pub const STDLIB: &str = include_str!("stdlib.sh");

/// Holds the project's folder while an `.envrc` runs.
pub(crate) const PROJECT_VARIABLE: &str = "FLOE_IN_ENVRC";

/// What came of running an `.envrc` or `.env`. The watched files are known even when it failed.
#[derive(Debug)]
pub struct Run {
    /// The environment at the script's end.
    pub environment: Result<Environment, BashError>,
    /// The files it asked to watch.
    pub watches: Watches,
}

/// Runs the `.envrc` or loads the `.env` of `project`, starting from `environment`. The caller has
/// made sure that it is allowed.
pub fn run(context: &Context, project: &Project, environment: &Environment) -> Run {
    let run = match bash::Run::new(context, project.folder(), &project.file) {
        Ok(run) => run,
        Err(error) => return Run { environment: Err(error), watches: Watches::default() },
    };
    let function = match project.kind {
        ProjectKind::Dotenv => "dotenv",
        _ => "source_env",
    };
    let strict = if context.settings.strict_env { "strict" } else { "" };
    let script = [STDLIB, "\n__main__ \"$@\"\n"].concat();
    let arguments = [
        context.folders.config.as_os_str(),
        OsStr::new(strict),
        OsStr::new(function),
        project.file.as_os_str(),
    ];
    let mut inside = environment.clone();
    inside.insert(PROJECT_VARIABLE.into(), project.folder().into());
    if let Some(watches) = context.variable(state::WATCHES) {
        inside.insert(state::WATCHES.into(), watches.to_owned());
    }
    let after = run.script(script.as_bytes(), &arguments, &inside).map(|mut after| {
        after.remove(OsStr::new(PROJECT_VARIABLE));
        after.remove(OsStr::new(state::WATCHES));
        after
    });
    Run { environment: after, watches: read_watches(run.exchange()) }
}

fn read_watches(exchange: &Path) -> Watches {
    let mut watches = Watches::default();
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
    watches
}

/// Has a program that an `.envrc` calls back add to the files that the run watches, as they were
/// when it looked. Outside of an `.envrc` there is nothing to add to.
pub(crate) fn add_watches(context: &Context, watches: &Watches) -> io::Result<()> {
    let Some(exchange) = context.variable("FLOE_CONTEXT") else { return Ok(()) };
    let file = Path::new(exchange).join("watches");
    let record = format!("w{}\0", watches.to_variable());
    fs::File::options().append(true).create(true).open(file)?.write_all(record.as_bytes())
}
