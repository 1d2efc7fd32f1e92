//! What the watcher sees: lines, printed at once or as if typed, and kept for a picture.

use std::{
    io::{self, IsTerminal as _},
    thread,
    time::Duration,
};

use anstyle::{AnsiColor, Style};

use crate::output;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = AnsiColor::BrightBlack.on_default();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(super) const LINK: Style = AnsiColor::Blue.on_default().underline();

/// Columns of everything that is drawn.
pub(super) const WIDTH: usize = 92;

/// The output.
pub(super) struct Screen {
    shown: String,
    pauses: bool,
    /// Why something could not be shown.
    failure: Option<io::Error>,
}

impl Screen {
    /// With pauses where somebody watches.
    pub(super) fn new(fast: bool) -> Screen {
        Screen { shown: String::new(), pauses: !fast && io::stdout().is_terminal(), failure: None }
    }

    /// Everything so far, with its escape sequences.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.part(text);
        self.part("\n");
    }

    /// A piece of a line.
    pub(super) fn part(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        self.shown.push_str(text);
        let written = output::print(format_args!("{text}")).and_then(|()| output::finish());
        // A reader that has left misses the rest; the exit status still says how it went.
        let failure = written.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        self.failure = self.failure.take().or(failure);
    }

    /// One key after the other.
    pub(super) fn keys(&mut self, text: &str) {
        for key in text.chars() {
            self.part(key.to_string());
            self.key_pause();
        }
    }

    pub(super) fn key_pause(&self) {
        self.pause(Duration::from_millis(35));
    }

    /// Time to read.
    pub(super) fn pause(&self, duration: Duration) {
        if self.pauses {
            thread::sleep(duration);
        }
    }

    pub(super) fn heading(&mut self, number: usize, title: &str) {
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 6));
        let heading = BOLD.fg_color(Some(AnsiColor::Cyan.into()));
        self.line(format!(
            "\n{DIM}──{DIM:#} {heading}{number} {title}{heading:#} {DIM}{rule}{DIM:#}\n"
        ));
    }

    /// What the watcher should know of what comes.
    pub(super) fn narrate(&mut self, text: &str) {
        self.line(format!("  {text}\n"));
        self.pause(Duration::from_millis(900));
    }

    /// How long an answer took.
    pub(super) fn time(&mut self, what: &str, duration: Duration) {
        let time = format!("{what} after {}", readable(duration));
        self.line(format!("{DIM}{time:>WIDTH$}{DIM:#}"));
        self.pause(Duration::from_millis(1200));
    }

    pub(super) fn failure(&mut self, error: &anyhow::Error) {
        self.line(format!("\n  {RED}failed:{RED:#} {error:#}"));
    }

    /// # Errors
    ///
    /// If not all of it could be shown.
    pub(super) fn end(&mut self, duration: Duration, failures: &[&str]) -> io::Result<()> {
        self.line(format!("\n{DIM}{}{DIM:#}", "─".repeat(WIDTH)));
        for story in failures {
            self.line(format!("  {RED}✗{RED:#} {story}"));
        }
        if failures.is_empty() {
            self.line(format!(
                "  {GREEN}✓{GREEN:#} every answer is real and was checked; {}; nothing is left behind",
                readable(duration)
            ));
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Lines in a box that begins at a column.
    pub(super) fn pop_up(&mut self, column: usize, lines: &[String]) {
        let inner = lines.iter().map(|line| width(line)).max().unwrap_or_default();
        let margin = " ".repeat(column.min(WIDTH.saturating_sub(inner + 4)));
        let rule = "─".repeat(inner + 2);
        self.line(format!("{margin}{DIM}╭{rule}╮{DIM:#}"));
        for line in lines {
            let blank = " ".repeat(inner - width(line));
            self.line(format!("{margin}{DIM}│{DIM:#} {line}{blank} {DIM}│{DIM:#}"));
        }
        self.line(format!("{margin}{DIM}╰{rule}╯{DIM:#}"));
    }
}

/// How many columns a text takes, without its escape sequences.
pub(super) fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// At most so many columns of a text without escape sequences.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn readable(duration: Duration) -> String {
    match duration.as_millis() {
        0 => format!("{:.1} ms", duration.as_secs_f64() * 1000.0),
        milliseconds @ 1..1000 => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}
