//! The table of expressions in `fixtures/eval`: Floe answers each as the table says, and so does the C++
//! implementation that is installed.

use std::{fs, path::PathBuf, process::Command};

use floe_tests::{Answer, Home, checkout, floe, tool};

/// A line of the table.
struct Row {
    line: usize,
    expression: String,
    expected: Expected,
}

enum Expected {
    Value(String),
    Error { message: String, suggestion: Option<String> },
}

fn folder() -> PathBuf {
    checkout().join("fixtures/eval")
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(folder().join("table.txt")).expect("the table is there");
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let error = |(expression, rest): (&str, &str)| {
                let (message, suggestion) = match rest.split_once("  =?  ") {
                    Some((message, suggestion)) => (message, Some(suggestion.to_owned())),
                    None => (rest, None),
                };
                let expected =
                    Expected::Error { message: message.replace("\\n", "\n"), suggestion };
                (expression.to_owned(), expected)
            };
            let value = |(expression, value): (&str, &str)| {
                (expression.to_owned(), Expected::Value(value.to_owned()))
            };
            let (expression, expected) = (line.split_once("  =>  ").map(value))
                .or_else(|| line.split_once("  =!  ").map(error))
                .unwrap_or_else(|| panic!("line {} of the table: {line}", index + 1));
            Row { line: index + 1, expression, expected }
        })
        .collect()
}

/// What differs between a row and an answer of `eval --strict`.
fn difference(row: &Row, answer: &Answer) -> Option<String> {
    let differs = |expected: &str, found: &str| {
        Some(format!(
            "line {}: {}\n  expected: {expected}\n  found:    {found}",
            row.line, row.expression
        ))
    };
    let value = answer.output.trim_end_matches('\n');
    match &row.expected {
        Expected::Value(expected) if answer.success && value == expected => None,
        Expected::Value(expected) => {
            differs(expected, if answer.success { value } else { answer.error.trim_end() })
        }
        Expected::Error { message, .. } if answer.success => {
            differs(&format!("error: {message}"), value)
        }
        // Lines of a message are indented below each other.
        Expected::Error { message, suggestion } => {
            let unindent = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
            let error = unindent(&answer.error);
            let said = [Some(message), suggestion.as_ref()]
                .into_iter()
                .flatten()
                .all(|part| error.contains(&unindent(part)));
            if said { None } else { differs(&format!("error: {message}"), &answer.error) }
        }
    }
}

fn report(differences: &[String], rows: usize) {
    assert!(
        differences.is_empty(),
        "{} of {rows} rows differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn floe_answers_as_the_table_says() {
    let home = Home::new();
    let rows = rows();
    let mut differences = Vec::new();
    for row in &rows {
        let mut command = home.command(floe());
        // Store paths in the table are those of a machine's own store; nothing is written to it.
        command.env("FLOE_STORE", "local").arg("eval");
        let answer = Answer::of(evaluate(&mut command, row));
        differences.extend(difference(row, &answer));
    }
    report(&differences, rows.len());
}

/// What 2.34 does differently from the 2.8 of older Debian releases: overflow is an error, a few builtins
/// are new or stricter, floats in JSON keep all digits, keywords are quoted as attribute names.
const CHANGED_SINCE_2_8: [&str; 18] = [
    "9223372036854775807",
    "4611686018427387904",
    "9223372036854775808",
    "builtins.ceil 1.0e300",
    "(throw \"lazy\")",
    "builtins.convertHash",
    "builtins.addDrvOutputDependencies",
    "builtins.readFileType",
    "builtins.sort 1 [ ]",
    "builtins.genericClosure { startSet = [ ]; }",
    "builtins.unsafeGetAttrPos \"a\" { a = 1; } == null",
    "builtins.traceVerbose",
    "builtins.warn",
    "builtins.break",
    "builtins.toJSON",
    "builtins.fromJSON",
    "builtins.attrNames builtins",
    "\"in\" = 4",
];

/// The messages are those of 2.34; an older Nix has to fail where the table has an error and to give the
/// same value where the table has one, except for what has changed since.
#[test]
fn the_installed_nix_agrees_with_the_table() {
    let Some(nix) = tool("nix-instantiate") else { return };
    let home = Home::new();
    let version = Answer::of(home.command(&nix).arg("--version")).expect();
    let is_reference = version.contains(" 2.34");
    let mut rows = rows();
    if !is_reference {
        let is_old = |row: &Row| !CHANGED_SINCE_2_8.iter().any(|new| row.expression.contains(new));
        rows.retain(is_old);
    }
    let mut differences = Vec::new();
    for row in &rows {
        let mut command = home.command(&nix);
        command.env_remove("FLOE_STORE").args(["--eval", "--readonly-mode"]);
        let answer = Answer::of(evaluate(&mut command, row));
        let fails_too = matches!(row.expected, Expected::Error { .. }) && !answer.success;
        if is_reference || !fails_too {
            differences.extend(difference(row, &answer));
        }
    }
    report(&differences, rows.len());
}

fn evaluate<'a>(command: &'a mut Command, row: &Row) -> &'a mut Command {
    command
        .current_dir(folder())
        .args(["--strict", "-I"])
        .arg(format!("files={}", folder().join("files").display()))
        // A leading space: C++ Nix takes an argument that starts with a minus sign for an option.
        .args([
            "-E",
            &format!(
                "{}{}",
                if row.expression.starts_with('-') { " " } else { "" },
                row.expression
            ),
        ])
}
