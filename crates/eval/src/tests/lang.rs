//! C++ Nix's own tests of the language, from the folder that `FLOE_NIX_LANG_TESTS` names: files that
//! parse, with the expression that is printed, and files that do not, with the message; files that
//! evaluate, with the value that is printed, and files that do not, with the trace that is printed.

use std::path::{Path, PathBuf};

use super::with_evaluator;
use crate::Evaluator;
use crate::error::{Frame, Report, Result, Shown};
use crate::heap::Value;
use crate::settings::{Lint, Lints, SearchPathEntry, Settings};

/// What a `.flags` file asks for.
#[derive(Default)]
struct Flags {
    settings: Settings,
    attribute: String,
    arguments: Vec<(String, String)>,
    show_trace: bool,
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("FLOE_NIX_LANG_TESTS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: FLOE_NIX_LANG_TESTS names no folder of C++ Nix's language tests");
    }
    folder
}

/// The names of the tests of one kind, such as `eval-okay-`.
fn names(folder: &Path, kind: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder of the language tests");
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".nix").map(str::to_owned))
        .filter(|name| name.starts_with(kind))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "{} has no {kind}*.nix", folder.display());
    names
}

fn flags(folder: &Path, name: &str) -> Flags {
    let parent = folder.parent().expect("the folder is not the root");
    let entry = |text: &str| SearchPathEntry::parse(&absolute(parent, text));
    let mut flags = Flags::default();
    let mut lints = Lints::default();
    flags.settings.environment = Some([("TEST_VAR".to_owned(), "foo".to_owned())].into());
    flags.settings.home = "/fake-home".into();
    let text = std::fs::read_to_string(folder.join(format!("{name}.flags")));
    let text = text.unwrap_or_else(|_| "--show-trace".to_owned());
    let mut words =
        text.lines().flat_map(|line| line.split('#').next()).flat_map(str::split_whitespace);
    let mut next = || words.next().map(str::to_owned);
    while let Some(flag) = next() {
        match flag.as_str() {
            "--arg" | "--argstr" => {
                let name = next().expect("an argument has a name");
                let value = next().expect("an argument has a value");
                let value = match flag.as_str() {
                    "--arg" => value.replace("lang/", &format!("{}/", folder.display())),
                    _ => format!("\"{value}\""),
                };
                flags.arguments.push((name, value));
            }
            "-A" => flags.attribute = next().expect("an attribute"),
            "-I" => flags.settings.search_path.push(entry(&next().expect("an entry"))),
            "--extra-experimental-features" => {
                flags.settings.experimental_features.push(next().expect("a feature"));
            }
            "--max-call-depth" => {
                flags.settings.max_call_depth =
                    next().and_then(|depth| depth.parse().ok()).expect("a number");
            }
            "--lint-url-literals" => lints.url_literals = lint(next().as_deref()),
            "--lint-absolute-path-literals" => {
                lints.absolute_path_literals = lint(next().as_deref());
            }
            "--lint-short-path-literals" => lints.short_path_literals = lint(next().as_deref()),
            "--show-trace" => flags.show_trace = true,
            "--eval" | "--strict" | "--no-show-trace" | "--impure" => {}
            other => panic!("{name}.flags has an unknown flag: {other}"),
        }
    }
    flags.settings.lints = lints;
    // As in the configuration that the tests are run with.
    flags.settings.experimental_features.push("flakes".to_owned());
    flags.settings.search_path.extend(["lang/dir3", "lang/dir4"].map(entry));
    flags
}

fn lint(word: Option<&str>) -> Lint {
    match word {
        Some("warn") => Lint::Warn,
        Some("fatal") => Lint::Fatal,
        other => panic!("no level of a lint: {other:?}"),
    }
}

/// A search path entry with its path made absolute.
fn absolute(parent: &Path, entry: &str) -> String {
    match entry.split_once('=') {
        Some((prefix, path)) => format!("{prefix}={}", parent.join(path).display()),
        None => parent.join(entry).display().to_string(),
    }
}

fn evaluate<'h>(evaluator: &Evaluator<'h>, path: &Path, flags: &Flags) -> Result<Value<'h>> {
    let root = evaluator.import(path)?;
    let arguments = flags
        .arguments
        .iter()
        .map(|(name, text)| {
            Ok((floe_hir::Name::new(name), evaluator.eval_text(text, Path::new("/"))?))
        })
        .collect::<Result<Vec<_>>>()?;
    let value = evaluator.select_path(root, &flags.attribute, &arguments)?;
    let value = evaluator.auto_call(value, &arguments)?;
    evaluator.force_deep(value)?;
    Ok(value)
}

/// What is printed for a file.
fn printed(
    folder: &Path,
    name: &str,
    flags: &Flags,
    xml: bool,
) -> std::result::Result<String, Box<Report>> {
    let path = folder.join(format!("{name}.nix"));
    with_evaluator(flags.settings.clone(), |evaluator| {
        let print = |value| {
            if xml {
                let mut xml = String::new();
                evaluator.to_xml(value, true, false, &mut xml).map(|()| xml)
            } else {
                Ok(evaluator.print(value)? + "\n")
            }
        };
        evaluate(evaluator, &path, flags)
            .and_then(print)
            .map_err(|error| Box::new(evaluator.report(&error)))
    })
}

/// Fails if what is printed for some of the files differs.
fn check(kind: &str, count: usize, differences: &[(String, String)]) {
    let shown: Vec<_> = differences.iter().map(|(name, how)| format!("{name}: {how}")).collect();
    assert!(
        differences.is_empty(),
        "{} of {count} {kind} files differ:\n{}",
        differences.len(),
        shown.join("\n")
    );
}

/// What is printed for a file that is parsed from standard input.
fn parsed(folder: &Path, name: &str) -> std::result::Result<String, Box<Report>> {
    let text = std::fs::read(folder.join(format!("{name}.nix"))).expect("the file is readable");
    let text = String::from_utf8_lossy(&text);
    with_evaluator(Settings::default(), |evaluator| {
        match evaluator.parse_standard_input(&text, Path::new("/pwd")) {
            Ok(program) => Ok(evaluator.show(program) + "\n"),
            Err(error) => Err(Box::new(evaluator.report(&error))),
        }
    })
}

#[test]
fn files_parse_as_in_nix() {
    let Some(folder) = folder() else { return };
    let names = names(&folder, "parse-okay-");
    let mut differences = Vec::new();
    for name in &names {
        let expected = folder.join(format!("{name}.exp"));
        let expected = std::fs::read_to_string(expected).expect("each file has an expectation");
        let found = match parsed(&folder, name) {
            Ok(shown) => shown,
            Err(report) => trace(&report, &folder, true),
        };
        if found != expected {
            differences.push((name.clone(), format!("expected\n{expected}found\n{found}")));
        }
    }
    check("parse-okay-", names.len(), &differences);
}

#[test]
fn files_are_rejected_with_the_messages_of_nix() {
    let Some(folder) = folder() else { return };
    let names = names(&folder, "parse-fail-");
    let mut differences = Vec::new();
    for name in &names {
        let expected = folder.join(format!("{name}.err.exp"));
        let expected = std::fs::read_to_string(expected).expect("each file has an expectation");
        let expected = without_source(&expected);
        let found = match parsed(&folder, name) {
            Ok(shown) => shown,
            Err(report) => trace(&report, &folder, true),
        };
        if found != expected {
            differences.push((name.clone(), format!("expected\n{expected}found\n{found}")));
        }
    }
    check("parse-fail-", names.len(), &differences);
}

#[test]
fn files_have_the_values_of_nix() {
    let Some(folder) = folder() else { return };
    let names = names(&folder, "eval-okay-");
    let mut differences = Vec::new();
    for name in &names {
        let flags = flags(&folder, name);
        let xml = folder.join(format!("{name}.exp.xml"));
        let is_xml = xml.exists();
        let expected = if is_xml { xml } else { folder.join(format!("{name}.exp")) };
        let Ok(expected) = std::fs::read_to_string(expected) else { continue };
        let pwd = folder.parent().expect("not the root").display().to_string();
        let found = match printed(&folder, name, &flags, is_xml) {
            Ok(printed) => printed.replace(&pwd, "/pwd"),
            Err(report) => format!("error: {}", report.full_message()),
        };
        if found != expected {
            differences.push((name.clone(), format!("expected\n{expected}found\n{found}")));
        }
    }
    check("eval-okay-", names.len(), &differences);
}

#[test]
fn files_fail_with_the_messages_of_nix() {
    let Some(folder) = folder() else { return };
    let names = names(&folder, "eval-fail-");
    let mut differences = Vec::new();
    for name in &names {
        let flags = flags(&folder, name);
        let Ok(expected) = std::fs::read_to_string(folder.join(format!("{name}.err.exp"))) else {
            continue;
        };
        let (mut found, mut expected) = match printed(&folder, name, &flags, false) {
            Ok(printed) => (printed, expected),
            Err(report) => (trace(&report, &folder, flags.show_trace), without_source(&expected)),
        };
        if ["(stack trace truncated", "duplicate frames omitted"]
            .iter()
            .any(|s| expected.contains(s))
        {
            // How a trace is cut is not the evaluator's business.
            found = final_error(&found);
            expected = final_error(&expected);
        }
        if found != expected {
            differences.push((name.clone(), format!("expected\n{expected}found\n{found}")));
        }
    }
    check("eval-fail-", names.len(), &differences);
}

/// A report in the order and with the marks of C++ Nix, without its lines of source.
fn trace(report: &Report, folder: &Path, show_trace: bool) -> String {
    let mut text = String::from("error:\n");
    let parent = folder.parent().expect("not the root").display().to_string();
    let is_shown = |frame: &&Frame| match frame.shown {
        Shown::Always | Shown::Usually => true,
        Shown::OnRequest => show_trace,
        Shown::Never => false,
    };
    let frames: Vec<&Frame> = report.frames.iter().rev().filter(is_shown).collect();
    for frame in &frames {
        text.push_str(&format!("… {}\n", frame.message.trim_end()));
        if let Some(position) = &frame.position {
            text.push_str(&format!("at {position}:\n"));
        }
    }
    if !frames.is_empty() {
        text.push_str("error: ");
    } else {
        text.truncate("error:".len());
        text.push(' ');
    }
    text.push_str(&report.message);
    text.push('\n');
    if let Some(position) = &report.position {
        text.push_str(&format!("at {position}:\n"));
    }
    let full = report.full_message();
    text.push_str(full.strip_prefix(&report.message).unwrap_or_default());
    if report.is_usage {
        text.push_str("Try 'nix-instantiate --help' for more information.\n");
    }
    lines(&text.replace(&parent, "/pwd"))
}

/// The trace without its steps.
fn final_error(trace: &str) -> String {
    trace.rfind("error: ").map_or_else(|| trace.to_owned(), |start| trace[start..].to_owned())
}

/// What C++ Nix printed, without the lines of source.
fn without_source(expected: &str) -> String {
    /// Where the bar stands between a line's number and its text.
    const BAR: usize = 13;
    let is_source = |line: &str| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        rest.starts_with('|') && line.len() - rest.len() == BAR
    };
    lines(&expected.lines().filter(|line| !is_source(line)).collect::<Vec<_>>().join("\n"))
}

/// Every line without the spaces around it; empty ones, which only structure the text, are left out.
fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}
