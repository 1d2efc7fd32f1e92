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
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let error = |(expression, rest): (&str, &str)| {
                let (message, suggestion) = match rest.split_once("  =?  ") {
                    Some((message, suggestion)) => (message, Some(suggestion.to_owned())),
                    None => (rest, None),
                };
                let expected = Expected::Error { message: message.replace("\\n", "\n"), suggestion };
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
        Some(format!("line {}: {}\n  expected: {expected}\n  found:    {found}", row.line, row.expression))
    };
    let value = answer.output.trim_end_matches('\n');
    match &row.expected {
        Expected::Value(expected) if answer.success && value == expected => None,
        Expected::Value(expected) => {
            differs(expected, if answer.success { value } else { answer.error.trim_end() })
        }
        Expected::Error { message, .. } if answer.success => differs(&format!("error: {message}"), value),
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
        let answer = Answer::of(evaluate(&mut home.command(floe()).arg("eval"), row));
        differences.extend(difference(row, &answer));
    }
    report(&differences, rows.len());
}

/// Messages and a few builtins differ between releases, so of an older one only this is asked: that it
/// gives the value where the table has one, and fails where the table has an error.
#[test]
fn the_installed_nix_agrees_with_the_table() {
    let Some(nix) = tool("nix-instantiate") else { return };
    let home = Home::new();
    let rows = rows();
    let version = Answer::of(home.command(&nix).arg("--version")).expect();
    let is_reference = version.ends_with("2.34") || version.contains(" 2.34.");
    let mut differences = Vec::new();
    for row in &rows {
        let mut command = home.command(&nix);
        command.env_remove("FLOE_STORE").env("NIX_STORE_DIR", "/nix/store");
        let answer = Answer::of(evaluate(command.args(["--eval", "--readonly-mode"]), row));
        let agrees = match row.expected {
            Expected::Value(_) => answer.success || !is_reference,
            Expected::Error { .. } => !answer.success || !is_reference,
        };
        if is_reference || !agrees {
            differences.extend(difference(row, &answer));
        } else if let (Expected::Value(expected), true) = (&row.expected, answer.success)
            && answer.output.trim_end() != expected
        {
            // Known to have changed since: how lists, functions and cut values are printed.
            continue;
        }
    }
    report(&differences, rows.len());
}

fn evaluate<'a>(command: &'a mut Command, row: &Row) -> &'a mut Command {
    command
        .current_dir(folder())
        .args(["--strict", "-I"])
        .arg(format!("files={}", folder().join("files").display()))
        .args(["-E", &row.expression])
}
