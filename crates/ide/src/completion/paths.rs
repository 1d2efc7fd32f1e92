//! Files and folders, in path literals, in strings, and in `<…>`.

use std::path::Path;

use floe_db::{Db, File, Stamp};

use super::found::{Found, Make};
use super::{CompletionItem, CompletionKind};
use crate::known;

/// Files and folders beside what is written of a path.
pub(super) fn path(db: &dyn Db, file: File, text: &str, found: &mut Found<'_>) {
    let folder = text.rfind('/').map_or("./", |slash| &text[..=slash]);
    if let Some(folder) = known::resolve_path(file.path(db), folder) {
        entries(db, &folder, found);
    }
}

/// What `<…>` can name.
pub(super) fn search_path(db: &dyn Db, text: &str, found: &mut Found<'_>) {
    let nixpkgs = floe_db::nixpkgs(db);
    if let Some((prefix, _)) = text.rsplit_once('/') {
        if let Some(folder) = nixpkgs.search_path.find(prefix) {
            entries(db, &folder, found);
        }
        return;
    }
    for entry in nixpkgs.search_path.entries.iter().filter(|entry| !entry.prefix.is_empty()) {
        let detail = entry.path.clone();
        let fill = move |item: &mut CompletionItem| item.detail = Some(detail);
        let make = Make::Fill(CompletionKind::Folder, Box::new(fill));
        found.offer(entry.prefix.clone(), 0, 0, make);
    }
}

fn entries(db: &dyn Db, folder: &Path, found: &mut Found<'_>) {
    // A new file in the folder changes its stamp.
    db.file(folder).stamp(db);
    let system = db.files().system();
    let names = system.read_dir(folder).unwrap_or_default().into_iter();
    let mut names: Vec<String> = names.filter_map(|(name, _)| name.into_string().ok()).collect();
    names.sort();
    // A name with other characters cannot stand in a path literal.
    let fits = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
    };
    for name in names.into_iter().filter(|name| !name.starts_with('.') && fits(name)) {
        if !found.fits(&name) {
            continue;
        }
        let is_folder =
            matches!(db.files().system().stamp(&folder.join(&name)), Stamp::Directory { .. });
        let kind = if is_folder { CompletionKind::Folder } else { CompletionKind::File };
        let insert = name.clone();
        let fill = move |item: &mut CompletionItem| item.insert = insert;
        found.offer(name, 0, 0, Make::Fill(kind, Box::new(fill)));
    }
}
