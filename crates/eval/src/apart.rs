//! Work that cannot look at an interrupt itself: parsing and lowering a text.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::error::{ErrorKind, EvalError, Result};
use crate::evaluator::Evaluator;

/// Texts from here on take longer than an interrupt should wait.
const LARGE: usize = 128 << 10;

/// How often an interrupt is looked at meanwhile.
const PATIENCE: Duration = Duration::from_millis(1);

impl Evaluator<'_> {
    /// Runs `work`, which goes through a text of so many bytes. If that is a large one, and somebody waits for
    /// the end after an interrupt, it runs on a thread of its own: when the evaluation is to end, the thread is left behind and works to its end for nobody.
    pub(crate) fn apart<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        if bytes < LARGE || !self.settings.ends_at_once {
            return Ok(work());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let work = move || {
            // Nobody may be there any more.
            let _ = sender.send(work());
        };
        let thread = thread::Builder::new().name("large text".into()).spawn(work);
        let thread = thread.map_err(|error| {
            EvalError::new(ErrorKind::Io, format!("cannot start a thread to parse a file: {error}"))
        })?;
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Timeout) => self.check_interrupt()?,
                Err(RecvTimeoutError::Disconnected) => match thread.join() {
                    Err(panic) => std::panic::resume_unwind(panic),
                    Ok(()) => unreachable!("a thread that ends well has sent its result"),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::Ordering;

    use super::LARGE;
    use crate::error::ErrorKind;
    use crate::settings::Settings;
    use crate::tests::with_evaluator;

    #[test]
    fn a_large_text_is_as_any_other_and_can_be_left() {
        let settings = Settings { ends_at_once: true, ..Settings::default() };
        with_evaluator(settings, |evaluator| {
            let text = format!("builtins.length [ {} ]", "1 ".repeat(LARGE));
            let length = evaluator.eval_text(&text, Path::new("/")).expect("it is right");
            assert_eq!(evaluator.print(length).expect("a number"), LARGE.to_string());
            let wrong = format!("{text} )");
            let error = evaluator.eval_text(&wrong, Path::new("/")).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SyntaxError);
            evaluator.settings.interrupt.store(true, Ordering::Relaxed);
            let error = evaluator.eval_text(&text, Path::new("/")).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
        });
    }
}
