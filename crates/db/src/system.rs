//! The disk, behind a trait: the real one, and one in memory for tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The disk of this machine.
pub use floe_eval::fs::RealFileSystem as OsSystem;
use floe_eval::fs::{FileSystem, FileType};

/// A disk, as analysis and evaluation see it.
pub trait System: FileSystem + Send + Sync {
    /// What is at `path`, symbolic links followed.
    fn stamp(&self, path: &Path) -> Stamp;
}

/// What a look at a path told, without reading it. Two equal stamps mean that nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stamp {
    /// Nothing is there.
    Missing,
    /// A regular file.
    File {
        /// When it was last written.
        modified: SystemTime,
        /// Its size in bytes.
        size: u64,
    },
    /// A directory; its time changes with the names in it.
    Directory {
        /// When a name was last added or removed.
        modified: SystemTime,
    },
    /// Neither a file nor a directory: a pipe, a device.
    Special,
    /// The look itself failed: a symlink loop, no permission.
    Unreachable(io::ErrorKind),
}

impl Stamp {
    /// The stamp of metadata that [`std::fs::metadata`] gave.
    pub fn of(metadata: io::Result<std::fs::Metadata>) -> Stamp {
        let metadata = match metadata {
            Ok(metadata) => metadata,
            // A path below a regular file does not exist either.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Stamp::Missing;
            }
            Err(error) => return Stamp::Unreachable(error.kind()),
        };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if metadata.is_file() {
            Stamp::File { modified, size: metadata.len() }
        } else if metadata.is_dir() {
            Stamp::Directory { modified }
        } else {
            Stamp::Special
        }
    }
}

impl System for OsSystem {
    fn stamp(&self, path: &Path) -> Stamp {
        Stamp::of(std::fs::metadata(path))
    }
}

/// One folder in memory; everything outside of it is on the machine's disk. Writing advances a clock of
/// its own, so every write changes a stamp.
#[derive(Clone, Debug)]
pub struct MemorySystem {
    root: PathBuf,
    files: Arc<Mutex<MemoryFiles>>,
}

/// When a file was written, and what.
type MemoryFiles = BTreeMap<PathBuf, (SystemTime, Arc<[u8]>)>;

impl Default for MemorySystem {
    fn default() -> MemorySystem {
        MemorySystem { root: "/w".into(), files: Arc::default() }
    }
}

impl MemorySystem {
    /// Writes (or overwrites) a file; its folders exist by that.
    pub fn write(&self, path: impl Into<PathBuf>, bytes: impl AsRef<[u8]>) {
        let mut files = self.files();
        let newest = files.values().map(|(modified, _)| *modified).max();
        let now = newest.unwrap_or(SystemTime::UNIX_EPOCH) + Duration::from_secs(1);
        files.insert(path.into(), (now, bytes.as_ref().into()));
    }

    /// Removes a file.
    pub fn remove(&self, path: &Path) {
        self.files().remove(path);
    }

    fn files(&self) -> MutexGuard<'_, MemoryFiles> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_memory(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }
}

impl System for MemorySystem {
    fn stamp(&self, path: &Path) -> Stamp {
        if !self.in_memory(path) {
            return OsSystem.stamp(path);
        }
        let files = self.files();
        if let Some((modified, bytes)) = files.get(path) {
            return Stamp::File { modified: *modified, size: bytes.len() as u64 };
        }
        let inside = files.iter().filter(|(file, _)| file.starts_with(path));
        match inside.map(|(_, (modified, _))| *modified).max() {
            Some(modified) => Stamp::Directory { modified },
            None => Stamp::Missing,
        }
    }
}

impl FileSystem for MemorySystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if !self.in_memory(path) {
            return OsSystem.read(path);
        }
        match self.files().get(path) {
            Some((_, bytes)) => Ok(bytes.to_vec()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        match self.stamp(path) {
            _ if !self.in_memory(path) => OsSystem.file_type(path),
            Stamp::File { .. } => Ok(FileType::Regular),
            Stamp::Directory { .. } => Ok(FileType::Directory),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        match self.in_memory(path) {
            true => Err(io::ErrorKind::InvalidInput.into()),
            false => OsSystem.read_link(path),
        }
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        if !self.in_memory(path) {
            return OsSystem.read_dir(path);
        }
        let mut names: Vec<OsString> = self
            .files()
            .keys()
            .filter_map(|file| file.strip_prefix(path).ok()?.iter().next())
            .map(OsString::from)
            .collect();
        names.dedup();
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        names
            .into_iter()
            .map(|name| Ok((name.clone(), self.file_type(&path.join(name))?)))
            .collect()
    }
}
