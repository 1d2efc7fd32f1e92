//! Which files a command that works on Nix files means.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use floe_ide::Ignored;

/// Named files are taken as they are; folders are searched for Nix files, hidden folders,
/// `node_modules`, links, and what a `.gitignore` names left out.
pub(crate) fn nix_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let named = path.metadata().with_context(|| format!("cannot read '{}'", path.display()))?;
        if named.is_dir() { search(path, &mut files)? } else { files.push(path.clone()) }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn search(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let directory = env::current_dir().context("the current folder cannot be told")?;
    let absolute = |path: &Path| floe_db::normalize(&directory.join(path));
    let read = |path: &Path| fs::read_to_string(path).ok();
    let above = Ignored::above(&absolute(path), read, |folder| folder.join(".git").exists());
    let mut folders = vec![(path.to_owned(), above)];
    while let Some((folder, above)) = folders.pop() {
        let entries = folder
            .read_dir()
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot search '{}'", folder.display()))?;
        let own = entries.iter().find(|entry| entry.file_name() == ".gitignore");
        let own = own.and_then(|entry| read(&entry.path()));
        let ignored = above.entering(&absolute(&folder), own.as_deref());
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let name = entry.file_name();
            let is_left_out = name.as_encoded_bytes().starts_with(b".") || name == "node_modules";
            let is_nix_file = kind.is_file() && path.extension().is_some_and(|end| end == "nix");
            if !(kind.is_dir() && !is_left_out || is_nix_file)
                || ignored.leave_out(&absolute(&path), kind.is_dir())
            {
                continue;
            }
            if kind.is_dir() {
                folders.push((path, ignored.clone()));
            } else {
                files.push(path);
            }
        }
    }
    Ok(())
}
