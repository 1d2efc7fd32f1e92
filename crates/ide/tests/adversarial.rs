//! No text makes a feature loop, overflow the stack, or take long: every question that is asked at a cursor
//! is asked all over texts that nobody would write, and over every beginning of texts that somebody did.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use floe_db::{Database, Db, File, MemorySystem, Settings, source};
use floe_hir::Span;
use floe_ide::{FormatOptions, InlayOptions, TokenDetail};

/// As the server's readers have.
const STACK: usize = 256 << 20;

/// No single question may take longer, here without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(5);

fn database(files: &[(&str, &str)]) -> (Database, Vec<File>) {
    let system = MemorySystem::default();
    for (path, text) in files {
        system.write(Path::new("/w").join(path), text);
    }
    let settings = Settings { nix_path: Some(String::new()), ..Settings::default() };
    let db = Database::new(Arc::new(system), vec!["/w".into()], settings);
    let files = files.iter().map(|(path, _)| db.file(&Path::new("/w").join(path))).collect();
    (db, files)
}

/// Asks everything at so many places spread over a file.
fn ask(db: &Database, file: File, places: usize) {
    let text = source(db, file).text.clone();
    let step = (text.len() / places.max(1)).max(1);
    let whole = Span { start: 0, end: text.len() as u32 };
    let mut slowest = (Duration::ZERO, "");
    let mut timed = |name, question: &dyn Fn()| {
        let started = Instant::now();
        question();
        slowest = slowest.max((started.elapsed(), name));
    };
    timed("types", &|| {
        floe_ide::type_diagnostics(db, file);
    });
    timed("workspace symbols", &|| drop(floe_ide::workspace_symbols(db, "a")));
    timed("symbols", &|| drop(floe_ide::document_symbols(db, file)));
    timed("folds", &|| drop(floe_ide::folding_ranges(db, file)));
    timed("links", &|| drop(floe_ide::document_links(db, file)));
    timed("tokens", &|| drop(floe_ide::semantic_tokens(db, file, None, TokenDetail::All)));
    timed("hints", &|| drop(floe_ide::inlay_hints(db, file, whole, &InlayOptions::default())));
    timed("formatting", &|| drop(floe_ide::format(&text, &FormatOptions::default())));
    timed("all actions", &|| drop(floe_ide::code_actions(db, file, whole)));
    assert!(slowest.0 < LONGEST, "{slowest:?} of {text:.100}");
    for offset in (0..=text.len()).step_by(step).filter(|offset| text.is_char_boundary(*offset)) {
        let offset = offset as u32;
        let mut slowest = (Duration::ZERO, "");
        let mut timed = |name, question: &dyn Fn()| {
            let started = Instant::now();
            question();
            slowest = slowest.max((started.elapsed(), name));
        };
        timed("completion", &|| drop(floe_ide::completion(db, file, offset)));
        timed("hover", &|| drop(floe_ide::hover(db, file, offset)));
        timed("definition", &|| drop(floe_ide::goto_definition(db, file, offset)));
        timed("type", &|| drop(floe_ide::goto_type_definition(db, file, offset)));
        timed("references", &|| drop(floe_ide::references(db, file, offset)));
        timed("rename", &|| drop(floe_ide::rename(db, file, offset, "fresh")));
        timed("actions", &|| {
            let cursor = Span { start: offset, end: offset };
            floe_ide::code_actions(db, file, cursor);
        });
        timed("selection", &|| drop(floe_ide::selection_ranges(db, file, offset)));
        timed("signature", &|| drop(floe_ide::signature_help(db, file, offset)));
        timed("calls", &|| {
            floe_ide::call_hierarchy(db, file, offset);
            floe_ide::incoming_calls(db, file, offset);
            floe_ide::outgoing_calls(db, file, offset);
        });
        assert!(slowest.0 < LONGEST, "{slowest:?} at {offset} of {text:.100}");
    }
}

fn on_a_reader(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap();
    thread.join().unwrap();
}

#[test]
fn towers_chains_and_circles() {
    on_a_reader(|| {
        let deep = 1000;
        let texts = [
            format!("{}a{}", "(".repeat(deep), ")".repeat(deep)),
            format!("let a = {}1{}; in a.b", "{ b = ".repeat(deep), "; }".repeat(deep)),
            format!("x: x{}", ".a".repeat(deep)),
            format!("let s = {{ a = s; }}; in s{}", ".a".repeat(deep)),
            format!("{}x", "x: ".repeat(deep)),
            format!("let f = x: f; in f{}", " f".repeat(deep)),
            vec!["{ a = 1; }"; deep].join(" // "),
            vec!["a"; deep].join(" ++ "),
            format!("{}a", "with a; ".repeat(deep)),
            format!("{}a", "let a = b; b = a; in ".repeat(deep)),
            format!(
                "rec {{ {} }}",
                (0..deep).map(|i| format!("a{i} = a{};", i + 1)).collect::<String>()
            ),
            format!(
                "rec {{ {} }}",
                (0..deep).map(|i| format!("a{i} = a{} // a{};", i + 1, i + 2)).collect::<String>()
            ),
            format!(
                "let {} in f0 1",
                (0..60)
                    .map(|i| format!("f{i} = x: [ (f{0} x) (f{0} x) ];", i + 1))
                    .collect::<String>()
            ),
            "let fix = f: f (fix f); in fix (self: { a = self; b = self.a.b; }).a.b.a".to_owned(),
            "let y = f: (x: f (x x)) (x: f (x x)); in y (self: n: self n) 1".to_owned(),
            "rec { a = { inherit (b) c; }; b = { inherit (a) c; }; d = a.c.e; }".to_owned(),
            format!("\"{}x{}\"", "${\"".repeat(300), "\"}".repeat(300)),
        ];
        for text in &texts {
            let started = Instant::now();
            let (db, files) = database(&[("default.nix", text)]);
            ask(&db, files[0], 8);
            eprintln!("{:>9.1?}  {:.40}", started.elapsed(), text);
        }
    });
}

#[test]
fn files_that_import_each_other() {
    on_a_reader(|| {
        let (db, files) = database(&[
            (
                "default.nix",
                "let a = import ./a.nix; b = import ./b.nix { inherit a; }; in a.b.a.b.x + b.y",
            ),
            (
                "a.nix",
                "{ b = import ./b.nix { a = import ./a.nix; }; x = (import ./.).y; self = import ./a.nix; }",
            ),
            (
                "b.nix",
                "{ a }: { inherit a; x = a.b.x; y = import ./default.nix; z = callPackage ./b.nix { a = 1; }; }",
            ),
        ]);
        for file in files {
            ask(&db, file, 60);
        }
    });
}

/// Every file of the project's own package set, cut off anywhere, as it is while somebody types.
#[test]
fn beginnings_of_real_files() {
    on_a_reader(|| {
        let mut pending =
            vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs"))];
        let mut texts = Vec::new();
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    pending.push(path);
                } else if path.extension().is_some_and(|ending| ending == "nix") {
                    texts.push(std::fs::read_to_string(path).unwrap());
                }
            }
        }
        texts.sort();
        assert!(texts.len() > 20);
        for (number, text) in texts.iter().enumerate().step_by(3) {
            for part in 1..4 {
                let end = text.floor_char_boundary(text.len() * part / 4 + number % 7);
                let (db, files) = database(&[("default.nix", &text[..end])]);
                ask(&db, files[0], 6);
            }
        }
    });
}
