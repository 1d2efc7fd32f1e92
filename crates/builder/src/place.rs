//! Where on the host a build takes place, and how that goes away afterwards.
//!
//! What becomes outputs lies in a temporary directory of the store, which collectors know how to
//! treat. The build directory lies beside the store, or where the settings say. It is locked while
//! it is in use: an unlocked one was left behind by a killed process, and the next build removes it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use floe_store::StorePath;
use floe_store::store::{TemporaryDirectory, delete};

use crate::build::Build;
use crate::error::{BuildError, file_error};
use crate::sandbox::Scratch;

const PREFIX: &str = "floe-build-";
const KEPT_PREFIX: &str = "floe-kept-";

pub(crate) struct BuildPlace {
    /// Goes away with the value.
    _temporary: TemporaryDirectory,
    /// Held as long as the build directory is in use.
    _lock: File,
    pub(crate) scratch: Scratch,
    pub(crate) is_sandboxed: bool,
    /// Where outputs appear.
    outputs: PathBuf,
}

impl BuildPlace {
    pub(crate) fn create(build: &Build<'_>, is_sandboxed: bool) -> Result<BuildPlace, BuildError> {
        let layout = build.local.layout();
        let parent = build.settings.build_dir.clone();
        let parent = parent.unwrap_or_else(|| layout.state_dir.join("builds"));
        let temporary = build.local.temporary_directory()?;
        let created = fs::create_dir_all(&parent).and_then(|()| {
            remove_abandoned(&parent)?;
            let (directory, lock) = create_locked(&parent, &build.derivation.name)?;
            Ok((Scratch::create(temporary.path().to_owned(), directory)?, lock))
        });
        let (scratch, lock) =
            created.map_err(file_error("creating a build directory in", parent))?;
        let outputs = match is_sandboxed || build.derivation.is_builtin() {
            true => scratch.store(),
            // Without a sandbox they appear where they will stay.
            false => layout.real_dir.clone(),
        };
        Ok(BuildPlace { _temporary: temporary, _lock: lock, scratch, is_sandboxed, outputs })
    }

    /// Where an output appears.
    pub(crate) fn output(&self, path: &StorePath) -> PathBuf {
        self.outputs.join(path.base_name())
    }

    /// Gives the build directory a name under which it stays.
    pub(crate) fn keep(&self) -> Option<PathBuf> {
        let directory = self.scratch.build();
        let name = directory.file_name()?.to_str()?.strip_prefix(PREFIX)?;
        let kept = directory.with_file_name(format!("{KEPT_PREFIX}{name}"));
        fs::rename(directory, &kept).ok()?;
        Some(kept)
    }

    /// Removes the build directory, unless it was kept.
    pub(crate) fn remove(self) -> Result<(), BuildError> {
        delete(self.scratch.build())?;
        Ok(())
    }
}

fn create_locked(parent: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    loop {
        let prefix = format!("{PREFIX}{name}-");
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?.keep();
        // Before the lock was taken, it may have looked abandoned to another process.
        let lock = match File::open(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        lock.lock()?;
        if directory.exists() {
            return Ok((directory, lock));
        }
    }
}

fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Another process may be faster in removing it.
        let Ok(directory) = File::open(entry.path()) else {
            continue;
        };
        match directory.try_lock() {
            Ok(()) => {
                if let Err(error) = delete(&entry.path()) {
                    tracing::warn!("cannot remove an abandoned build directory: {error}");
                }
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}
