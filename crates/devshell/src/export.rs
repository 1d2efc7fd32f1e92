//! `floe export SHELL`: what the hook runs at every prompt.
//!
//! Nothing changed since the last prompt: nothing to say, after one `stat` for each watched file.
//! Otherwise the environment of before the project is worked out from `FLOE_DIFF`, the project that
//! the folder belongs to now is loaded over it, and the difference goes to the shell. A project that
//! may not run, or fails, still leaves its trace in the state variables, so that it is not tried
//! again at every prompt but as soon as one of its files changes.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::allow::{AllowError, AllowState};
use crate::bash::BashError;
use crate::context::Context;
use crate::diff::{Diff, Restore, UnreadableRestore};
use crate::environment::{Environment, state};
use crate::envrc;
use crate::nix::{NixError, shell_nix};
use crate::output::Output;
use crate::project::{Project, ProjectKind, find};
use crate::shells::{Shell, export_script};
use crate::watch::Watches;

/// What a prompt gets.
#[derive(Debug, Default)]
pub struct Export {
    /// For the shell to evaluate; empty when nothing changes.
    pub script: Vec<u8>,
    /// Why the project could not be loaded. The script is to be evaluated all the same.
    pub failure: Option<LoadError>,
}

/// Why a project was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nobody has allowed this content.
    #[error("{path} is not allowed; read it, then run `floe allow`")]
    NotAllowed {
        /// The project file, as the person writes it.
        path: String,
    },
    /// Whether it is allowed cannot be told.
    #[error(transparent)]
    Allow(#[from] AllowError),
    /// The `.envrc` failed.
    #[error(transparent)]
    Envrc(#[from] BashError),
    /// The Nix expression failed.
    #[error(transparent)]
    Nix(#[from] NixError),
    /// Flakes come later.
    #[error("{path}: flakes cannot be entered yet; a shell.nix beside it can")]
    Flake {
        /// The project file, as the person writes it.
        path: String,
    },
}

/// An environment brought up to date.
#[derive(Debug)]
pub struct Entered {
    /// The environment of the folder, with our state in it.
    pub environment: Environment,
    /// Why the project could not be loaded.
    pub failure: Option<LoadError>,
}

/// Brings the calling shell's environment up to date with its folder.
pub fn export(
    context: &Context,
    shell: &dyn Shell,
    output: &mut dyn Output,
) -> Result<Export, UnreadableRestore> {
    let Some(entered) = enter(context, output)? else { return Ok(Export::default()) };
    let before = &context.environment;
    let diff = Diff::between(before, &entered.environment);
    let script = export_script(shell, &diff, before, &entered.environment);
    Ok(Export { script, failure: entered.failure })
}

/// The environment of the folder that `context` names; `None` when `context` has it already.
pub fn enter(
    context: &Context,
    output: &mut dyn Output,
) -> Result<Option<Entered>, UnreadableRestore> {
    let loaded = Loaded::of(&context.environment);
    let found = active_project(context);
    if loaded.is_none() && found.is_none() {
        return Ok(None);
    }
    if let (Some(loaded), Some(project)) = (&loaded, &found)
        && loaded.file == project.file
        && loaded.is_fresh()
    {
        return Ok(None);
    }

    let before = environment_without_project(&context.environment)?;
    let (environment, failure) = match &found {
        None => {
            output.status("unloading");
            (before.clone(), None)
        }
        Some(project) => load_with_state(context, project, &before, output),
    };
    let changes = Diff::between(&before, &environment).summary();
    if !changes.is_empty() && !context.settings.hide_diff {
        output.status(&format!("export {changes}"));
    }
    Ok(Some(Entered { environment, failure }))
}

/// The project that the shell's folder belongs to. A flake stays silent until it is allowed, as
/// long as flakes cannot be entered.
pub(crate) fn active_project(context: &Context) -> Option<Project> {
    let allow_list = context.allow_list();
    let project = find(&context.directory, context.settings.load_dotenv, &allow_list)?;
    let silent = project.kind == ProjectKind::FlakeNix
        && !matches!(allow_list.state(&project.file), Ok(AllowState::Allowed));
    (!silent).then_some(project)
}

/// What a shell has loaded, by its state variables.
pub(crate) struct Loaded<'a> {
    /// The project file.
    pub(crate) file: PathBuf,
    watches: Option<&'a OsStr>,
}

impl Loaded<'_> {
    pub(crate) fn of(environment: &Environment) -> Option<Loaded<'_>> {
        let variable = |name: &str| environment.get(OsStr::new(name)).map(OsString::as_os_str);
        // An interrupted unloading leaves FLOE_DIFF behind alone; it is to be finished.
        let file =
            variable(state::FILE).or_else(|| variable(state::DIFF).map(|_| OsStr::new("")))?;
        Some(Loaded { file: file.into(), watches: variable(state::WATCHES) })
    }

    /// The watched files, unless the variable is missing or not ours.
    pub(crate) fn watches(&self) -> Option<Watches> {
        self.watches.and_then(Watches::from_variable)
    }

    fn is_fresh(&self) -> bool {
        self.watches().is_some_and(|watches| watches.changed().next().is_none())
    }
}

/// The environment as it was before a project was loaded, without our state.
pub(crate) fn environment_without_project(
    environment: &Environment,
) -> Result<Environment, UnreadableRestore> {
    let mut before = environment.clone();
    if let Some(variable) = environment.get(OsStr::new(state::DIFF)) {
        Restore::from_variable(variable)?.apply(&mut before);
    }
    for name in state::ALL {
        before.remove(OsStr::new(name));
    }
    Ok(before)
}

fn load_with_state(
    context: &Context,
    project: &Project,
    before: &Environment,
    output: &mut dyn Output,
) -> (Environment, Option<LoadError>) {
    let mut watches = Watches::default();
    watches.add(&project.file);
    let (mut after, failure) = match load(context, project, before, &mut watches, output) {
        Ok(after) => (after, None),
        Err(failure) => (before.clone(), Some(failure)),
    };
    let restore = Diff::between(before, &after).restore().to_variable();
    let mut folder = OsString::from("-");
    folder.push(project.folder());
    for (name, value) in [
        (state::DIFF, restore.into()),
        (state::DIR, folder),
        (state::FILE, project.file.clone().into_os_string()),
        (state::WATCHES, watches.to_short_variable(&context.folders.cache.join("watches")).into()),
    ] {
        after.insert(name.into(), value);
    }
    (after, failure)
}

fn load(
    context: &Context,
    project: &Project,
    before: &Environment,
    watches: &mut Watches,
    output: &mut dyn Output,
) -> Result<Environment, LoadError> {
    let records = context.allow_list().records(&project.file)?;
    watches.add(&records.allow);
    watches.add(&records.deny);
    let path = || context.display(&project.file);
    match records.state() {
        AllowState::Allowed => {}
        AllowState::Denied => return Ok(before.clone()),
        AllowState::Unknown => return Err(LoadError::NotAllowed { path: path() }),
    }
    match project.kind {
        ProjectKind::Envrc | ProjectKind::Dotenv => {
            let run = envrc::run(context, project, before);
            watches.extend(run.watches);
            Ok(run.environment?)
        }
        ProjectKind::ShellNix => {
            output.status(&format!("loading {}", path()));
            Ok(shell_nix(context, project, before, watches, output)?)
        }
        ProjectKind::FlakeNix => Err(LoadError::Flake { path: path() }),
    }
}
