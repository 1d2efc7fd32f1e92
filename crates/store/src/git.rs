//! The hash that git gives a file system object: that of the object that it would store it as.
//!
//! A file is a `blob`, a directory a `tree` of the hashes of its entries, a symbolic link a blob of its
//! target. Directories are sorted as if their names ended in a slash, and empty ones count.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::hash::{Algorithm, Hash, Hasher};
use crate::nar::{MAX_DEPTH, NarError};

/// The hash algorithms that git has.
pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha1, Algorithm::Sha256];

const CHUNK: usize = 64 << 10;

/// The hash of the object at `path`. The path itself may be executable, which does not show.
///
/// # Errors
/// If something cannot be read, or is no file, directory or symbolic link.
pub fn hash_path(path: &Path, algorithm: Algorithm) -> Result<Hash, NarError> {
    Ok(object(path, algorithm, 0)?.hash)
}

/// An object as a tree refers to it.
struct Object {
    mode: &'static str,
    hash: Hash,
}

fn object(path: &Path, algorithm: Algorithm, depth: usize) -> Result<Object, NarError> {
    let failed = |action| move |source| NarError::File { action, path: path.to_owned(), source };
    let metadata = fs::symlink_metadata(path).map_err(failed("getting status of"))?;
    if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(failed("reading symbolic link"))?;
        let target = target.as_os_str().as_bytes();
        let mut hasher = begin("blob", target.len() as u64, algorithm);
        hasher.update(target);
        return Ok(Object { mode: "120000", hash: hasher.finish() });
    }
    if metadata.is_dir() {
        if depth == MAX_DEPTH {
            return Err(NarError::TooDeep(path.to_owned()));
        }
        let hash = tree(path, algorithm, depth)?;
        return Ok(Object { mode: "40000", hash });
    }
    if !metadata.is_file() {
        return Err(NarError::UnsupportedType(path.to_owned()));
    }
    let mut file = File::open(path).map_err(failed("opening"))?;
    let mut hasher = begin("blob", metadata.len(), algorithm);
    let mut chunk = vec![0; CHUNK];
    let mut found = 0;
    loop {
        let length = file.read(&mut chunk).map_err(failed("reading"))?;
        if length == 0 {
            break;
        }
        hasher.update(&chunk[..length]);
        found += length as u64;
    }
    if found != metadata.len() {
        return Err(NarError::Changed { path: path.to_owned(), expected: metadata.len(), found });
    }
    let is_executable = metadata.permissions().mode() & 0o100 != 0;
    Ok(Object { mode: if is_executable { "100755" } else { "100644" }, hash: hasher.finish() })
}

fn tree(path: &Path, algorithm: Algorithm, depth: usize) -> Result<Hash, NarError> {
    let failed = |source| NarError::File { action: "reading directory", path: path.into(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let entry = object(&path.join(&name), algorithm, depth + 1)?;
        let mut key = name.as_bytes().to_vec();
        if entry.mode == "40000" {
            key.push(b'/');
        }
        entries.push((key, name, entry));
    }
    entries.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
    let mut text = Vec::new();
    for (_, name, entry) in &entries {
        text.extend_from_slice(entry.mode.as_bytes());
        text.push(b' ');
        text.extend_from_slice(name.as_bytes());
        text.push(0);
        text.extend_from_slice(entry.hash.as_bytes());
    }
    let mut hasher = begin("tree", text.len() as u64, algorithm);
    hasher.update(&text);
    Ok(hasher.finish())
}

fn begin(kind: &str, size: u64, algorithm: Algorithm) -> Hasher {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(format!("{kind} {size}\0").as_bytes());
    hasher
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::hash::Format;

    #[test]
    fn as_git_hashes_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("a"), "hello\n").unwrap();
        fs::write(root.join("run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join("sub/empty"), "").unwrap();
        // `.` comes before the slash that the directory is sorted with.
        fs::write(root.join("sub.x"), "x").unwrap();
        symlink("a", root.join("link")).unwrap();
        let shown =
            |path: &Path, algorithm| hash_path(path, algorithm).unwrap().format(Format::Base16);
        // `git hash-object`, and `git write-tree` of an index with these files.
        assert_eq!(
            shown(&root.join("a"), Algorithm::Sha1),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        assert_eq!(shown(root, Algorithm::Sha1), "3652a06fb59b2f4111add5587c58894e10d7f54e");
        assert_eq!(
            shown(root, Algorithm::Sha256),
            "bd9c19afc09a296c7fd2f39ef51a352ba3aeb9b37eaac0aaf04793e9cf77dd9d"
        );
    }
}
