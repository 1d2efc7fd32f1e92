//! What a builder prints: kept in a file for later, cut into lines for whoever watches.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where the log of a derivation lies below a store's log directory (`…/log/nix`), as in Nix.
pub fn log_file(log_directory: &Path, derivation: &str) -> PathBuf {
    let (directory, file) = derivation.split_at_checked(2).unwrap_or(("", derivation));
    log_directory.join("drvs").join(directory).join(file)
}

/// A piece of news in a builder's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEvent {
    /// A line for people.
    Line(String),
    /// The build has entered a phase.
    Phase(String),
}

/// Takes in a builder's output.
pub(crate) struct BuildLog {
    file: File,
    line: Vec<u8>,
    column: usize,
    after_carriage_return: bool,
    tail: VecDeque<String>,
    tail_lines: usize,
}

impl BuildLog {
    /// A log that is written to `path` and remembers its last `tail_lines` lines.
    pub(crate) fn create(path: &Path, tail_lines: usize) -> io::Result<BuildLog> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        Ok(BuildLog {
            file: File::create(path)?,
            line: Vec::new(),
            column: 0,
            after_carriage_return: false,
            tail: VecDeque::new(),
            tail_lines,
        })
    }

    /// Takes in a piece of output and calls `watch` for each complete line in it.
    pub(crate) fn add(&mut self, data: &[u8], mut watch: impl FnMut(LogEvent)) -> io::Result<()> {
        self.file.write_all(data)?;
        for &byte in data {
            // A progress bar returns to the start of its line; a terminal's line end does not.
            if std::mem::take(&mut self.after_carriage_return) && byte != b'\n' {
                self.column = 0;
            }
            match byte {
                b'\r' => self.after_carriage_return = true,
                b'\n' => self.end_line(&mut watch),
                _ => {
                    match self.line.get_mut(self.column) {
                        Some(old) => *old = byte,
                        None => self.line.push(byte),
                    }
                    self.column += 1;
                }
            }
        }
        Ok(())
    }

    /// The output is over: what follows the last line end is a line too.
    pub(crate) fn finish(&mut self, mut watch: impl FnMut(LogEvent)) {
        if !self.line.is_empty() {
            self.end_line(&mut watch);
        }
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> Vec<String> {
        self.tail.iter().cloned().collect()
    }

    fn end_line(&mut self, watch: &mut impl FnMut(LogEvent)) {
        self.line.truncate(self.column);
        self.column = 0;
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        match parse_message(&line) {
            Some(Message::SetPhase { phase }) => watch(LogEvent::Phase(phase)),
            Some(Message::Msg { msg }) => watch(LogEvent::Line(msg)),
            Some(Message::Other) => {}
            None => {
                self.tail.push_back(line.clone());
                if self.tail.len() > self.tail_lines {
                    self.tail.pop_front();
                }
                watch(LogEvent::Line(line));
            }
        }
    }
}

/// A line that starts with `@nix` speaks to Nix and not to people.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "camelCase")]
enum Message {
    SetPhase {
        phase: String,
    },
    Msg {
        msg: String,
    },
    #[serde(other)]
    Other,
}

fn parse_message(line: &str) -> Option<Message> {
    serde_json::from_str(line.strip_prefix("@nix ")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&str]) -> (Vec<LogEvent>, Vec<String>, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = log_file(directory.path(), "ab-cd.drv");
        let mut log = BuildLog::create(&path, 2).unwrap();
        let mut events = Vec::new();
        for piece in pieces {
            log.add(piece.as_bytes(), |event| events.push(event)).unwrap();
        }
        log.finish(|event| events.push(event));
        assert!(path.ends_with("drvs/ab/-cd.drv"));
        (events, log.tail(), std::fs::read_to_string(path).unwrap())
    }

    fn line(text: &str) -> LogEvent {
        LogEvent::Line(text.to_owned())
    }

    #[test]
    fn lines_are_cut_wherever_pieces_end() {
        let (lines, tail, file) = events(&["one\ntw", "o\r\nthr", "ee"]);
        assert_eq!(lines, [line("one"), line("two"), line("three")]);
        assert_eq!(tail, ["two", "three"]);
        assert_eq!(file, "one\ntwo\r\nthree");
    }

    #[test]
    fn a_carriage_return_overwrites_the_line() {
        assert_eq!(events(&["50 %\r100 %\rx\n"]).0, [line("x")]);
    }

    #[test]
    fn phases_are_news_and_not_lines() {
        let message = r#"@nix {"action":"setPhase","phase":"buildPhase"}"#;
        let (lines, tail, _) = events(&[message, "\n", "@nix {\"action\":\"stop\"}\n@nix no\n"]);
        assert_eq!(lines, [LogEvent::Phase("buildPhase".to_owned()), line("@nix no")]);
        assert_eq!(tail, ["@nix no"]);
    }
}
