//! Which files a command that works on Nix files means.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Named files are taken as they are; folders are searched for Nix files as the language server does it,
/// hidden folders, `node_modules` and links left out.
pub(crate) fn nix_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let named =
            path.metadata().with_context(|| format!("cannot check '{}'", path.display()))?;
        if named.is_dir() { search(path, &mut files)? } else { files.push(path.clone()) }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn search(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = folder
            .read_dir()
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot search '{}'", folder.display()))?;
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let name = entry.file_name();
            let is_left_out = name.as_encoded_bytes().starts_with(b".") || name == "node_modules";
            if kind.is_dir() && !is_left_out {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "nix") {
                files.push(path);
            }
        }
    }
    Ok(())
}
