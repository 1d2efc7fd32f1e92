//! What the activator tells the person at the terminal while it works.
//!
//! The library never prints: the program hands in an [`Output`] and decides about colour, prefix
//! and where the lines go. A shell evaluates our standard output, so everything for human eyes has
//! to reach standard error.

/// Receives the messages meant for a person.
pub trait Output {
    /// Something went as planned: "loading ~/project/.envrc".
    fn status(&mut self, message: &str);
    /// Something needs the person's attention: "~/project/.envrc is not allowed".
    fn error(&mut self, message: &str);
}

/// Drops every message; for callers who only want the result.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Output for Silent {
    fn status(&mut self, _message: &str) {}
    fn error(&mut self, _message: &str) {}
}

/// Writes each message as a line of its own, for a log.
#[derive(Debug)]
pub struct Lines<W>(pub W);

impl<W: std::io::Write> Output for Lines<W> {
    fn status(&mut self, message: &str) {
        // There is nobody to tell that a log cannot be written.
        let _ = writeln!(self.0, "{message}");
    }
    fn error(&mut self, message: &str) {
        self.status(message);
    }
}

/// Keeps every message, in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The messages of [`Output::status`].
    pub statuses: Vec<String>,
    /// The messages of [`Output::error`].
    pub errors: Vec<String>,
}

impl Output for Recorded {
    fn status(&mut self, message: &str) {
        self.statuses.push(message.to_owned());
    }
    fn error(&mut self, message: &str) {
        self.errors.push(message.to_owned());
    }
}
