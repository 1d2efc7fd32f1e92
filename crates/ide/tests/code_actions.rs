//! Whatever a code action does leaves a program: every one that is offered at places all over real files is
//! made, and the result parsed and its names resolved. Over the project's own package set, and over a
//! sample of nixpkgs where `FLOE_NIXPKGS` names a checkout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use floe_db::{Database, Db, File, OsSystem, Settings, source};
use floe_hir::{LowerOptions, Span, lower};
use floe_ide::{CodeChange, code_actions, selection_ranges};
use floe_syntax::{ParseOptions, apply_edits, parse};

/// As the server's readers have.
const STACK: usize = 256 << 20;

#[test]
fn of_the_own_package_set() {
    let set = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs");
    let made = check(Path::new(set), 1, 4);
    for title in ["Extract to", "Inline", "Write", "Sort", "Swap the branches", "Ignore"] {
        assert!(made.keys().any(|made| made.starts_with(title)), "no '{title}' among {made:#?}");
    }
}

#[test]
fn of_nixpkgs() {
    let Some(nixpkgs) = std::env::var_os("FLOE_NIXPKGS").map(PathBuf::from) else {
        eprintln!("skipped: set FLOE_NIXPKGS to a nixpkgs checkout");
        return;
    };
    let every = std::env::var("FLOE_ACTIONS_EVERY").ok().and_then(|every| every.parse().ok());
    let made = check(&nixpkgs, every.unwrap_or(200), 10);
    assert!(made.values().sum::<usize>() > 100, "{made:#?}");
}

/// Makes the actions at so many places of every so-manieth file below a folder. Tells how many of each
/// kind, by the first words of their titles.
fn check(folder: &Path, every: usize, places: usize) -> BTreeMap<String, usize> {
    let folder = folder.canonicalize().unwrap();
    let paths = nix_files(&folder);
    let check = move || {
        let settings = Settings {
            nixpkgs: Some(folder.clone()),
            nix_path: Some(String::new()),
            ..Settings::default()
        };
        let db = Database::new(Arc::new(OsSystem), vec![folder], settings);
        let (mut made, mut broken) = (BTreeMap::new(), Vec::new());
        for path in paths.into_iter().step_by(every) {
            let file = db.file(&path);
            let text = source(&db, file).text.clone();
            if problems(&text).is_some() {
                for selection in selections(&db, file, places) {
                    make(&db, file, selection, &mut made, &mut broken);
                }
            }
        }
        eprintln!("{made:#?}");
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        made
    };
    std::thread::Builder::new().stack_size(STACK).spawn(check).unwrap().join().unwrap()
}

/// Cursors all over a file, and the innermost expressions around each.
fn selections(db: &Database, file: File, places: usize) -> Vec<Span> {
    let text = &source(db, file).text;
    let step = (text.len() / places).max(7);
    let offsets = (step / 2..text.len()).step_by(step);
    let around = |offset: usize| {
        let offset = text.floor_char_boundary(offset) as u32;
        let cursor = Span { start: offset, end: offset };
        std::iter::once(cursor).chain(selection_ranges(db, file, offset).into_iter().take(5))
    };
    offsets.flat_map(around).collect()
}

fn make(
    db: &Database,
    file: File,
    selection: Span,
    made: &mut BTreeMap<String, usize>,
    broken: &mut Vec<String>,
) {
    let text = &source(db, file).text;
    for action in code_actions(db, file, selection) {
        let CodeChange::Edits { edits, new_file } = action.change else { continue };
        let mut result = text.to_string();
        let applied = apply_edits(&mut result, &edits);
        let added = new_file.as_ref().is_none_or(|(_, text)| problems(text) == Some(0));
        let is_worse = problems(&result).is_none_or(|after| problems(text) < Some(after));
        if applied.is_err() || is_worse || !added || result == **text {
            broken.push(format!(
                "{}:{selection:?}: {}: {edits:?} {new_file:?}",
                file.path(db).display(),
                action.title
            ));
        }
        let words: Vec<&str> =
            action.title.split(['\'', '‘']).next().unwrap_or_default().split(' ').take(3).collect();
        *made.entry(words.join(" ").trim().to_owned()).or_default() += 1;
    }
}

/// How many names of a text mean nothing or are bound twice; nothing if it has a syntax error.
fn problems(text: &str) -> Option<usize> {
    let parse = parse(text, &ParseOptions::default());
    let count = || lower(&parse.tree, text, &LowerOptions::default()).problems.len();
    parse.errors.is_empty().then(count)
}

fn nix_files(folder: &Path) -> Vec<PathBuf> {
    let (mut pending, mut found) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(folder) = pending.pop() {
        for entry in folder.read_dir().unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            let is_nix = entry.path().extension().is_some_and(|ending| ending == "nix");
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && is_nix {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}
