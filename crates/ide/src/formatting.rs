//! Formatting as RFC 166 has it, by `nixfmt_rs` in this process or by a program that the user names.
//!
//! What comes out is compared with what went in before anybody sees it: formatted text that would mean
//! something else is an error, not an edit.

use std::io::{Read, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use floe_hir::{LowerOptions, Module, Span};
use floe_syntax::{ElementId, FlatTree, Parse, ParseOptions, SyntaxKind as K, TextEdit};
use similar::{DiffOp, TextDiff};

/// Who formats, and how wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// A program and its arguments: it reads the text from standard input and prints it formatted. The
    /// library in this process if there is none.
    pub command: Vec<String>,
    /// How many columns a line should have at most.
    pub width: usize,
}

impl Default for FormatOptions {
    fn default() -> FormatOptions {
        FormatOptions { command: Vec::new(), width: 100 }
    }
}

/// Why a text was not formatted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is not Nix.
    #[error("line {line}: {message}; only a file without syntax errors can be formatted")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The first syntax error.
        message: String,
        /// Where it is.
        span: Span,
    },
    /// The library does not read what the parser reads.
    #[error("the formatter cannot read this file: {message}")]
    Unreadable {
        /// What it says.
        message: String,
    },
    /// It has a call or a path for which the library would take minutes.
    #[error("line {line}: more than {MOST_IN_A_ROW} {what}; formatting them would take too long")]
    TooLong {
        /// The line, from 1.
        line: usize,
        /// What there are so many of.
        what: &'static str,
    },
    /// The formatted text is another program.
    #[error("{formatter} would change what the file means; the file is left as it is")]
    Meaning {
        /// Who formatted.
        formatter: String,
    },
    /// The formatted text is not Nix any more.
    #[error("what {formatter} printed is not Nix: line {line}: {message}")]
    Broken {
        /// Who formatted.
        formatter: String,
        /// The line, from 1.
        line: usize,
        /// The first syntax error.
        message: String,
    },
    /// The program cannot be run.
    #[error("the formatter {program} cannot be run: {reason}")]
    NotRun {
        /// The program.
        program: String,
        /// Why.
        reason: String,
    },
    /// The program failed.
    #[error("the formatter {program} failed ({status}): {message}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
        /// What it wrote to standard error.
        message: String,
    },
    /// The program took too long.
    #[error("the formatter {program} did not answer within {} seconds", PATIENCE.as_secs())]
    TooSlow {
        /// The program.
        program: String,
    },
}

/// A file is formatted whatever features it needs to be evaluated.
const PARSE: ParseOptions = ParseOptions { pipe_operators: true };

/// The library needs time that grows with the square of a call's arguments and of a path's names. It
/// refuses deep nesting by itself.
const MOST_IN_A_ROW: usize = 1000;

/// How long an external formatter may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The formatted text.
///
/// # Errors
/// When the text has a syntax error, or the formatter fails or would change what it means.
pub fn format(text: &str, options: &FormatOptions) -> Result<String, FormatError> {
    let before = parsed(text).map_err(|(line, message, span)| FormatError::Syntax {
        line,
        message,
        span,
    })?;
    let formatted = match options.command.split_first() {
        Some((program, arguments)) => run(program, arguments, text)?,
        None => {
            check_lengths(&before.tree, text)?;
            in_process(text, options.width)?
        }
    };
    let formatter = || options.command.first().map_or("nixfmt", String::as_str).to_owned();
    let after = parsed(&formatted).map_err(|(line, message, _)| FormatError::Broken {
        formatter: formatter(),
        line,
        message,
    })?;
    match lowered(&before, text) == lowered(&after, &formatted) {
        true => Ok(formatted),
        false => Err(FormatError::Meaning { formatter: formatter() }),
    }
}

/// The edits that format a text: none where it is formatted already.
///
/// # Errors
/// As [`format()`].
pub fn format_edits(text: &str, options: &FormatOptions) -> Result<Vec<TextEdit>, FormatError> {
    Ok(line_edits(text, &format(text, options)?))
}

/// The edits that format the lines of a range. The whole text is formatted, since only that tells how
/// wide an expression may be; what changes outside of the bindings and expressions in the range is left.
///
/// # Errors
/// As [`format()`].
pub fn format_range_edits(
    text: &str,
    range: Span,
    options: &FormatOptions,
) -> Result<Vec<TextEdit>, FormatError> {
    let formatted = format(text, options)?;
    // A part of the edits is only right if it is a part of the program by itself: the smallest run of
    // elements of a set, list or `let` around the range.
    let (before, after) = (parsed_tree(text), parsed_tree(&formatted));
    let Some((old, new)) = corresponding((&before, text), (&after, &formatted), range) else {
        return Ok(line_edits(text, &formatted));
    };
    let (old_part, new_part) = (&text[old.clone()], &formatted[new]);
    let mut edits = line_edits(old_part, new_part);
    for edit in &mut edits {
        let start = old.start as u32;
        edit.range = edit.range.start + start..edit.range.end + start;
    }
    // Half of a formatted file must still mean the same; where it does not, all of it is formatted.
    let mut result = text.to_owned();
    let applied = floe_syntax::apply_edits(&mut result, &edits).is_ok();
    let same = applied
        && parsed(&result).is_ok_and(|parse| {
            lowered(&parse, &result) == lowered(&floe_syntax::parse(text, &PARSE), text)
        });
    if same { Ok(edits) } else { Ok(line_edits(text, &formatted)) }
}

/// The difference of two texts as `diff -u` shows it; empty if there is none. `done` says in one word what
/// made the new text.
pub fn unified_diff(path: &Path, done: &str, old: &str, new: &str) -> String {
    let name = path.display();
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(&name.to_string(), &format!("{name} ({done})"))
        .to_string()
}

/// The edits of whole lines that make one text of another, each cut down to what differs.
pub fn line_edits(old: &str, new: &str) -> Vec<TextEdit> {
    if old == new {
        return Vec::new();
    }
    let diff = TextDiff::configure().timeout(Duration::from_millis(500)).diff_lines(old, new);
    let starts = |text: &str| -> Vec<usize> {
        let lines = text.split_inclusive('\n').scan(0, |at, line| {
            *at += line.len();
            Some(*at)
        });
        std::iter::once(0).chain(lines).collect()
    };
    let (old_starts, new_starts) = (starts(old), starts(new));
    let bytes = |starts: &[usize], lines: Range<usize>| starts[lines.start]..starts[lines.end];
    diff.ops()
        .iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .map(|op| {
            let (old_range, new_range) =
                (bytes(&old_starts, op.old_range()), bytes(&new_starts, op.new_range()));
            cut(old_range.start, &old[old_range], &new[new_range])
        })
        .collect()
}

/// One replacement without what both texts begin and end with.
fn cut(at: usize, old: &str, new: &str) -> TextEdit {
    let same = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
    let prefix = old.floor_char_boundary(same).min(new.floor_char_boundary(same));
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let pairs = old.bytes().rev().zip(new.bytes().rev());
    let same = pairs.take_while(|(old, new)| old == new).count();
    let old_end = old.ceil_char_boundary(old.len() - same);
    let new_end = new.ceil_char_boundary(new.len() - same);
    // Both end on a boundary, or neither text's rest is as long as the other's.
    let (old_end, new_end) = match old.len() - old_end == new.len() - new_end {
        true => (old_end, new_end),
        false => (old.len(), new.len()),
    };
    let start = (at + prefix) as u32;
    TextEdit::replace(start..start + old_end as u32, &new[..new_end])
}

fn check_lengths(tree: &FlatTree, text: &str) -> Result<(), FormatError> {
    let mut arguments = 0;
    for id in (0..tree.elements().len() as u32).map(ElementId) {
        let element = tree.get(id);
        // A call of several arguments is a call of a call, which is its first child.
        arguments = if element.kind == K::Apply { arguments + 1 } else { 0 };
        let (what, found) = match element.kind {
            K::AttrPath => {
                let is_name = |child: &ElementId| tree.get(*child).kind == K::Attr;
                ("names in one path", tree.children(id).filter(is_name).count())
            }
            K::Apply => ("arguments in one call", arguments),
            _ => continue,
        };
        if found > MOST_IN_A_ROW {
            let line = text[..element.start as usize].matches('\n').count() + 1;
            return Err(FormatError::TooLong { line, what });
        }
    }
    Ok(())
}

fn in_process(text: &str, width: usize) -> Result<String, FormatError> {
    let mut options = nixfmt_rs::Options::default();
    options.width = width;
    nixfmt_rs::format_with(text, &options)
        .map_err(|error| FormatError::Unreadable { message: error.to_string() })
}

fn run(program: &str, arguments: &[String], text: &str) -> Result<String, FormatError> {
    let not_run = |reason: std::io::Error| FormatError::NotRun {
        program: program.to_owned(),
        reason: reason.to_string(),
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_run)?;
    // All three streams at once: a formatter may print before it has read everything.
    let (mut stdin, stdout, stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // One that ends without reading says why by its status.
            let _ = stdin.as_mut().map(|stdin| stdin.write_all(text.as_bytes()));
        });
        let errors = scope.spawn(move || read_all(stderr));
        let output = scope.spawn(move || read_all(stdout));
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().map_err(not_run)? {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(FormatError::TooSlow { program: program.to_owned() });
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let text_of = |bytes: std::thread::Result<Vec<u8>>| bytes.unwrap_or_default();
        let (output, errors) = (text_of(output.join()), text_of(errors.join()));
        let failed = |message: String| FormatError::Failed {
            program: program.to_owned(),
            status: status.to_string(),
            message,
        };
        if !status.success() {
            return Err(failed(String::from_utf8_lossy(&errors).trim().to_owned()));
        }
        String::from_utf8(output).map_err(|_| failed("its output is not valid UTF-8".to_owned()))
    })
}

fn read_all(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    bytes
}

fn parsed(text: &str) -> Result<Parse, (usize, String, Span)> {
    let parse = floe_syntax::parse(text, &PARSE);
    match parse.errors.first() {
        None => Ok(parse),
        Some(error) => {
            let span = Span { start: error.start, end: error.end };
            let line = text[..(span.start as usize).min(text.len())].matches('\n').count() + 1;
            Err((line, error.to_string(), span))
        }
    }
}

fn parsed_tree(text: &str) -> FlatTree {
    floe_syntax::parse(text, &PARSE).tree
}

fn lowered(parse: &Parse, text: &str) -> Module {
    floe_hir::lower(&parse.tree, text, &LowerOptions::default()).module
}

/// The lines of the smallest run of entries of a set, elements of a list or such that has all of the range
/// in it and its lines for itself, in the text before and after. Formatting keeps the tree; where it does
/// not, there is no answer.
fn corresponding(
    (before, text): (&FlatTree, &str),
    (after, formatted): (&FlatTree, &str),
    range: Span,
) -> Option<(Range<usize>, Range<usize>)> {
    let nodes = |tree: &FlatTree, of: ElementId| -> Vec<ElementId> {
        tree.children(of).filter(|id| !tree.get(*id).kind.is_token()).collect()
    };
    let touched = |id: &ElementId| {
        let element = before.get(*id);
        element.start < range.end.max(range.start + 1) && range.start <= element.end
    };
    let (mut old, mut new) = (before.root(), after.root());
    let mut found = None;
    loop {
        let (old_nodes, new_nodes) = (nodes(before, old), nodes(after, new));
        let kinds_differ = old_nodes.len() != new_nodes.len()
            || old_nodes
                .iter()
                .zip(&new_nodes)
                .any(|(old, new)| before.get(*old).kind != after.get(*new).kind);
        let first = old_nodes.iter().position(touched);
        let last = old_nodes.iter().rposition(touched);
        let (Some(first), Some(last), false) = (first, last, kinds_differ) else { return found };
        let has_entries = match before.get(old).kind {
            K::AttrSet | K::LegacyLet | K::List | K::Pattern => true,
            // The body of a `let` is no entry.
            K::LetIn => matches!(before.get(old_nodes[last]).kind, K::Binding | K::Inherit),
            _ => false,
        };
        if has_entries {
            let lines = |tree: &FlatTree, text: &str, nodes: &[ElementId]| {
                whole_lines(text, tree.get(nodes[first]).start, tree.get(nodes[last]).end)
            };
            let old_lines = lines(before, text, &old_nodes);
            found = old_lines.zip(lines(after, formatted, &new_nodes)).or(found);
        }
        if first != last {
            return found;
        }
        (old, new) = (old_nodes[first], new_nodes[first]);
    }
}

/// The lines of a range, if nothing else stands on them.
fn whole_lines(text: &str, start: u32, end: u32) -> Option<Range<usize>> {
    let (start, end) = (start as usize, end as usize);
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let rest = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    let alone = text[line..start].trim().is_empty() && text[end..rest].trim().is_empty();
    alone.then_some(line..rest)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let shown = match format(text, &FormatOptions::default()) {
            Ok(formatted) => {
                let again = format(&formatted, &FormatOptions::default()).unwrap();
                assert_eq!(again, formatted, "formatting twice is formatting once");
                assert_eq!(edited(text, &line_edits(text, &formatted)), formatted);
                assert!(line_edits(&formatted, &formatted).is_empty());
                formatted
            }
            Err(error) => format!("error: {error}\n"),
        };
        expected.assert_eq(&shown);
    }

    fn edited(text: &str, edits: &[TextEdit]) -> String {
        let mut edited = text.to_owned();
        floe_syntax::apply_edits(&mut edited, edits).unwrap();
        edited
    }

    #[test]
    fn as_the_rfc_has_it() {
        check(
            "{lib,pkgs,...}:\nlet x=1; in {\n a=x;b=[1 2];c=''\n  é\n'';inherit (lib) d e; f = if a then b else c;}",
            &expect![[r#"
                { lib, pkgs, ... }:
                let
                  x = 1;
                in
                {
                  a = x;
                  b = [
                    1
                    2
                  ];
                  c = ''
                    é
                  '';
                  inherit (lib) d e;
                  f = if a then b else c;
                }
            "#]],
        );
    }

    #[test]
    fn what_has_a_syntax_error_is_left_alone() {
        check(
            "{\n  a = ;\n}",
            &expect![[r#"
            error: line 2: syntax error, unexpected ';'; only a file without syntax errors can be formatted
        "#]],
        );
    }

    #[test]
    fn what_would_take_minutes_is_refused() {
        let refused = |text: &str| format(text, &FormatOptions::default()).unwrap_err().to_string();
        let shown = [
            refused(&format!("x:\nx{}", ".a".repeat(20_000))),
            refused(&format!("f:\nf{}", " f".repeat(20_000))),
            refused(&format!("{}1{}", "[".repeat(2000), "]".repeat(2000))),
        ];
        expect![[r#"
            line 2: more than 1000 names in one path; formatting them would take too long
            line 2: more than 1000 arguments in one call; formatting them would take too long
            the formatter cannot read this file: Parse error at byte 511: expression nested more than 512 levels deep
        "#]].assert_eq(&(shown.join("\n") + "\n"));
        assert!(format(&format!("x: x{}", ".a".repeat(500)), &FormatOptions::default()).is_ok());
    }

    fn edits(text: &str, edits: &[TextEdit]) -> String {
        let show = |edit: &TextEdit| {
            let old = &text[edit.range.start as usize..edit.range.end as usize];
            format!("{:?} -> {:?}\n", old, edit.insert)
        };
        edits.iter().map(show).collect()
    }

    #[test]
    fn edits_are_as_small_as_lines_allow() {
        let text = "{\n  a = 1;\n  b=2;\n  c = 3;\n   d = \"é\";\n}\n";
        let found = format_edits(text, &FormatOptions::default()).unwrap();
        expect![[r#"
            "=" -> " = "
            " " -> ""
        "#]]
        .assert_eq(&edits(text, &found));
    }

    #[test]
    fn a_range_leaves_the_rest_as_it_is() {
        let text = "{\n  a=1;\n  b = { c=1;\nd=2; };\n  e=3;\n}\n";
        let at = text.find("c=1").unwrap() as u32;
        let line = text.find("  b").unwrap() as u32;
        let inside = Span { start: at, end: at + 1 };
        let whole = Span { start: line, end: text.find("  e").unwrap() as u32 };
        for range in [inside, whole] {
            let edits = format_range_edits(text, range, &FormatOptions::default()).unwrap();
            expect![[r#"
                {
                  a=1;
                  b = {
                    c = 1;
                    d = 2;
                  };
                  e=3;
                }
            "#]]
            .assert_eq(&edited(text, &edits));
        }
    }

    #[test]
    fn an_external_formatter_is_held_to_the_same() {
        let with = |command: &[&str]| {
            let command = command.iter().map(|word| (*word).to_owned()).collect();
            match format("{ a = 1; }\n", &FormatOptions { command, ..FormatOptions::default() }) {
                Ok(text) => format!("{text:?}"),
                Err(error) => error.to_string(),
            }
        };
        let shown = [
            with(&["cat"]),
            with(&["sh", "-c", "echo '{ a = 2; }'"]),
            with(&["sh", "-c", "echo '{ a'"]),
            with(&["sh", "-c", "echo 'no such style' >&2; exit 3"]),
            with(&["/no/such/formatter"]),
        ];
        expect![[r#"
            "{ a = 1; }\n"
            sh would change what the file means; the file is left as it is
            what sh printed is not Nix: line 2: syntax error, unexpected end of file, expecting '.' or '='
            the formatter sh failed (exit status: 3): no such style
            the formatter /no/such/formatter cannot be run: No such file or directory (os error 2)
        "#]].assert_eq(&(shown.join("\n") + "\n"));
    }

    #[test]
    fn the_difference_is_shown_as_people_read_it() {
        let diff =
            unified_diff(Path::new("a.nix"), "formatted", "{\n  a=1;\n}\n", "{\n  a = 1;\n}\n");
        expect![[r#"
            --- a.nix
            +++ a.nix (formatted)
            @@ -1,3 +1,3 @@
             {
            -  a=1;
            +  a = 1;
             }
        "#]]
        .assert_eq(&diff);
    }
}
