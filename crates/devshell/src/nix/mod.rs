//! Environments described in Nix: a project's `shell.nix`, and `use nix` in an `.envrc`.
//!
//! Entering is laying a captured environment ([`shell_environment`]) over the person's own. It comes
//! from the cache ([`cache`]) when nothing that its evaluation looked at has changed; otherwise it is
//! evaluated and built behind the prompt ([`background`], [`capture`]) while the last good one is
//! used. At every prompt only the project's own files are watched; files elsewhere, such as those of
//! a nixpkgs checkout, are compared whenever the project is entered or reloaded.

pub mod background;
pub mod cache;
pub mod capture;
#[cfg(test)]
mod capture_tests;
mod export_list;
pub mod request;
pub mod shell_environment;
pub mod tools;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use cache::{Attempt, CacheError, Entry, Good};
use capture::CaptureError;
use request::{RequestError, ShellRequest};

use crate::bash::{self, BashError};
use crate::context::{Context, FirstEntry};
use crate::diff::Diff;
use crate::environment::{Environment, state};
use crate::envrc;
use crate::output::Output;
use crate::project::Project;
use crate::shells::{Bash, Shell as _};
use crate::watch::{Identity, Watches};

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum NixError {
    /// `use nix` was called wrongly.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The expression does not evaluate to a derivation.
    #[error("{0}")]
    Evaluation(String),
    /// The derivation does not give an environment.
    #[error(transparent)]
    Capture(CaptureError),
    /// The cache cannot be written.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The last try failed, and nothing it looked at has changed.
    #[error("{0}")]
    FailedBefore(String),
    /// The builder behind the prompt could not be started.
    #[error("cannot start {program} to build the shell: {source}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The builder behind the prompt ended without a result.
    #[error("the process that builds the shell ended early; its messages are in {log}")]
    BuilderDied {
        /// Its messages.
        log: PathBuf,
    },
    /// A cache folder that nobody asked for.
    #[error("{0} is no cache folder of a shell")]
    NoRequest(PathBuf),
    /// The `.envrc` could not be told what to watch.
    #[error("cannot note which files to watch: {0}")]
    Watches(io::Error),
}

/// The environment of a project's `shell.nix`, laid over `base`.
pub fn shell_nix(
    context: &Context,
    project: &Project,
    base: &Environment,
    watches: &mut Watches,
    output: &mut dyn Output,
) -> Result<Environment, NixError> {
    let request = ShellRequest::of_file(project.folder(), &project.file);
    enter(context, &request, base, watches, output)
}

/// `floe __use-nix WORDS…`, called by `use nix` in an `.envrc`: a bash script that turns the
/// environment of the caller into that of the shell.
pub fn use_nix(
    context: &Context,
    words: &[impl AsRef<str>],
    output: &mut dyn Output,
) -> Result<Vec<u8>, NixError> {
    // What .envrc runs for; a person who tries this by hand has none.
    let project = context.variable(envrc::PROJECT_VARIABLE).map_or(&*context.directory, Path::new);
    let request = ShellRequest::parse(words, &context.directory, project)?;
    let mut watches = Watches::default();
    let entered = enter(context, &request, &context.environment, &mut watches, output);
    envrc::add_watches(context, &watches).map_err(NixError::Watches)?;
    Ok(Bash.export_diff(&Diff::between(&context.environment, &entered?)))
}

fn enter(
    context: &Context,
    request: &ShellRequest,
    base: &Environment,
    watches: &mut Watches,
    output: &mut dyn Output,
) -> Result<Environment, NixError> {
    let Some(good) = find_good(context, request, base, watches, output)? else {
        return Ok(base.clone());
    };
    let environment = good.environment.apply(base, &good.store_dir);
    let Some(hook) = good.environment.shell_hook() else { return Ok(environment) };
    Ok(run_shell_hook(context, request, &good, hook, &environment).unwrap_or_else(|error| {
        output.error(&format!("{error}; the shell is entered without what its shellHook sets"));
        environment
    }))
}

/// The environment to use now: the right one, the last good one while the right one is built, or
/// none when there has never been one and nobody waits.
fn find_good(
    context: &Context,
    request: &ShellRequest,
    base: &Environment,
    watches: &mut Watches,
    output: &mut dyn Output,
) -> Result<Option<Good>, NixError> {
    let entry = Entry::new(&context.folders.cache, request);
    // Files are watched as they are before we look at them, so that no change falls in between.
    let (mut seen, mut attempt) = look(&entry, request);
    let visible = background::evaluation_environment(base);
    let arrived = has_arrived(context, &entry);
    let current = |attempt: &Attempt| {
        arrived
            || attempt.inputs.are_current(|name| {
                visible.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned())
            })
    };
    let mut good = entry.good();
    let settled = attempt.as_ref().is_some_and(&current)
        // Collected meanwhile, or the store moved: failures stay failures, successes are redone.
        && (good.is_some() || attempt.as_ref().is_some_and(|attempt| attempt.failure.is_some()));
    if !settled {
        let before = Identity::of(&entry.attempt_file());
        let gave_up = entry.is_building() && entry.waited_file().exists();
        let child = background::start(context, &entry, request, &visible)?;
        let wait = context.settings.first_entry == FirstEntry::Wait && !gave_up;
        if good.is_none() && wait {
            output.status(
                "building the shell for the first time (Ctrl-C leaves it to the background)",
            );
            background::wait(&entry, child, before, output)?;
            (seen, attempt) = look(&entry, request);
            good = entry.good();
        } else {
            watches.extend(seen);
            output.status(match good {
                Some(_) => "building the changed shell in the background; the last good one is used meanwhile",
                None => "building the shell in the background; a later prompt enters it",
            });
            return Ok(good);
        }
    }
    watches.extend(seen);
    match (attempt.and_then(|attempt| attempt.failure), good) {
        (Some(failure), None) => Err(NixError::FailedBefore(failure)),
        (Some(failure), Some(good)) => {
            output.error(&failure);
            output.error("the last good shell is used");
            Ok(Some(good))
        }
        (None, good) => Ok(good),
    }
}

/// Whether we are here because a build has ended, and for nothing else. Its result is taken as it
/// is: were it compared again, a file outside the project that changes all the time would have the
/// shell built again and again.
fn has_arrived(context: &Context, entry: &Entry) -> bool {
    let watches =
        context.variable(state::WATCHES).and_then(Watches::from_variable).unwrap_or_default();
    let mut changed = watches.changed();
    changed.next() == Some(&entry.attempt_file()) && changed.next().is_none()
}

/// The last attempt and the files to watch for it.
fn look(entry: &Entry, request: &ShellRequest) -> (Watches, Option<Attempt>) {
    let mut watches = Watches::default();
    watches.add(&entry.attempt_file());
    if let request::ShellSource::File(file) = &request.source {
        watches.add(file);
    }
    let attempt = entry.attempt();
    for input in attempt.iter().flat_map(|attempt| &attempt.inputs.paths) {
        if input.path.starts_with(&request.project) {
            watches.add(&input.path);
        }
    }
    (watches, attempt)
}

/// Runs the shell hook in the project's folder and gives the environment after it.
fn run_shell_hook(
    context: &Context,
    request: &ShellRequest,
    good: &Good,
    hook: &str,
    environment: &Environment,
) -> Result<Environment, BashError> {
    let mut script = good.environment.definitions();
    script.extend_from_slice(b"eval \"$__floe_shell_hook\"\n");
    let mut environment_with_hook = environment.clone();
    environment_with_hook.insert("__floe_shell_hook".into(), crate::text::decode(hook));
    let run = bash::Run::new(context, &request.folder, Path::new("shellHook"))?;
    let mut after = run.script(&script, &[], &environment_with_hook)?;
    after.remove(OsStr::new("__floe_shell_hook"));
    Ok(after)
}
