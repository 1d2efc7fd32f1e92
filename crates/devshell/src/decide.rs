//! `floe allow`, `floe deny` and `floe reload`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::allow::{AllowError, AllowState};
use crate::context::Context;
use crate::export::active_project;
use crate::nix::cache::{CacheError, Entry};
use crate::project::{Project, ProjectKind};
use crate::watch::normalise;

/// A decision could not be made or recorded.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no project file here.
    #[error("neither {0} nor a folder above it holds an .envrc, shell.nix or flake.nix")]
    NoProject(PathBuf),
    /// The named file is no project file.
    #[error("{0} is no project file; those are called .envrc, shell.nix, flake.nix and .env")]
    NoProjectFile(PathBuf),
    /// The named folder holds none.
    #[error("{0} holds no .envrc, shell.nix, flake.nix or .env")]
    EmptyFolder(PathBuf),
    /// Allowing it would do nothing.
    #[error("{0}: flakes cannot be entered yet; a shell.nix or an .envrc beside it can")]
    Flake(PathBuf),
    /// What may not run cannot be loaded again.
    #[error("{0} is not allowed; run `floe allow` first")]
    NotAllowed(PathBuf),
    /// The permission.
    #[error(transparent)]
    Allow(#[from] AllowError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Allows the present content of a project file: of `path`, a file or folder, or of the project
/// that the shell's folder belongs to. Gives the file.
pub fn allow(context: &Context, path: Option<&Path>) -> Result<PathBuf, DecideError> {
    let file = named_or_found(context, path)?;
    if file.file_name().is_some_and(|name| name == ProjectKind::FlakeNix.file_name()) {
        return Err(DecideError::Flake(file));
    }
    context.allow_list().allow(&file)?;
    Ok(file)
}

/// Refuses a project file, chosen as in [`allow`]. Gives the file.
pub fn deny(context: &Context, path: Option<&Path>) -> Result<PathBuf, DecideError> {
    let file = named_or_found(context, path)?;
    context.allow_list().deny(&file)?;
    Ok(file)
}

/// Has the next prompt load the project again, and evaluate its Nix shells again. Gives the project
/// file.
pub fn reload(context: &Context) -> Result<PathBuf, DecideError> {
    let project =
        active_project(context).ok_or_else(|| DecideError::NoProject(context.directory.clone()))?;
    let allow_list = context.allow_list();
    if allow_list.state(&project.file)? != AllowState::Allowed {
        return Err(DecideError::NotAllowed(project.file));
    }
    for entry in Entry::of_project(&context.folders.cache, project.folder()) {
        entry.forget_attempt()?;
    }
    // The record of the permission is a watched file, and ours to write again.
    let record = allow_list.records(&project.file)?.allow;
    let _ = fs::remove_file(&record);
    allow_list.allow(&project.file)?;
    Ok(project.file)
}

fn named_or_found(context: &Context, path: Option<&Path>) -> Result<PathBuf, DecideError> {
    let Some(path) = path else {
        return undecided_project(context)
            .ok_or_else(|| DecideError::NoProject(context.directory.clone()));
    };
    let path = normalise(&context.directory.join(path));
    if path.is_dir() {
        let file = ProjectKind::in_folder(&path, true).map(|project| project.file);
        return file.ok_or(DecideError::EmptyFolder(path));
    }
    match Project::from_file(&path) {
        Some(project) => Ok(project.file),
        None => Err(DecideError::NoProjectFile(path)),
    }
}

/// The nearest project file, even one that is silent or overshadowed until it is decided about.
fn undecided_project(context: &Context) -> Option<PathBuf> {
    let mut folders = context.directory.ancestors();
    let load_dotenv = context.settings.load_dotenv;
    folders
        .find_map(|folder| ProjectKind::in_folder(folder, load_dotenv))
        .map(|project| project.file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Folders, Settings};
    use crate::environment::Environment;

    fn context(root: &Path) -> Context {
        let environment = Environment::from([("HOME".into(), root.join("home").into())]);
        Context {
            folders: Folders::from_environment(&environment).unwrap(),
            environment,
            directory: root.join("project/sub"),
            floe: "/floe".into(),
            settings: Settings::default(),
        }
    }

    #[test]
    fn files_folders_and_the_project_around() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("project/sub/empty")).unwrap();
        let context = context(root.path());
        assert!(matches!(allow(&context, None), Err(DecideError::NoProject(_))));
        let envrc = root.path().join("project/.envrc");
        fs::write(&envrc, "").unwrap();
        let state = || context.allow_list().state(&envrc).unwrap();

        assert_eq!(allow(&context, None).unwrap(), envrc);
        assert_eq!(state(), AllowState::Allowed);
        assert_eq!(deny(&context, Some(Path::new("../.envrc"))).unwrap(), envrc);
        assert_eq!(state(), AllowState::Denied);
        assert_eq!(allow(&context, Some(Path::new(".."))).unwrap(), envrc);
        assert_eq!(state(), AllowState::Allowed);
        assert!(matches!(
            allow(&context, Some(Path::new("empty"))),
            Err(DecideError::EmptyFolder(_))
        ));
        assert!(matches!(
            allow(&context, Some(Path::new("other.sh"))),
            Err(DecideError::NoProjectFile(_))
        ));
    }

    #[test]
    fn reloading_needs_a_permission_and_renews_its_record() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("project/sub")).unwrap();
        let context = context(root.path());
        let envrc = root.path().join("project/.envrc");
        fs::write(&envrc, "").unwrap();
        assert!(matches!(reload(&context), Err(DecideError::NotAllowed(_))));
        allow(&context, None).unwrap();
        let record = context.allow_list().records(&envrc).unwrap().allow;
        let before = fs::metadata(&record).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        reload(&context).unwrap();
        assert_ne!(fs::metadata(&record).unwrap().modified().unwrap(), before);
    }
}
