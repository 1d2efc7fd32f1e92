//! Writing of files that are there already.

use std::{ffi::OsString, fs, io, path::Path};

use anyhow::Context as _;

/// Puts a text in place of a file's, or makes the file. Whoever reads it meanwhile sees the old text or the
/// new one; where there is no room for the new one, the old one stays.
pub(super) fn replace_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let context = || format!("cannot write '{}'", path.display());
    let (target, permissions) = match path.canonicalize() {
        // What a link leads to is replaced, and not the link.
        Ok(target) => {
            let permissions = fs::metadata(&target).with_context(context)?.permissions();
            (target, Some(permissions))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
        Err(error) => return Err(error).with_context(context),
    };
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".floe-{}", std::process::id()));
    let new = target.with_file_name(name);
    let written = fs::write(&new, text)
        .and_then(|()| permissions.map_or(Ok(()), |old| fs::set_permissions(&new, old)))
        .and_then(|()| fs::rename(&new, &target));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.with_context(context)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_with_its_permissions_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["a.nix", "link.nix"].map(|name| folder.path().join(name));
        replace_file(&file, "1").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        let old = fs::File::open(&file).unwrap();

        replace_file(&link, "2").unwrap();

        assert_eq!(fs::read_to_string(&file).unwrap(), "2");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(io::read_to_string(old).unwrap(), "1");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let error = replace_file(Path::new("/nowhere/at/all.nix"), "1").unwrap_err();
        assert_eq!(error.to_string(), "cannot write '/nowhere/at/all.nix'");
    }
}
