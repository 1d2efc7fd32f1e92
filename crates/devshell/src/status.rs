//! `floe status`: what is loaded, what was found, and what is being built.

use std::path::PathBuf;

use serde::Serialize;

use crate::allow::AllowState;
use crate::context::Context;
use crate::export::{Loaded, active_project};
use crate::nix::background::last_message;
use crate::nix::cache::Entry;
use crate::project::{Project, ProjectKind};
use crate::watch::Identity;

/// The state of the calling shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The project that the folder belongs to.
    pub found: Option<ProjectStatus>,
    /// The project that the shell has loaded; the next prompt makes it the found one.
    pub loaded: Option<ProjectStatus>,
    /// The files whose change reloads what is loaded.
    pub watches: Vec<WatchStatus>,
    /// The Nix shells of the found project.
    pub shells: Vec<ShellStatus>,
    /// Where permissions, captured environments and settings are kept.
    pub folders: FolderStatus,
}

/// A project file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectStatus {
    /// The file.
    pub file: PathBuf,
    /// What it is.
    pub kind: ProjectKind,
    /// Whether it may run. A file that is gone may not.
    pub allowed: AllowState,
}

/// A watched file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchStatus {
    /// The file.
    pub path: PathBuf,
    /// Whether it existed when the project was loaded.
    pub existed: bool,
    /// Whether it is still the same.
    pub changed: bool,
}

/// A Nix shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShellStatus {
    /// The file, or `-p` and the packages.
    pub shell: String,
    /// What is known of it.
    pub state: ShellState,
    /// The last message of its builder, or why it failed.
    pub message: Option<String>,
    /// All messages of its builder.
    pub log: PathBuf,
}

/// What is known of a Nix shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ShellState {
    /// Being built now.
    Building,
    /// Built; entering it takes no time.
    Ready,
    /// The last build failed.
    Failed,
    /// To be built at the next prompt.
    Stale,
}

/// Our folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FolderStatus {
    /// Settings and the person's own `.envrc` library.
    pub config: PathBuf,
    /// Permissions.
    pub data: PathBuf,
    /// Captured environments.
    pub cache: PathBuf,
}

/// The state of the calling shell.
pub fn status(context: &Context) -> Status {
    let project_status = |project: Project| {
        let allowed = context.allow_list().state(&project.file).unwrap_or(AllowState::Unknown);
        ProjectStatus { file: project.file, kind: project.kind, allowed }
    };
    let found = active_project(context);
    let loaded = Loaded::of(&context.environment);
    let watches = loaded.as_ref().and_then(Loaded::watches).unwrap_or_default();
    let entries =
        found.as_ref().map(|project| Entry::of_project(&context.folders.cache, project.folder()));
    Status {
        loaded: loaded.and_then(|loaded| Project::from_file(&loaded.file)).map(project_status),
        found: found.map(project_status),
        watches: watches
            .iter()
            .map(|watch| WatchStatus {
                path: watch.path.clone(),
                existed: watch.identity.is_some(),
                changed: Identity::of(&watch.path) != watch.identity,
            })
            .collect(),
        shells: entries.into_iter().flatten().filter_map(|entry| shell_status(&entry)).collect(),
        folders: FolderStatus {
            config: context.folders.config.clone(),
            data: context.folders.data.clone(),
            cache: context.folders.cache.clone(),
        },
    }
}

fn shell_status(entry: &Entry) -> Option<ShellStatus> {
    let request = entry.request()?;
    let failure = entry.attempt().map(|attempt| attempt.failure);
    let (state, message) = if entry.is_building() {
        (ShellState::Building, last_message(entry))
    } else {
        match failure {
            Some(Some(failure)) => (ShellState::Failed, Some(failure)),
            Some(None) if entry.good().is_some() => (ShellState::Ready, None),
            _ => (ShellState::Stale, None),
        }
    };
    Some(ShellStatus { shell: request.display(), state, message, log: entry.log_file() })
}
