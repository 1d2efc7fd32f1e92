//! Which project a folder belongs to.
//!
//! The search goes from the shell's folder up to the root of the file system; the nearest folder
//! that holds a project file is the project. In one folder `.envrc` comes before `shell.nix`,
//! `shell.nix` before `flake.nix`, and `.env` last and only where the settings ask for it. A
//! `default.nix` alone is no project: most describe a package. (`use nix` in an `.envrc` takes one.)
//!
//! Many folders below a project hold a `shell.nix` or `flake.nix` of somebody else's. Such a file
//! takes the place of an `.envrc` further up only once the person has allowed or refused it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::allow::{AllowList, AllowState};

/// A file that says what a folder's environment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The file, absolute.
    pub file: PathBuf,
    /// What it is.
    pub kind: ProjectKind,
}

/// The kinds of project files, in order of precedence within one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectKind {
    /// `.envrc`, a bash script.
    Envrc,
    /// `shell.nix`, a Nix expression.
    ShellNix,
    /// `flake.nix`.
    FlakeNix,
    /// `.env`, a list of variables.
    Dotenv,
}

impl ProjectKind {
    const ALL: [ProjectKind; 4] =
        [ProjectKind::Envrc, ProjectKind::ShellNix, ProjectKind::FlakeNix, ProjectKind::Dotenv];

    /// The file's name.
    pub fn file_name(self) -> &'static str {
        match self {
            ProjectKind::Envrc => ".envrc",
            ProjectKind::ShellNix => "shell.nix",
            ProjectKind::FlakeNix => "flake.nix",
            ProjectKind::Dotenv => ".env",
        }
    }

    /// The project file of `folder`.
    pub fn in_folder(folder: &Path, load_dotenv: bool) -> Option<Project> {
        (ProjectKind::ALL.into_iter())
            .filter(|kind| *kind != ProjectKind::Dotenv || load_dotenv)
            .map(|kind| Project { file: folder.join(kind.file_name()), kind })
            .find(|project| project.file.is_file())
    }
}

impl Project {
    /// The project that `file` stands for; `None` when the name is none of a project file.
    pub fn from_file(file: &Path) -> Option<Project> {
        let name = file.file_name()?;
        let kind = ProjectKind::ALL.into_iter().find(|kind| name == kind.file_name())?;
        Some(Project { file: file.to_owned(), kind })
    }

    /// The project's folder.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }
}

/// The project of `directory`, which is absolute. Whether it may run is a question of its own.
pub fn find(directory: &Path, load_dotenv: bool, allow_list: &AllowList) -> Option<Project> {
    let mut projects =
        directory.ancestors().filter_map(|folder| ProjectKind::in_folder(folder, load_dotenv));
    let nearest = projects.next()?;
    if !matches!(nearest.kind, ProjectKind::ShellNix | ProjectKind::FlakeNix) {
        return Some(nearest);
    }
    let Some(envrc) = projects.find(|project| project.kind == ProjectKind::Envrc) else {
        return Some(nearest);
    };
    let undecided =
        !matches!(allow_list.state(&nearest.file), Ok(AllowState::Allowed | AllowState::Denied));
    Some(if undecided { envrc } else { nearest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Tree {
        root: tempfile::TempDir,
        allow_list: AllowList,
    }

    impl Tree {
        fn new(files: &[&str]) -> Tree {
            let root = tempfile::tempdir().unwrap();
            for file in files {
                let path = root.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            let allow_list = AllowList::new(&root.path().join(".data"));
            Tree { root, allow_list }
        }

        fn find(&self, folder: &str, load_dotenv: bool) -> Option<String> {
            let project = find(&self.root.path().join(folder), load_dotenv, &self.allow_list)?;
            Some(project.file.strip_prefix(self.root.path()).ok()?.to_str()?.to_owned())
        }
    }

    #[test]
    fn precedence_in_one_folder() {
        let tree = Tree::new(&[
            "a/.envrc",
            "a/shell.nix",
            "b/shell.nix",
            "b/flake.nix",
            "c/flake.nix",
            "c/.env",
            "d/default.nix",
        ]);
        assert_eq!(tree.find("a", false).as_deref(), Some("a/.envrc"));
        assert_eq!(tree.find("b", false).as_deref(), Some("b/shell.nix"));
        assert_eq!(tree.find("c", true).as_deref(), Some("c/flake.nix"));
        assert_eq!(tree.find("d", true), None);
    }

    #[test]
    fn the_nearest_folder_wins() {
        let tree = Tree::new(&[".envrc", "a/.envrc", "a/b/c/file", "d/.env"]);
        assert_eq!(tree.find("a/b/c", false).as_deref(), Some("a/.envrc"));
        assert_eq!(tree.find("d", false).as_deref(), Some(".envrc"));
        assert_eq!(tree.find("d", true).as_deref(), Some("d/.env"));
    }

    #[test]
    fn an_undecided_nix_file_does_not_hide_an_envrc_above() {
        let tree = Tree::new(&["a/.envrc", "a/b/shell.nix"]);
        assert_eq!(tree.find("a/b", false).as_deref(), Some("a/.envrc"));
        tree.allow_list.allow(&tree.root.path().join("a/b/shell.nix")).unwrap();
        assert_eq!(tree.find("a/b", false).as_deref(), Some("a/b/shell.nix"));
        tree.allow_list.deny(&tree.root.path().join("a/b/shell.nix")).unwrap();
        assert_eq!(tree.find("a/b", false).as_deref(), Some("a/b/shell.nix"));
    }

    #[test]
    fn a_folder_of_that_name_is_no_project_file() {
        let tree = Tree::new(&[".envrc/file"]);
        assert_eq!(tree.find("", false), None);
    }
}
