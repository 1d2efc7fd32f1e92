//! Making files on disk as the store has them, and deleting them again.
//!
//! In the store only the executable bit and the contents of a file count, so everything else is
//! made the same: modes 0444 and 0555, one second after 1970, no extended attributes.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

use super::StoreError;

/// The modification time of everything in a store, in seconds since 1970.
const STORE_TIME: i64 = 1;

/// Attributes that the system sets and does not let go of.
const KEPT_ATTRIBUTES: [&[u8]; 3] = [b"security.csm", b"security.selinux", b"system.nfs4_acl"];

/// Makes `path` and everything in it canonical.
pub fn canonicalise(path: &Path) -> Result<(), StoreError> {
    let metadata = fs::symlink_metadata(path)
        .map_err(|source| StoreError::file("getting status of", path, source))?;
    let file_type = metadata.file_type();
    if !(file_type.is_file() || file_type.is_dir() || file_type.is_symlink()) {
        return Err(crate::nar::NarError::UnsupportedType(path.to_owned()).into());
    }
    if file_type.is_dir() {
        for entry in entries(path)? {
            canonicalise(&entry)?;
        }
    }
    remove_attributes(path)
        .and_then(|()| canonicalise_one(path, &metadata))
        .map_err(|source| StoreError::file("making canonical", path, source))
}

/// Renames a canonical object to another directory.
///
/// A directory without write permission cannot be given a new parent, so it has it meanwhile.
pub(super) fn rename_canonical(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if metadata.is_dir() {
        fs::set_permissions(from, Permissions::from_mode(0o755))?;
    }
    fs::rename(from, to)?;
    canonicalise_one(to, &fs::symlink_metadata(to)?)
}

/// Deletes `path`, whatever it is, and says how many bytes of disk that freed. What does not exist
/// counts as deleted.
pub fn delete(path: &Path) -> Result<u64, StoreError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(StoreError::file("getting status of", path, source)),
    };
    let deleting = |source| StoreError::file("deleting", path, source);
    if metadata.is_dir() {
        let mut freed = metadata.blocks() * 512;
        if metadata.mode() & 0o700 != 0o700 {
            fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(deleting)?;
        }
        for entry in entries(path)? {
            freed += delete(&entry)?;
        }
        fs::remove_dir(path).map_err(deleting)?;
        Ok(freed)
    } else {
        fs::remove_file(path).map_err(deleting)?;
        Ok(freed_by_one(&metadata))
    }
}

/// How many bytes of disk deleting `path` would free.
pub(super) fn disk_usage(path: &Path) -> Result<u64, StoreError> {
    let metadata = fs::symlink_metadata(path)
        .map_err(|source| StoreError::file("getting status of", path, source))?;
    if !metadata.is_dir() {
        return Ok(freed_by_one(&metadata));
    }
    entries(path)?
        .iter()
        .try_fold(metadata.blocks() * 512, |total, entry| Ok(total + disk_usage(entry)?))
}

fn canonicalise_one(path: &Path, metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_symlink() {
        let is_executable = metadata.is_dir() || metadata.mode() & 0o100 != 0;
        let mode = if is_executable { 0o555 } else { 0o444 };
        if metadata.mode() & 0o7777 != mode {
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: STORE_TIME, tv_nsec: 0 },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

fn remove_attributes(path: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    let mut names = [0; 4096];
    let length = match rustix::fs::llistxattr(path, &mut names) {
        Ok(length) => length,
        Err(Errno::NOTSUP | Errno::NODATA) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    names[..length]
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty() && !KEPT_ATTRIBUTES.contains(name))
        .try_for_each(|name| Ok(rustix::fs::lremovexattr(path, name)?))
}

fn entries(path: &Path) -> Result<Vec<std::path::PathBuf>, StoreError> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|source| StoreError::file("reading directory", path, source))
}

/// A file with other names stays on disk.
fn freed_by_one(metadata: &Metadata) -> u64 {
    if metadata.nlink() > 1 { 0 } else { metadata.blocks() * 512 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_executable_bit_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("x");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("plain"), "").unwrap();
        fs::write(root.join("program"), "").unwrap();
        fs::set_permissions(root.join("program"), Permissions::from_mode(0o4755)).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("link")).unwrap();
        canonicalise(&root).unwrap();
        for (name, mode) in [("", 0o555), ("plain", 0o444), ("program", 0o555), ("link", 0o777)] {
            let metadata = fs::symlink_metadata(root.join(name)).unwrap();
            assert_eq!(metadata.mode() & 0o7777, mode, "{name}");
            assert_eq!(metadata.mtime(), STORE_TIME, "{name}");
        }
        let moved = directory.path().join("y");
        rename_canonical(&root, &moved).unwrap();
        assert_eq!(fs::metadata(&moved).unwrap().mode() & 0o7777, 0o555);
        delete(&moved).unwrap();
        assert!(!moved.exists());
    }

    #[test]
    fn sockets_do_not_belong_in_a_store() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(canonicalise(directory.path()).is_err());
    }
}
