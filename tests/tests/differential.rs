//! The tables of expressions in `fixtures/eval`: Floe answers each as the table says, and so does the C++
//! implementation that is installed.

use std::{fs, path::PathBuf, process::Command, thread};

use floe_tests::{Answer, Home, checkout, floe, tool};

/// A file of rows. Lines `#: name value` at its top are settings, `#: recent` says that only the reference
/// version answers so; `#: written` that it does where it writes to a store.
struct Table {
    name: &'static str,
    options: Vec<(String, String)>,
    is_recent: bool,
    is_written: bool,
    rows: Vec<Row>,
}

/// A line of a table.
struct Row {
    line: usize,
    expression: String,
    expected: Expected,
}

const TABLES: [&str; 6] =
    ["table.txt", "recent.txt", "pure.txt", "restricted.txt", "experimental.txt", "written.txt"];

enum Expected {
    Value(String),
    Error { message: String, suggestion: Option<String> },
}

fn folder() -> PathBuf {
    checkout().join("fixtures/eval")
}

fn tables() -> Vec<Table> {
    let table = |name: &'static str| {
        let text = fs::read_to_string(folder().join(name)).expect("the table is there");
        let settings = text.lines().filter_map(|line| line.strip_prefix("#: "));
        Table {
            name,
            options: settings
                .clone()
                .filter_map(|setting| setting.split_once(' '))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            is_recent: settings.clone().any(|setting| setting == "recent"),
            is_written: settings.clone().any(|setting| setting == "written"),
            rows: rows(&text),
        }
    };
    TABLES.map(table).into()
}

fn rows(text: &str) -> Vec<Row> {
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
                .unwrap_or_else(|| panic!("line {} of a table: {line}", index + 1));
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

/// The differences of all rows that are answered by `command`, which is given what comes before the row's
/// own arguments.
fn compare(
    tables: &[Table],
    command: &(dyn Fn(&Home) -> Command + Sync),
    differs: &(dyn Fn(&Row, &Answer) -> Option<String> + Sync),
) {
    let rows: Vec<(&Table, &Row)> =
        tables.iter().flat_map(|table| table.rows.iter().map(move |row| (table, row))).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let differences: Vec<String> = thread::scope(|scope| {
        let chunks = rows.chunks(rows.len().div_ceil(threads).max(1));
        let started: Vec<_> = chunks
            .map(|rows| {
                scope.spawn(move || {
                    let home = Home::new();
                    let difference = |(table, row): &(&Table, &Row)| {
                        let answer = Answer::of(evaluate(&mut command(&home), table, row));
                        Some(format!("{}: {}", table.name, differs(row, &answer)?))
                    };
                    rows.iter().filter_map(difference).collect::<Vec<_>>()
                })
            })
            .collect();
        started.into_iter().flat_map(|thread| thread.join().expect("no row panics")).collect()
    });
    report(&differences, rows.len());
}

#[test]
fn floe_answers_as_the_tables_say() {
    let command = |home: &Home| {
        let mut command = home.command(floe());
        // Store paths in the table are those of a machine's own store; nothing is written to it.
        command.env("FLOE_STORE", "local").arg("eval");
        command
    };
    compare(&tables(), &command, &difference);
}

/// What 2.34 does differently from the 2.8 of older Debian releases: overflow is an error, a few builtins
/// are new or stricter, floats in JSON keep all digits, keywords are quoted as attribute names, and another
/// set of paths may be read in pure and restricted evaluation.
const CHANGED_SINCE_2_8: [&str; 21] = [
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
    "builtins.seq (builtins.toFile",
    "~/x",
    "builtins.storePath \"/nix/store/00000000000000000000000000000000-a\"",
];

/// The messages are those of 2.34; an older Nix has to fail where the table has an error and to give the
/// same value where the table has one, except for what has changed since.
#[test]
fn the_installed_nix_agrees_with_the_tables() {
    let Some(nix) = tool("nix-instantiate") else { return };
    let version = Answer::of(Home::new().command(&nix).arg("--version")).expect();
    let is_reference = version.contains(" 2.34");
    let mut tables = tables();
    tables.retain(|table| !table.is_written);
    if !is_reference {
        tables.retain(|table| !table.is_recent);
        let is_old = |row: &Row| !CHANGED_SINCE_2_8.iter().any(|new| row.expression.contains(new));
        tables.iter_mut().for_each(|table| table.rows.retain(is_old));
    }
    let command = |home: &Home| {
        let mut command = home.command(&nix);
        command.env_remove("FLOE_STORE").args(["--eval", "--readonly-mode"]);
        command
    };
    compare(&tables, &command, &|row, answer| {
        let fails_too = matches!(row.expected, Expected::Error { .. }) && !answer.success;
        if is_reference || !fails_too { difference(row, answer) } else { None }
    });
}

fn evaluate<'a>(command: &'a mut Command, table: &Table, row: &Row) -> &'a mut Command {
    // A leading space: C++ Nix takes an argument that starts with a minus sign for an option.
    let space = if row.expression.starts_with('-') { " " } else { "" };
    for (name, value) in &table.options {
        command.args(["--option", name, value]);
    }
    command
        .current_dir(folder())
        .args(["--strict", "-I"])
        .arg(format!("files={}", folder().join("files").display()))
        .args(["-E", &format!("{space}{}", row.expression)])
}
