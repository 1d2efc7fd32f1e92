//! What is kept of a shell between prompts, in one folder for each shell below
//! `$XDG_CACHE_HOME/floe/devshell/<project>/<request>/`:
//!
//! - `request.json`: which shell it is;
//! - `environment.json`: the last good environment;
//! - `attempt.json`: what the last evaluation looked at and how it ended. Its appearance is how a
//!   waiting prompt learns of the end, so it is written last;
//! - `log`: the messages of the last build;
//! - `lock`: held by the process that builds;
//! - `root`: keeps the environment's store paths from collection;
//! - `waited`: there while somebody waits for the first build, and left behind when they gave up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::request::ShellRequest;
use super::shell_environment::ShellEnvironment;
use super::tools::Reads;
use crate::allow::sha256;
use crate::watch::{Identity, normalise};

/// The folder of one shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    folder: PathBuf,
}

/// A file of the cache could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the shell's environment in {path}: {source}")]
pub struct CacheError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The last good environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// What the shell defines.
    pub environment: ShellEnvironment,
    /// The folder of store paths by name.
    pub store_dir: String,
    /// The file of the store it was read from. Once that is gone the tools may be gone too.
    pub file: PathBuf,
}

/// How the last evaluation and build went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it depended on.
    pub inputs: Inputs,
    /// The error, if it failed.
    pub failure: Option<String>,
}

/// What an evaluation looked at, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inputs {
    /// Files and folders.
    pub paths: Vec<Input>,
    /// Environment variables.
    pub variables: BTreeMap<String, Option<String>>,
}

/// One file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Which.
    pub path: PathBuf,
    /// Time and size, to see most changes and most non-changes quickly.
    pub identity: Option<Identity>,
    /// SHA-256 of the content (of a folder: of the names in it), so that a file that was only
    /// touched counts as unchanged. `None` when there is nothing.
    pub hash: Option<String>,
}

impl Entry {
    /// The folder for `request` below the person's cache folder.
    pub fn new(cache: &Path, request: &ShellRequest) -> Entry {
        let json = serde_json::to_vec(request).unwrap_or_default();
        let folder = project_folder(cache, &request.project).join(&sha256(&[&json])[..16]);
        Entry { folder }
    }

    /// The folder with this path.
    pub fn at(folder: &Path) -> Entry {
        Entry { folder: folder.to_owned() }
    }

    /// All shells of a project.
    pub fn of_project(cache: &Path, project: &Path) -> Vec<Entry> {
        let entries = fs::read_dir(project_folder(cache, project)).into_iter().flatten().flatten();
        let mut entries: Vec<Entry> = entries.map(|entry| Entry { folder: entry.path() }).collect();
        entries.sort_by(|a, b| a.folder.cmp(&b.folder));
        entries
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file whose change tells of the end of a build.
    pub fn attempt_file(&self) -> PathBuf {
        self.folder.join("attempt.json")
    }

    /// The messages of the last build.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The link that keeps the environment's store paths.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    pub(crate) fn waited_file(&self) -> PathBuf {
        self.folder.join("waited")
    }

    /// Which shell it is.
    pub fn request(&self) -> Option<ShellRequest> {
        self.read("request.json")
    }

    /// The last good environment, if its store paths are still there.
    pub fn good(&self) -> Option<Good> {
        self.read::<Good>("environment.json").filter(|good| good.file.exists())
    }

    /// How the last evaluation and build went.
    pub fn attempt(&self) -> Option<Attempt> {
        self.read("attempt.json")
    }

    /// Notes which shell it is, making the folder.
    pub fn write_request(&self, request: &ShellRequest) -> Result<(), CacheError> {
        self.write("request.json", request)
    }

    /// Keeps a good environment.
    pub fn write_good(&self, good: &Good) -> Result<(), CacheError> {
        self.write("environment.json", good)
    }

    /// Notes how an evaluation and build went, which tells waiting prompts.
    pub fn write_attempt(&self, attempt: &Attempt) -> Result<(), CacheError> {
        self.write("attempt.json", attempt)
    }

    /// Has the next prompt evaluate again, whatever has changed. The last good environment stays.
    pub fn forget_attempt(&self) -> Result<(), CacheError> {
        let path = self.attempt_file();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(CacheError { path, source })
            }
            _ => Ok(()),
        }
    }

    /// The right to build, unless another process has it. It ends with the returned file.
    pub fn lock(&self) -> Result<Option<File>, CacheError> {
        let path = self.folder.join("lock");
        let error = |source| CacheError { path: path.clone(), source };
        let file = File::options().create(true).append(true).open(&path).map_err(error)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(error(source)),
        }
    }

    /// Whether some process is building.
    pub fn is_building(&self) -> bool {
        self.folder.join("lock").exists() && matches!(self.lock(), Ok(None))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        // A file that an older version wrote, or nobody, is the same as none.
        serde_json::from_slice(&fs::read(self.folder.join(name)).ok()?).ok()
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), CacheError> {
        let path = self.folder.join(name);
        let write = || {
            fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&serde_json::to_vec(value)?)?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|source| CacheError { path: path.clone(), source })
    }
}

impl Inputs {
    /// What an evaluation looked at. Files of the store never change and are left out. A file of
    /// the project that was written since `started` (nanoseconds since 1970) may have been read
    /// before or after, so it counts as changed. Files elsewhere that are that young were made for
    /// the evaluation, by unpacking or fetching them.
    pub fn record(reads: &Reads, store_dir: &Path, project: &Path, started: i64) -> Inputs {
        let paths: BTreeSet<PathBuf> = reads.paths.iter().map(|path| normalise(path)).collect();
        let paths = paths.iter().filter(|path| !path.starts_with(store_dir)).map(|path| {
            let identity = Identity::of(path);
            let is_old = identity.is_none_or(|identity| identity.0 < started);
            if is_old || !path.starts_with(project) {
                Input { path: path.clone(), identity, hash: content_hash(path) }
            } else {
                Input { path: path.clone(), identity: None, hash: Some(String::new()) }
            }
        });
        Inputs { paths: paths.collect(), variables: reads.variables.clone() }
    }

    /// Whether everything is as it was. `variable` looks up the environment of now.
    pub fn are_current(&self, variable: impl Fn(&str) -> Option<String>) -> bool {
        self.variables.iter().all(|(name, value)| variable(name) == *value)
            && self.paths.iter().all(Input::is_current)
    }
}

impl Input {
    fn is_current(&self) -> bool {
        let identity = Identity::of(&self.path);
        (identity == self.identity && (identity.is_some() || self.hash.is_none()))
            || content_hash(&self.path) == self.hash
    }
}

/// `None` for nothing, and for what is neither a file nor a folder: reading a pipe could take
/// forever.
fn content_hash(path: &Path) -> Option<String> {
    let kind = fs::metadata(path).ok()?.file_type();
    if kind.is_dir() {
        let entries = fs::read_dir(path).ok()?.flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        let names: Vec<&[u8]> =
            names.iter().flat_map(|name| [name.as_bytes(), b"/".as_slice()]).collect();
        return Some(sha256(&names));
    }
    if !kind.is_file() {
        return None;
    }
    Some(sha256(&[&fs::read(path).ok()?]))
}

fn project_folder(cache: &Path, project: &Path) -> PathBuf {
    cache.join("devshell").join(&sha256(&[project.as_os_str().as_bytes()])[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn set_time(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn reads(paths: &[&Path]) -> Reads {
        Reads { paths: paths.iter().map(|path| (*path).to_owned()).collect(), ..Default::default() }
    }

    #[test]
    fn a_touched_file_is_unchanged_and_an_edited_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (file, absent) = (folder.path().join("a.nix"), folder.path().join("b.nix"));
        fs::write(&file, "1").unwrap();
        set_time(&file, 1000);
        let inputs = Inputs::record(
            &reads(&[&file, &absent]),
            Path::new("/nix/store"),
            Path::new("/"),
            i64::MAX,
        );
        assert!(inputs.are_current(|_| None));
        set_time(&file, 2000);
        assert!(inputs.are_current(|_| None));
        fs::write(&file, "2").unwrap();
        assert!(!inputs.are_current(|_| None));
        fs::write(&file, "1").unwrap();
        assert!(inputs.are_current(|_| None));
        fs::write(&absent, "").unwrap();
        assert!(!inputs.are_current(|_| None));
    }

    #[test]
    fn a_file_of_the_project_written_during_the_evaluation_counts_as_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.nix");
        fs::write(&file, "1").unwrap();
        set_time(&file, 1000);
        let record = |project: &Path, started| {
            Inputs::record(&reads(&[&file]), Path::new("/nix/store"), project, started)
        };
        assert!(!record(folder.path(), 999_000_000_000).are_current(|_| None));
        assert!(record(folder.path(), 1_001_000_000_000).are_current(|_| None));
        assert!(record(Path::new("/elsewhere"), 999_000_000_000).are_current(|_| None));
    }

    #[test]
    fn folders_count_by_the_names_in_them_and_the_store_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs::record(
            &reads(&[folder.path()]),
            Path::new("/nix/store"),
            Path::new("/"),
            i64::MAX,
        );
        assert!(inputs.are_current(|_| None));
        fs::write(folder.path().join("new"), "").unwrap();
        assert!(!inputs.are_current(|_| None));
        let inputs =
            Inputs::record(&reads(&[folder.path()]), folder.path(), Path::new("/"), i64::MAX);
        assert_eq!(inputs, Inputs::default());
    }

    #[test]
    fn variables_count() {
        let reads = Reads {
            variables: [("NIX_PATH".into(), Some("a=b".into())), ("X".into(), None)].into(),
            ..Default::default()
        };
        let inputs = Inputs::record(&reads, Path::new("/nix/store"), Path::new("/"), 0);
        assert!(inputs.are_current(|name| (name == "NIX_PATH").then(|| "a=b".to_owned())));
        assert!(!inputs.are_current(|_| None));
        assert!(!inputs.are_current(|_| Some("a=b".to_owned())));
    }

    #[test]
    fn one_process_builds_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry::at(folder.path());
        assert!(!entry.is_building());
        let lock = entry.lock().unwrap();
        assert!(lock.is_some() && entry.lock().unwrap().is_none() && entry.is_building());
        drop(lock);
        assert!(!entry.is_building());
    }

    #[test]
    fn a_good_environment_needs_its_store_path_and_a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry::at(folder.path());
        let file = folder.path().join("store-path");
        fs::write(&file, "").unwrap();
        let good = Good {
            environment: ShellEnvironment::default(),
            store_dir: "/nix/store".into(),
            file: file.clone(),
        };
        entry.write_good(&good).unwrap();
        assert_eq!(entry.good(), Some(good));
        fs::remove_file(&file).unwrap();
        assert_eq!(entry.good(), None);
        fs::write(entry.attempt_file(), "{").unwrap();
        assert_eq!(entry.attempt(), None);
    }

    #[test]
    fn shells_have_folders_of_their_own() {
        let cache = Path::new("/cache");
        let one = ShellRequest::of_file(Path::new("/p"), Path::new("/p/shell.nix"));
        let mut two = one.clone();
        two.attribute = Some("a".to_owned());
        assert_ne!(Entry::new(cache, &one), Entry::new(cache, &two));
        assert_eq!(
            Entry::new(cache, &one).folder().parent(),
            Entry::new(cache, &two).folder().parent()
        );
    }
}
