//! Locks on files, as Nix takes them, so that both can share a store.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::StoreError;

/// Opens a lock file, creating it if need be.
pub(super) fn open_lock_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Exclusive locks on paths that are about to be created, each on the file `<path>.lock`.
///
/// Dropping it releases the locks and removes the files. A removed file is first marked by a byte
/// in it, so that whoever was waiting for it knows to start again.
#[derive(Debug, Default)]
pub struct PathLocks {
    held: Vec<(PathBuf, File)>,
}

impl PathLocks {
    /// Waits for the locks of all `paths`, in their order, which prevents deadlocks.
    pub fn acquire<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self, StoreError> {
        let mut locks = Self::default();
        for path in sorted(paths) {
            let file = lock_file_name(path);
            let locked = lock(&file, |file| file.lock().map(|()| true));
            locks.add(file, locked)?;
        }
        Ok(locks)
    }

    /// Takes the locks of all `paths`, or none if one is held by somebody else.
    pub fn try_acquire<'a>(
        paths: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Option<Self>, StoreError> {
        let mut locks = Self::default();
        for path in sorted(paths) {
            let file = lock_file_name(path);
            let locked = lock(&file, try_lock);
            if !locks.add(file, locked)? {
                return Ok(None);
            }
        }
        Ok(Some(locks))
    }

    fn add(&mut self, path: PathBuf, locked: io::Result<Option<File>>) -> Result<bool, StoreError> {
        let file = locked.map_err(|source| StoreError::file("locking", &path, source))?;
        let is_locked = file.is_some();
        self.held.extend(file.map(|file| (path, file)));
        Ok(is_locked)
    }
}

impl Drop for PathLocks {
    fn drop(&mut self) {
        for (path, mut file) in self.held.drain(..) {
            // Removal only keeps the directory tidy; a lock file that stays does no harm.
            if fs::remove_file(&path).is_ok() {
                let _ = file.write_all(b"d");
            }
        }
    }
}

/// Whether the exclusive lock could be had at once.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A file that is not empty was removed between opening and locking it.
fn lock(path: &Path, take: impl Fn(&File) -> io::Result<bool>) -> io::Result<Option<File>> {
    loop {
        let file = open_lock_file(path)?;
        if !take(&file)? {
            return Ok(None);
        }
        if file.metadata()?.len() == 0 {
            return Ok(Some(file));
        }
    }
}

fn lock_file_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn sorted<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<&'a Path> {
    let mut paths: Vec<_> = paths.into_iter().collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_locked_path_is_refused_until_released() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let held = PathLocks::acquire([&*path]).unwrap();
        assert!(PathLocks::try_acquire([&*path]).unwrap().is_none());
        drop(held);
        assert!(PathLocks::try_acquire([&*path]).unwrap().is_some());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_holder_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let holders = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _held = PathLocks::acquire([&*path]).unwrap();
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        holders.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
