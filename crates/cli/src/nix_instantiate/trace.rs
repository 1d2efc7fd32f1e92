//! Errors in the layout of Nix: the trace from the outside in, each step with the lines around its place,
//! and the message last.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::Arc,
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use floe_eval::error::{Frame, Origin, Position, Report, Shown};

use crate::{evaluation, output};

const RED: &str = "\x1b[31;1m";
const BLUE: &str = "\x1b[34;1m";
const MAGENTA: &str = "\x1b[35;1m";
const NORMAL: &str = "\x1b[0m";
/// Without `--show-trace` steps are printed until they count more than this. One with a place counts two.
const MOST_COUNT: usize = 3;
/// Repeated steps up to this many are printed; more are only counted.
const MOST_REPEATED: usize = 5;

/// What begins a message. Everything after its first line is indented by its width.
#[derive(Clone, Copy)]
struct Label {
    text: &'static str,
    color: &'static str,
}

const ERROR: Label = Label { text: "error:", color: RED };
const WARNING: Label = Label { text: "warning:", color: MAGENTA };

/// Prints an error that is only a message.
pub(super) fn print_message(message: &str) {
    print(&indent(ERROR, message));
}

/// Prints a warning that is only a message; its further lines are not indented.
pub(crate) fn print_warning(message: &str) {
    let Label { text, color } = WARNING;
    print(&format!("{color}{text}{NORMAL} {message}"));
}

/// Prints a warning with its place and what was being done.
pub(crate) fn print_warning_at(report: &Report) {
    let text = |origin: &_| evaluation::text_of_file(origin);
    print(&layout_as(WARNING, report, true, &text));
}

/// Prints an error that has its layout, or a line of a trace.
pub(crate) fn print(text: &str) {
    if AutoStream::choice(&io::stderr()) == ColorChoice::Never {
        let _ = writeln!(io::stderr(), "{}", plain(text));
    } else {
        output::note(text);
    }
}

/// The text as Nix writes it where there are no colors: without escape sequences, and with spaces for tabs,
/// up to a multiple of a tab's width counted from the beginning of the text.
fn plain(text: &str) -> String {
    const TAB: usize = 8;
    let mut plain = String::with_capacity(text.len());
    let mut width = 0;
    // A null byte is no escape sequence, and may be what the error is about.
    let parts = text.split('\0').map(|part| strip_str(part).to_string());
    for character in parts.collect::<Vec<_>>().join("\0").chars() {
        match character {
            '\t' => {
                let spaces = TAB - width % TAB;
                plain.extend(std::iter::repeat_n(' ', spaces));
                width += spaces;
            }
            '\r' | '\x07' => {}
            _ => {
                plain.push(character);
                width += usize::from(!character.is_control());
            }
        }
    }
    plain
}

/// The error with its trace.
pub(super) fn layout(
    report: &Report,
    show_trace: bool,
    text: &dyn Fn(&Origin) -> Option<Arc<str>>,
) -> String {
    layout_as(ERROR, report, show_trace, text)
}

fn layout_as(
    label: Label,
    report: &Report,
    show_trace: bool,
    text: &dyn Fn(&Origin) -> Option<Arc<str>>,
) -> String {
    let mut writer = Writer { out: String::new(), count: 0, text };
    let mut seen: Vec<&Frame> = Vec::new();
    let mut repeated: Vec<&Frame> = Vec::new();
    let mut is_cut = false;
    let is_shown = |frame: &&Frame| match frame.shown {
        Shown::Never => false,
        Shown::OnRequest => show_trace,
        Shown::Always | Shown::Usually => !frame.message.is_empty(),
    };
    let mut frames = report.frames.iter().rev().filter(is_shown).peekable();
    let has_trace = frames.peek().is_some();
    for frame in frames {
        is_cut |= !show_trace && writer.count > MOST_COUNT;
        if is_cut && frame.shown != Shown::Always {
            continue;
        }
        if seen.contains(&frame) {
            repeated.push(frame);
            continue;
        }
        seen.push(frame);
        writer.repeated(&mut repeated);
        writer.count += 1;
        writer.frame(frame);
    }
    writer.repeated(&mut repeated);
    if is_cut {
        let _ = writeln!(
            writer.out,
            "\n{MAGENTA}(stack trace truncated; use '--show-trace' to show the full, detailed \
             trace){NORMAL}"
        );
    }
    if has_trace {
        let _ = write!(writer.out, "\n{}{}{NORMAL} ", label.color, label.text);
    }
    // Nix ends a message in its own color, so that a line break at its end is not lost.
    let end = if report.message.ends_with('\n') { NORMAL } else { "" };
    let _ = writeln!(writer.out, "{}{end}", report.message);
    writer.position("", report.position.as_ref());
    let full = report.full_message();
    let suggestion = full.strip_prefix(&report.message).unwrap_or_default();
    writer.out.push_str(suggestion.trim_start_matches('\n'));
    indent(label, &writer.out)
}

struct Writer<'a> {
    out: String,
    /// What the steps that were printed count together.
    count: usize,
    text: &'a dyn Fn(&Origin) -> Option<Arc<str>>,
}

impl Writer<'_> {
    fn repeated(&mut self, repeated: &mut Vec<&Frame>) {
        if repeated.len() > MOST_REPEATED {
            let count = repeated.len();
            let _ = writeln!(self.out, "\n{MAGENTA}({count} duplicate frames omitted){NORMAL}");
        } else {
            repeated.iter().for_each(|frame| self.frame(frame));
        }
        repeated.clear();
    }

    fn frame(&mut self, frame: &Frame) {
        let _ = writeln!(self.out, "\n… {}", frame.message);
        if self.position("  ", frame.position.as_ref()) {
            self.count += 1;
        }
    }

    /// Prints a place, if it is known, with its line and those around it.
    fn position(&mut self, indent: &str, position: Option<&Position>) -> bool {
        let Some(position) = position else { return false };
        let _ = write!(self.out, "{indent}{BLUE}at {MAGENTA}{position}{NORMAL}:");
        if let Some(text) = (self.text)(&position.origin) {
            self.lines(&text, position);
            self.out.push('\n');
        }
        true
    }

    fn lines(&mut self, text: &str, position: &Position) {
        let line = position.line as usize;
        let from = line.saturating_sub(1).max(1);
        let lines = split_lines(text).enumerate().map(|(index, line)| (index + 1, line));
        for (number, content) in lines.skip(from - 1).take_while(|(number, _)| *number <= line + 1)
        {
            let _ = write!(self.out, "\n {number:5}| {content}");
            if number == line {
                let column = position.column as usize;
                let _ = write!(self.out, "\n      |{:column$}{RED}^{NORMAL}", "");
            }
        }
    }
}

/// Lines end with a line feed, a carriage return, or both.
fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else { return rest.take() };
        let after = &text[end..];
        rest = Some(after.strip_prefix("\r\n").unwrap_or(&after[1..]));
        Some(&text[..end])
    })
}

fn indent(label: Label, text: &str) -> String {
    const SPACE: [char; 4] = [' ', '\n', '\r', '\t'];
    let first = format!("{}{}{NORMAL} ", label.color, label.text);
    let indent = " ".repeat(label.text.len() + 1);
    let lines = text.trim_end_matches(SPACE).split('\n').enumerate();
    let lines = lines.map(|(index, line)| {
        let start = if index == 0 { &first } else { &indent };
        format!("{start}{line}").trim_end_matches(SPACE).to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use floe_eval::error::ErrorKind;

    use super::*;

    const TEXT: &str = "let\n  f = x: x.y;\nin f 1\n";

    fn at(line: u32, column: u32) -> Option<Position> {
        let origin = Origin::Text { text: TEXT.into(), base: "/".into() };
        Some(Position { origin, span: floe_hir::Span { start: 0, end: 0 }, line, column })
    }

    fn frame(message: &str, position: Option<Position>, shown: Shown) -> Frame {
        Frame { message: message.into(), position, shown }
    }

    fn shown(frames: Vec<Frame>, show_trace: bool) -> String {
        let report = Report {
            kind: ErrorKind::NotASet,
            message: "expected a set but found an integer: 1".into(),
            position: at(2, 10),
            suggestions: vec!["z"],
            frames,
            is_usage: false,
        };
        let text = layout(&report, show_trace, &|_| Some(TEXT.into()));
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn tabs_are_counted_from_the_beginning_of_the_message() {
        expect![[r#"
            error: a        b
                   c"#]]
        .assert_eq(&plain("\x1b[31merror:\x1b[0m a\tb\r\n\tc\x07"));
    }

    #[test]
    fn an_error_without_a_trace() {
        expect![[r#"
            error: expected a set but found an integer: 1
                   at «string»:2:10:
                        1| let
                        2|   f = x: x.y;
                         |          ^
                        3| in f 1
                   Did you mean z?"#]]
        .assert_eq(&shown(Vec::new(), false));
    }

    #[test]
    fn steps_come_from_the_outside_in_and_calls_only_when_asked_for() {
        let frames = || {
            vec![
                frame("while selecting an attribute", at(2, 10), Shown::Usually),
                frame("while calling 'f'", at(2, 7), Shown::OnRequest),
                frame("from the use of 'f'", at(3, 4), Shown::Never),
            ]
        };
        expect![[r#"
            error:
                   … while selecting an attribute
                     at «string»:2:10:
                        1| let
                        2|   f = x: x.y;
                         |          ^
                        3| in f 1

                   error: expected a set but found an integer: 1
                   at «string»:2:10:
                        1| let
                        2|   f = x: x.y;
                         |          ^
                        3| in f 1
                   Did you mean z?"#]]
        .assert_eq(&shown(frames(), false));
        let whole = shown(frames(), true);
        let steps: Vec<_> = whole.lines().filter(|line| line.contains('…')).collect();
        assert_eq!(steps, ["       … while calling 'f'", "       … while selecting an attribute"]);
    }

    #[test]
    fn long_traces_are_cut_but_for_what_is_always_shown() {
        let mut frames: Vec<_> =
            (1..=9).map(|n| frame(&format!("step {n}"), None, Shown::Usually)).collect();
        frames.insert(1, frame("the derivation", None, Shown::Always));
        let text = shown(frames.clone(), false);
        let steps = |text: &str| -> Vec<String> {
            let steps = text.lines().filter_map(|line| line.trim().strip_prefix("… "));
            steps.map(str::to_owned).collect()
        };
        assert_eq!(steps(&text), ["step 9", "step 8", "step 7", "step 6", "the derivation"]);
        assert!(text.contains("(stack trace truncated; use '--show-trace'"), "{text}");
        assert_eq!(steps(&shown(frames, true)).len(), 10);
    }

    #[test]
    fn many_repeated_steps_are_counted() {
        let frames = vec![frame("again", at(1, 1), Shown::Usually); 8];
        let text = shown(frames, true);
        assert_eq!(text.matches("… again").count(), 1, "{text}");
        assert!(text.contains("(7 duplicate frames omitted)"), "{text}");
    }
}
