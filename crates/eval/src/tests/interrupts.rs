//! Whatever takes long notices that the evaluation is to end.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::ErrorKind;
use crate::fs::RealFileSystem;
use crate::heap::Heap;
use crate::settings::Settings;
use crate::store::ReadOnlyStore;
use crate::{Console, Evaluator, Options, with_big_stack};

/// Interrupts at the first line of `builtins.trace`: what comes behind it is work that nobody wants.
struct Interrupts(Arc<AtomicBool>);

impl Console for Interrupts {
    fn trace(&self, _message: &str) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn warn(&self, _message: &str) {}
}

fn with_interrupts<T: Send>(work: impl for<'h> FnOnce(&Evaluator<'h>) -> T + Send) -> T {
    with_big_stack(|stack_bytes| {
        let heap = Heap::new();
        let settings = Settings::default();
        let console = Rc::new(Interrupts(settings.interrupt.clone()));
        let store = ReadOnlyStore::new(floe_store::StoreDir::default(), None);
        let options =
            Options { settings, fs: Rc::new(RealFileSystem), store: Rc::new(store), console };
        work(&Evaluator::new(&heap, options, stack_bytes))
    })
}

/// An input, and what a builtin makes of it.
const WORK: &[(&str, &str)] = &[
    ("builtins.genList (x: x) 20000", "builtins.sort builtins.lessThan input"),
    ("builtins.genList (x: x) 20000", "builtins.concatLists [ input input ]"),
    ("builtins.genList (x: [ ]) 20000", "builtins.concatLists input"),
    ("builtins.genList (x: x) 20000", "builtins.concatMap (x: [ x ]) input"),
    ("builtins.genList (x: x) 20000", "input ++ input"),
    ("builtins.genList (x: x) 20000", "builtins.elem 20000 input"),
    ("builtins.genList (x: x) 20000", "builtins.elem (builtins.head input) (builtins.tail input)"),
    ("builtins.genList (x: x) 20000", "input == builtins.tail input ++ [ 1 ]"),
    ("builtins.genList (x: x) 20000", "input == builtins.genList (x: x) 20000"),
    ("builtins.genList (x: x) 20000", "input < input"),
    ("builtins.genList (x: x) 20000", "builtins.foldl' (a: b: a) 0 input"),
    ("builtins.genList (x: x) 20000", "builtins.foldl' builtins.add 0 input"),
    ("builtins.genList (x: x) 20000", "builtins.filter (x: true) input"),
    ("builtins.genList (x: x) 20000", "builtins.partition (x: true) input"),
    ("builtins.genList (x: x) 20000", "builtins.groupBy (x: \"a\") input"),
    ("builtins.genList (x: x) 20000", "builtins.all (x: true) input"),
    ("builtins.genList (x: x) 20000", "builtins.any (x: false) input"),
    ("builtins.genList (x: x) 20000", "builtins.map (x: x) input"),
    ("builtins.genList (x: x) 20000", "builtins.toString input"),
    ("builtins.genList (x: x) 20000", "builtins.toJSON input"),
    ("builtins.genList (x: x) 20000", "builtins.toXML input"),
    ("builtins.genList (x: x) 20000", "builtins.deepSeq input 1"),
    ("20000", "builtins.genList (x: x) input"),
    (
        "builtins.genList (key: { inherit key; }) 20000",
        "builtins.genericClosure { startSet = input; operator = x: [ ]; }",
    ),
    ("builtins.genList (x: \"s\") 20000", "builtins.concatStringsSep \",\" input"),
    ("builtins.genList (x: \"s${toString x}\") 20000", "builtins.replaceStrings input input \"x\""),
    ("builtins.genList (x: { a = x; }) 20000", "builtins.catAttrs \"a\" input"),
    ("builtins.genList (x: { a = x; }) 20000", "builtins.zipAttrsWith (n: v: v) input"),
    (
        "builtins.genList (x: { name = \"a${toString x}\"; value = x; }) 20000",
        "builtins.listToAttrs input",
    ),
    (SET, "builtins.attrNames input"),
    (SET, "builtins.attrValues input"),
    (SETS, "input.a // input.b"),
    (SET, "builtins.intersectAttrs input (input // { b = 1; })"),
    (SET, "builtins.removeAttrs input [ \"a1\" ]"),
    (SET, "builtins.removeAttrs { } (builtins.attrNames input)"),
    (SET, "builtins.mapAttrs (name: value: value) input"),
    (SET, "builtins.toJSON input"),
    (SET, "builtins.toXML input"),
    (SET, "builtins.deepSeq input 1"),
    (SET, "input == input // { a1 = 1.0; }"),
    (TEXT, "builtins.replaceStrings [ \"b\" ] [ \"c\" ] input"),
    (TEXT, "builtins.hashString \"sha256\" input"),
    (TEXT, "builtins.match \"a*\" input"),
    (TEXT, "builtins.match \"(a|b)*c\" input"),
    (TEXT, "builtins.split \"b\" input"),
    (TEXT, "builtins.split \"a\" input"),
    (TEXT, "builtins.toJSON input"),
    (TEXT, "builtins.toXML input"),
    (TEXT, "builtins.splitVersion (builtins.replaceStrings [ \"a\" ] [ \"a.\" ] input)"),
    ("\"[${builtins.concatStringsSep \",\" (builtins.genList toString 20000)}]\"", FROM_JSON),
    (
        "\"\\\"${builtins.concatStringsSep \"\" (builtins.genList (x: \"aaaaaaaaaa\") 100000)}\\\"\"",
        FROM_JSON,
    ),
    (
        "builtins.concatStringsSep \"\\n\" (builtins.genList (x: \"a${toString x} = 1\") 20000)",
        "builtins.fromTOML input",
    ),
];

/// A set of so many attributes.
const SET: &str =
    "builtins.listToAttrs (builtins.genList (x: { name = \"a${toString x}\"; value = x; }) 20000)";

/// Two of them.
const SETS: &str = "let make = letter: builtins.listToAttrs (builtins.genList \
    (x: { name = letter + toString x; value = x; }) 10000); in { a = make \"a\"; b = make \"b\"; }";

/// A megabyte of one letter.
const TEXT: &str = "builtins.concatStringsSep \"\" (builtins.genList (x: \"aaaaaaaaaa\") 100000)";

const FROM_JSON: &str = "builtins.fromJSON input";

#[test]
fn every_builtin_ends_soon_when_it_is_interrupted() {
    let unheard: Vec<_> = WORK
        .iter()
        .filter(|(input, work)| {
            let program = format!(
                "let input = {input}; in builtins.deepSeq input (builtins.trace \"now\" ({work}))"
            );
            with_interrupts(|evaluator| match evaluator.eval_text(&program, Path::new("/")) {
                Ok(_) => true,
                Err(error) => error.kind() != ErrorKind::Interrupted,
            })
        })
        .map(|(_, work)| *work)
        .collect();
    assert!(unheard.is_empty(), "these ended as if nothing had happened: {unheard:#?}");
}

#[test]
fn printing_ends_soon_when_it_is_interrupted() {
    for input in [WORK[0].0, SET, TEXT] {
        let program = format!("let input = {input}; in builtins.deepSeq input input");
        let is_printed = with_interrupts(|evaluator| {
            let value = evaluator.eval_text(&program, Path::new("/")).expect("a value");
            evaluator.settings.interrupt.store(true, Ordering::Relaxed);
            [evaluator.print(value).is_ok(), evaluator.print_forced(value, 2).is_ok()]
        });
        assert_eq!(is_printed, [false, false], "{input}");
    }
}

#[test]
fn reading_files_ends_soon_when_it_is_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    for index in 0..5000 {
        std::fs::write(folder.path().join(index.to_string()), [b'a'; 100]).expect("a file");
    }
    let folder = folder.path().display();
    for work in [
        format!("builtins.readDir {folder}"),
        format!("\"${{{folder}}}\""),
        format!("builtins.path {{ path = {folder}; name = \"a\"; }}"),
        format!("builtins.path {{ path = {folder}; name = \"a\"; filter = path: type: true; }}"),
    ] {
        let program = format!("builtins.trace \"now\" ({work})");
        let result = with_interrupts(|evaluator| {
            evaluator.eval_text(&program, Path::new("/")).map(drop).map_err(|error| error.kind())
        });
        assert_eq!(result, Err(ErrorKind::Interrupted), "{work}");
    }
}
