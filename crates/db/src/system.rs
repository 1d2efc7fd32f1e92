//! The disk, behind a trait: the real one, and one in memory for tests.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What analysis needs from a disk.
pub trait System: Send + Sync {
    /// What is at `path`, symbolic links followed.
    fn stamp(&self, path: &Path) -> Stamp;
    /// The bytes of a regular file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The names in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
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

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsSystem;

impl System for OsSystem {
    fn stamp(&self, path: &Path) -> Stamp {
        Stamp::of(std::fs::metadata(path))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

/// A disk in memory. Writing advances its clock, so every write changes a stamp.
#[derive(Clone, Debug, Default)]
pub struct MemorySystem {
    files: Arc<Mutex<BTreeMap<PathBuf, (SystemTime, Arc<[u8]>)>>>,
}

impl MemorySystem {
    /// Writes (or overwrites) a file; its directories exist by that.
    pub fn write(&self, path: impl Into<PathBuf>, bytes: impl AsRef<[u8]>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = files.values().map(|(modified, _)| *modified).max();
        let now = newest.unwrap_or(SystemTime::UNIX_EPOCH) + Duration::from_secs(1);
        files.insert(path.into(), (now, bytes.as_ref().into()));
    }

    /// Removes a file.
    pub fn remove(&self, path: &Path) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }
}

impl System for MemorySystem {
    fn stamp(&self, path: &Path) -> Stamp {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((modified, bytes)) = files.get(path) {
            return Stamp::File { modified: *modified, size: bytes.len() as u64 };
        }
        let inside = files.iter().filter(|(file, _)| file.starts_with(path));
        match inside.map(|(_, (modified, _))| *modified).max() {
            Some(modified) => Stamp::Directory { modified },
            None => Stamp::Missing,
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.get(path) {
            Some((_, bytes)) => Ok(bytes.to_vec()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = files
            .keys()
            .filter_map(|file| file.strip_prefix(path).ok()?.iter().next())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.dedup();
        if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) }
    }
}
