//! Writing to standard output and standard error.
//!
//! Standard output is what a command is for: if it cannot be written, the command has failed, and says so.
//! Standard error is for whoever watches: nothing fails because nobody does.

use std::{
    fmt,
    io::{self, Write as _},
};

/// Writes to standard output.
pub(crate) fn print(text: fmt::Arguments<'_>) -> io::Result<()> {
    anstream::stdout().lock().write_fmt(text).map_err(|error| named(&error))
}

/// Writes a line to standard output.
pub(crate) fn line(text: impl fmt::Display) -> io::Result<()> {
    writeln!(anstream::stdout().lock(), "{text}").map_err(|error| named(&error))
}

/// Writes bytes to standard output as they are.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| named(&error))
}

/// Makes sure that everything has been written.
pub(crate) fn finish() -> io::Result<()> {
    io::stdout().flush().map_err(|error| named(&error))
}

/// Writes what there is to say about a command line that asks for nothing to be done: help, or a mistake
/// in it.
pub(crate) fn usage(answer: &clap::Error) -> io::Result<()> {
    match answer.print() {
        Err(error) if !answer.use_stderr() => Err(named(&error)),
        _ => Ok(()),
    }
}

/// Writes lines to standard error.
pub(crate) fn notes(text: impl fmt::Display) {
    let _ = write!(anstream::stderr().lock(), "{text}");
}

/// Writes a line to standard error.
pub(crate) fn note(text: impl fmt::Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// So many of something, as a person says it.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// An error that says what could not be written.
fn named(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}
