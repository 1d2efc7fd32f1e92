//! The table of lints in the book is that of the program, and fixes leave every file of a package set a
//! program: runs over the project's own set, and over nixpkgs where `FLOE_NIXPKGS` names a checkout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use floe_db::{Database, Db, OsSystem, Settings};
use floe_ide::{Fixes, LINTS, fix_all};
use floe_syntax::ParseOptions;

#[test]
fn the_table_of_lints_is_current() {
    let mut text = String::from(
        "# Lints\n\nWhat `floe check` and an editor report about code that parses and binds its names. Each can \
         be set in [`floe.toml`](configuration.md), and ignored at a place by a comment; each links to its \
         page. Those that are errors are about values: the type checker reports what fails whenever it is \
         evaluated, and only what is certain.\n\n\
         | lint | what it finds | usual level | fix |\n|---|---|---|---|\n",
    );
    for lint in LINTS {
        let page = floe_explain::find(lint.slug).expect("every lint has a page");
        let fix = match lint.fixes {
            Fixes::None => "",
            Fixes::Review => "to look at",
            Fixes::Some => "often",
            Fixes::All => "yes",
        };
        let (slug, level) = (lint.slug, lint.level.name());
        text += &format!("| [`{slug}`](errors/{slug}.md) | {} | {level} | {fix} |\n", page.title);
    }
    text += "\n*Usual level*: `allow` is not reported, `hint` only in an editor and with \
             `--min-severity hint`. *Fix*: \"yes\" and \"often\" are made by `floe check --fix` and by an \
             editor's `source.fixAll`, and never change what a program means; \"to look at\" is offered \
             in an editor only.\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lints.md");
    expect_test::expect_file![path].assert_eq(&text);
}

#[test]
fn fixed_files_still_parse_and_need_no_further_fix() {
    let fixtures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs"));
    let nixpkgs = std::env::var_os("FLOE_NIXPKGS").map(PathBuf::from);
    if nixpkgs.is_none() {
        eprintln!("only the project's own set: set FLOE_NIXPKGS to a nixpkgs checkout for more");
    }
    for root in [Some(fixtures), nixpkgs].into_iter().flatten() {
        let database = Database::new(Arc::new(OsSystem), vec![root.clone()], Settings::default());
        let mut files = Vec::new();
        nix_files(&root, &mut files);
        assert!(!files.is_empty());
        for path in files {
            let file = database.file(&path);
            let Some(fixed) = fix_all(&database, file, None) else { continue };
            let errors = floe_syntax::parse(&fixed.text, &ParseOptions::default()).errors;
            assert_eq!(errors, [], "{}", path.display());
        }
    }
}

fn nix_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("readable").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("known"));
        if kind.is_dir() {
            nix_files(&path, files);
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "nix") {
            files.push(path);
        }
    }
}
