//! Progress on a terminal, for everything that takes a while.
//!
//! A spinner or a bar on standard error, gone when it is done. Where standard error is no terminal,
//! nothing is drawn.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// One activity. Dropping it removes it from the screen.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Something whose length is not known.
    pub(crate) fn spinner(message: impl Into<String>) -> Progress {
        let bar = ProgressBar::new_spinner().with_message(message.into());
        bar.set_style(style("{spinner:.cyan} {wide_msg} {elapsed:.dim}"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress { bar }
    }

    /// Something of a known number of steps.
    pub(crate) fn steps(message: impl Into<String>, total: u64) -> Progress {
        let bar = ProgressBar::new(total).with_message(message.into());
        bar.set_style(style("{bar:30.cyan/blue} {pos}/{len} {wide_msg} {elapsed:.dim}"));
        Progress { bar }
    }

    /// Says what is being done now.
    pub(crate) fn message(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// There are so many more steps than were known.
    pub(crate) fn expect(&self, more: usize) {
        self.bar.inc_length(more as u64);
    }

    /// One more step is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// How many steps are done, and how many are known.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.bar.position(), self.bar.length().unwrap_or_default())
    }

    /// Prints a line above the progress.
    pub(crate) fn line(&self, line: &str) {
        self.bar.suspend(|| output::note(line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
