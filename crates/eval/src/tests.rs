//! Whole evaluations, against values that C++ Nix 2.34 gave.

mod interrupts;
mod lang;
mod volatile;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::{Report, Result};
use crate::fs::RealFileSystem;
use crate::heap::{Heap, Value};
use crate::settings::{SearchPathEntry, Settings};
use crate::store::ReadOnlyStore;
use crate::{Console, Evaluator, Options, with_big_stack};

struct Silent;

impl Console for Silent {
    fn trace(&self, _message: &str) {}
    fn warn(&self, _message: &str) {}
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").canonicalize().expect("fixtures")
}

/// Runs `work` with a fresh evaluator.
pub(crate) fn with_evaluator<T: Send>(
    settings: Settings,
    work: impl for<'h> FnOnce(&Evaluator<'h>) -> T + Send,
) -> T {
    with_big_stack(|stack_bytes| {
        let heap = Heap::new();
        let options = Options {
            settings,
            fs: Rc::new(RealFileSystem),
            store: Rc::new(ReadOnlyStore::new(floe_store::StoreDir::default(), None)),
            console: Rc::new(Silent),
        };
        work(&Evaluator::new(&heap, options, stack_bytes))
    })
}

fn strict(settings: Settings, text: &str) -> std::result::Result<String, Box<Report>> {
    fn print<'h>(evaluator: &Evaluator<'h>, text: &str) -> Result<String> {
        let value: Value<'h> = evaluator.eval_text(text, Path::new("/"))?;
        evaluator.force_deep(value)?;
        evaluator.print(value)
    }
    with_evaluator(settings, |evaluator| {
        print(evaluator, text).map_err(|error| Box::new(evaluator.report(&error)))
    })
}

fn eval(text: &str) -> std::result::Result<String, String> {
    strict(Settings::default(), text).map_err(|report| report.full_message())
}

/// A row of a table in `fixtures/eval`.
struct Case {
    line: usize,
    expression: String,
    expected: std::result::Result<String, String>,
}

const TABLES: [&str; 6] =
    ["table.txt", "recent.txt", "pure.txt", "restricted.txt", "experimental.txt", "written.txt"];

/// What lines `#: name value` of a table ask for.
fn settings_of(text: &str) -> Settings {
    let mut settings = Settings {
        search_path: vec![SearchPathEntry {
            prefix: "files".into(),
            path: fixtures().join("eval/files").display().to_string(),
        }],
        ..Settings::default()
    };
    for setting in text.lines().filter_map(|line| line.strip_prefix("#: ")) {
        match setting.split_once(' ') {
            Some(("pure-eval", value)) => settings.pure = value == "true",
            Some(("restrict-eval", value)) => settings.restricted = value == "true",
            Some(("allowed-uris", value)) => {
                settings.allowed_uris = value.split_whitespace().map(str::to_owned).collect();
            }
            Some(("extra-experimental-features", value)) => {
                settings.experimental_features =
                    value.split_whitespace().map(str::to_owned).collect();
            }
            _ => assert!(["recent", "written"].contains(&setting), "tables have no {setting}"),
        }
    }
    settings
}

fn cases(text: &str) -> Vec<Case> {
    let newlines = |text: &str| text.trim().replace("\\n", "\n");
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let (expression, expected) =
                if let Some((expression, error)) = line.split_once("  =!  ") {
                    let error = match error.split_once("  =?  ") {
                        Some((error, hint)) => format!("{}\n{}", newlines(error), newlines(hint)),
                        None => newlines(error),
                    };
                    (expression, Err(error))
                } else {
                    let (expression, value) = line
                        .split_once("  =>  ")
                        .unwrap_or_else(|| panic!("line {}: {line}", index + 1));
                    (expression, Ok(value.trim().to_owned()))
                };
            Case { line: index + 1, expression: expression.trim().to_owned(), expected }
        })
        .collect()
}

#[test]
fn expressions_have_the_values_and_messages_of_nix() {
    let mut failures = Vec::new();
    let mut count = 0;
    for table in TABLES {
        let text = std::fs::read_to_string(fixtures().join("eval").join(table)).expect("the table");
        for case in cases(&text) {
            count += 1;
            let found = strict(settings_of(&text), &case.expression)
                .map_err(|report| report.full_message());
            if found != case.expected {
                failures.push(format!(
                    "{table}:{}: {}\n  expected {:?}\n  found    {found:?}",
                    case.line, case.expression, case.expected
                ));
            }
        }
    }
    assert!(count > 1000, "the tables are there");
    let different = failures.len();
    assert!(failures.is_empty(), "{different} of {count} differ:\n{}", failures.join("\n"));
}

#[test]
fn infinite_recursion_is_an_error_with_a_place() {
    let report = strict(Settings::default(), "let a = b; b = a; in a").unwrap_err();
    assert_eq!(report.message, "infinite recursion encountered");
    assert!(report.position.is_some());
}

#[test]
fn endless_calls_end_at_the_configured_depth() {
    let message = "stack overflow; max-call-depth exceeded";
    assert_eq!(eval("let f = x: f (x + 1); in f 0").unwrap_err(), message);
    assert_eq!(eval("let f = x: 1 + f x; in f 0").unwrap_err(), message);
    let deep = Settings { max_call_depth: 100_000_000, ..Settings::default() };
    let report = strict(deep, "let f = x: 1 + f x; in f 0").unwrap_err();
    assert_eq!(report.message, message, "the machine stack is no crash either");
}

/// Expressions over data that nests a million levels deep.
fn over_deep_data() -> Vec<String> {
    let deep = |step: &str, start: &str| {
        format!("(builtins.foldl' (inner: _: {step}) ({start}) (builtins.genList (x: x) 1000000))")
    };
    let list = deep("[ inner ]", "[ ]");
    let set = deep("{ inherit inner; }", "{ }");
    let text = deep("{ outPath = inner; }", "\"x\"");
    let brackets = |n: &str| format!("builtins.genList (_: \"{n}\") 1000000");
    let json = format!("builtins.concatStringsSep \"\" ({} ++ {})", brackets("["), brackets("]"));
    vec![
        list.clone(),
        set.clone(),
        format!("builtins.toJSON {list}"),
        format!("builtins.toJSON {set}"),
        format!("builtins.deepSeq {list} 1"),
        format!("{list} == {list}"),
        format!("{set} == {set}"),
        format!("{list} < {list}"),
        format!("builtins.sort builtins.lessThan [ {list} {list} ]"),
        format!("builtins.elem {list} [ {list} ]"),
        format!(
            "builtins.genericClosure {{ startSet = map (key: {{ inherit key; }}) [ {list} {list} ]; \
                 operator = x: [ ]; }}"
        ),
        format!("toString {list}"),
        format!("\"${{{text}}}\""),
        format!("builtins.toJSON {text}"),
        format!("throw (builtins.toJSON {list})"),
        format!("1 + {list}"),
        format!("assert {list} == {list}; 1"),
        format!("{} 1", deep("{ __functor = inner; }", "self: x: x")),
        format!("{} 1", deep("x: inner x", "x: x")),
        format!("builtins.length (builtins.fromJSON ({json}))"),
        format!("builtins.fromJSON ({json})"),
        format!("builtins.fromJSON (builtins.concatStringsSep \"\" ({}))", brackets("[")),
    ]
}

#[test]
fn deep_data_is_no_crash() {
    let mut expressions = over_deep_data();
    // Its indentation makes XML grow with the square of the depth.
    expressions.push("builtins.toXML ".to_owned() + &over_deep_data()[0]);
    let overflow = "stack overflow; max-call-depth exceeded";
    let answers: Vec<_> = expressions.iter().map(|expression| eval(expression)).collect();
    let is_orderly = |answer: &std::result::Result<String, String>| match answer {
        Ok(value) => value.len() < 10,
        Err(message) => {
            message == overflow
                || message.starts_with("cannot add a list")
                || message.starts_with("[json.exception")
        }
    };
    for (expression, answer) in expressions.iter().zip(&answers) {
        assert!(is_orderly(answer), "{expression}: {answer:?}");
    }
    let overflows = answers.iter().filter(|answer| **answer == Err(overflow.to_owned())).count();
    assert!(overflows > 15, "most of these recurse: {overflows}");
}

#[test]
fn deep_calls_are_no_crash_without_a_limit() {
    let deep = |step: &str, start: &str| {
        format!("(builtins.foldl' (inner: _: {step}) ({start}) (builtins.genList (x: x) 1000000))")
    };
    for expression in [
        format!("{} 1", deep("{ __functor = inner; }", "self: x: x")),
        format!("{} 1", deep("builtins.head (map (builtins.add 1) [ inner ])", "1")),
    ] {
        let settings = Settings { max_call_depth: u32::MAX, ..Settings::default() };
        // A value, or the error of a full stack: both are an answer.
        let _ = strict(settings, &format!("builtins.seq ({expression}) true"));
    }
}

#[test]
fn an_interrupt_ends_an_evaluation() {
    let settings = Settings::default();
    let interrupt = settings.interrupt.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let endless = "builtins.length (builtins.genericClosure { startSet = [ { key = 0; } ]; \
                   operator = x: [ { key = x.key + 1; } ]; })";
    let report = strict(settings, endless).unwrap_err();
    assert_eq!(report.kind.slug(), "evaluation-interrupted");
    thread.join().expect("the thread that interrupts");
}

#[test]
fn a_trace_names_every_step() {
    let report =
        strict(Settings::default(), "let f = x: x.missing; g = y: f y + 1; in { a = g { }; }.a")
            .unwrap_err();
    let trace: Vec<_> = report
        .frames
        .iter()
        .map(|frame| {
            let place = frame.position.as_ref().map_or(String::new(), ToString::to_string);
            format!("{} {place}", frame.message)
        })
        .collect();
    expect_test::expect![[r#"
        while calling 'f' «string»:1:9
        from call site «string»:1:30
        while calling 'g' «string»:1:27
        from call site «string»:1:48
        while evaluating the attribute 'a' «string»:1:44"#]]
    .assert_eq(&trace.join("\n"));
}

#[test]
fn hello_has_the_derivation_path_that_nix_computes() {
    let Some(nixpkgs) = std::env::var_os("FLOE_NIXPKGS") else {
        eprintln!("skipped: FLOE_NIXPKGS names no nixpkgs checkout");
        return;
    };
    let nixpkgs = Path::new(&nixpkgs).display();
    let expression = format!("(import {nixpkgs} {{ system = \"x86_64-linux\"; }}).hello.drvPath");
    let found = eval(&expression).expect("hello evaluates");
    let mut command = std::process::Command::new("nix-instantiate");
    command.args(["--eval", "--expr", &expression]);
    match command.output() {
        Ok(output) if output.status.success() => {
            assert_eq!(found, String::from_utf8_lossy(&output.stdout).trim());
        }
        _ => eprintln!("not compared: no nix-instantiate here"),
    }
}
