//! Whole folders of Nix source: every byte is in the tree, and what is valid has no error.
//!
//! `FLOE_NIXPKGS` names a nixpkgs checkout, `FLOE_NIX_LANG_TESTS` the language tests of the reference
//! implementation (`tests/functional/lang`). Without them these tests have nothing to do.

#![allow(clippy::print_stdout, reason = "tests report what they skip and how fast they were")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use floe_syntax::{FlatTree, ParseOptions, SyntaxNode, TextEdit, apply_edits, parse, reparse};

/// A patch that somebody gave the wrong name.
const PATCH: &str = "pkgs/servers/dns/ncdns/fix-tpl-path.nix";

/// All files below a folder whose name ends in `.nix` and that are text.
fn nix_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a readable folder");
        for entry in entries.map(|entry| entry.expect("a readable entry")) {
            let kind = entry.file_type().expect("a file type");
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "nix")
            {
                let bytes = fs::read(&path).expect("a readable file");
                files.extend(String::from_utf8(bytes).ok().map(|text| (path, text)));
            }
        }
    }
    files.sort();
    files
}

fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: {variable} names no folder");
    }
    folder
}

fn check_trees(path: &Path, text: &str, tree: &FlatTree) {
    let mut at = 0;
    for token in tree.elements().iter().filter(|element| element.kind.is_token()) {
        assert_eq!(token.start, at, "{}", path.display());
        at = token.end;
    }
    assert_eq!(at as usize, text.len(), "{}", path.display());
    let root = SyntaxNode::new_root(tree.to_green(text));
    assert!(root.text() == text, "{}", path.display());
    assert!(FlatTree::from_node(&root) == *tree, "{}", path.display());
}

#[test]
fn nixpkgs_parses_without_error() {
    let Some(folder) = folder("FLOE_NIXPKGS") else { return };
    let files = nix_files(&folder);
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let started = Instant::now();
    let mut elements = 0;
    for (_, text) in &files {
        elements += parse(text, &ParseOptions::default()).tree.elements().len();
    }
    let rate = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    println!("{} files, {bytes} bytes, {elements} elements: {rate:.0} MB/s", files.len());
    for (path, text) in &files {
        let parse = parse(text, &ParseOptions::default());
        let is_valid = !path.ends_with(PATCH);
        assert_eq!(parse.errors.is_empty(), is_valid, "{}: {:?}", path.display(), parse.errors);
        check_trees(path, text, &parse.tree);
    }
}

#[test]
fn accepts_and_rejects_as_the_reference() {
    let Some(folder) = folder("FLOE_NIX_LANG_TESTS") else { return };
    let mut rejected = 0;
    for (path, text) in nix_files(&folder) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let parse = parse(&text, &ParseOptions::default());
        check_trees(&path, &text, &parse.tree);
        // Expected output lies beside the input: that of a syntax error says so. A repeated name or a
        // dynamic one where none may be is for the lowering to find.
        let message = fs::read_to_string(path.with_extension("err.exp")).unwrap_or_default();
        let is_syntax_error = message.contains("syntax error")
            || message.contains("path has a trailing slash")
            || message.contains("contains null bytes");
        if name.starts_with("parse-fail") && is_syntax_error {
            assert_ne!(parse.errors, [], "{}", path.display());
            let words = parse.errors[0].to_string();
            assert!(message.contains(&words), "{}: {words}\n{message}", path.display());
            rejected += 1;
        } else if !is_syntax_error {
            let errors = parse.errors.iter().map(ToString::to_string);
            // Pipes are switched on by a `.flags` file beside the input.
            let errors: Vec<_> = errors.filter(|error| !error.contains("pipe-operators")).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
    }
    println!("{rejected} files rejected with the reference's words");
    assert!(rejected > 0, "no expected failure in {}", folder.display());
}

#[test]
fn edits_parse_as_the_whole_would() {
    const SNIPPETS: &[&str] = &[
        "",
        "",
        "a",
        "a.",
        " b = c;",
        ";",
        "{ }",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "\"",
        "''",
        "${",
        "x: ",
        "# ",
        "/*",
        "*/",
        "with a; ",
        "let b = 1; in ",
        "inherit c; ",
        " = ",
        " ",
        "\n",
        ",",
        "a, ",
        "é",
    ];
    let Some(folder) = folder("FLOE_NIXPKGS") else { return };
    let options = ParseOptions::default();
    // Any sequence will do that is the same in every run (Knuth's MMIX generator).
    let mut state = 2_u64;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut edits, mut blocks) = (0, 0);
    for (path, mut text) in nix_files(&folder).into_iter().step_by(10) {
        let mut old = parse(&text, &options);
        let mut green = old.tree.to_green(&text);
        for _ in 0..10 {
            let mut start = random(text.len() + 1);
            let mut end = text.len().min(start + random(3));
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            while !text.is_char_boundary(end) {
                end += 1;
            }
            let inserted = SNIPPETS[random(SNIPPETS.len())];
            let edit = TextEdit::replace(start as u32..end as u32, inserted);
            apply_edits(&mut text, std::slice::from_ref(&edit)).expect("a fitting edit");
            let reparse = reparse(&old, Some(&green), &edit, &text, &options);
            let whole = parse(&text, &options);
            if reparse.parse != whole {
                println!(
                    "{text}\n{:?}\n{:?}\n{:?}",
                    reparse.exchange, reparse.parse.errors, whole.errors
                );
            }
            assert!(reparse.parse == whole, "{} {edit:?}", path.display());
            old = reparse.parse;
            green = reparse.green.expect("a green tree, as one was given");
            assert!(green == old.tree.to_green(&text), "{} {edit:?}", path.display());
            edits += 1;
            blocks += usize::from(reparse.exchange.is_some());
        }
    }
    println!("{blocks} of {edits} edits needed one block only");
    assert!(blocks > 0);
}
