//! The package set that is part of the program: `<floe-pkgs>`.
//!
//! It is laid out on disk on first use, so that an editor can open its files and an evaluation reads it
//! like any other tree. The directory's name carries a hash of the contents: it never changes once
//! it exists, and another version of the program gets another directory.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};

static PACKAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../fixtures/pkgs");

/// Why the package set cannot be laid out.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot lay out the embedded package set in '{}': {error}; set XDG_CACHE_HOME to a writable \
     directory",
    directory.display()
)]
pub struct EmbeddedError {
    /// The directory that was to be made.
    pub directory: PathBuf,
    /// What failed.
    #[source]
    pub error: io::Error,
}

/// Makes sure that the package set lies below `cache_directory` and returns its directory.
pub fn materialize(cache_directory: &Path) -> Result<PathBuf, EmbeddedError> {
    let directory =
        cache_directory.join("floe").join(format!("pkgs-{}", env!("FLOE_PACKAGES_HASH")));
    if !directory.exists() {
        lay_out(&directory)
            .map_err(|error| EmbeddedError { directory: directory.clone(), error })?;
    }
    Ok(directory)
}

/// Writes beside the target and renames, so that the target is whole or absent.
fn lay_out(directory: &Path) -> io::Result<()> {
    let parent = directory.parent().unwrap_or(directory);
    fs::create_dir_all(parent)?;
    let draft = tempfile::Builder::new().prefix(".pkgs-").tempdir_in(parent)?;
    write(&PACKAGES, draft.path())?;
    fs::set_permissions(draft.path(), Permissions::from_mode(0o755))?;
    match fs::rename(draft.path(), directory) {
        // Another process was faster; what it wrote is the same.
        Err(_) if directory.exists() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            // Nothing is left at the draft's name to remove.
            let _ = draft.keep();
            Ok(())
        }
    }
}

/// Files are read-only. Directories are not, so that a person can empty the cache.
fn write(source: &Dir<'_>, target: &Path) -> io::Result<()> {
    for file in source.files() {
        let path = target.join(file.path());
        fs::write(&path, file.contents())?;
        let executable = file.contents().starts_with(b"#!");
        fs::set_permissions(&path, Permissions::from_mode(if executable { 0o555 } else { 0o444 }))?;
    }
    for directory in source.dirs() {
        fs::create_dir_all(target.join(directory.path()))?;
        write(directory, target)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_laid_out_once_and_is_read_only() {
        let cache = tempfile::tempdir().unwrap();
        let first = materialize(cache.path()).unwrap();
        assert!(first.starts_with(cache.path().join("floe")));
        for file in PACKAGES.files() {
            let path = first.join(file.path());
            assert_eq!(fs::read(&path).unwrap(), file.contents());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o222, 0);
        }
        let made = fs::metadata(&first).unwrap().created().unwrap();
        assert_eq!(materialize(cache.path()).unwrap(), first);
        assert_eq!(fs::metadata(&first).unwrap().created().unwrap(), made);
        let beside: Vec<_> = fs::read_dir(first.parent().unwrap()).unwrap().collect();
        assert_eq!(beside.len(), 1, "no draft is left: {beside:?}");
    }

    #[test]
    fn an_unwritable_cache_is_an_error_with_the_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = materialize(file.path()).unwrap_err();
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    }
}
