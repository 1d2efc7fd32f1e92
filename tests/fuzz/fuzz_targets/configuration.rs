//! Any `floe.toml` is read, or refused with a place in it; any rule of a search and its replacements are
//! edits that can be applied. The rule is the first line, in a comment.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use floe_db::{Database, Db, MemorySystem, Settings};
use floe_ide::SsrRule;
use libfuzzer_sys::fuzz_target;

/// What is searched, and what the lints look at.
const TEXT: &str =
    "{ lib, a, ... }:\nlet b = 1; in with lib; [ (a (b + 1)) (map (x: f x) [ ]) { inherit a; } ]\n";

fuzz_target!(|text: &str| {
    let system = MemorySystem::default();
    system.write("/w/floe.toml", text);
    system.write("/w/generated/a.nix", TEXT);
    let settings = Settings { nix_path: Some(String::new()), ..Settings::default() };
    let db = Database::new(Arc::new(system), vec!["/w".into()], settings);
    let file = db.file(Path::new("/w/generated/a.nix"));
    let (_, read) = floe_ide::config_of(&db, file).expect("there is a floe.toml");
    if let Err(error) = read {
        let span = error.span.start as usize..error.span.end as usize;
        assert!(text.get(span).is_some(), "{error:?}");
    }
    let _ = floe_ide::diagnostics(&db, file);

    let rule = text.lines().next().unwrap_or_default().trim_start_matches('#');
    if let Ok(rule) = SsrRule::parse(rule) {
        let mut replaced = TEXT.to_owned();
        floe_syntax::apply_edits(&mut replaced, &rule.edits(TEXT)).expect("they fit the text");
        let parsed = floe_syntax::parse(&replaced, &floe_syntax::ParseOptions::default());
        assert!(parsed.errors.is_empty(), "{replaced}: {:?}", parsed.errors);
    }
});
