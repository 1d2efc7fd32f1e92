//! Where an activation happens: the shell's environment and folder, the person's own folders and
//! settings. Everything the activator knows about the outside comes through here.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::allow::AllowList;
use crate::environment::Environment;

/// The surroundings of one call.
#[derive(Debug, Clone)]
pub struct Context {
    /// The calling shell's exported variables.
    pub environment: Environment,
    /// The folder the shell is in, as the shell names it (symbolic links kept).
    pub directory: PathBuf,
    /// The running program, for hooks and for the callbacks of `.envrc`.
    pub floe: PathBuf,
    /// The person's folders.
    pub folders: Folders,
    /// The person's settings.
    pub settings: Settings,
}

/// The person's folders for Floe, after the XDG base directory specification.
#[derive(Debug, Clone)]
pub struct Folders {
    /// `$XDG_CONFIG_HOME/floe`: `config.toml`, `envrc` and `lib/*.sh`.
    pub config: PathBuf,
    /// `$XDG_DATA_HOME/floe`: permissions.
    pub data: PathBuf,
    /// `$XDG_CACHE_HOME/floe`: captured environments.
    pub cache: PathBuf,
}

/// The `[shell]` table of `config.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// A `.env` file makes a project where there is no `.envrc` beside it.
    pub load_dotenv: bool,
    /// `.envrc` runs under `set -euo pipefail`.
    pub strict_env: bool,
    /// Do not print which variables change.
    pub hide_diff: bool,
    /// The bash that runs `.envrc`.
    pub bash: PathBuf,
    /// What to do at the first entry into a shell that has never been built.
    pub first_entry: FirstEntry,
}

/// What a prompt does when a shell's environment has never been built before. Later builds always
/// happen behind the prompt, with the last good environment in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstEntry {
    /// Wait, showing progress; Ctrl-C leaves the build to go on behind the prompt.
    #[default]
    Wait,
    /// Return at once; the environment arrives at a later prompt.
    Background,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            load_dotenv: false,
            strict_env: false,
            hide_diff: false,
            bash: PathBuf::from("bash"),
            first_entry: FirstEntry::default(),
        }
    }
}

/// The surroundings could not be made out.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// No home folder.
    #[error(
        "cannot tell where to keep permissions and caches: neither {variable} nor HOME is set to an absolute path"
    )]
    NoHome {
        /// The variable that would do.
        variable: &'static str,
    },
    /// The shell stands in a folder that is gone or closed to us.
    #[error("cannot tell which folder the shell is in: {0}")]
    Directory(io::Error),
    /// The program's own path.
    #[error("cannot tell where the floe program is: {0}")]
    Program(io::Error),
    /// The settings file exists and cannot be read.
    #[error("cannot read {path}: {source}")]
    ReadSettings {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings file is not what it should be.
    #[error("{path}: {source}")]
    Settings {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

impl Context {
    /// The surroundings of this process.
    pub fn from_process() -> Result<Context, ContextError> {
        let environment: Environment = std::env::vars_os().collect();
        let folders = Folders::from_environment(&environment)?;
        Ok(Context {
            directory: working_directory(environment.get(OsStr::new("PWD")))?,
            floe: std::env::current_exe().map_err(ContextError::Program)?,
            settings: Settings::read(&folders.config.join("config.toml"))?,
            environment,
            folders,
        })
    }

    /// The person's permissions.
    pub fn allow_list(&self) -> AllowList {
        AllowList::new(&self.folders.data)
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// `path` with the home folder written as `~`, for messages.
    pub fn display(&self, path: &Path) -> String {
        let home = self.variable("HOME").filter(|home| !home.is_empty());
        match home.and_then(|home| path.strip_prefix(home).ok()) {
            Some(below) if below.as_os_str().is_empty() => "~".to_owned(),
            Some(below) => format!("~/{}", below.display()),
            None => path.display().to_string(),
        }
    }
}

impl Folders {
    /// The folders that `environment` names.
    pub fn from_environment(environment: &Environment) -> Result<Folders, ContextError> {
        let folder = |variable: &'static str, below_home: &str| {
            // The specification: a relative path is invalid and is to be ignored.
            let absolute = |name: &str| {
                environment
                    .get(OsStr::new(name))
                    .map(PathBuf::from)
                    .filter(|path| path.is_absolute())
            };
            absolute(variable)
                .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
                .map(|path| path.join("floe"))
                .ok_or(ContextError::NoHome { variable })
        };
        Ok(Folders {
            config: folder("XDG_CONFIG_HOME", ".config")?,
            data: folder("XDG_DATA_HOME", ".local/share")?,
            cache: folder("XDG_CACHE_HOME", ".cache")?,
        })
    }
}

impl Settings {
    /// Reads the `[shell]` table of a settings file; a missing file or table gives the defaults.
    pub fn read(path: &Path) -> Result<Settings, ContextError> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct File {
            shell: Settings,
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
            Err(source) => {
                return Err(ContextError::ReadSettings { path: path.to_owned(), source });
            }
        };
        let file: File = toml::from_str(&text).map_err(|source| ContextError::Settings {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        Ok(file.shell)
    }
}

/// `$PWD` when it names the folder we are in, so that a project reached through a symbolic link has
/// the name the person uses; otherwise the kernel's name for it.
fn working_directory(pwd: Option<&OsString>) -> Result<PathBuf, ContextError> {
    let identity =
        |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let named = pwd.map(PathBuf::from).filter(|path| {
        path.is_absolute()
            && crate::watch::normalise(path) == *path
            && identity(path).is_some_and(|found| identity(Path::new(".")) == Some(found))
    });
    match named {
        Some(path) => Ok(path),
        None => std::env::current_dir().map_err(ContextError::Directory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_xdg_folders_are_ignored() {
        let environment = Environment::from([
            ("HOME".into(), "/home/me".into()),
            ("XDG_DATA_HOME".into(), "relative".into()),
            ("XDG_CACHE_HOME".into(), "/fast".into()),
        ]);
        let folders = Folders::from_environment(&environment).unwrap();
        assert_eq!(folders.data, Path::new("/home/me/.local/share/floe"));
        assert_eq!(folders.cache, Path::new("/fast/floe"));
        assert!(Folders::from_environment(&Environment::new()).is_err());
    }

    #[test]
    fn settings_come_from_the_shell_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert_eq!(Settings::read(&path).unwrap(), Settings::default());
        std::fs::write(
            &path,
            "[other]\na = 1\n[shell]\nload-dotenv = true\nfirst-entry = \"background\"\n",
        )
        .unwrap();
        let settings = Settings::read(&path).unwrap();
        assert!(settings.load_dotenv);
        assert_eq!(settings.first_entry, FirstEntry::Background);
        std::fs::write(&path, "[shell]\nload_dotenv = true\n").unwrap();
        let error = Settings::read(&path).unwrap_err().to_string();
        assert!(error.contains("config.toml") && error.contains("load-dotenv"), "{error}");
    }
}
