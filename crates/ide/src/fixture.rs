//! Fixtures for the tests of the features: files in one string, with the cursor in one of them.

use std::path::PathBuf;
use std::sync::Arc;

use floe_db::{Database, Db, File, MemorySystem, Settings, source};
use floe_hir::Span;

/// Files in memory, and the place of the cursor.
pub(crate) struct Fixture {
    pub(crate) db: Database,
    pub(crate) file: File,
    pub(crate) offset: u32,
}

/// Reads a fixture: `$0` is the cursor, `//- /path.nix` begins a file. Without a heading it is all one
/// file, `/w/default.nix`; without a cursor the first file counts.
pub(crate) fn fixture(text: &str) -> Fixture {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("//- ") {
            Some(path) => files.push((path.trim().into(), String::new())),
            None => {
                if files.is_empty() {
                    files.push(("/w/default.nix".into(), String::new()));
                }
                files.last_mut().unwrap().1.push_str(line);
            }
        }
    }
    let system = MemorySystem::default();
    let mut cursor = (files[0].0.clone(), 0);
    for (path, text) in &mut files {
        if let Some(at) = text.find("$0") {
            text.replace_range(at..at + 2, "");
            cursor = (path.clone(), at as u32);
        }
        system.write(path.clone(), text);
    }
    // The package set of the project itself stands for nixpkgs, whatever this machine has.
    let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs");
    let packages = std::path::Path::new(packages).canonicalize().unwrap();
    let settings =
        Settings { nixpkgs: Some(packages), nix_path: Some(String::new()), ..Settings::default() };
    let db = Database::new(Arc::new(system), vec!["/w".into()], settings);
    let file = db.file(&cursor.0);
    Fixture { db, file, offset: cursor.1 }
}

impl Fixture {
    /// The text of a span, and the line it is in: `default.nix:3 "x"`.
    pub(crate) fn show(&self, file: File, span: Span) -> String {
        let text = &source(&self.db, file).text;
        let line = text[..span.start as usize].matches('\n').count() + 1;
        let path = file.path(&self.db).display().to_string();
        let path = match path.split_once("/fixtures/pkgs/") {
            Some((_, inside)) => format!("<nixpkgs>/{inside}"),
            None => path.trim_start_matches("/w/").to_owned(),
        };
        format!("{path}:{line} {:?}", &text[span.start as usize..span.end as usize])
    }

    /// A text without the place of the checkout in it.
    pub(crate) fn redact(text: &str) -> String {
        let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs");
        let packages = std::path::Path::new(packages).canonicalize().unwrap();
        text.replace(packages.to_str().unwrap(), "<nixpkgs>")
    }

    /// The text of the file with the cursor, after edits.
    pub(crate) fn edited(&self, edits: &[floe_syntax::TextEdit]) -> String {
        let mut text = source(&self.db, self.file).text.to_string();
        floe_syntax::apply_edits(&mut text, edits).unwrap();
        text
    }
}
