//! What keeps paths alive: links below `gcroots` and `profiles`, the temporary roots of running
//! programs, and what running programs have open.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::lock::{open_lock_file, try_lock};
use super::{LocalStore, Store as _, StoreError};
use crate::hash::{Algorithm, Format, Hash};
use crate::path::{HASH_PART_LEN, StoreDir, StorePath};

/// Why a path is alive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    /// A link, or a file of that name in `gcroots`.
    Link(PathBuf),
    /// A running program asked for it; this is its file in `temproots`.
    Temporary(PathBuf),
    /// A running program uses it; this is where in `/proc`.
    Running(PathBuf),
}

/// The temporary roots of this process: a file in `temproots` that is locked while it counts.
pub(super) struct TempRoots {
    directory: PathBuf,
    collector_lock: PathBuf,
    open: Mutex<Option<OpenTempRoots>>,
}

struct OpenTempRoots {
    path: PathBuf,
    file: File,
    collector_lock: File,
    known: BTreeSet<String>,
}

impl TempRoots {
    pub(super) fn new(state_dir: &Path) -> Self {
        Self {
            directory: state_dir.join("temproots"),
            collector_lock: state_dir.join("gc.lock"),
            open: Mutex::new(None),
        }
    }

    pub(super) fn collector_lock(&self) -> Result<File, StoreError> {
        open_lock_file(&self.collector_lock)
            .map_err(|source| StoreError::file("opening", &self.collector_lock, source))
    }

    /// Waits while a collector is at work: it has read the roots already.
    pub(super) fn add(&self, printed: &str) -> Result<(), StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match &mut *open {
            Some(open) => open,
            none => none.insert(self.open_file()?),
        };
        if open.known.contains(printed) {
            return Ok(());
        }
        let locking = |source| StoreError::file("locking", &self.collector_lock, source);
        open.collector_lock.lock_shared().map_err(locking)?;
        let written = open
            .file
            .write_all(format!("{printed}\0").as_bytes())
            .map_err(|source| StoreError::file("writing", &open.path, source));
        open.collector_lock.unlock().map_err(locking)?;
        written?;
        open.known.insert(printed.to_owned());
        Ok(())
    }

    /// Two stores in one process must not share a file, so the process's number is not enough.
    fn open_file(&self) -> Result<OpenTempRoots, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = self.directory.join(format!("{}-{number}", std::process::id()));
            let open = || {
                let file = open_lock_file(&path)?;
                // Held by a namesake from another process namespace.
                if !try_lock(&file)? {
                    return Ok(None);
                }
                if file.metadata()?.len() > 0 {
                    // Left behind by a program that is gone, or marked by a collector that took it for
                    // such a one and has removed it.
                    return match fs::remove_file(&path) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                        _ => Ok(None),
                    };
                }
                Ok(path.exists().then_some(file))
            };
            let file = open().map_err(|source| StoreError::file("opening", &path, source))?;
            if let Some(file) = file {
                let collector_lock = self.collector_lock()?;
                return Ok(OpenTempRoots { path, file, collector_lock, known: BTreeSet::new() });
            }
        }
    }
}

impl Drop for OpenTempRoots {
    fn drop(&mut self) {
        // A file that stays is removed by the next collector.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes the link and registers it: a link anywhere is found through one in `gcroots/auto` that
/// points to it.
pub(super) fn add(store: &LocalStore, link: &Path, path: &StorePath) -> Result<(), StoreError> {
    store.add_temp_root(path)?;
    let link = make_root_link(store.store_dir(), link, path)?;
    let name = Hash::of(Algorithm::Sha1, link.as_os_str().as_bytes()).format(Format::Nix32);
    replace_link(&store.layout().state_dir.join("gcroots/auto").join(name), &link)
}

/// Makes the link of a root and gives its absolute path. Only another such link is replaced.
pub(crate) fn make_root_link(
    dir: &StoreDir,
    link: &Path,
    path: &StorePath,
) -> Result<PathBuf, StoreError> {
    let link = std::path::absolute(link)
        .map_err(|source| StoreError::file("finding the directory of", link, source))?;
    if link.starts_with(dir.as_str()) {
        return Err(StoreError::RootInStore(link));
    }
    if let Ok(metadata) = fs::symlink_metadata(&link) {
        let is_ours = metadata.is_symlink()
            && fs::read_link(&link).is_ok_and(|target| target.starts_with(dir.as_str()));
        if !is_ours {
            return Err(StoreError::RootExists(link));
        }
    }
    replace_link(&link, Path::new(&dir.print(path)))?;
    Ok(link)
}

/// Every root of a valid path.
pub(super) fn find(store: &LocalStore) -> Result<BTreeSet<(StorePath, Root)>, StoreError> {
    let mut roots = permanent(store)?;
    roots.extend(temporary(store)?);
    roots.extend(running(store.store_dir()));
    let valid = store.database().all()?;
    roots.retain(|(path, _)| valid.contains(path));
    Ok(roots)
}

/// The paths that links in `gcroots` and `profiles` name, valid or not.
pub(super) fn permanent(store: &LocalStore) -> Result<BTreeSet<(StorePath, Root)>, StoreError> {
    let mut roots = BTreeSet::new();
    for directory in ["gcroots", "profiles"] {
        links_below(store, &store.layout().state_dir.join(directory), &mut roots)?;
    }
    Ok(roots)
}

/// The temporary roots of all programs that still run, valid or not. Files of others are removed.
pub(super) fn temporary(store: &LocalStore) -> Result<BTreeSet<(StorePath, Root)>, StoreError> {
    let directory = store.layout().state_dir.join("temproots");
    let mut roots = BTreeSet::new();
    for path in directory_entries(&directory)? {
        let read = || -> io::Result<String> {
            let mut file = File::options().read(true).write(true).open(&path)?;
            if try_lock(&file)? {
                fs::remove_file(&path)?;
                file.write_all(b"d")?;
                return Ok(String::new());
            }
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(text)
        };
        let text = match read() {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(StoreError::file("reading", &path, source)),
        };
        roots.extend(
            text.split('\0')
                .filter_map(|root| store.store_dir().parse_canonical(root).ok())
                .map(|root| (root, Root::Temporary(path.clone()))),
        );
    }
    Ok(roots)
}

/// What running programs use: executables, working directories, open and mapped files, and paths
/// in their environments. What may not be looked at is passed over.
pub(super) fn running(dir: &StoreDir) -> BTreeSet<(StorePath, Root)> {
    let mut roots = BTreeSet::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes.map(|entry| entry.path()) {
        let is_process =
            process.file_name().is_some_and(|name| name.as_bytes().iter().all(u8::is_ascii_digit));
        if !is_process {
            continue;
        }
        let mut links = vec![process.join("exe"), process.join("cwd")];
        links.extend(
            fs::read_dir(process.join("fd")).into_iter().flatten().flatten().map(|fd| fd.path()),
        );
        for link in links {
            if let Ok(target) = fs::read_link(&link) {
                mentioned_paths(dir, target.as_os_str().as_bytes(), &link, &mut roots);
            }
        }
        for file in [process.join("maps"), process.join("environ")] {
            if let Ok(text) = fs::read(&file) {
                mentioned_paths(dir, &text, &file, &mut roots);
            }
        }
    }
    roots
}

fn mentioned_paths(
    dir: &StoreDir,
    text: &[u8],
    place: &Path,
    roots: &mut BTreeSet<(StorePath, Root)>,
) {
    let prefix = format!("{dir}/");
    for start in memchr::memmem::find_iter(text, prefix.as_bytes()) {
        let base_name = &text[start + prefix.len()..];
        let end = base_name
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-._?=".contains(byte)))
            .unwrap_or(base_name.len());
        if end > HASH_PART_LEN
            && let Ok(base_name) = std::str::from_utf8(&base_name[..end])
            && let Ok(path) = StorePath::parse(base_name)
        {
            roots.insert((path, Root::Running(place.to_owned())));
        }
    }
}

fn links_below(
    store: &LocalStore,
    path: &Path,
    roots: &mut BTreeSet<(StorePath, Root)>,
) -> Result<(), StoreError> {
    let reading = |source| StoreError::file("looking for roots at", path, source);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_passed_over(&error) => return Ok(()),
        Err(source) => return Err(reading(source)),
    };
    if metadata.is_dir() {
        for entry in directory_entries(path)? {
            links_below(store, &entry, roots)?;
        }
        return Ok(());
    }
    if !metadata.is_symlink() {
        // A file whose name is that of a store path keeps it alive.
        let named = path.file_name().and_then(|name| StorePath::parse(name.to_str()?).ok());
        roots.extend(named.map(|root| (root, Root::Link(path.to_owned()))));
        return Ok(());
    }
    let target = match fs::read_link(path) {
        Ok(target) => target,
        Err(error) if is_passed_over(&error) => return Ok(()),
        Err(source) => return Err(reading(source)),
    };
    if let Some(root) = store_path_of(store.store_dir(), &target) {
        roots.insert((root, Root::Link(path.to_owned())));
        return Ok(());
    }
    let target = resolve(path.parent().unwrap_or(path), &target);
    match fs::read_link(&target) {
        Ok(second) => {
            if let Some(root) = store_path_of(store.store_dir(), &second) {
                roots.insert((root, Root::Link(target)));
            }
        }
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                && path.starts_with(store.layout().state_dir.join("gcroots/auto")) =>
        {
            // The user has removed the link that this one registered.
            let _ = fs::remove_file(path);
        }
        // Not a link at all, or not ours to read.
        Err(_) => {}
    }
    Ok(())
}

fn store_path_of(dir: &StoreDir, target: &Path) -> Option<StorePath> {
    Some(dir.split(target.to_str()?).ok()?.0)
}

fn is_passed_over(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotADirectory | NotFound | PermissionDenied)
}

fn directory_entries(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()) {
        Ok(entries) => Ok(entries),
        Err(error) if is_passed_over(&error) => Ok(Vec::new()),
        Err(source) => Err(StoreError::file("reading directory", path, source)),
    }
}

/// The absolute path of a link's target, without looking at any file.
fn resolve(directory: &Path, target: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in directory.join(target).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(resolved.pop()),
            other => resolved.push(other),
        }
    }
    resolved
}

/// Makes a link, or another link of it, in one step.
fn replace_link(link: &Path, target: &Path) -> Result<(), StoreError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let replace = || {
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut temporary = link.as_os_str().to_owned();
        temporary.push(format!(".tmp-{}-{number}", std::process::id()));
        std::os::unix::fs::symlink(target, &temporary)?;
        fs::rename(&temporary, link)
    };
    replace().map_err(|source| StoreError::file("creating symbolic link", link, source))
}
