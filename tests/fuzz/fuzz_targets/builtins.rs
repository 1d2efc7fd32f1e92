//! The languages inside the language: JSON, TOML, regular expressions, versions, derivation names.
#![no_main]

mod evaluator;

use std::path::Path;
use std::sync::atomic::Ordering;

use floe_hir::Name;
use libfuzzer_sys::fuzz_target;

/// What is asked about the bytes `a` and `b`. Where it has a value at all, the value is `true`.
const QUESTIONS: [&str; 8] = [
    "{ a, b }: let value = builtins.fromJSON a; in builtins.fromJSON (builtins.toJSON value) == value",
    "{ a, b }: builtins.isAttrs (builtins.deepSeq (builtins.fromTOML a) (builtins.fromTOML a))",
    "{ a, b }: let found = builtins.match a b; in found == null || builtins.isList found",
    "{ a, b }: builtins.length (builtins.filter builtins.isString (builtins.split a b)) > 0",
    "{ a, b }: builtins.compareVersions a b == 0 - builtins.compareVersions b a",
    "{ a, b }: builtins.concatStringsSep \"\" [ a b ] == a + b",
    "{ a, b }: let d = builtins.parseDrvName a; in d.name == a || d.name + \"-\" + d.version == a",
    "{ a, b }: builtins.replaceStrings [ a ] [ a ] b == b",
];

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (question, a, b) = input;
    let question = QUESTIONS[usize::from(question) % QUESTIONS.len()];
    evaluator::with(|evaluator, ends| {
        let function = evaluator.eval_text(question, Path::new("/")).expect("it is well-formed");
        ends.store(true, Ordering::Relaxed);
        let arguments = [
            (Name::new("a"), evaluator.heap.string(a)),
            (Name::new("b"), evaluator.heap.string(b)),
        ];
        let answer = evaluator.auto_call(function, &arguments);
        ends.store(false, Ordering::Relaxed);
        match answer {
            Ok(value) => {
                let answer = evaluator.print(value).expect("a boolean is printable");
                assert_eq!(answer, "true", "{question}");
            }
            Err(error) => drop(evaluator.report(&error)),
        }
    });
});
